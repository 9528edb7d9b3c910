/** Many requests at once: none fails, none hangs, none is lost, and every acknowledged write is there. */
import assert from "node:assert/strict";
import { createServer } from "node:http";

import { suite, withWorker } from "./harness.mjs";
import { test } from "node:test";
import { numbers } from "./support/blog.mjs";
import { exchange } from "./support/http.mjs";
import { Load, prepareLoad } from "./support/load.mjs";

/** Seconds of mixed load; LOAD_SECONDS=60 for the long run. */
const LOAD_SECONDS = Number(process.env.LOAD_SECONDS ?? 8);
const LONG = { timeout: (LOAD_SECONDS + 60) * 1000 };

suite("load", {}, (on) => {
  on.test("it has something to work on", (target) => prepareLoad(target));

  for (const count of [3, 8, 64, 200]) {
    on.test(`${count} parallel creates`, async (target) => {
      const loads = target.client().collection("loads");
      const before = (await loads.getList(1, 1)).totalItems;
      const created = await Promise.all(numbers(count).map((n) => loads.create({ title: `${count}-${n}`, count: n })));
      assert.equal(new Set(created.map((record) => record.id)).size, count);
      const { totalItems } = await loads.getList(1, 1);
      assert.equal(totalItems, before + count);
      const stored = await loads.getFullList({ filter: `title ~ '${count}-%'` });
      assert.deepEqual(stored.map((record) => record.count).sort((a, b) => a - b), numbers(count));
      for (const { id } of created) await loads.delete(id);
    }, LONG);
  }

  on.test(`64 connections for ${LOAD_SECONDS} s`, async (target, t) => {
    const load = new Load(target.url);
    await load.run({ connections: 64, milliseconds: LOAD_SECONDS * 1000 });
    t.diagnostic(String(load));
    assert.deepEqual(load.failures.slice(0, 10), []);
    assert.deepEqual((await load.verify(target.client())).slice(0, 10), []);
  }, LONG);

  on.test(`64 connections for ${LOAD_SECONDS} s, a fifth of the clients hanging up`, async (target, t) => {
    const load = new Load(target.url, { prefix: "h", hangUps: 0.2 });
    await load.run({ connections: 64, milliseconds: LOAD_SECONDS * 1000, seed: 2 });
    t.diagnostic(String(load));
    assert.deepEqual(load.failures.slice(0, 10), []);
    assert.deepEqual((await load.verify(target.client())).slice(0, 10), []);
  }, LONG);
});

/** workerd looks for new connections only when nothing else is to be done, so a local boot would keep the others out. */
const SLOW = { entry: "test/entries/unreliable-d1.mjs", vars: { D1_DELAY_MS: 2 }, direct: true };

/** Sixteen first requests of every kind, at once, shared out among the isolates. */
async function firstSixteen(target) {
  const notes = (index) => target.client(index % target.urls.length).collection("notes");
  const kinds = [
    (index) => target.client(index % target.urls.length).health.check(),
    (index) => notes(index).create({ title: `First ${index}` }),
    (index) => notes(index).getList(1, 5),
    (index) => target.client(index % target.urls.length).collection("_superusers").authWithPassword("admin@example.com", "admin12345678"),
  ];
  const started = Date.now();
  await Promise.all(numbers(16).map((n) => kinds[n % 4](Math.floor(n / 4) + n)));
  return Date.now() - started;
}

for (const isolates of [1, 2]) {
  test(`the first 16 requests at ${isolates} cold isolate(s), on an empty and on an existing database`, { timeout: 120_000 }, (t) =>
    withWorker({ wasm: "build/example.wasm", isolates, ...SLOW }, async (target) => {
      t.diagnostic(`empty: ${await firstSixteen(target)} ms`);
      await target.restart();
      t.diagnostic(`existing: ${await firstSixteen(target)} ms`);
      assert.equal((await target.client().collection("notes").getList(1, 1)).totalItems, 8);
      const admin = await target.admin();
      const names = (await admin.collections.getFullList()).map((collection) => collection.name).sort();
      assert.deepEqual(names, [...new Set(names)]);
      assert.equal((await admin.collection("_superusers").getFullList()).length, 1);
      assert.equal((await target.client().collection("audit").getList(1, 1, { filter: "event = 'migrated'" })).totalItems, 1);
      const { rows } = await admin.sql.run("SELECT file, COUNT(*) FROM _migrations GROUP BY file HAVING COUNT(*) > 1");
      assert.deepEqual(rows, []);
    }),
  );
}

