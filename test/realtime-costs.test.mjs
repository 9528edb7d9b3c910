/** What writes have to do with the hub, which docs/realtime.md states; and a Worker that has none. */
import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

const RULES = { listRule: "title != 'x'", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
const FIELDS = [{ name: "title", type: "text" }];
const NOTHING = { changes: 0, look: 0, deliver: 0, messages: 0 };

suite("the hub and writes", { on: ["worker"], entry: "test/entries/watched-hub.mjs" }, (on) => {
  const ask = async (target, what) => (await fetch(`${target.url}/hub/${what}`)).json();
  let records;

  async function open(target, topics) {
    const stream = await Stream.open(target.url);
    assert.equal((await stream.subscribe(topics)).status, 204);
    return stream;
  }

  on.test("a write makes no call while nobody listens", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "open", type: "base", ...RULES, fields: FIELDS });
    records = target.client().collection("open");
    await ask(target, "seen");
    const { id } = await records.create({ title: "a" });
    await records.update(id, { title: "b" });
    await records.delete(id);
    assert.deepEqual(await ask(target, "seen"), NOTHING);
  });

  on.test("a create and an update are answered before the hub answers, also when the listeners have changed", async (target) => {
    const streams = [await open(target, ["open/*"])];
    for (const topics of [["open/*"], ["open", "changed"]]) {
      streams.push(await open(target, topics));
      await ask(target, "hold");
      const { id } = await records.create({ title: topics[0] });
      await records.update(id, { title: "again" });
      for (const stream of streams) assert.deepEqual(stream.messages.splice(0), []);
      await ask(target, "release");
      for (const stream of streams) await stream.until((messages) => messages.length === 2);
      for (const stream of streams) assert.deepEqual(stream.messages.splice(0).map(({ data }) => data.action), ["create", "update"]);
    }
    for (const stream of streams) stream.close();
  });

  on.test("many guests on one topic are evaluated once", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "common", type: "base", ...RULES, fields: FIELDS });
    const records = target.client().collection("common");
    const streams = await Promise.all(Array.from({ length: 50 }, () => open(target, ["common/*"])));
    await records.create({ title: "first" });
    for (const stream of streams) await stream.until((messages) => messages.length === 1);
    await ask(target, "seen");
    await records.create({ title: "second" });
    for (const stream of streams) await stream.until((messages) => messages.length === 2);
    assert.deepEqual(await ask(target, "seen"), { ...NOTHING, deliver: 1, messages: 1 });
    for (const stream of streams) stream.close();
  });
});

suite("no hub", { on: ["worker"], without: ["REALTIME_DO"] }, (on) => {
  on.test("a client is told what to add, and all else works", async (target) => {
    await assert.rejects(Stream.open(target.url), { status: 501, body: /REALTIME_DO.*wrangler\.toml/ });
    const admin = await target.admin();
    await admin.collections.create({ name: "open", type: "base", ...RULES, fields: FIELDS });
    const { id } = await admin.collection("open").create({ title: "a" });
    await admin.collection("open").update(id, { title: "b" });
    await admin.collection("open").delete(id);
    const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    assert.equal(await database.prepare("SELECT name FROM sqlite_master WHERE name = '_pf_realtime'").first(), null);
  });
});
