/** Realtime while much happens at once: writes in parallel, clients that come meanwhile, a hub that ends. */
import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

const RULES = { listRule: "", viewRule: "", createRule: "", updateRule: "" };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function open(target, topics, isolate = 0) {
  const stream = await Stream.open(target.urls[isolate]);
  const { status } = await stream.subscribe(topics, { base: target.urls[1 - isolate] });
  assert.equal(status, 204);
  return stream;
}

/** Runs count times what is given the number, so many at a time. */
async function inParallel(count, atOnce, run) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await run(next++);
  }));
}

suite("realtime at once", { on: ["worker"], isolates: 2, entry: "test/entries/watched-hub.mjs" }, (on) => {
  on.test("preparations", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "open", type: "base", ...RULES, fields: [{ name: "title", type: "text" }, { name: "n", type: "number" }] });
  });

  on.test("300 writes in parallel are heard by 50 listeners, once each", async (target) => {
    const streams = await Promise.all(Array.from({ length: 50 }, (_, i) => open(target, i % 5 === 0 ? ["open/*", `other${i}`] : ["open/*"], i % 2)));
    await inParallel(300, 30, (n) => target.client(n % 2).collection("open").create({ title: `t${n}` }));
    for (const stream of streams) {
      await stream.until((messages) => messages.length >= 300, 30_000);
      assert.equal(new Set(stream.messages.map(({ data }) => data.record.title)).size, 300);
      assert.equal(stream.messages.length, 300);
      stream.close();
    }
  });

  on.test("changes of one record come in their order, whichever isolate makes them", async (target) => {
    const stream = await open(target, ["open/*"]);
    const { id } = await target.client().collection("open").create({ n: 0 });
    for (let n = 1; n <= 60; n++) await target.client(n % 2).collection("open").update(id, { n });
    await stream.until((messages) => messages.length === 61, 20_000);
    assert.deepEqual(stream.messages.map(({ data }) => data.record.n), Array.from({ length: 61 }, (_, n) => n));
    stream.close();
  });

  on.test("who has subscribed hears of every write that begins later, while others write, come and go", async (target) => {
    const begun = [];
    let done = false;
    const writers = Promise.all([0, 1].map(async (isolate) => {
      const records = target.client(isolate).collection("open");
      for (let n = 0; !done; n++) {
        const title = `${isolate}/${n}`;
        begun.push(title);
        await records.create({ title });
      }
    }));
    const listeners = [];
    await inParallel(30, 3, async (n) => {
      const stream = await open(target, [["open/*"], ["open/*", `own${n}`], ["open"]][n % 3], n % 2);
      listeners.push({ stream, since: begun.length });
      const passing = await open(target, [`open/*`, `passing${n}`], n % 2);
      passing.close();
    });
    done = true;
    await writers;
    for (const { stream, since } of listeners) {
      const expected = begun.slice(since);
      await stream.until((messages) => expected.every((title) => messages.some(({ data }) => data.record.title === title)), 20_000);
      const titles = stream.messages.map(({ data }) => data.record.title);
      assert.equal(new Set(titles).size, titles.length, "some twice");
      stream.close();
    }
  });

  on.test("no write fails when the hub ends, and who comes back hears again", async (target) => {
    const streams = await Promise.all([0, 1, 0, 1].map((isolate) => open(target, ["open/*"], isolate)));
    let ended = 0;
    await inParallel(60, 6, async (n) => {
      if (n % 20 === 10) {
        await fetch(`${target.url}/hub/abort`);
        ended++;
      }
      await target.client(n % 2).collection("open").create({ title: `end ${n}` });
      const { status } = await streams[0].subscribe(["open/*"]);
      assert.ok([204, 404, 503].includes(status), String(status));
    });
    assert.equal(ended, 3);
    for (const stream of streams) for (const end = Date.now() + 10_000; !stream.closed; await pause(20)) assert.ok(Date.now() < end, "it is still connected");
    const again = await open(target, ["open/*"]);
    await target.client(1).collection("open").create({ title: "afterwards" });
    await again.until((messages) => messages.some(({ data }) => data.record.title === "afterwards"));
    again.close();
  });
});

suite("realtime of requests that store more than once", { example: true, on: ["worker"], isolates: 2 }, (on) => {
  on.test("changes of one record come in their order, whatever else their requests have stored before", async (target) => {
    const notes = target.client(1).collection("notes");
    const { id } = await notes.create({ title: "counted", count: 0 });
    const stream = await open(target, ["notes/*"]);
    await target.client(0).collection("notes").update(id, { count: 1 }); // then that isolate knows who listens
    const save = fetch(`${target.urls[0]}/example/saves/${id}?pause=400&count=3`, { method: "POST" });
    await pause(200);
    await notes.update(id, { count: 2 });
    assert.equal((await save).status, 204);
    await stream.until((messages) => messages.length === 3);
    assert.deepEqual(stream.messages.map(({ data }) => data.record.count), [1, 2, 3]);
    stream.close();
  });
});
