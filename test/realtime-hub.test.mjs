// What the hub knows and in which order it delivers, without a Worker.

import assert from "node:assert/strict";
import { test } from "node:test";

import { messageFrame, parseFrame } from "../internal/realtime/frames.mjs";
import { Listeners } from "../internal/realtime/listeners.mjs";
import { Order } from "../internal/realtime/order.mjs";

const ANN = { collection: "people", id: "ann", key: "k" };

function listeners() {
  let now = 1000;
  const made = new Listeners(() => (now += 1));
  const subscribe = (id, subscriptions, auth = null, how) => made.update(made.clients.get(id) ?? made.connect(id, {}), { auth, subscriptions }, how);
  return { made, subscribe, audience: (number, name, version, event = "another") => [...made.audience(number, name, version, event)].sort() };
}

test("clients with the same auth and subscriptions are one set", () => {
  const { made, subscribe, audience } = listeners();
  assert.equal(subscribe("a", ["x", "y"]), true);
  const { version } = made;
  assert.equal(subscribe("b", ["y", "x"]), false);
  assert.equal(made.version, version, "nobody has to learn of it");
  assert.equal(subscribe("c", ["x", "y"], ANN), true);
  assert.equal(made.size, 2);
  assert.deepEqual(audience(made.clients.get("a").set, "x", made.version), ["a", "b"]);
  assert.equal(made.disconnect("a"), false);
  assert.equal(made.disconnect("b"), true);
  assert.equal(made.size, 1);
});

test("an isolate is told what has changed, and everything if it is too far behind", () => {
  const { made, subscribe } = listeners();
  subscribe("a", ["x"]);
  const before = made.version;
  const number = made.clients.get("a").set;
  subscribe("b", ["y"], ANN);
  subscribe("a", []);
  const { version, all, added, removed } = made.changes(before);
  assert.equal(version, made.version);
  assert.equal(all, false);
  assert.deepEqual(added, [{ number: made.clients.get("b").set, auth: ANN, subscriptions: ["y"] }]);
  assert.deepEqual(removed, [number]);
  assert.deepEqual(made.changes(made.version).added, []);
  made.touch();
  assert.equal(made.changes(before).all, true);
  assert.equal(made.changes(made.version + 5).all, true);
});

test("who moves from one set to another hears of a change once, whatever the writer knew", () => {
  const { made, subscribe, audience } = listeners();
  subscribe("a", ["x"]);
  subscribe("other", ["x"]);
  const [first, known] = [made.clients.get("a").set, made.version];
  subscribe("a", ["x", "y"]);
  const second = made.clients.get("a").set;
  assert.deepEqual(audience(first, "x", known), ["a", "other"], "the writer did not know the new set");
  assert.deepEqual(audience(first, "x", made.version), ["other"], "the writer speaks for it in the new set");
  assert.deepEqual(audience(second, "x", made.version), ["a"]);
  subscribe("a", ["y"]);
  assert.deepEqual(audience(first, "x", known), ["other"], "it does not listen to x any more");
});

test("who has lost the auth hears nothing that was meant for it, but for what was evaluated before", () => {
  const { made, subscribe, audience } = listeners();
  subscribe("a", ["x"], ANN);
  const [set, known] = [made.clients.get("a").set, made.version];
  subscribe("a", ["x", "y"], ANN);
  const { changed, clients } = made.changeAuth({ collection: "people", id: "ann", drop: true }, "deletion");
  assert.equal(changed, true);
  assert.deepEqual(clients.map(({ id, auth }) => [id, auth]), [["a", null]]);
  assert.deepEqual(audience(set, "x", known), []);
  assert.deepEqual(audience(set, "x", known, "deletion"), ["a"]);
  assert.deepEqual(audience(set, "x", made.version, "deletion"), [], "after it");
});

test("many lose their auth at once", () => {
  const { made, subscribe } = listeners();
  for (let n = 0; n < 30_000; n++) subscribe(`c${n}`, ["x"], { ...ANN, id: `p${n}` });
  const started = performance.now();
  made.changeAuth({ collection: "people", drop: true }, "deletion");
  assert.equal(made.size, 1);
  assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
});

test("a changed auth is told anew", () => {
  const { made, subscribe, audience } = listeners();
  subscribe("a", ["x"], ANN);
  subscribe("b", ["x"], ANN);
  const [set, known] = [made.clients.get("a").set, made.version];
  made.changeAuth({ collection: "people", id: "ann", drop: false }, "change");
  const { added, removed } = made.changes(known);
  assert.deepEqual(removed, [set]);
  assert.equal(added.length, 1);
  assert.deepEqual(audience(added[0].number, "x", made.version), ["a", "b"]);
  assert.deepEqual(audience(set, "x", known), ["a", "b"]);
});

test("what it knew before it slept is what it knows after", () => {
  const { made, subscribe } = listeners();
  subscribe("a", ["x"], ANN);
  subscribe("b", ["y"]);
  const woken = new Listeners(() => 5000);
  for (const client of made.clients.values()) woken.restore({ ...client });
  woken.resume(made.version);
  assert.equal(woken.digest, made.digest);
  assert.deepEqual(woken.changes(0), { ...made.changes(0), all: true });
});

test("deliveries come in the order of commits, and none waits for ever", async () => {
  const delivered = [];
  const order = new Order((delivery) => delivered.push(delivery));
  order.add([5], "5");
  order.add([8], "8");
  order.add([], "a message of its own");
  order.add([7], "7");
  assert.deepEqual(delivered, ["5", "a message of its own"]);
  order.add([6], "6");
  assert.deepEqual(delivered.splice(0), ["5", "a message of its own", "6", "7", "8"]);
  order.add([12, 13], "13");
  order.add([9], "9");
  assert.deepEqual(delivered.splice(0), ["9"]);
  order.add([11], "11");
  order.add([11], "11, too");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.deepEqual(delivered.splice(0), ["11", "11, too", "13"], "10 never came");
  order.add([10], "10");
  order.add([11], "11, later");
  order.add([14], "14");
  assert.deepEqual(delivered, ["10", "11, later", "14"]);
});

test("what tells of the last of several commits waits for those of others between them", () => {
  const delivered = [];
  const order = new Order((delivery) => delivered.push(delivery));
  order.begin(5);
  order.add([5, 7], "7");
  assert.deepEqual(delivered, []);
  order.add([6], "6");
  assert.deepEqual(delivered, ["6", "7"]);
  assert.equal(order.next, 8);
});

test("the first delivery is in order, too, if it is known where to begin", () => {
  const delivered = [];
  const order = new Order((delivery) => delivered.push(delivery));
  order.begin(3);
  order.add([4], "4");
  order.add([2], "2, from before");
  assert.deepEqual(delivered.splice(0), ["2, from before"]);
  order.add([3], "3");
  assert.deepEqual(delivered.splice(0), ["3", "4"]);
  assert.equal(order.next, 5);
  order.add([7], "7, of the database as it was");
  order.reset();
  order.begin(2);
  order.add([3], "new 3");
  order.add([2], "new 2");
  assert.deepEqual(delivered, ["7, of the database as it was", "new 2", "new 3"]);
});

test("a frame carries any name and data", () => {
  for (const [name, data] of [["a/*", '{"x":1}'], ["1:2:", ":"], ["ö\n", ""]]) assert.deepEqual(parseFrame(messageFrame(name, data)), [name, data]);
});
