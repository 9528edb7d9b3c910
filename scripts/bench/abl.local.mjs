// node abl.local.mjs file... : each a worker module; health at 16 connections, CPU per request, in alternation
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { readFileSync } from "node:fs";
import { load } from "./load.mjs";
import { childProcesses, cpuMilliseconds } from "./process.mjs";
const variants = process.argv.slice(2);
const N = 6000, ROUNDS = 7;
const servers = [];
for (const v of variants) {
  const before = new Set(childProcesses());
  const mf = new Miniflare(convertV4MiniflareOptions({ host: "127.0.0.1", port: 0, cf: false, log: new Log(LogLevel.NONE),
    workers: [{ name: "floor", compatibilityDate: "2026-11-17", compatibilityFlags: ["enable_request_signal"], modules: [{ type: "ESModule", path: "x.mjs", contents: readFileSync(v, "utf8") }] }] }));
  const url = (await mf.ready).origin;
  servers.push({ v, mf, url, pid: childProcesses().find((id) => !before.has(id)), t: [] });
}
const reqs = Array.from({ length: N }, () => ({ method: "GET", path: "/api/health", status: 200 }));
for (const s of servers) await load(s.url, 16, reqs);
for (let r = 0; r < ROUNDS; r++) for (const s of servers) {
  const c = cpuMilliseconds(s.pid); await load(s.url, 16, reqs); s.t.push((cpuMilliseconds(s.pid) - c) / N);
}
for (const s of servers) { s.t.sort((a, b) => a - b); console.log(s.v, (s.t[ROUNDS >> 1] * 1000).toFixed(0), "us median", (s.t[0] * 1000).toFixed(0), "min"); await s.mf.dispose(); }
