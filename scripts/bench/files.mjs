/**
 * Files: a large upload and download, many small downloads, thumbs; on stock PocketBase, a bare Worker that makes the same calls of R2 and D1
 * (the floor) and the Worker, in alternation.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ADMIN, ROOT } from "../../test/harness.mjs";
import { createDocuments } from "../../test/support/files.mjs";
import { start, startBenchWorker } from "./contenders.mjs";
import { load } from "./load.mjs";
import { d1Counts } from "./measure.mjs";
import { median } from "./stats.mjs";

const MEBIBYTE = 1024 * 1024;
const LARGE = new File([new Uint8Array(50 * MEBIBYTE)], "large.bin");
const SMALL = new File([new Uint8Array(2000)], "small.bin");
const DOWNLOADS = 1000;
const CONNECTIONS = 16;
const NAMES = ["stock", "floor", "worker"];

/**
 * @param {number} rounds
 * @param {(line: string) => void} say
 * @returns {Promise<{stock: Figures, floor: Figures, worker: Figures}>} milliseconds, requests a second, megabytes
 * @typedef {{ upload: number, download: number, rate: number, first: number, cached: number, memory: number }} Figures
 */
export async function measureFiles(rounds, say) {
  say(`files, ${rounds} rounds`);
  const plans = await countCalls();
  const contenders = {};
  const samples = {};
  try {
    for (const name of NAMES) {
      const server = await start(name);
      contenders[name] = name === "floor" ? await Floor.on(server, plans) : await PocketBaseFiles.on(server);
      samples[name] = [];
      await measureRound(contenders[name]); // warms up
    }
    for (let round = 0; round < rounds; round++) {
      for (const name of NAMES) samples[name].push(await measureRound(contenders[name]));
    }
  } finally {
    for (const { server } of Object.values(contenders)) await server.stop();
  }
  const figures = (rows) => Object.fromEntries(Object.keys(rows[0]).map((figure) => [figure, median(rows.map((row) => row[figure]))]));
  return Object.fromEntries(NAMES.map((name) => [name, figures(samples[name])]));
}

async function measureRound(contender) {
  const [, upload] = await timed(() => contender.upload());
  const [, download] = await timed(() => contender.download());
  const memory = await linearMemory(contender.server.url);
  await contender.prepare();
  const [, first] = await timed(() => contender.thumb("first"));
  const [, cached] = await timed(() => contender.thumb("cached"));
  const small = { method: "GET", status: 200, ...contender.small() };
  const { milliseconds, failures } = await load(contender.server.url, CONNECTIONS, Array.from({ length: DOWNLOADS }, () => small));
  if (failures.length > 0) throw new Error(`${failures.length} downloads failed, the first: ${failures[0]}`);
  await contender.clean();
  return { upload, download, rate: (DOWNLOADS / milliseconds) * 1000, first, cached, memory };
}

/** Stock PocketBase or the Worker. `seen` gets the headers of each response by what was done. */
class PocketBaseFiles {
  server;
  seen = {};
  #documents;
  #files;
  #large;
  #others;

  static async on(server) {
    const { default: PocketBase } = await import("pocketbase");
    const client = new PocketBase(server.url);
    client.autoCancellation(false);
    await client.collection("_superusers").authWithPassword(ADMIN.email, ADMIN.password);
    await createDocuments(client, { name: "documents" });
    const contender = new PocketBaseFiles();
    contender.server = server;
    contender.#documents = client.collection("documents");
    contender.#files = client.files;
    client.afterSend = (response, data) => {
      contender.seen.upload ??= response.headers;
      return data;
    };
    return contender;
  }

  async upload() {
    this.#large = await this.#documents.create({ one: LARGE });
  }

  download() {
    return this.#get("download", this.#files.getURL(this.#large, this.#large.one));
  }

  async prepare() {
    const image = new File([readFileSync(join(ROOT, "admin-ui", "_", "images", "favicon.png"))], "image.png");
    this.#others = await this.#documents.create({ one: image, many: [SMALL] });
  }

  thumb(which) {
    return this.#get(which, this.#files.getURL(this.#others, this.#others.one, { thumb: "100x100" }));
  }

  small() {
    return { path: new URL(this.#files.getURL(this.#others, this.#others.many[0])).pathname };
  }

  async #get(what, url) {
    const response = await fetch(url);
    await response.arrayBuffer();
    this.seen[what] = response.headers;
    if (!response.ok) throw new Error(`${what}: ${response.status}`);
  }

  async clean() {
    for (const { id } of [this.#large, this.#others]) await this.#documents.delete(id);
  }
}

/** The floor makes the calls that it is told. */
class Floor {
  server;
  #plans;

  static async on(server, plans) {
    const contender = new Floor();
    contender.server = server;
    contender.#plans = plans;
    const users = { name: "users", fields: [{ name: "email", type: "text" }] }; // what its calls of D1 look into
    await fetch(`${server.url}/api/collections`, { method: "POST", body: JSON.stringify(users) });
    return contender;
  }

  upload() {
    return this.#send("upload", "large", { method: "POST", body: LARGE });
  }

  download() {
    return this.#send("download", "large");
  }

  prepare() {
    return this.#send("prepare", "small", { method: "POST" });
  }

  thumb(which) {
    return this.#send(which, "small");
  }

  small() {
    return { path: "/api/files/small", headers: this.#plans.small };
  }

  async #send(what, key, options) {
    const response = await fetch(`${this.server.url}/api/files/${key}`, { ...options, headers: this.#plans[what] });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${what}: ${response.status}`);
  }

  async clean() {}
}

/** @returns {Promise<Record<string, Record<string, string>>>} headers that tell the floor the Worker's calls of R2 and D1, by what is done */
async function countCalls() {
  const contender = await PocketBaseFiles.on(await startBenchWorker({ entry: "test/entries/counted-r2.mjs" }));
  try {
    await contender.upload(); // an isolate's first has more calls
    contender.seen = {};
    await contender.upload();
    await contender.download();
    await contender.prepare();
    for (const which of ["first", "cached"]) await contender.thumb(which);
    const { headers } = await fetch(contender.server.url + contender.small().path);
    contender.seen.small = headers;
    const plan = (seen) => {
      const { calls, statements } = d1Counts(Object.fromEntries(seen)) ?? { calls: 0, statements: 0 };
      return { "x-r2": seen.get("x-r2"), "x-d1": `${calls}/${statements}` };
    };
    return { ...Object.fromEntries(Object.entries(contender.seen).map(([what, seen]) => [what, plan(seen)])), prepare: { "x-r2": "put" } };
  } finally {
    await contender.server.stop();
  }
}

async function timed(run) {
  const began = performance.now();
  const result = await run();
  return [result, performance.now() - began];
}

/** Go's memory in megabytes, which never shrinks, so this is the most that it was; NaN of others. */
async function linearMemory(origin) {
  const { headers } = await fetch(`${origin}/api/health`);
  return Number(/pf_memory;desc="([\d.]+) MB"/.exec(headers.get("server-timing") ?? "")?.[1]);
}
