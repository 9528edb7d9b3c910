/** Files: a large upload and download, many small downloads, thumbs; on stock PocketBase and the Worker, in alternation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT, ADMIN } from "../../test/harness.mjs";
import { createDocuments } from "../../test/support/files.mjs";
import { start } from "./contenders.mjs";
import { load } from "./load.mjs";
import { median } from "./stats.mjs";

const MEBIBYTE = 1024 * 1024;
const LARGE = 50;
const SMALL = 1000;
const CONNECTIONS = 16;
const NAMES = ["stock", "worker"];

/**
 * @param {number} rounds
 * @param {(line: string) => void} say
 * @returns {Promise<{stock: Figures, worker: Figures}>} milliseconds, requests a second, megabytes
 * @typedef {{ upload: number, download: number, rate: number, first: number, cached: number, memory: number }} Figures
 */
export async function measureFiles(rounds, say) {
  say(`files, ${rounds} rounds`);
  const servers = {};
  const samples = {};
  try {
    for (const name of NAMES) {
      servers[name] = await start(name);
      samples[name] = { upload: [], download: [], rate: [], first: [], cached: [], memory: [] };
      await prepare(servers[name]);
    }
    for (let round = 0; round < rounds; round++) {
      for (const name of NAMES) for (const [figure, value] of Object.entries(await measureRound(servers[name]))) samples[name][figure].push(value);
    }
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
  const figures = (of) => Object.fromEntries(Object.entries(of).map(([figure, values]) => [figure, median(values)]));
  return { stock: figures(samples.stock), worker: figures(samples.worker) };
}

async function prepare(server) {
  const { default: PocketBase } = await import("pocketbase");
  const client = new PocketBase(server.url);
  client.autoCancellation(false);
  await client.collection("_superusers").authWithPassword(ADMIN.email, ADMIN.password);
  await createDocuments(client, { name: "documents" });
  server.client = client;
}

async function measureRound({ url, client }) {
  const documents = client.collection("documents");
  const large = new File([new Uint8Array(LARGE * MEBIBYTE)], "large.bin");
  const [record, upload] = await timed(() => documents.create({ one: large }));
  const [, download] = await timed(async () => (await fetch(client.files.getURL(record, record.one))).arrayBuffer());
  const memory = await linearMemory(url);
  const image = new File([readFileSync(join(ROOT, "admin-ui", "_", "images", "favicon.png"))], "image.png");
  const pictures = await documents.create({ one: image, many: [new File([new Uint8Array(2000)], "small.bin")] });
  const thumb = async () => (await fetch(client.files.getURL(pictures, pictures.one, { thumb: "100x100" }))).arrayBuffer();
  const [, first] = await timed(thumb);
  const [, cached] = await timed(thumb);
  const path = new URL(client.files.getURL(pictures, pictures.many[0])).pathname;
  const { milliseconds: small, failures } = await load(url, CONNECTIONS, Array.from({ length: SMALL }, () => ({ method: "GET", path, status: 200 })));
  if (failures.length > 0) throw new Error(`${failures.length} downloads failed, the first: ${failures[0]}`);
  for (const { id } of [record, pictures]) await documents.delete(id);
  return { upload, download, rate: (SMALL / small) * 1000, first, cached, memory };
}

async function timed(run) {
  const began = performance.now();
  const result = await run();
  return [result, performance.now() - began];
}

/** Go's memory in megabytes, which never shrinks; NaN of stock PocketBase. */
async function linearMemory(origin) {
  const { headers } = await fetch(`${origin}/api/health`);
  return Number(/pf_memory;desc="([\d.]+) MB"/.exec(headers.get("server-timing") ?? "")?.[1]);
}
