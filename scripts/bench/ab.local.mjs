// ab ROOT_A ROOT_B ops rounds : CPU per request at 16 connections and p50 at one, in alternation
import { startWorker } from "../../test/harness.mjs";
import { seed } from "./fixtures.mjs";
import { load } from "./load.mjs";
import { OPERATIONS } from "./operations.mjs";
import { readFileSync, readdirSync } from "node:fs";
import { childProcesses } from "./process.mjs";
const cpuMilliseconds = (pid) => readdirSync(`/proc/${pid}/task`).reduce((t, id) => t + Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]) / 1e6, 0);
import { median, percentile } from "./stats.mjs";
const [a, b, ops, rounds = "30"] = process.argv.slice(2);
const sides = [];
for (const root of [a, b]) {
  const before = new Set(childProcesses());
  const server = await startWorker({ root, wasm: "build/app.wasm", configure: ({ assets: _, ...w }) => w });
  const pid = childProcesses().find((id) => !before.has(id));
  sides.push({ root, server, pid, fixtures: await seed(server.url), r: {} });
}
for (const name of ops.split(",")) {
  const op = OPERATIONS.find((o) => o.name === name);
  const n = op.parallel;
  const block = async (s, keep) => {
    const alone = await load(s.server.url, 1, await op.requests(s.fixtures, op.sequential));
    const requests = await op.requests(s.fixtures, n);
    const c = cpuMilliseconds(s.pid); const r = await load(s.server.url, 16, requests); const cpu = (cpuMilliseconds(s.pid) - c) / n * 1000;
    if (r.failures.length) console.log(r.failures[0]);
    if (keep) (s.r[name] ??= []).push({ cpu, p50: percentile(alone.latencies, 0.5), rate: n / r.milliseconds * 1000 });
  };
  for (const s of sides) await block(s, false);
  for (let i = 0; i < Number(rounds); i++) for (const s of i % 2 ? sides : [...sides].reverse()) await block(s, true);
  const m = (s, k) => median(s.r[name].map((x) => x[k]));
  const d = (k) => { const x = sides[0].r[name].map((v, i) => sides[1].r[name][i][k] / v[k]).sort((p, q) => p - q); return x[x.length >> 1].toFixed(3); };
  console.log(name.padEnd(8), "CPU us", sides.map((s) => m(s, "cpu").toFixed(0)).join(" -> "), d("cpu"), " p50 ms", sides.map((s) => m(s, "p50").toFixed(2)).join(" -> "), d("p50"), " rps", sides.map((s) => m(s, "rate").toFixed(0)).join(" -> "), d("rate"));
}
for (const s of sides) { await s.fixtures.api.close(); await s.server.stop(); }
