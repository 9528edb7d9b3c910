/**
 * The benchmark: the same work on stock PocketBase, on a bare JavaScript Worker that makes the same D1 calls (the floor)
 * and on this Worker, in alternation on one machine. Prints Markdown tables and writes all figures to build/bench.json.
 *
 * BENCH_QUICK=1 takes about two minutes in place of ten. BENCH_ONLY names operations (operations.mjs) or the parts
 * "alone", "cold", "memory" and "files", separated by commas.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

import { ROOT } from "../../test/harness.mjs";
import { measureAlone } from "./alone.mjs";
import { measureColdStarts } from "./coldstart.mjs";
import { measureFiles } from "./files.mjs";
import { measure } from "./measure.mjs";
import { measureMemory } from "./memory.mjs";
import { OPERATIONS } from "./operations.mjs";
import { render } from "./report.mjs";

const FULL = { rounds: 10, coldRounds: 9, memoryRequests: 20_000 };
const QUICK = { rounds: 2, coldRounds: 3, memoryRequests: 4_000 };

await main();

async function main() {
  const size = process.env.BENCH_QUICK ? QUICK : FULL;
  const { operations, alone, cold, memory, files } = selection(process.env.BENCH_ONLY);
  const results = { date: new Date().toISOString(), machine: describeMachine() };
  if (operations.length > 0) results.operations = await measure(operations, size.rounds, say);
  if (alone) results.alone = await measureAlone(size.rounds, say);
  if (cold) results.coldStarts = await measureColdStarts(size.coldRounds, say);
  if (memory) results.memory = await measureMemory(size.memoryRequests, say);
  if (files) results.files = await measureFiles(size.rounds, say);
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(join(ROOT, "build", "bench.json"), `${JSON.stringify(results, undefined, 2)}\n`);
  process.stdout.write(render(results));
  reportFailures(results);
}

/** @param {string | undefined} only names, separated by commas; all when there are none */
function selection(only) {
  if (!only) return { operations: OPERATIONS, alone: true, cold: true, memory: true, files: true };
  const names = only.split(",").map((name) => name.trim());
  const known = [...OPERATIONS.map(({ name }) => name), "alone", "cold", "memory", "files"];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`BENCH_ONLY: no ${unknown.join(", ")}; there are ${known.join(", ")}`);
  const operations = OPERATIONS.filter(({ name }) => names.includes(name));
  return { operations, ...Object.fromEntries(["alone", "cold", "memory", "files"].map((part) => [part, names.includes(part)])) };
}

function reportFailures({ operations = [], memory }) {
  for (const { title, ...result } of operations) {
    for (const name of ["stock", "floor", "worker"]) {
      const { failures } = result[name];
      if (failures.length > 0) say(`${title}, ${name}: ${failures.length} failures, the first: ${failures[0]}`);
    }
  }
  if (memory?.failures.length > 0) say(`memory: ${memory.failures.length} failures, the first: ${memory.failures[0]}`);
}

function describeMachine() {
  const processors = cpus();
  return `${processors.length} × ${processors[0].model.trim()}, Node ${process.versions.node}`;
}

function say(line) {
  process.stderr.write(`# ${line}\n`);
}
