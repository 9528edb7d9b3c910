/** Two isolates in conflict on one failing database for a minute: what was acknowledged is there, what was refused is not, no sum changes. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { exchange } from "./support/http.mjs";
import { random } from "./support/load.mjs";

/** Seconds of work; LOAD_SECONDS scales it from 60 at its default of 8. */
const SECONDS = (60 * Number(process.env.LOAD_SECONDS ?? 8)) / 8;
const FAULTS = { before: 0.03, after: 0.03 };

/** What the clients were told, by what they asked for. */
class Account {
  acknowledged = new Map();
  refused = new Set();
  uncertain = new Set();
  failures = [];

  /** Sorts an answer: stored, refused (4xx: nothing stored) or not known. */
  take(key, { status, text }) {
    if (status >= 200 && status < 300) this.acknowledged.set(key, text && JSON.parse(text));
    else if ([400, 409].includes(status)) this.refused.add(key);
    else if (status === 503 && /not known whether/.test(text)) this.uncertain.add(key);
    else if (status === 503 && /Nothing was stored/.test(text)) this.refused.add(key);
    else this.failures.push(`${key}: ${status} ${text}`);
  }

  /** What is not as it was told, given all keys that are stored. */
  wrong(stored) {
    const counts = new Map();
    for (const key of stored) counts.set(key, (counts.get(key) ?? 0) + 1);
    const wrong = this.failures.slice(0, 5);
    for (const [key, count] of counts) {
      if (count > 1) wrong.push(`${key} is stored ${count} times`);
      if (this.refused.has(key)) wrong.push(`${key} was refused and is stored`);
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
  const accounts = await Promise.all(numbers(5).map((n) => notes.create({ title: `account ${n}`, count: 1000 })));
  const counters = await Promise.all(numbers(2).map((n) => notes.create({ title: `counter ${n}`, count: 0 })));
  return { accounts: accounts.map(({ id }) => id), counters: counters.map(({ id }) => id) };
}

test("two isolates with conflicts and faults for a while", { timeout: (SECONDS + 90) * 1000 }, (t) =>
  withWorker({ wasm: "build/example.wasm", entry: "test/entries/unreliable-d1.mjs", isolates: 2 }, async (target) => {
    const { accounts, counters } = await prepare(target);
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
    };

    for (const isolate of [0, 1]) await setFaults(target, { APP_DB: { read: FAULTS, probe: FAULTS, store: FAULTS } }, isolate);
    const deadline = Date.now() + SECONDS * 1000;
    const connection = async (kind, isolate, number) => {
      const next = random(isolate * 100 + number);
      for (let round = 1; Date.now() < deadline; round++) {
        await kinds[kind](target.urls[isolate], next, `${kind}-${isolate}-${number}-${round}`, round);
      }
    };
    const plan = ["transfer", "transfer", "increment", "increment", "seat", "seat", "batch"];
    await Promise.all([0, 1].flatMap((isolate) => plan.map((kind, number) => connection(kind, isolate, number))));

    const failed = [await setFaults(target, {}, 0), await setFaults(target, {}, 1)];
    t.diagnostic(`transfers: ${transfers}; increments: ${increments}; seats: ${seats}; batches: ${batches}`);
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
    for (const account of [transfers, increments, seats, batches]) assert.ok(account.acknowledged.size > SECONDS / 6, String(account));
  }),
);

/** Sets what fails in an isolate from now on. Answers with what has failed before, by kind. */
async function setFaults(target, faults, isolate) {
  const { text } = await exchange(`${target.urls[isolate]}/_faults`, { method: "POST", body: JSON.stringify(faults) });
  return JSON.parse(text);
}
