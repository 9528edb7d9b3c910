/** A D1 that fails before or after it has run what it was sent: nothing is stored twice, nothing acknowledged is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { eventually, exchange } from "./support/http.mjs";
import { Load, prepareLoad } from "./support/load.mjs";

/** Seconds of mixed load, five times. */
const LOAD_SECONDS = Number(process.env.LOAD_SECONDS ?? 8) / 2;
const LONG = { timeout: (LOAD_SECONDS + 60) * 1000 };
const UNRELIABLE = { entry: "test/entries/unreliable-d1.mjs" };

/** Sets what fails in an isolate from now on. Answers with what has failed before, by kind. */
async function setFaults(target, faults, isolate = 0) {
  const { text } = await exchange(`${target.urls[isolate]}/_faults`, { method: "POST", body: JSON.stringify(faults) });
  return JSON.parse(text);
}

/** The same faults of each kind of call. */
function everywhere(faults, names = ["APP_DB", "LOGS_DB"]) {
  return Object.fromEntries(names.map((name) => [name, { read: faults, probe: faults, store: faults }]));
}

/** How many calls of one request fail in a row where none is to notice it: the driver tries each six times. */
const MOST = 3;

/** Runs the mixed load on a failing database. Answers with what its clients were told that is no success. */
async function loadWith(target, t, faults) {
  await prepareLoad(target);
  await setFaults(target, faults);
  const load = new Load(target.url);
  await load.run({ connections: 16, milliseconds: LOAD_SECONDS * 1000 });
  t.diagnostic(`${load}, ${JSON.stringify(await setFaults(target, {}))}`);
  assert.deepEqual((await load.verify(target.client())).slice(0, 10), []);
  return load.failures;
}

for (const [title, faults] of Object.entries({
  "before it has run a call": { before: 0.05, most: MOST },
  "after it has run a call": { after: 0.05, most: MOST },
  "before and after": { before: 0.04, after: 0.04, most: MOST },
})) {
  test(`no client notices a D1 that fails ${title}`, LONG, (t) =>
    withWorker(UNRELIABLE, async (target) => {
      assert.deepEqual((await loadWith(target, t, everywhere(faults))).slice(0, 10), []);
    }),
  );
}

test("without tokens a write whose answer was lost is told as one that may be stored", LONG, (t) =>
  withWorker({ ...UNRELIABLE, vars: { POCKETFLARE_D1_WRITE_TOKENS: "0" } }, async (target) => {
    const failures = await loadWith(target, t, { APP_DB: { store: { every: 5 } } });
    assert.ok(failures.length > 0);
    for (const failure of failures) assert.match(failure, /503 .*It is not known whether the change was stored/);
  }),
);

test("without tokens a write that D1 has turned away is sent again", LONG, (t) =>
  withWorker({ ...UNRELIABLE, vars: { POCKETFLARE_D1_WRITE_TOKENS: "0" } }, async (target) => {
    const overloaded = { before: 0.1, most: MOST, message: "D1 DB is overloaded. Requests queued for too long." };
    assert.deepEqual(await loadWith(target, t, everywhere(overloaded)), []);
  }),
);

/** What must not be taken for a missing record, a bad request or a guest while D1 cannot be reached. */
async function requestsOfEveryKind(target, token, id) {
  const headers = { "Content-Type": "application/json", Origin: "https://example.com" };
  const records = `${target.url}/api/collections/loads/records`;
  return {
    "a view": await exchange(`${records}/${id}`, { headers }),
    "a list": await exchange(records, { headers }),
    "a list of a superuser's": await exchange(`${target.url}/api/collections`, { headers: { ...headers, Authorization: token } }),
    "a public list with a token": await exchange(records, { headers: { ...headers, Authorization: token } }),
    "a login": await exchange(`${target.url}/api/collections/users/auth-with-password`, {
      method: "POST",
      headers,
      body: JSON.stringify({ identity: "load1@example.com", password: "load password" }),
    }),
    "an update": await exchange(`${records}/${id}`, { method: "PATCH", headers, body: JSON.stringify({ count: 2 }) }),
    "a delete": await exchange(`${records}/${id}`, { method: "DELETE", headers }),
  };
}

