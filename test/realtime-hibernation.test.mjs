/** The hub sleeps while listeners only listen, and knows them when it wakes; when it is ended, clients come back by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { EventSource } from "./realtime/eventsource.mjs";
import { Stream } from "./realtime/stream.mjs";

globalThis.EventSource = EventSource;

/** workerd has an object hibernate after ten seconds without an event. */
const SLEEP_MILLISECONDS = 13_000;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const wakings = (target) => target.output.since().split("the hub is awake").length - 1;

const RULES = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };

for (const shards of ["1", "3"]) {
  test(`sleep and end of ${shards} hub(s)`, { timeout: 120_000 }, () =>
    withWorker({ entry: "test/entries/watched-hub.mjs", vars: { POCKETFLARE_REALTIME_SHARDS: shards } }, async (target) => {
      const admin = await target.admin();
      await admin.collections.create({ name: "open", type: "base", ...RULES, fields: [{ name: "title", type: "text" }] });
      const records = target.client().collection("open");

      const streams = [];
      for (let i = 0; i < 6; i++) {
        const stream = await Stream.open(target.url);
        const long = i % 2 ? Array.from({ length: 500 }, (_, n) => `other${n}/${"x".repeat(60)}`) : [];
        assert.equal((await stream.subscribe([...long, "open/*"])).status, 204);
        streams.push(stream);
      }
      const before = wakings(target);
      await pause(SLEEP_MILLISECONDS);
      await records.create({ title: "after a sleep" });
      for (const stream of streams) await stream.until((messages) => messages.length === 1);
      assert.ok(wakings(target) > before, "the hub did not sleep");
      await records.create({ title: "awake" });
      for (const stream of streams) await stream.until((messages) => messages.length === 2);
      assert.equal((await streams[0].subscribe([])).status, 204, "it is known");
      for (const stream of streams) stream.close();
      if (shards !== "1") return;

      const client = target.client();
      const heard = [];
      let submitted = 0;
      client.afterSend = ({ url, status }, data) => {
        if (url.endsWith("/api/realtime") && status === 204) submitted++;
        return data;
      };
      await client.collection("open").subscribe("*", ({ record }) => heard.push(record.title));
      const id = client.realtime.clientId;
      submitted = 0;
      await fetch(`${target.url}/hub/abort`);
      for (const end = Date.now() + 20_000; client.realtime.clientId === id || submitted === 0; await pause(50)) {
        assert.ok(Date.now() < end, "the SDK has not connected again and submitted its subscriptions");
      }
      await records.create({ title: "after the end" });
      for (const end = Date.now() + 20_000; heard.length < 1; await pause(20)) assert.ok(Date.now() < end, "nothing was heard");
      assert.deepEqual(heard, ["after the end"]);
      await client.realtime.unsubscribe();
    }),
  );
}

test("what a hub has stored of clients is gone when it was lost with their connections", () =>
  withWorker({ entry: "test/entries/watched-hub.mjs" }, async (target) => {
    const stored = async () => (await (await fetch(`${target.url}/hub/kept`)).json()).filter((key) => key.startsWith("client/"));
    const stream = await Stream.open(target.url);
    await stream.subscribe(Array.from({ length: 500 }, (_, n) => `other${n}/${"x".repeat(60)}`));
    assert.equal((await stored()).length, 1);
    await target.restart();
    assert.deepEqual(await stored(), []);
  }));
