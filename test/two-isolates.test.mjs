/**
 * Two isolates in conflict on one failing database for a minute, their programs ended in the middle of it now and then: what was acknowledged
 * is there, what was refused is not, no sum changes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { exchange } from "./support/http.mjs";
import { random } from "./support/load.mjs";

/** Seconds of work; LOAD_SECONDS scales it from 60 at its default of 8. */
const SECONDS = (60 * Number(process.env.LOAD_SECONDS ?? 8)) / 8;
const FAULTS = { before: 0.03, after: 0.03 };

/** What a request is told whose program was ended in the middle of it. */
const DIED = /the Go program has ended/i;

/** What the clients were told, by what they asked for. */
class Account {
  acknowledged = new Map();
  refused = new Map();
  uncertain = new Set();
  failures = [];

  /** Sorts an answer: stored, refused (4xx: nothing stored) or not known. */
  take(key, { status, text }) {
    if (status >= 200 && status < 300) this.acknowledged.set(key, text && JSON.parse(text));
    else if ([400, 409].includes(status)) this.refused.set(key, text);
    else if (status === 503 && /not known whether/.test(text)) this.uncertain.add(key);
    else if (status === 503 && /Nothing was stored/.test(text)) this.refused.set(key, text);
    else if (status === 503 && DIED.test(text)) this.uncertain.add(key);
    else this.failures.push(`${key}: ${status} ${text}`);
  }

  /** What is not as it was told, given all keys that are stored. */
  wrong(stored) {
    const counts = new Map();
    for (const key of stored) counts.set(key, (counts.get(key) ?? 0) + 1);
    const wrong = this.failures.slice(0, 5);
    for (const [key, count] of counts) {
      if (count > 1) wrong.push(`${key} is stored ${count} times`);
      if (this.refused.has(key)) wrong.push(`${key} is stored and was refused: ${this.refused.get(key)}`);
    }
    for (const key of this.acknowledged.keys()) if (!counts.has(key)) wrong.push(`${key} was acknowledged and is not stored`);
    return wrong;
  }

  toString() {
    return `${this.acknowledged.size} stored, ${this.refused.size} refused, ${this.uncertain.size} not known`;
  }
}

const JSON_HEADERS = { "Content-Type": "application/json" };

async function prepare(target) {
  const admin = await target.admin();
  await admin.collections.create({
    name: "seats",
    type: "base",
    listRule: "",
    createRule: "",
    fields: [
      { name: "number", type: "number" },
      { name: "holder", type: "text" },
    ],
    indexes: ["CREATE UNIQUE INDEX idx_seats ON seats (number)"],
  });
  await admin.settings.update({ batch: { enabled: true } });
  await target.restart(); // so that both isolates know it
  const notes = target.client().collection("notes");
  const token = admin.authStore.token;
  const accounts = await Promise.all(numbers(5).map((n) => notes.create({ title: `account ${n}`, count: 1000 })));
  const counters = await Promise.all(numbers(2).map((n) => notes.create({ title: `counter ${n}`, count: 0 })));
  return { token, accounts: accounts.map(({ id }) => id), counters: counters.map(({ id }) => id) };
}

