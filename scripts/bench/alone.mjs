/** What PocketBase alone takes for a request in WebAssembly, in workerd: the part of a request that no adapter can save. alone/ is the program. */
import { execFileSync } from "node:child_process";

import { ROOT } from "../../test/harness.mjs";
import { startBenchWorker } from "./contenders.mjs";
import { post } from "./fixtures.mjs";
import { median } from "./stats.mjs";

const WASM = "build/alone.wasm";
const WARM_UP = 500;

const REQUESTS = [
  { name: "health", method: "GET", path: "/api/health", count: 4000 },
  { name: "view", method: "GET", path: "/api/collections/posts/records/{id}", count: 1500 },
  { name: "list", method: "GET", path: "/api/collections/posts/records?page=1&perPage=30", count: 400 },
  { name: "create", method: "POST", path: "/api/collections/posts/records", body: JSON.stringify(post(1)), count: 800 },
];

/**
 * @param {number} rounds
 * @param {(line: string) => void} say
 * @returns {Promise<Record<string, number>>} milliseconds of a request by the operation's name
 */
export async function measureAlone(rounds, say) {
  say("PocketBase alone");
  execFileSync("go", ["build", "-tags", "no_default_driver,no_ui", "-trimpath", "-ldflags=-s -w", "-o", WASM, "./scripts/bench/alone"], {
    cwd: ROOT,
    env: { ...process.env, GOTOOLCHAIN: "auto", GOOS: "js", GOARCH: "wasm" },
    stdio: ["ignore", 2, 2],
  });
  const server = await startBenchWorker({ wasm: WASM });
  try {
    const times = Object.fromEntries(REQUESTS.map(({ name }) => [name, []]));
    for (const request of REQUESTS) await run(server.urls[0], request, WARM_UP);
    for (let round = 0; round < rounds; round++) {
      for (const request of REQUESTS) times[request.name].push(await run(server.urls[0], request, request.count));
    }
    return Object.fromEntries(REQUESTS.map(({ name }) => [name, median(times[name]) / 1000]));
  } finally {
    await server.stop();
  }
}

/** @returns {Promise<number>} microseconds of a request */
async function run(origin, { method, path, body }, count) {
  const query = new URLSearchParams({ n: count, method, path });
  const response = await fetch(`${origin}/?${query}`, { method: "POST", body });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${text}`);
  return Number(text);
}
