/**
 * Realtime with many listeners: how long they take to connect, the delays of deliveries, whether any is lost or doubled, and what 500 that are
 * cut at once do. LISTENERS (1000) and EVENTS (20) set the size. Run it by itself: `node_modules/.bin/node scripts/bench/realtime.mjs`.
 */
import { startWorker } from "../../test/harness.mjs";
import { Stream } from "../../test/realtime/stream.mjs";

const LISTENERS = Number(process.env.LISTENERS ?? 1000);
const EVENTS = Number(process.env.EVENTS ?? 20);
const AT_ONCE = 50;

const target = await startWorker({ isolates: 2 });
try {
  const admin = await target.admin();
  const rules = { listRule: "", viewRule: "", createRule: "" };
  await admin.collections.create({ name: "open", type: "base", ...rules, fields: [{ name: "title", type: "text" }] });
  const streams = [];
  const times = await connect(streams, LISTENERS);
  console.log(`${LISTENERS} connected and subscribed, ${AT_ONCE} at a time: p50 ${part(times, 0.5)} ms, p95 ${part(times, 0.95)} ms each`);
  await deliver(streams, "first");
  const cut = streams.splice(0, LISTENERS / 2);
  for (const stream of cut) stream.close();
  const started = performance.now();
  await connect(streams, cut.length);
  console.log(`${cut.length} cut and connected again in ${Math.round(performance.now() - started)} ms`);
  await deliver(streams, "second");
  for (const stream of streams) stream.close();
} finally {
  await target.stop();
}

async function connect(streams, count) {
  const times = [];
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const started = performance.now();
      const stream = await Stream.open(target.urls[0]);
      const { status } = await stream.subscribe(["open/*"]);
      if (status !== 204) throw new Error(`subscribe: ${status}`);
      times.push(performance.now() - started);
      streams.push(stream);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return times;
}

async function deliver(streams, name) {
  const records = target.client(1).collection("open");
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
  await new Promise((resolve) => setTimeout(resolve, 500));
  const wrong = streams.filter(({ messages }) => messages.length !== EVENTS).length;
  console.log(`${EVENTS} events to ${streams.length}: from the create's begin p50 ${part(delays, 0.5)} ms, p95 ${part(delays, 0.95)} ms; ${wrong} listeners with a lost or doubled message`);
}

function part(values, share) {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length * share)]);
}
