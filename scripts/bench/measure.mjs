/** Runs the operations on all contenders in alternation. */
import { NAMES, start } from "./contenders.mjs";
import { seed } from "./fixtures.mjs";
import { load } from "./load.mjs";
import { childProcesses, cpuMilliseconds } from "./process.mjs";
import { median, percentile } from "./stats.mjs";

const CONNECTIONS = 16;

/** An operation that takes longer than this, in milliseconds, is measured in one round only. */
const SLOW = 10_000;

/**
 * @typedef {object} Result of one contender in one operation
 * @property {number} p50 milliseconds, one connection
 * @property {number} p95
 * @property {number | undefined} rate requests a second at 16 connections
 * @property {number} cpu milliseconds of the server's process for a request, NaN where /proc is missing
 * @property {number} bytes of a response's body
 * @property {number} requests
 * @property {string[]} failures
 */

/**
 * @param {import("./operations.mjs").Operation[]} operations
 * @param {number} rounds
 * @param {(line: string) => void} say
 * @returns {Promise<Array<{name: string, title: string, aim?: object, d1: {calls: number, statements: number},
 *   aboveFloor: number, stock: Result, floor: Result, worker: Result}>>} `aboveFloor`: median over the rounds of the
 *   difference of the p50s, in milliseconds
 */
export async function measure(operations, rounds, say) {
  const contenders = [];
  try {
    for (const name of NAMES) {
      say(`start ${name}`);
      contenders.push(await startOne(name));
    }
    const results = [];
    for (const operation of operations) {
      say(operation.title);
      results.push(await measureOne(operation, contenders, Math.min(rounds, operation.rounds ?? rounds)));
    }
    return results;
  } finally {
    for (const { server, fixtures } of contenders) {
      await fixtures.api.close();
      await server.stop();
    }
  }
}

async function startOne(name) {
  const before = new Set(childProcesses());
  const server = await start(name);
  const process = childProcesses().find((id) => !before.has(id));
  try {
    return { name, server, process, fixtures: await seed(server.url, { floor: name === "floor" }) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function measureOne(operation, contenders, rounds) {
  const worker = contenders.find(({ name }) => name === "worker");
  const { d1, milliseconds } = await countRoundTrips(operation, worker);
  if (operation.parallel > 0) for (const contender of contenders) await runBlock(operation, contender, d1); // warms up
  const count = milliseconds > SLOW ? 1 : rounds;
  const blocks = Object.fromEntries(NAMES.map((name) => [name, []]));
  for (let round = 0; round < count; round++) {
    for (const contender of rotated(contenders, round)) blocks[contender.name].push(await runBlock(operation, contender, d1));
  }
  const results = Object.fromEntries(NAMES.map((name) => [name, summarize(blocks[name])]));
  const aboveFloor = median(blocks.worker.map((block, n) => block.p50 - blocks.floor[n].p50));
  return { name: operation.name, title: operation.title, aim: operation.aim, d1, aboveFloor, ...results };
}

/** Reads from the Worker's headers what the operation asks of D1. */
async function countRoundTrips(operation, { server, fixtures }) {
  const requests = await operation.requests(fixtures, Math.min(operation.sequential, 10));
  const counts = [];
  const { milliseconds, failures } = await load(server.url, 1, requests, ({ headers }) => counts.push(d1Counts(headers)));
  await operation.clean?.(fixtures, requests);
  if (failures.length > 0) process.stderr.write(`warm-up: ${failures[0]}\n`);
  const known = counts.filter(Boolean);
  const d1 = { calls: median(known.map(({ calls }) => calls)), statements: median(known.map(({ statements }) => statements)) };
  return { d1, milliseconds: milliseconds / requests.length };
}

/** The D1 calls and statements that a Server-Timing header tells. */
export function d1Counts(headers) {
  const match = /pf_d1[^,]*calls=(\d+) statements=(\d+)/.exec(headers["server-timing"] ?? "");
  return match ? { calls: Number(match[1]), statements: Number(match[2]) } : undefined;
}

async function runBlock(operation, { name, server, process, fixtures }, d1) {
  const total = operation.sequential + operation.parallel;
  const requests = await operation.requests(fixtures, total);
  const sent = name === "floor" ? requests.map((request) => withPlan(request, d1)) : requests;
  const started = cpuMilliseconds(process);
  const alone = await load(server.url, 1, sent.slice(0, operation.sequential));
  const together = operation.parallel > 0 && (await load(server.url, CONNECTIONS, sent.slice(operation.sequential)));
  const cpu = (cpuMilliseconds(process) - started) / total;
  await operation.clean?.(fixtures, requests);
  return {
    latencies: alone.latencies,
    p50: percentile(alone.latencies, 0.5),
    rate: together ? (together.latencies.length / together.milliseconds) * 1000 : undefined,
    cpu,
    bytes: alone.bytes,
    requests: total,
    failures: [...alone.failures, ...(together ? together.failures : [])],
  };
}

/** Tells the floor how often to ask D1. */
function withPlan(request, { calls, statements }) {
  if (!(statements > 0)) return request;
  return { ...request, headers: { ...request.headers, "x-d1": `${Math.round(calls)}/${Math.round(statements)}` } };
}

function summarize(blocks) {
  const latencies = blocks.flatMap((block) => block.latencies);
  const rates = blocks.map((block) => block.rate).filter((rate) => rate !== undefined);
  return {
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    rate: rates.length > 0 ? median(rates) : undefined,
    cpu: median(blocks.map((block) => block.cpu)),
    bytes: median(blocks.map((block) => block.bytes)),
    requests: blocks.reduce((total, block) => total + block.requests, 0),
    failures: blocks.flatMap((block) => block.failures),
  };
}

function rotated(list, by) {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