test("two isolates with conflicts and faults for a while", { timeout: (SECONDS + 90) * 1000 }, (t) =>
  withWorker({ wasm: "build/example.wasm", entry: "test/entries/unreliable-d1.mjs", isolates: 2 }, async (target) => {
    const { token, accounts, counters } = await prepare(target);
    const collections = new Account();
    const removals = new Account();
    const transfers = new Account();
    const increments = new Account();
    const seats = new Account();
    const batches = new Account();
    const pick = (next, list) => list[Math.floor(next() * list.length)];

    const kinds = {
      async transfer(url, next, key) {
        const query = new URLSearchParams({ from: pick(next, accounts), to: pick(next, accounts), amount: 1 + Math.floor(next() * 400), key });
        if (query.get("from") === query.get("to")) return;
        transfers.take(key, await exchange(`${url}/example/transfer?${query}`, { method: "POST" }));
      },
      async increment(url, next, key) {
        increments.take(key, await exchange(`${url}/example/increment/${pick(next, counters)}`, { method: "POST" }));
      },
      async seat(url, next, key, round) {
        const body = JSON.stringify({ number: round, holder: key });
        seats.take(key, await exchange(`${url}/api/collections/seats/records`, { method: "POST", headers: JSON_HEADERS, body }));
      },
      async batch(url, next, key) {
        const amount = 1 + Math.floor(next() * 50);
        const [from, to] = next() < 0.5 ? accounts : accounts.toReversed();
        const change = (id, body) => ({ method: "PATCH", url: `/api/collections/notes/records/${id}`, body });
        const receipt = { method: "POST", url: "/api/collections/notes/records", body: { title: key } };
        const requests = [change(from, { "count-": amount }), change(to, { "count+": amount }), receipt];
        batches.take(key, await exchange(`${url}/api/batch`, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify({ requests }) }));
      },
      /** Makes a collection, changes it, and every other time removes it again. */
      async collection(url, next, key, round) {
        const name = key.replaceAll("-", "_");
        const headers = { ...JSON_HEADERS, Authorization: token };
        const ask = (method, path, body) => exchange(`${url}/api/collections${path}`, { method, headers, body: body && JSON.stringify(body) });
        const fields = [{ name: "title", type: "text" }];
        const made = await ask("POST", "", { name, type: "base", fields, indexes: [`CREATE INDEX idx_${name} ON ${name} (title)`] });
        collections.take(name, made);
        if (made.status !== 200) return;
        const changed = await ask("PATCH", `/${name}`, { fields: [...JSON.parse(made.text).fields, { name: "size", type: "number" }] });
        if (![200, 400, 409, 503].includes(changed.status)) collections.failures.push(`${name}: ${changed.status} ${changed.text}`);
        if (round % 2 === 0) removals.take(name, await ask("DELETE", `/${name}`));
      },
    };

    for (const isolate of [0, 1]) await setFaults(target, { APP_DB: { read: FAULTS, probe: FAULTS, store: FAULTS } }, isolate);
    const deadline = Date.now() + SECONDS * 1000;
    const connection = async (kind, isolate, number) => {
      const next = random(isolate * 100 + number);
      for (let round = 1; Date.now() < deadline; round++) {
        await kinds[kind](target.urls[isolate], next, `${kind}-${isolate}-${number}-${round}`, round);
      }
    };
    const kill = async (isolate) => {
      const next = random(1000 + isolate);
      while (Date.now() < deadline) {
        await sleep(SECONDS * (50 + 100 * next()));
        await exchange(`${target.urls[isolate]}/example/fault/exit`);
      }
    };
    const plan = ["transfer", "transfer", "increment", "increment", "seat", "seat", "batch", "collection"];
    await Promise.all([0, 1].flatMap((isolate) => [kill(isolate), ...plan.map((kind, number) => connection(kind, isolate, number))]));

    const failed = [await setFaults(target, {}, 0), await setFaults(target, {}, 1)];
    t.diagnostic(`transfers: ${transfers}; increments: ${increments}; seats: ${seats}; batches: ${batches}; collections: ${collections}`);
    t.diagnostic(`faults: ${failed.map((counts) => JSON.stringify(counts)).join(" ")}`);

    const notes = await target.client(1).collection("notes").getFullList({ batch: 1000 });
    const counts = (ids) => notes.filter(({ id }) => ids.includes(id)).map(({ count }) => count);
    const titles = (kind) => notes.map(({ title }) => title).filter((title) => title.startsWith(`${kind}-`));
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    assert.deepEqual(transfers.wrong(titles("transfer")), []);
    assert.deepEqual(batches.wrong(titles("batch")), []);
    assert.equal(sum(counts(accounts)), 5000);

    assert.deepEqual(increments.failures, []);
    const counted = sum(counts(counters));
    assert.ok(counted >= increments.acknowledged.size && counted <= increments.acknowledged.size + increments.uncertain.size, `${counted}; ${increments}`);

    const taken = await target.client(0).collection("seats").getFullList({ batch: 1000 });
    assert.equal(new Set(taken.map(({ number }) => number)).size, taken.length);
    assert.deepEqual(seats.wrong(taken.map(({ holder }) => holder)), []);

    const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    const listed = (sql) => database.prepare(sql).all().then(({ results }) => results.map(({ name }) => name));
    const known = await listed("SELECT name FROM _collections WHERE name GLOB 'collection_*'");
    assert.deepEqual(await listed("SELECT name FROM sqlite_master WHERE type='table' AND name GLOB 'collection_*' ORDER BY 1"), known.toSorted());
    assert.deepEqual(known.filter((name) => removals.acknowledged.has(name)), []);
    const removed = [...removals.acknowledged.keys(), ...removals.uncertain].filter((name) => !known.includes(name));
    assert.deepEqual(collections.wrong([...known, ...removed]), []);
    assert.deepEqual(removals.failures, []);
    for (const account of [transfers, increments, seats, batches]) assert.ok(account.acknowledged.size > SECONDS / 6, String(account));
  }),
);

/** Sets what fails in an isolate from now on. Answers with what has failed before, by kind. */
async function setFaults(target, faults, isolate) {
  const { text } = await exchange(`${target.urls[isolate]}/_faults`, { method: "POST", body: JSON.stringify(faults) });
  return JSON.parse(text);
}
