/** The results as Markdown tables. */
import { NAMES } from "./contenders.mjs";
import { median } from "./stats.mjs";

/** @returns {string} everything that was measured, as Markdown */
export function render({ date, machine, operations, alone, coldStarts, memory, files }) {
  const parts = [`Measured ${date.slice(0, 16).replace("T", " ")} UTC on ${machine}.`];
  if (operations?.length > 0) {
    parts.push(latencies(operations), throughputs(operations), processorTimes(operations), payloads(operations));
  }
  if (alone) parts.push(renderAlone(alone, operations ?? []));
  if (coldStarts) parts.push(renderColdStarts(coldStarts));
  if (memory) parts.push(renderMemory(memory));
  if (files) parts.push(renderFiles(files));
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function latencies(operations) {
  const head = ["operation", "stock p50 / p95", "floor p50 / p95", "Worker p50 / p95", "× stock", "× floor", "above floor", "aim"];
  const rows = operations.map(({ title, aim, aboveFloor, stock, floor, worker }) => [
    title,
    ...[stock, floor, worker].map(({ p50, p95 }) => `${ms(p50)} / ${ms(p95)}`),
    ratio(worker.p50, stock.p50),
    ratio(worker.p50, floor.p50),
    ms(aboveFloor),
    aim?.above === undefined ? "" : ms(aim.above),
  ]);
  return `Latency, one connection, milliseconds:\n\n${table(head, rows)}`;
}

function throughputs(operations) {
  const head = ["operation", "stock", "floor", "Worker", "of stock", "of floor", "aim"];
  const rows = operations
    .filter(({ worker }) => worker.rate !== undefined)
    .map(({ title, aim, stock, floor, worker }) => [
      title,
      ...[stock, floor, worker].map(({ rate }) => Math.round(rate).toString()),
      share(worker.rate, stock.rate),
      share(worker.rate, floor.rate),
      aim?.share === undefined ? "" : share(aim.share, 1),
    ]);
  if (rows.length === 0) return "";
  return `Requests a second, 16 connections:\n\n${table(head, rows)}`;
}

function processorTimes(operations) {
  const head = ["operation", "stock", "floor", "Worker", "× stock", "× floor"];
  const rows = operations.map(({ title, stock, floor, worker }) => [
    title,
    ...[stock, floor, worker].map(({ cpu }) => ms(cpu)),
    ratio(worker.cpu, stock.cpu),
    ratio(worker.cpu, floor.cpu),
  ]);
  return `CPU time of the server's process for a request, milliseconds (less moved by other work on the machine):\n\n${table(head, rows)}`;
}

function payloads(operations) {
  const head = ["operation", "D1 calls", "statements", "bytes: stock", "floor", "Worker", "requests", "failures: stock", "floor", "Worker"];
  const rows = operations.map((operation) => [
    operation.title,
    count(operation.d1.calls),
    count(operation.d1.statements),
    ...NAMES.map((name) => Math.round(operation[name].bytes).toString()),
    operation.worker.requests.toString(),
    ...NAMES.map((name) => operation[name].failures.length.toString()),
  ]);
  return `What an operation asks of D1 (the floor asks as often), the answer's size, and failures:\n\n${table(head, rows)}`;
}

/** How near to the floor a Worker could come whose adapters took no time: its CPU time is the floor's and that of PocketBase alone. */
function renderAlone(alone, operations) {
  const head = ["CPU time, ms", "PocketBase alone", "floor", "Worker", "of the floor's requests a second at best", "aim"];
  const rows = Object.entries(alone).map(([name, own]) => {
    const { title, aim, floor, worker } = operations.find((operation) => operation.name === name) ?? { title: name };
    return [title, ms(own), ms(floor?.cpu), ms(worker?.cpu), share(floor?.cpu, floor?.cpu + own), aim?.share === undefined ? "" : share(aim.share, 1)];
  });
  return `PocketBase alone in WebAssembly, with D1's answers from memory:\n\n${table(head, rows)}`;
}

function renderColdStarts({ existing, unprepared, empty, twoIsolates }) {
  const head = ["cold start", "floor", "Worker", "above floor", "the best above the floor's best", "aim", "linear memory"];
  const row = (title, { floor, worker, aboveFloor, timing }, aim) => {
    const best = Math.min(...worker) - Math.min(...floor);
    return [title, ms(median(floor)), ms(median(worker)), ms(aboveFloor), ms(best), aim, memoryOf(timing)];
  };
  const rows = [
    row("existing database", existing, "120"),
    row("the same, with Go's whole start in the first request", unprepared, ""),
    row("empty database", empty, "2000"),
    row("empty database, two isolates at once, until both have answered", twoIsolates, "2000"),
  ];
  const phases = `Phases of the last boot on an existing database: \`${existing.timing ?? "not told"}\``;
  return `First request to its answer, milliseconds:\n\n${table(head, rows)}\n\n${phases}`;
}

function renderFiles({ stock, floor, worker }) {
  const row = (title, figure) => [title, stock[figure], floor[figure], worker[figure], ratio(worker[figure], stock[figure]), ratio(worker[figure], floor[figure])];
  const rows = [
    row("upload of 50 MB, ms", "upload"),
    row("download of 50 MB, ms", "download"),
    ["the most that Go's memory was, MB", "", "", worker.memory, "", ""],
    row("downloads of 2 KB, 16 connections, a second", "rate"),
    row("first thumb, ms", "first"),
    row("the same again, ms", "cached"),
  ];
  const round = (value) => (typeof value === "number" ? value.toFixed(value < 100 ? 1 : 0) : value);
  return table(["files", "stock", "floor", "Worker", "of stock", "of floor"], rows.map(([title, ...values]) => [title, ...values.map(round)]));
}

function memoryOf(timing) {
  return /pf_memory;desc="([^"]+)"/.exec(timing ?? "")?.[1] ?? "";
}

function renderMemory({ boot, samples, failures }) {
  const [half, last] = [samples[samples.length >> 1], samples.at(-1)];
  const head = ["memory, MB", "after boot", "after seeding", `after ${half.requests}`, `after ${last.requests}`, "growth in the second half"];
  const rows = [
    ["linear memory", mb(boot), mb(samples[0].linear), mb(half.linear), mb(last.linear), mb(last.linear - half.linear)],
    ["JavaScript heap", "", mb(samples[0].heap), mb(half.heap), mb(last.heap), mb(last.heap - half.heap)],
  ];
  const course = (key) => samples.map((sample) => mb(sample[key])).join(" ");
  return [
    `Mixed requests at 16 connections (${failures.length} failures):`,
    table(head, rows),
    `Linear memory over time: ${course("linear")}`,
    `JavaScript heap over time: ${course("heap")}`,
  ].join("\n\n");
}

/** A Markdown table with columns padded to their widest cell. */
function table(head, rows) {
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length), title.length));
  const line = (cells) => `| ${cells.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column ? `${"-".repeat(width + 1)}:` : "-".repeat(width + 2))).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function ms(value) {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) < 100 ? value.toFixed(2) : Math.round(value).toString();
}

function mb(value) {
  return value.toFixed(1);
}

function count(value) {
  return Number.isFinite(value) ? value.toString() : "–";
}

function ratio(value, base) {
  return Number.isFinite(value / base) ? (value / base).toFixed(value / base < 10 ? 2 : 0) : "–";
}

function share(value, base) {
  return Number.isFinite(value / base) ? `${Math.round((value / base) * 100)} %` : "–";
}