test("an outage is told at once and clearly, and over when it is over", { timeout: 60_000 }, (t) =>
  withWorker(UNRELIABLE, async (target) => {
    await prepareLoad(target);
    const { token } = (await target.admin()).authStore;
    const { id } = await target.client().collection("loads").create({ title: "kept", count: 1 });
    await setFaults(target, everywhere({ before: 1 }));
    const started = Date.now();
    const answers = await requestsOfEveryKind(target, token, id);
    t.diagnostic(`${Object.keys(answers).length} requests, one after another, in ${Date.now() - started} ms`);
    assert.ok(Date.now() - started < 15_000);
    for (const [kind, { status, text, headers }] of Object.entries(answers)) {
      assert.equal(status, 503, `${kind}: ${text}`);
      assert.match(JSON.parse(text).message, /The database cannot be reached. Nothing was stored/, kind);
      assert.equal(headers["retry-after"], "1");
      assert.equal(headers["access-control-allow-origin"], "*");
    }
    const writing = { APP_DB: { store: { before: 1, message: "Network connection lost." } } };
    await setFaults(target, writing);
    await assert.rejects(target.client().collection("loads").create({ title: "unknown" }), ({ status, response }) => {
      assert.equal(status, 503);
      assert.match(response.message, /It is not known whether the change was stored/);
      return true;
    });
    await setFaults(target, {});
    assert.equal((await target.client().collection("loads").getOne(id)).count, 1);
    assert.equal((await target.client().collection("loads").getList(1, 5)).totalItems, 1);
  }),
);

test("an outage of the logs' database is told to who reads them, and nobody else notices it", { timeout: 60_000 }, (t) =>
  withWorker(UNRELIABLE, async (target) => {
    await prepareLoad(target);
    const { token } = (await target.admin()).authStore;
    await setFaults(target, everywhere({ before: 1 }, ["LOGS_DB"]));
    const headers = { "Content-Type": "application/json", Authorization: token };
    const logs = `${target.url}/api/logs`;
    for (const [method, url] of [["GET", logs], ["GET", `${logs}/stats`], ["GET", `${logs}/0123456789abcde`], ["DELETE", logs]]) {
      const { status, text, headers: answered } = await exchange(url, { method, headers });
      assert.equal(status, 503, `${method} ${url}: ${text}`);
      assert.match(JSON.parse(text).message, /The database of the logs cannot be reached/);
      assert.equal(answered["retry-after"], "1");
    }
    const records = `${target.url}/api/collections/loads/records`;
    const created = await exchange(records, { method: "POST", headers, body: JSON.stringify({ title: "kept", count: 1 }) });
    assert.equal(created.status, 200, created.text);
    assert.equal((await exchange(`${records}/${JSON.parse(created.text).id}`, { headers })).status, 200);
    assert.equal((await exchange(`${records}/missing`, { headers })).status, 404);
    t.diagnostic(JSON.stringify(await setFaults(target, {})));
    assert.equal((await exchange(logs, { headers })).status, 200);
  }),
);

test("the logs have each entry once", { timeout: 60_000 }, (t) =>
  withWorker(UNRELIABLE, async (target) => {
    const admin = await target.admin();
    await setFaults(target, { LOGS_DB: { probe: { every: 2 }, store: { every: 2 } } });
    for (const round of numbers(15)) {
      await Promise.all(numbers(4).map((n) => exchange(`${target.url}/api/health?entry=${round}-${n}`)));
      await new Promise((resume) => setTimeout(resume, 300)); // so that they are not all one write
    }
    const entries = async () => (await admin.logs.getList(1, 200, { filter: "data.url ~ '/api/health?entry='" })).items;
    await eventually(entries, (found) => found.length >= 60, { within: 20_000 });
    const failed = await setFaults(target, {});
    t.diagnostic(JSON.stringify(failed));
    assert.ok(failed["LOGS_DB store before"] > 2 && failed["LOGS_DB store after"] > 2);
    const urls = (await entries()).map((entry) => entry.data.url);
    assert.equal(urls.length, 60);
    assert.equal(new Set(urls).size, 60);
  }),
);

for (const [title, faults] of Object.entries({ "each second time": { every: 2 }, "each third time": { every: 3 }, "at random": { before: 0.2, after: 0.2 } })) {
  test(`an empty database is set up once, though D1 fails ${title}`, { timeout: 120_000 }, (t) =>
    withWorker({ ...UNRELIABLE, vars: { D1_FAULTS: JSON.stringify(everywhere(faults)) } }, async (target) => {
      const health = () => exchange(`${target.url}/api/health`);
      const booted = await eventually(health, ({ status }) => status === 200, { within: 90_000 });
      assert.equal(booted.status, 200, booted.text);
      const failed = await setFaults(target, {});
      t.diagnostic(JSON.stringify(failed));
      assert.ok(!faults.every || Object.keys(failed).length > 0);
      const admin = await target.admin();
      assert.equal((await admin.collections.getFullList()).length, 6);
      assert.equal((await admin.collection("_superusers").getFullList()).length, 1);
      const { rows } = await admin.sql.run("SELECT file, COUNT(*) FROM _migrations GROUP BY file HAVING COUNT(*) > 1");
      assert.deepEqual(rows, []);
    }),
  );
}
