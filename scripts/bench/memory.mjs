/** Memory: linear memory and the JavaScript heap over many mixed requests at 16 connections. */
import { start } from "./contenders.mjs";
import { post, seed } from "./fixtures.mjs";
import { Inspector, V8_FLAGS } from "./inspector.mjs";
import { Connection, load } from "./load.mjs";

const CONNECTIONS = 16;
const SAMPLES = 20;
const MEBIBYTE = 1024 * 1024;

/**
 * @param {number} requests
 * @param {(line: string) => void} say
 * @returns {Promise<{boot: number, samples: Array<{requests: number, linear: number, heap: number}>,
 *   failures: string[]}>} megabytes; `heap` is what is in use after a full garbage collection
 */
export async function measureMemory(requests, say) {
  say(`memory over ${requests} requests`);
  process.env.MINIFLARE_WORKERD_V8_FLAGS = V8_FLAGS;
  const server = await start("worker", { miniflare: { inspectorPort: 0 } });
  delete process.env.MINIFLARE_WORKERD_V8_FLAGS;
  try {
    const boot = await linearMemory(server.url);
    const { api, posts } = await seed(server.url);
    await api.close();
    const inspector = await Inspector.connect(server.mf, "pocketflare-0");
    const sample = async (sent) => ({
      requests: sent,
      linear: await linearMemory(server.url),
      heap: (await inspector.heapUsed()) / MEBIBYTE,
    });
    const samples = [await sample(0)];
    const failures = [];
    for (let n = 1; n <= SAMPLES; n++) {
      const result = await load(server.url, CONNECTIONS, mixed(posts, Math.round(requests / SAMPLES)));
      failures.push(...result.failures);
      samples.push(await sample(Math.round((requests * n) / SAMPLES)));
    }
    inspector.close();
    return { boot, samples, failures };
  } finally {
    await server.stop();
  }
}

/** Half reads, a quarter lists, a quarter writes, and the health of it all. */
function mixed(posts, count) {
  const kinds = [
    (id) => ({ method: "GET", path: `/api/collections/posts/records/${id}`, status: 200 }),
    (_, n) => ({ method: "GET", path: `/api/collections/posts/records?page=${1 + (n % 33)}&perPage=30`, status: 200 }),
    (_, n) => ({ method: "POST", path: "/api/collections/items/records", body: JSON.stringify(post(n)), status: 200 }),
    () => ({ method: "GET", path: "/api/health", status: 200 }),
    (id) => ({ method: "GET", path: `/api/collections/posts/records/${id}?fields=title`, status: 200 }),
    (_, n) => ({ method: "GET", path: `/api/collections/posts/records?filter=(n%3E${n % 900})&perPage=10`, status: 200 }),
    (id, n) => ({ method: "PATCH", path: `/api/collections/posts/records/${id}`, body: JSON.stringify({ n }), status: 200 }),
    () => ({ method: "GET", path: "/api/collections/posts/records/missing00000000", status: 404 }),
  ];
  return Array.from({ length: count }, (_, n) => kinds[n % kinds.length](posts[(n * 37) % posts.length], n));
}

/** Linear memory in megabytes, as the Worker's own header tells it. */
async function linearMemory(origin) {
  const connection = new Connection(origin);
  const { headers } = await connection.send({ method: "GET", path: "/api/health" });
  await connection.close();
  const match = /pf_memory;desc="([\d.]+) MB"/.exec(headers["server-timing"] ?? "");
  return match ? Number(match[1]) : NaN;
}
