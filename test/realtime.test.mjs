import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

suite("realtime", { example: true }, (on) => {
  on.test("a listener hears of what is created, updated and deleted", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({
      name: "open", type: "base", listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "",
      fields: [{ name: "title", type: "text" }],
    });
    const stream = await Stream.open(target.url);
    assert.match(stream.id, /^[A-Za-z0-9]{40}$/);
    assert.equal(stream.response.headers.get("content-type"), "text/event-stream");
    assert.deepEqual(await stream.subscribe(["open/*"]), { status: 204, body: null });
    const records = target.client().collection("open");
    const record = await records.create({ title: "one" });
    await stream.until((messages) => messages.length === 1);
    await records.update(record.id, { title: "two" });
    await stream.until((messages) => messages.length === 2);
    await records.delete(record.id);
    await stream.until((messages) => messages.length === 3);
    assert.deepEqual(
      stream.messages.map(({ event, data }) => [event, data.action, data.record.id, data.record.title]),
      [
        ["open/*", "create", record.id, "one"],
        ["open/*", "update", record.id, "two"],
        ["open/*", "delete", record.id, "two"],
      ],
    );
    stream.close();
  });
});
