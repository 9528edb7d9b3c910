/** Cold starts: how long the first request of a fresh workerd waits, beyond what the floor's first request waits. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { start } from "./contenders.mjs";
import { seed, signIn } from "./fixtures.mjs";
import { Connection } from "./load.mjs";
import { median } from "./stats.mjs";

/**
 * @param {number} rounds
 * @param {(line: string) => void} say
 * @returns {Promise<Record<"existing" | "unprepared" | "empty" | "twoIsolates", {floor: number[], worker: number[], aboveFloor: number,
 *   timing?: string}>>} milliseconds from the first request to its answer; `timing` is the last Server-Timing
 */
export async function measureColdStarts(rounds, say) {
  say("cold start, existing database");
  const { existing, unprepared } = await onExisting(rounds);
  say("cold start, empty database");
  const empty = await repeat(Math.ceil(rounds / 2), () => onEmpty(1));
  say("cold start, empty database, two isolates at once");
  const twoIsolates = await repeat(Math.ceil(rounds / 2), () => onEmpty(2));
  return { existing, unprepared, empty, twoIsolates };
}

async function onExisting(rounds) {
  const persist = { worker: mkdtempSync(join(tmpdir(), "bench-")), floor: mkdtempSync(join(tmpdir(), "bench-")) };
  try {
    for (const name of ["worker", "floor"]) await prepare(name, persist[name]);
    const first = (vars) => repeat(rounds, async () => ({
      worker: await firstAnswer("worker", { persist: persist.worker, vars }),
      floor: await firstAnswer("floor", { persist: persist.floor }),
    }));
    return { existing: await first({}), unprepared: await first({ POCKETFLARE_EARLY_START: "0" }) };
  } finally {
    for (const directory of Object.values(persist)) rmSync(directory, { recursive: true, force: true });
  }
}

async function prepare(name, persist) {
  const server = await start(name, { persist });
  const { api } = await seed(server.url, { floor: name === "floor" });
  await api.close();
  await server.stop();
}

async function onEmpty(isolates) {
  return { worker: await firstAnswer("worker", { isolates }), floor: await firstAnswer("floor") };
}

async function repeat(rounds, run) {
  const runs = [];
  for (let round = 0; round < rounds; round++) runs.push(await run());
  const floor = runs.map((run) => run.floor.milliseconds);
  const worker = runs.map((run) => run.worker.milliseconds);
  const aboveFloor = median(runs.map((run) => run.worker.milliseconds - run.floor.milliseconds));
  return { floor, worker, aboveFloor, timing: runs.at(-1).worker.timing };
}

/** Starts a contender and asks each of its isolates at the same moment, until all have answered. */
async function firstAnswer(name, options) {
  const server = await start(name, options);
  const connections = (server.urls ?? [server.url]).map((url) => new Connection(url));
  try {
    // The floor has nothing to boot, but each of its databases must be opened too.
    const path = name === "floor" ? "/api/touch" : "/api/health";
    const started = performance.now();
    const answers = await Promise.all(connections.map((connection) => connection.send({ method: "GET", path }, true)));
    const milliseconds = performance.now() - started;
    for (const { status, text } of answers) if (status !== 200) throw new Error(`${name}, first request: ${status} ${text}`);
    if (name === "worker") await everyIsolateServes(server);
    return { milliseconds, timing: answers[0].headers["server-timing"] };
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
    await server.stop();
  }
}

/** The isolates agree on one set of secrets: a token of the first is good at the others. */
async function everyIsolateServes({ urls }) {
  const api = await signIn(urls[0]);
  for (const url of urls) {
    const connection = new Connection(url);
    const { status } = await connection.send({ method: "GET", path: "/api/collections?perPage=1", headers: api.headers });
    await connection.close();
    if (status !== 200) throw new Error(`an isolate refuses the superuser after its first boot: ${status}`);
  }
  await api.close();
}
