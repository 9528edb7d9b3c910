/**
 * Realtime with many listeners: how long they take to connect, the delays of deliveries, how many messages a second come through, whether any
 * is lost or doubled, what it takes of memory, and what 500 that are cut at once do. The hub is in the first isolate, the connections are in
 * the second. LISTENERS (1000), EVENTS (20) and BURST (100) set the size. Run it by itself: `node_modules/.bin/node scripts/bench/realtime.mjs`.
 */
import { startWorker } from "../../test/harness.mjs";
import { Stream } from "../../test/realtime/stream.mjs";
import { Inspector, V8_FLAGS } from "./inspector.mjs";
import { childProcesses, residentBytes } from "./process.mjs";

const LISTENERS = Number(process.env.LISTENERS ?? 1000);
const EVENTS = Number(process.env.EVENTS ?? 20);
const BURST = Number(process.env.BURST ?? 100);
const AT_ONCE = 50;
const WRITERS = 10;
const MEBIBYTE = 1024 * 1024;
const QUIET_MILLISECONDS = 500;

process.env.MINIFLARE_WORKERD_V8_FLAGS = V8_FLAGS;
const target = await startWorker({ isolates: 2, miniflare: { inspectorPort: 0 } });
const [ofHub, ofWorker] = await Promise.all([0, 1].map((isolate) => Inspector.connect(target.mf, `pocketflare-${isolate}`)));
try {
  const admin = await target.admin();
  const rules = { listRule: "", viewRule: "", createRule: "" };
  await admin.collections.create({ name: "open", type: "base", ...rules, fields: [{ name: "title", type: "text" }] });
  const streams = [];
  await connect(streams, 1); // what there is once
  const before = await memory();
  const started = performance.now();
  const times = await connect(streams, LISTENERS - 1);
  const seconds = (performance.now() - started) / 1000;
  const after = await memory();
  console.log(`${LISTENERS} connected and subscribed, ${AT_ONCE} at a time: p50 ${part(times, 0.5)} ms, p95 ${part(times, 0.95)} ms each, ${Math.round(LISTENERS / seconds)} a second`);
  console.log(`JavaScript heap: the hub's isolate ${heap(before.hub, after.hub)}, the connections' isolate ${heap(before.worker, after.worker)}; all of workerd: ${heap(before.resident, after.resident)}`);
  await deliver(streams, "first");
  await burst(streams);
  const cut = streams.splice(0, LISTENERS / 2);
  for (const stream of cut) stream.close();
  const again = performance.now();
  await connect(streams, cut.length);
  console.log(`${cut.length} cut and connected again in ${Math.round(performance.now() - again)} ms`);
  await deliver(streams, "second");
  for (const stream of streams) stream.close();
} finally {
  ofHub.close();
  ofWorker.close();
  await target.stop();
}

async function memory() {
  const [hub, worker] = await Promise.all([ofHub.heapUsed(), ofWorker.heapUsed()]);
  const resident = childProcesses().reduce((sum, id) => sum + residentBytes(id), 0);
  return { hub, worker, resident };
}

function heap(before, after) {
  return `${(before / MEBIBYTE).toFixed(1)} -> ${(after / MEBIBYTE).toFixed(1)} MB (${((after - before) / 1024 / LISTENERS).toFixed(1)} KB a listener)`;
}

async function connect(streams, count) {
  const times = [];
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const started = performance.now();
      const stream = await Stream.open(target.urls[1]);
      const { status } = await stream.subscribe(["open/*"]);
      if (status !== 204) throw new Error(`subscribe: ${status}`);
      times.push(performance.now() - started);
      streams.push(stream);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return times;
}

/** One event after the other, each heard by all before the next. */
async function deliver(streams, name) {
  const records = target.client(0).collection("open");
  const delays = [];
  for (const stream of streams) stream.messages.length = 0;
  for (let i = 0; i < EVENTS; i++) {
    const started = performance.now();
    await records.create({ title: `${name} ${i}` });
    await Promise.all(
      streams.map(async (stream) => {
        await stream.until((messages) => messages.length > i, 30_000);
        delays.push(performance.now() - started);
      }),
    );
  }
  const wrong = await wrongOnes(streams, EVENTS);
  console.log(`${EVENTS} events to ${streams.length}: from the create's begin p50 ${part(delays, 0.5)} ms, p95 ${part(delays, 0.95)} ms; ${wrong}`);
}

/** As many events as a few writers make. */
async function burst(streams) {
  const records = target.client(0).collection("open");
  for (const stream of streams) stream.messages.length = 0;
  let left = BURST;
  const started = performance.now();
  const writer = async () => {
    while (left-- > 0) await records.create({ title: "burst" });
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const written = performance.now() - started;
  await Promise.all(streams.map((stream) => stream.until((messages) => messages.length >= BURST, 120_000)));
  const seconds = (performance.now() - started) / 1000;
  const wrong = await wrongOnes(streams, BURST);
  console.log(`${BURST} events by ${WRITERS} writers in ${Math.round(written)} ms: ${Math.round((BURST * streams.length) / seconds)} messages a second; ${wrong}`);
}

async function wrongOnes(streams, count) {
  await new Promise((resolve) => setTimeout(resolve, QUIET_MILLISECONDS));
  const wrong = streams.filter(({ messages }) => messages.length !== count || new Set(messages.map(({ data }) => data.record.id)).size !== count);
  return `${wrong.length} listeners with a lost or doubled message`;
}

function part(values, share) {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length * share)]);
}
