/** A client that does not read loses its connection, and nobody else's messages wait for it. */
import assert from "node:assert/strict";
import { get } from "node:http";

import { suite } from "./harness.mjs";
import { Stream } from "./realtime/stream.mjs";

const RULES = { listRule: "", viewRule: "", createRule: "" };
const SIZE = 400_000;
const MOST = 200; // events, until which the kernel's buffers are full for sure

/** A client that reads its id and no more. */
async function openSlow(base) {
  const response = await new Promise((resolve, reject) => get(`${base}/api/realtime`, { agent: false }, resolve).on("error", reject));
  response.on("error", () => {}); // it is cut in the end
  const first = await new Promise((resolve) => response.once("data", resolve));
  response.pause();
  const stream = Object.assign(new Stream(), { id: /^id:(\w+)/.exec(first)[1] });
  return { subscribe: (topics) => stream.subscribe(topics, { base }), close: () => response.socket.destroy() };
}

/** @param {object} options of an app with handlers, for which Go holds connections, or without */
function slowReaders(title, options) {
  suite(title, { isolates: 2, on: ["worker"], ...options }, (on) => {
    on.test("a client that does not read is cut off, others hear everything", async (target) => {
      const admin = await target.admin();
      await admin.collections.create({ name: "open", type: "base", ...RULES, fields: [{ name: "title", type: "text", max: SIZE }, { name: "n", type: "number" }] });
      (await Stream.open(target.urls[1])).close(); // from then on it is known who holds connections
      const slow = await openSlow(target.urls[1]);
      assert.equal((await slow.subscribe(["open/*"])).status, 204);
      const others = await Promise.all([0, 1, 1].map((isolate) => Stream.open(target.urls[isolate])));
      for (const other of others) await other.subscribe(["open/*"]);
      const records = target.client(1).collection("open");
      const title = "x".repeat(SIZE);
      let n = 0;
      do {
        assert.ok(n < MOST, "it is still connected");
        await records.create({ title, n: n++ });
        for (const other of others) await other.until((messages) => messages.length === n);
      } while ((await slow.subscribe(["open/*"])).status === 204);
      assert.equal((await slow.subscribe(["open/*"])).status, 404);
      await records.create({ title: "after it", n: n++ });
      for (const other of others) {
        await other.until((messages) => messages.length === n);
        assert.deepEqual(other.messages.map(({ data }) => data.record.n), Array.from({ length: n }, (_, i) => i));
        other.close();
      }
      slow.close();
    });
  });
}

slowReaders("slow readers", {});
slowReaders("slow readers whose connections Go holds", { example: true, vars: { EXAMPLE_REALTIME_HOOKS: "1" } });
