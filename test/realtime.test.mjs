/** Realtime as clients see it, on stock PocketBase and on two Workers that share a database and a hub: one has the listeners, the other writes. */
import assert from "node:assert/strict";

import PocketBase from "pocketbase";

import { suite } from "./harness.mjs";
import { EventSource } from "./realtime/eventsource.mjs";
import { Stream } from "./realtime/stream.mjs";
import { CuttableWay } from "./support/cuttable.mjs";

globalThis.EventSource = EventSource;

const USERS = ["ann", "bob"];
const QUIET_MILLISECONDS = 300;

/** Where the writers are, if the target has a second isolate. */
const far = (target) => target.urls.length - 1;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What was heard, briefly. */
const heard = (stream) => stream.messages.map(({ event, data }) => `${event} ${data.action} ${data.record?.title ?? ""}`.trim());

/** Asserts what was heard, in the order in which it was written: stock sends each message from a goroutine of its own, and one may overtake another. */
function assertHeard(target, stream, expected) {
  const found = heard(stream);
  if (target.kind === "stock") assert.deepEqual(found.sort(), expected.toSorted());
  else assert.deepEqual(found, expected);
}

async function signIn(target, name, isolate = 0) {
  const client = target.client(isolate);
  await client.collection("people").authWithPassword(`${name}@example.com`, "12345678");
  return client;
}

async function open(target, subscriptions, { token, isolate = 0, headers } = {}) {
  const stream = await Stream.open(target.urls[isolate], { headers });
  const { status, body } = await stream.subscribe(subscriptions, { token, base: target.urls[far(target)] });
  assert.equal(status, 204, JSON.stringify(body));
  return stream;
}

async function prepare(target) {
  const admin = await target.admin();
  const people = await admin.collections.create({
    name: "people", type: "auth", listRule: "", viewRule: "",
    fields: [{ name: "role", type: "text" }],
    authToken: { duration: 1000 },
  });
  const ids = {};
  for (const name of USERS) {
    const record = await admin.collection("people").create({ email: `${name}@example.com`, password: "12345678", passwordConfirm: "12345678", role: name });
    ids[name] = record.id;
  }
  const rules = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
  await admin.collections.create({ name: "open", type: "base", ...rules, fields: [{ name: "title", type: "text" }] });
  const owned = "@request.auth.id != '' && owner = @request.auth.id";
  const parents = await admin.collections.create({
    name: "owned", type: "base", ...rules, listRule: owned, viewRule: owned,
    fields: [
      { name: "title", type: "text" },
      { name: "secret", type: "text", hidden: true },
      { name: "owner", type: "relation", collectionId: people.id, maxSelect: 1 },
    ],
  });
  const byParent = "@request.auth.id != '' && parent.owner = @request.auth.id";
  await admin.collections.create({
    name: "children", type: "base", ...rules, listRule: byParent, viewRule: byParent,
    fields: [
      { name: "title", type: "text" },
      { name: "parent", type: "relation", collectionId: parents.id, maxSelect: 1, cascadeDelete: true, required: true },
    ],
  });
  await admin.settings.update({ batch: { enabled: true, maxRequests: 50 } });
  return ids;
}