test("two isolates in conflict never both win", { timeout: 60_000 }, (t) =>
  withWorker({ wasm: "build/example.wasm", isolates: 2 }, async (target) => {
    const note = await target.client().collection("notes").create({ title: "counted" });
    const increment = (isolate) => exchange(`${target.urls[isolate]}/example/increment/${note.id}?pause=30`, { method: "POST" });
    const answers = [];
    const series = async (isolate) => {
      for (let i = 0; i < 8; i++) answers.push(await increment(isolate));
    };
    await Promise.all([0, 1, 0, 1].map(series));
    const won = answers.filter((answer) => answer.status === 200);
    const lost = answers.filter((answer) => answer.status !== 200);
    t.diagnostic(`${won.length} stored, ${lost.length} told that they lost`);
    for (const { status, text } of lost) {
      assert.equal(status, 409, text);
      assert.match(JSON.parse(text).message, /conflict/i);
    }
    const { count } = await target.client(1).collection("notes").getOne(note.id);
    assert.equal(count, won.length);
    assert.deepEqual(won.map((answer) => JSON.parse(answer.text).count).sort((a, b) => a - b), numbers(won.length));
  }),
);

test("a request that has told the outside something is not run again when it loses", { timeout: 60_000 }, (t) =>
  withWorker({ wasm: "build/example.wasm", isolates: 2 }, async (target) => {
    let told = 0;
    const outside = createServer((request, response) => {
      told++;
      response.end();
    });
    await new Promise((listening) => outside.listen(0, "127.0.0.1", listening));
    t.after(() => outside.close());
    const tell = encodeURIComponent(`http://127.0.0.1:${outside.address().port}/`);
    const note = await target.client().collection("notes").create({ title: "counted" });
    const answers = [];
    const series = async (isolate) => {
      const url = `${target.urls[isolate]}/example/increment/${note.id}?pause=50&tell=${tell}`;
      for (let i = 0; i < 6; i++) answers.push(await exchange(url, { method: "POST" }));
    };
    await Promise.all([0, 1, 0, 1].map(series));
    const lost = answers.filter(({ status }) => status === 409);
    t.diagnostic(`${lost.length} of ${answers.length} lost`);
    assert.ok(lost.length > 0);
    assert.equal(told, answers.length);
    const { count } = await target.client(1).collection("notes").getOne(note.id);
    assert.equal(count + lost.length, answers.length);
  }),
);

test("two isolates that take the same unique value: one wins", { timeout: 60_000 }, () =>
  withWorker({ isolates: 2 }, async (target) => {
    const admin = await target.admin();
    await admin.collections.create({
      name: "seats",
      type: "base",
      listRule: "",
      createRule: "",
      fields: [{ name: "number", type: "number" }],
      indexes: ["CREATE UNIQUE INDEX idx_seats ON seats (number)"],
    });
    await admin.settings.update({ batch: { enabled: true } });
    await target.restart();
    for (const seat of numbers(5)) {
      const take = (isolate) => target.client(isolate).collection("seats").create({ number: seat });
      const takeInBatch = (isolate) => {
        const batch = target.client(isolate).createBatch();
        batch.collection("seats").create({ number: seat });
        return batch.send();
      };
      const way = seat % 2 ? take : takeInBatch;
      const results = await Promise.allSettled([way(0), way(1), way(0), way(1)]);
      assert.equal(results.filter((result) => result.status === "fulfilled").length, 1, `seat ${seat}`);
      for (const { reason } of results.filter((result) => result.status === "rejected")) {
        assert.ok([400, 409].includes(reason.status), `${reason.status} ${JSON.stringify(reason.response)}`);
        assert.match(JSON.stringify(reason.response), /validation_not_unique|conflict/i);
      }
    }
    assert.equal((await target.client().collection("seats").getList(1, 1)).totalItems, 5);
  }),
);
