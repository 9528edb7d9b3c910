/** The app's own part in realtime: its handlers run, with the effects that they have on stock PocketBase, whichever isolate a request reaches. */
import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

const far = (target) => target.urls.length - 1;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function open(target, subscriptions, query) {
  const stream = await Stream.open(target.url, { query });
  const { status } = await stream.subscribe(subscriptions, { base: target.urls[far(target)] });
  assert.equal(status, 204);
  return stream;
}

async function send(target, topic, text) {
  const response = await fetch(`${target.urls[far(target)]}/example/broker/${topic}?text=${text}`, { method: "POST" });
  assert.equal(response.status, 200);
  return (await response.json()).sent;
}

suite("realtime without handlers", { example: true, isolates: 2 }, (on) => {
  on.test("what a handler sends through the broker reaches clients everywhere", async (target) => {
    const stream = await open(target, ["news"]);
    const other = await open(target, ["other"]);
    assert.equal(await send(target, "news", "hello"), 1);
    await stream.until((messages) => messages.length === 1);
    assert.deepEqual(stream.messages, [{ event: "news", data: { text: "hello" } }]);
    assert.deepEqual(other.messages, []);
    stream.close();
    other.close();
  });
});

suite("realtime and jobs", { example: true, admin: true, isolates: 2 }, (on) => {
  on.test("what a job stores is heard everywhere", async (target) => {
    const admin = await target.admin(far(target));
    const stream = await open(target, ["notes/*"]);
    await admin.crons.run("exampleNote");
    await stream.until((messages) => messages.length === 1);
    const [{ data }] = stream.messages;
    assert.deepEqual([data.action, data.record.title], ["create", "From a job"]);
    stream.close();
  });
});

suite("realtime and transactions", { example: true, isolates: 2, vars: { POCKETFLARE_D1_SCRATCH: "1" } }, (on) => {
  on.test("what a handler sends inside of a transaction leaves once, and not on a guess that is wrong", async (target) => {
    const stream = await open(target, ["news"]);
    const store = async (id) => (await fetch(`${target.urls[far(target)]}/example/broker/news/transaction?id=${id}`, { method: "POST" })).status;
    assert.equal(await store("note00000000001"), 204);
    assert.equal(await store("note00000000001"), 400, "there is one already");
    assert.equal(await store("note00000000002"), 204);
    await stream.until((messages) => messages.length >= 2);
    await pause(200);
    assert.deepEqual(stream.messages.map(({ data }) => data), ["note00000000001", "note00000000002"]);
    stream.close();
  });
});

suite("realtime with handlers", { example: true, isolates: 2, vars: { EXAMPLE_REALTIME_HOOKS: "1" } }, (on) => {
  const connections = async (target) => (await (await fetch(`${target.url}/example/broker/connections`)).json()).connections;

  /** Waits until there are so many connections: one that a client has closed is there for a moment longer. */
  async function until(target, count) {
    for (const end = Date.now() + 20_000; (await connections(target)) !== count; await pause(20)) {
      assert.ok(Date.now() < end, `${await connections(target)} connections`);
    }
  }

  on.test("a handler refuses a connection", async (target) => {
    await assert.rejects(Stream.open(target.url, { query: "?refuse" }), { status: 429, body: /Refused by the hook/ });
  });

  on.test("a handler refuses subscriptions, and adds some", async (target) => {
    const stream = await Stream.open(target.url);
    const { status, body } = await stream.subscribe(["forbidden"], { base: target.urls[far(target)] });
    assert.deepEqual([status, body.message], [403, "Not this one."]);
    await stream.subscribe(["news"], { base: target.urls[far(target)] });
    assert.equal(await send(target, "extra", "added"), 1);
    await stream.until((messages) => messages.length === 1);
    assert.deepEqual(stream.messages, [{ event: "extra", data: { text: "added" } }]);
    stream.close();
    await until(target, 0);
  });

  on.test("a handler changes messages by what it knows of the client, and drops some", async (target) => {
    const stream = await open(target, ["news", "dropped"], "?greeting=hi");
    assert.equal(await send(target, "dropped", "no"), 1);
    assert.equal(await send(target, "news", "yes"), 1);
    await stream.until((messages) => messages.length === 1);
    await pause(200);
    assert.deepEqual(stream.messages, [{ event: "news", data: { greeting: "hi", of: 3, text: { text: "yes" } } }]);
    stream.close();
    await until(target, 0);
  });

  on.test("what a record's handlers send through their own app reaches clients everywhere", async (target) => {
    const stream = await open(target, ["before", "after"]);
    const admin = await target.admin(far(target));
    await admin.crons.run("exampleNote");
    await stream.until((messages) => messages.length === 2);
    assert.deepEqual(stream.messages, [{ event: "before", data: "From a job" }, { event: "after", data: "From a job" }]);
    stream.close();
  });

  on.test("a handler may know much of a client", async (target) => {
    const greeting = "g".repeat(17_000);
    const stream = await open(target, ["news"], `?greeting=${greeting}`);
    assert.equal(await send(target, "news", "long"), 1);
    const [{ data }] = await stream.until((messages) => messages.length === 1);
    assert.equal(data.greeting, greeting);
    stream.close();
  });

  on.test("a handler sets the idle time-out, and sees connections end", async (target) => {
    const lasting = await open(target, ["news"]);
    const idle = await open(target, ["news"], "?idle=1500ms");
    assert.equal(await connections(target), 2);
    for (const end = Date.now() + 20_000; !idle.closed; await pause(20)) assert.ok(Date.now() < end, "the idle connection is still open");
    await until(target, 1);
    assert.equal(await send(target, "news", "left"), 1);
    await lasting.until((messages) => messages.length === 1);
    lasting.close();
    await until(target, 0);
  });
});
