/** Writes find their listeners again after the table that tells of them was lost, as when the database is restored to an earlier state. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

const RULES = { listRule: "", viewRule: "", createRule: "" };

const LOSSES = {
  "the table is gone": "DROP TABLE _pf_realtime",
  "the row is gone": "DELETE FROM _pf_realtime",
  "nobody had listened": "UPDATE _pf_realtime SET sets = 0, version = version - 1000, seq = 1",
  "others had listened": "UPDATE _pf_realtime SET version = version - 1000, seq = 1",
};

test("listeners are heard of again", { timeout: 120_000 }, () =>
  withWorker({ isolates: 2 }, async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "open", type: "base", ...RULES, fields: [{ name: "title", type: "text" }] });
    const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    const published = () => database.prepare("SELECT version, sets FROM _pf_realtime").first().catch(() => null);
    const [listener, other] = [await Stream.open(target.url), await Stream.open(target.url)];
    await listener.subscribe(["open/*"]);
    await other.subscribe(["open/*"]); // its set is there already
    const near = target.client(0).collection("open");
    await near.create({ title: "before" });
    await listener.until((messages) => messages.length === 1);
    const before = await published();

    const restored = async (loss, trigger) => {
      await database.prepare(LOSSES[loss]).run();
      for (const end = Date.now() + 20_000; JSON.stringify(await published()) !== JSON.stringify(before); ) {
        assert.ok(Date.now() < end, `${loss}: ${JSON.stringify(await published())} in place of ${JSON.stringify(before)}`);
        await trigger();
      }
      listener.messages.length = 0;
      await target.client(1).collection("open").create({ title: loss });
      await listener.until((messages) => messages.some(({ data }) => data.record.title === loss));
      assert.equal(listener.messages.filter(({ data }) => data.record.title === loss).length, 1);
      await near.create({ title: "known here" }); // so that the isolate knows that there are listeners
      await listener.until((messages) => messages.some(({ data }) => data.record.title === "known here"));
    };
    for (const loss of Object.keys(LOSSES)) await restored(loss, () => near.create({ title: "by an isolate that knows better" }));
    await restored("nobody had listened", () => other.subscribe(["open/*"])); // no write, but a client that comes back
    listener.close();
    other.close();
  }),
);