suite("realtime", { isolates: 2 }, (on) => {
  let ids;

  on.test("preparations", async (target) => {
    ids = await prepare(target);
  });

  on.test("a listener hears of what is created, updated and deleted elsewhere", async (target) => {
    const stream = await open(target, ["open/*"]);
    assert.match(stream.id, /^[A-Za-z0-9]{40}$/);
    assert.equal(stream.headers["content-type"], "text/event-stream");
    assert.equal(stream.headers["cache-control"], "no-store");
    const records = target.client(far(target)).collection("open");
    const record = await records.create({ title: "one" });
    await records.update(record.id, { title: "two" });
    await records.delete(record.id);
    await stream.until((messages) => messages.length === 3);
    assertHeard(target, stream, ["open/* create one", "open/* update two", "open/* delete two"]);
    stream.close();
  });

  on.test("what a client may and may not ask for", async (target) => {
    const stream = await Stream.open(target.url);
    const status = async (body, token, headers) => (await stream.subscribe(body, { token, headers })).status;
    const { token: ann } = (await signIn(target, "ann")).authStore;
    const { token: bob } = (await signIn(target, "bob")).authStore;
    const unknown = Object.assign(new Stream(), { id: "x".repeat(40) });
    assert.deepEqual(await unknown.subscribe(["open"], { base: target.url }), {
      status: 404, body: { data: {}, message: "Missing or invalid client id.", status: 404 },
    });
    assert.equal(await status(Array.from({ length: 1001 }, (_, i) => `a${i}`)), 400);
    assert.equal(await status(["x".repeat(2501)]), 400);
    assert.equal(await status(["open"]), 204);
    assert.equal(await status(["open"], ann), 204, "a guest may sign in");
    assert.equal(await status(["open"], bob), 403, "nobody becomes another");
    assert.equal(await status(["open"]), 403, "nor a guest again");
    assert.equal(await status(Array.from({ length: 1000 }, (_, i) => `open/${i}`), ann), 204);
    stream.close();
  });

  on.test("nobody becomes another on an isolate that does not know yet what has changed", async (target) => {
    const admin = await target.admin();
    const { token: ann } = (await signIn(target, "ann")).authStore;
    const { token: bob } = (await signIn(target, "bob")).authStore;
    const base = target.urls[far(target)];
    for (let i = 0; i < 5; i++) {
      const stream = await Stream.open(target.url);
      assert.equal((await stream.subscribe(["open"], { token: ann, base })).status, 204);
      await admin.collections.update("open", { listRule: i % 2 === 0 ? "title != 'x'" : "" }); // on the first isolate
      assert.equal((await stream.subscribe(["open"], { token: bob, base })).status, 403);
      stream.close();
    }
    await admin.collections.update("open", { listRule: "" });
  });

  on.test("a client may send any number of headers that could tell its address", async (target) => {
    const headers = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`ip-${"x".repeat(150)}-${n}`, "1"]));
    const stream = await open(target, ["open"], { headers });
    stream.close();
  });

  on.test("a client may have topics of any script", async (target) => {
    const topics = Array.from({ length: 7 }, (_, n) => `${n}${"Ā".repeat(n < 6 ? 1240 : 470)}`);
    const stream = await open(target, [...topics, "open/*"], { headers: { "X-Real-IP": "1".repeat(900) } });
    await target.client(far(target)).collection("open").create({ title: "heard" });
    await stream.until((messages) => messages.length === 1);
    stream.close();
  });

  on.test("a client belongs to the address that it has connected from", async (target) => {
    const admin = await target.admin();
    const { trustedProxy } = await admin.settings.getAll();
    await admin.settings.update({ trustedProxy: { headers: ["X-Real-IP"], useLeftmostIP: false } });
    const stream = await Stream.open(target.url, { headers: { "X-Real-IP": "192.0.2.1" } });
    const base = target.urls[far(target)];
    assert.deepEqual(await stream.subscribe(["open"], { base, headers: { "X-Real-IP": "192.0.2.2" } }), {
      status: 400, body: { data: {}, message: "Invalid realtime client.", status: 400 },
    });
    assert.equal((await stream.subscribe(["open"], { base, headers: { "X-Real-IP": "192.0.2.1" } })).status, 204);
    stream.close();
    await admin.settings.update({ trustedProxy });
  });

  on.test("subscribing again replaces what was subscribed to", async (target) => {
    const stream = await open(target, ["open/*"]);
    const records = target.client(far(target)).collection("open");
    await stream.subscribe(["owned/*"]);
    await records.create({ title: "not heard" });
    await stream.subscribe([]);
    await records.create({ title: "nor this" });
    const long = Array.from({ length: 999 }, (_, i) => `other${i}/*${"x".repeat(100)}`); // more than a socket's attachment holds
    await stream.subscribe([...long, "open"]);
    await records.create({ title: "heard" });
    await stream.until((messages) => messages.length === 1);
    assert.deepEqual(heard(stream), ["open create heard"]);
    stream.close();
  });

  on.test("each listener hears what the rules let him see", async (target) => {
    const admin = await target.admin(far(target));
    const [ann, bob] = await Promise.all(USERS.map((name) => signIn(target, name)));
    const listeners = {
      guest: await open(target, ["owned/*", "children/*"]),
      ann: await open(target, ["owned/*", "children/*"], { token: ann.authStore.token }),
      bob: await open(target, ["owned/*", "children/*"], { token: bob.authStore.token }),
      admin: await open(target, ["owned/*"], { token: admin.authStore.token }),
      fields: await open(target, [`owned/*?options=${encodeURIComponent(JSON.stringify({ query: { fields: "title" } }))}`], { token: ann.authStore.token }),
      expand: await open(target, [`children/*?options=${encodeURIComponent(JSON.stringify({ query: { expand: "parent" } }))}`], { token: ann.authStore.token }),
    };
    const parent = await admin.collection("owned").create({ title: "of ann", secret: "s", owner: ids.ann });
    const child = await admin.collection("children").create({ title: "child", parent: parent.id });
    await admin.collection("owned").create({ title: "of nobody" });
    await admin.collection("owned").delete(parent.id);
    await listeners.admin.until((messages) => messages.length === 3);
    await listeners.ann.until((messages) => messages.length === 4);
    await listeners.expand.until((messages) => messages.length === 2);
    await listeners.fields.until((messages) => messages.length === 2);
    await pause(QUIET_MILLISECONDS);
    assert.deepEqual(heard(listeners.guest), []);
    assert.deepEqual(heard(listeners.bob), []);
    assert.deepEqual(heard(listeners.ann).sort(), [
      "children/* create child", "children/* delete child", "owned/* create of ann", "owned/* delete of ann",
    ]);
    assertHeard(target, listeners.admin, ["owned/* create of ann", "owned/* create of nobody", "owned/* delete of ann"]);
    const created = (stream, title) => stream.messages.map(({ data }) => data).find(({ action, record }) => action === "create" && record.title === title);
    assert.equal(created(listeners.admin, "of ann").record.secret, "s");
    assert.equal(created(listeners.ann, "of ann").record.secret, undefined);
    assert.deepEqual(created(listeners.fields, "of ann"), { action: "create", record: { title: "of ann" } });
    const { record } = created(listeners.expand, "child");
    assert.equal(record.id, child.id);
    assert.equal(record.expand.parent.title, "of ann");
    for (const stream of Object.values(listeners)) stream.close();
  });

  on.test("a batch is heard after it was stored, and not at all if it was not", async (target) => {
    const stream = await open(target, ["open/*"]);
    const client = target.client(far(target));
    const batch = client.createBatch();
    for (let i = 0; i < 5; i++) batch.collection("open").create({ title: `b${i}` });
    await batch.send();
    const bad = client.createBatch();
    bad.collection("open").create({ title: "rolled back" });
    bad.collection("open").update("missing00000000", { title: "x" });
    await assert.rejects(bad.send());
    await client.collection("open").create({ title: "last" });
    await stream.until((messages) => messages.length === 6);
    await pause(QUIET_MILLISECONDS);
    assert.deepEqual(heard(stream).sort(), [0, 1, 2, 3, 4].map((i) => `open/* create b${i}`).concat("open/* create last"));
    stream.close();
  });

  on.test("who loses the auth is a guest from then on", async (target) => {
    const admin = await target.admin(far(target));
    const rule = "@request.auth.role = 'cat'";
    await admin.collections.create({ name: "cats", type: "base", listRule: rule, viewRule: rule, fields: [{ name: "title", type: "text" }] });
    const cat = await admin.collection("people").create({ email: "cat@example.com", password: "12345678", passwordConfirm: "12345678", role: "cat" });
    const login = () => signIn(target, "cat");
    const first = await open(target, ["cats/*"], { token: (await login()).authStore.token });
    const create = (title) => admin.collection("cats").create({ title });
    await create("one");
    await first.until((messages) => messages.length === 1);
    await admin.collection("people").update(cat.id, { role: "dog" });
    await create("for cats only");
    await admin.collection("people").update(cat.id, { role: "cat" });
    await create("two");
    await first.until((messages) => messages.length === 2);
    await admin.collection("people").update(cat.id, { password: "87654321", passwordConfirm: "87654321" });
    await create("after the password has changed");
    await pause(QUIET_MILLISECONDS);
    assertHeard(target, first, ["cats/* create one", "cats/* create two"]);
    first.close();

    await admin.collection("people").update(cat.id, { password: "12345678", passwordConfirm: "12345678" });
    const second = await open(target, ["cats/*"], { token: (await login()).authStore.token });
    await create("three");
    await second.until((messages) => messages.length === 1);
    await admin.collections.update("people", { authToken: { secret: "x".repeat(50) } });
    await create("after the secret has changed");
    await pause(QUIET_MILLISECONDS);
    assert.deepEqual(heard(second), ["cats/* create three"]);
    second.close();

    const third = await open(target, ["cats/*"], { token: (await login()).authStore.token });
    await create("four");
    await third.until((messages) => messages.length === 1);
    await admin.collection("people").delete(cat.id);
    await create("after its end");
    await pause(QUIET_MILLISECONDS);
    assert.deepEqual(heard(third), ["cats/* create four"]);
    third.close();
  });

  on.test("the SDK subscribes, unsubscribes and listens to single records", async (target) => {
    const client = target.client();
    const events = [];
    const note = (name) => (event) => events.push(`${name} ${event.action} ${event.record.title}`);
    const writer = target.client(far(target)).collection("open");
    const one = await writer.create({ title: "one" });
    const two = await writer.create({ title: "two" });
    const stopAll = await client.collection("open").subscribe("*", note("all"));
    await client.collection("open").subscribe(one.id, note("one"), { fields: "id,title" });
    await client.collection("children").subscribe("*", note("children"));
    await writer.update(one.id, { title: "one again" });
    await writer.update(two.id, { title: "two again" });
    const until = async (count) => {
      for (const end = Date.now() + 20_000; events.length < count && Date.now() < end; ) await pause(10);
      assert.equal(events.length, count, events.join("; "));
    };
    await until(3);
    await stopAll();
    await writer.update(two.id, { title: "not heard" });
    await writer.update(one.id, { title: "heard" });
    await until(4);
    assert.deepEqual(events.slice(0, 3).sort(), ["all update one again", "all update two again", "one update one again"]);
    assert.equal(events[3], "one update heard");
    await client.realtime.unsubscribe();
    assert.equal(client.realtime.isConnected, false);
  });

  on.test("the SDK connects again when its connection was cut, and hears what it has subscribed to", async (target) => {
    const way = await CuttableWay.to(target.url);
    const client = new PocketBase(way.url);
    try {
      const events = [];
      const submitted = [];
      client.beforeSend = (url, options) => {
        if (options.method === "POST" && url.endsWith("/api/realtime")) submitted.push(options.body);
      };
      await client.collection("open").subscribe("*", ({ record }) => events.push(record.title));
      const { clientId } = client.realtime;
      way.cut();
      for (const end = Date.now() + 20_000; client.realtime.clientId === clientId || !client.realtime.isConnected; await pause(20)) {
        assert.ok(Date.now() < end, "the SDK has not connected again");
      }
      const writer = target.client(far(target)).collection("open");
      for (const end = Date.now() + 20_000; events.length === 0; await pause(50)) {
        assert.ok(Date.now() < end, "nothing was heard");
        await writer.create({ title: "again" }); // the subscriptions are submitted at some time after the connect
      }
      assert.equal(submitted.length, 2);
    } finally {
      client.realtime.unsubscribe();
      way.stop();
    }
  });
});
