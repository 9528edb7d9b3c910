/** Two isolates on one database: what is changed through one, or past both, is in force in the other for every request that starts after. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ADMIN, startWorker, withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { exchange } from "./support/http.mjs";

const PUBLIC = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
const TITLE = { name: "title", type: "text" };

/** Sends JSON to an isolate, and gives the status and the parsed answer. */
async function call(origin, method, path, body, token) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: token }) };
  const { status, headers: answered, text } = await exchange(origin + path, { method, headers, body: body && JSON.stringify(body) });
  const d1 = /pf_d1;dur=[\d.]+;desc="calls=(\d+) statements=(\d+)"/.exec(answered["server-timing"]);
  return { status, json: text ? JSON.parse(text) : null, calls: Number(d1?.[1]), statements: Number(d1?.[2]) };
}

describe("what one isolate changes, the other knows", () => {
  let target, admin, here, there, database;

  before(async () => {
    target = await startWorker({ isolates: 2 });
    [here, there] = target.urls;
    admin = await target.admin();
    database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    await admin.collections.create({ name: "posts", type: "base", ...PUBLIC, fields: [TITLE] });
    await admin.collection("posts").create({ title: "one" });
    await call(there, "GET", "/api/health");
  });
  after(() => target?.stop());

  const posts = "/api/collections/posts/records";
  /** Asks the other isolate. */
  const ask = (method, path, body, token) => call(there, method, path, body, token);
  const status = async (...request) => (await ask(...request)).status;
  const update = (name, changes) => admin.collections.update(name, changes);

  /** A user that is signed in, and what the other isolate says to the token. */
  async function signedIn(email, collection = "users") {
    await admin.collection(collection).create({ email, password: "12345678", passwordConfirm: "12345678", verified: true });
    const client = target.client();
    const { token, record } = await client.collection(collection).authWithPassword(email, "12345678");
    const refresh = () => status("POST", `/api/collections/${collection}/auth-refresh`, {}, token);
    assert.equal(await refresh(), 200);
    return { client, token, id: record.id, refresh };
  }

  test("a rule", async () => {
    for (const [rule, expected] of [["title = 'none'", 0], ["", 1], ["title = 'one'", 1], ["@request.auth.id != ''", 0], ["", 1]]) {
      await update("posts", { listRule: rule });
      assert.equal((await ask("GET", posts)).json.totalItems, expected, rule);
    }
  });

  test("a rule that becomes null, which needs no database to refuse", async () => {
    for (const [rule, expected] of [[null, 403], ["", 200], [null, 403], ["", 200]]) {
      await update("posts", { createRule: rule, viewRule: rule, listRule: rule });
      assert.equal(await status("POST", posts, { title: "two" }), expected);
      assert.equal(await status("GET", posts), expected);
      assert.equal(await status("HEAD", posts), expected);
    }
  });

  test("a collection that is created, renamed and deleted", async () => {
    await admin.collections.create({ name: "fresh", type: "base", ...PUBLIC, fields: [TITLE] });
    assert.equal(await status("POST", "/api/collections/fresh/records", { title: "one" }), 200);
    await update("fresh", { name: "renamed" });
    assert.equal(await status("GET", "/api/collections/fresh/records"), 404);
    assert.equal((await ask("GET", "/api/collections/renamed/records")).json.totalItems, 1);
    await admin.collections.delete("renamed");
    assert.equal(await status("GET", "/api/collections/renamed/records"), 404);
    assert.equal(await status("POST", "/api/collections/renamed/records", { title: "one" }), 404);
  });

  test("a field that is added, renamed and removed", async () => {
    const { fields } = await update("posts", { fields: [TITLE, { name: "extra", type: "text" }] });
    const { json: created } = await ask("POST", posts, { title: "with", extra: "more" });
    assert.equal(created.extra, "more");
    const extra = fields.find(({ name }) => name === "extra");
    await update("posts", { fields: [...fields.filter((field) => field !== extra), { ...extra, name: "other" }] });
    assert.equal((await ask("GET", `${posts}/${created.id}`)).json.other, "more");
    assert.equal((await ask("PATCH", `${posts}/${created.id}`, { other: "changed" })).json.other, "changed");
    assert.equal((await ask("GET", `${posts}?filter=${encodeURIComponent("other = 'changed'")}`)).json.totalItems, 1);
    await update("posts", { fields: fields.filter((field) => field !== extra) });
    assert.ok(!("other" in (await ask("GET", `${posts}/${created.id}`)).json));
    assert.equal(await status("GET", `${posts}?filter=${encodeURIComponent("other = 'changed'")}`), 400);
  });

  test("a view's query", async () => {
    await admin.collections.create({ name: "titles", type: "view", listRule: "", viewQuery: "SELECT id, title FROM posts" });
    const first = async () => (await ask("GET", "/api/collections/titles/records?perPage=1&sort=id")).json.items[0];
    assert.ok("title" in (await first()));
    await update("titles", { viewQuery: "SELECT id, 7 AS seven FROM posts" });
    assert.equal((await first()).seven, 7);
    await admin.collections.delete("titles");
  });

  test("settings", async () => {
    const batch = () => status("POST", "/api/batch", { requests: [{ method: "POST", url: posts, body: { title: "in a batch" } }] });
    assert.equal(await batch(), 403);
    await admin.settings.update({ batch: { enabled: true }, meta: { appName: "Renamed", hideControls: true } });
    assert.equal(await batch(), 200);
    const { json } = await ask("GET", "/api/settings", undefined, admin.authStore.token);
    assert.equal(json.meta.appName, "Renamed");
    assert.equal(json.meta.hideControls, true);
    await admin.settings.update({ rateLimits: { enabled: true, rules: [{ label: "/api/collections/posts/", maxRequests: 2, duration: 60 }] } });
    assert.deepEqual([await status("GET", posts), await status("GET", posts), await status("GET", posts)], [200, 200, 429]);
    await admin.settings.update({ rateLimits: { enabled: false }, batch: { enabled: false } });
    assert.equal(await status("GET", posts), 200);
    assert.equal(await batch(), 403);
  });

  test("the ways to sign in", async () => {
    const methods = async () => (await ask("GET", "/api/collections/users/auth-methods")).json;
    const google = { name: "google", clientId: "id", clientSecret: "secret" };
    await update("users", { oauth2: { enabled: true, providers: [google] }, otp: { enabled: true, duration: 100, length: 8 } });
    const on = await methods();
    assert.deepEqual([on.oauth2.enabled, on.oauth2.providers[0].name, on.otp.enabled, on.mfa.enabled], [true, "google", true, false]);
    await update("users", { mfa: { enabled: true, duration: 100 } });
    assert.equal((await methods()).mfa.enabled, true);
    await update("users", { mfa: { enabled: false }, otp: { enabled: false }, oauth2: { enabled: false }, passwordAuth: { enabled: false } });
    const off = await methods();
    assert.deepEqual([off.oauth2.enabled, off.otp.enabled, off.mfa.enabled, off.password.enabled], [false, false, false, false]);
    assert.equal(await status("POST", "/api/collections/users/auth-with-password", { identity: "a@b.c", password: "12345678" }), 403);
    await update("users", { passwordAuth: { enabled: true, identityFields: ["email"] } });
  });

  test("the secret of tokens, a password, a revoked token", async () => {
    const rotated = await signedIn("rotated@example.com");
    await update("users", { authToken: { secret: "s".repeat(50) } });
    assert.equal(await rotated.refresh(), 401);

    const changed = await signedIn("changed@example.com");
    await changed.client.collection("users").update(changed.id, { oldPassword: "12345678", password: "87654321", passwordConfirm: "87654321" });
    assert.equal(await changed.refresh(), 401);
    assert.equal(await status("POST", "/api/collections/users/auth-with-password", { identity: "changed@example.com", password: "12345678" }), 400);

    const revoked = await signedIn("revoked@example.com");
    await database.prepare("UPDATE users SET tokenKey = ? WHERE id = ?").bind("k".repeat(50), revoked.id).run();
    assert.equal(await revoked.refresh(), 401);
  });

  test("a superuser who is deleted, and one whose tokens are revoked", async () => {
    const settings = (token) => status("GET", "/api/settings", undefined, token);
    const deleted = await signedIn("second@example.com", "_superusers");
    assert.equal(await settings(deleted.token), 200);
    await admin.collection("_superusers").delete(deleted.id);
    assert.equal(await settings(deleted.token), 401);
    const revoked = await signedIn("third@example.com", "_superusers");
    await admin.collection("_superusers").update(revoked.id, { password: "87654321", passwordConfirm: "87654321" });
    assert.equal(await settings(revoked.token), 401);
  });

  test("what is written past both, as by wrangler d1 execute", async () => {
    const write = (sql) => database.prepare(sql).run();
    const both = async (...request) => [(await call(here, ...request)).status, (await call(there, ...request)).status];
    await write("UPDATE _collections SET listRule = NULL, createRule = NULL WHERE name = 'posts'");
    assert.deepEqual(await both("GET", posts), [403, 403]);
    assert.deepEqual(await both("POST", posts, { title: "x" }), [403, 403]);
    await write("UPDATE _collections SET listRule = '', createRule = '' WHERE name = 'posts'");
    assert.deepEqual(await both("POST", posts, { title: "x" }), [200, 200]);
    await write("UPDATE _params SET value = json_set(value, '$.batch.enabled', json('true')) WHERE id = 'settings'");
    assert.deepEqual(await both("POST", "/api/batch", { requests: [] }), [400, 400]);
    await write("UPDATE _params SET value = json_set(value, '$.batch.enabled', json('false')) WHERE id = 'settings'");
    assert.deepEqual(await both("POST", "/api/batch", { requests: [] }), [403, 403]);
    await write("DELETE FROM _collections WHERE name = 'posts'");
    assert.deepEqual(await both("GET", posts), [404, 404]);
  });

  test("it is made anew where it was dropped", async () => {
    for (const damage of ["DROP TABLE _pf_watermark", "DELETE FROM _pf_watermark"]) {
      await database.prepare(damage).run();
      for (const origin of target.urls) assert.equal((await call(origin, "GET", "/api/collections/users/auth-methods")).status, 200, damage);
      await update("users", { viewRule: damage.startsWith("DROP") ? "" : null });
      assert.equal(await status("GET", "/api/collections/users/records/nobody"), damage.startsWith("DROP") ? 404 : 403);
    }
  });
});

/** Reads by a rule that changes all the time. Every answer tells by which version of it. */
test("no answer follows a rule that was replaced before its request", { timeout: 120_000 }, (t) =>
  withWorker({ isolates: 2 }, async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "versions", type: "base", ...PUBLIC, fields: [{ name: "n", type: "number" }] });
    const changes = 50;
    for (let n = 0; n <= changes; n++) await admin.collection("versions").create({ n });
    await admin.collections.update("versions", { listRule: "n = 0" });
    let current = 0;
    let running = true;
    let answers = 0;
    const wrong = [];
    const reader = async (origin) => {
      while (running) {
        const atLeast = current;
        const { status, json } = await call(origin, "GET", "/api/collections/versions/records");
        answers++;
        if (status !== 200 || json.items.length !== 1 || json.items[0].n < atLeast) wrong.push([atLeast, status, JSON.stringify(json)]);
      }
    };
    const readers = [1, 1, 1, 1, 0].map((isolate) => reader(target.urls[isolate]));
    for (let n = 1; n <= changes; n++) {
      await admin.collections.update("versions", { listRule: `n = ${n}` });
      current = n;
    }
    running = false;
    await Promise.all(readers);
    t.diagnostic(`${answers} answers during ${changes} changes`);
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.ok(answers > changes);
  }),
);

/** Guests create records by a rule that changes all the time: none is stored by a version that was replaced before that. */
test("nothing is stored by a rule that was replaced", { timeout: 120_000 }, (t) =>
  withWorker({ isolates: 2 }, async (target) => {
    const admin = await target.admin();
    const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    await admin.collections.create({ name: "guarded", type: "base", ...PUBLIC, fields: [{ name: "n", type: "number" }, { name: "by", type: "text" }] });
    const setRule = (n) => database.prepare(`UPDATE _collections SET createRule = '@request.body.n = ${n}' WHERE name = 'guarded'`).run();
    const stored = () => database.prepare("SELECT n, count(*) AS c FROM guarded GROUP BY n ORDER BY n").all();
    const changes = 50;
    const settled = {}; // how many records each version had when it was replaced
    const acknowledged = {};
    const unexpected = [];
    let current = 0;
    let running = true;
    await setRule(0);
    const writer = async (origin) => {
      while (running) {
        const n = current;
        const { status, json } = await call(origin, "POST", "/api/collections/guarded/records", { n });
        if (status === 200) acknowledged[n] = (acknowledged[n] ?? 0) + 1;
        else if (status !== 400 && status !== 409) unexpected.push([status, JSON.stringify(json)]);
      }
    };
    const writers = [0, 0, 1, 1, 1, 1].map((isolate) => writer(target.urls[isolate]));
    for (let n = 1; n <= changes; n++) {
      await setRule(n);
      for (const row of (await stored()).results) if (row.n < n) settled[row.n] = row.c;
      current = n;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    running = false;
    await Promise.all(writers);
    const counts = Object.fromEntries((await stored()).results.map((row) => [row.n, row.c]));
    t.diagnostic(`${Object.values(counts).reduce((sum, count) => sum + count, 0)} stored during ${changes} changes`);
    for (const n of numbers(changes - 1)) if (n in settled) assert.equal(counts[n], settled[n], `version ${n}`);
    assert.deepEqual(counts, Object.fromEntries(Object.entries(acknowledged).map(([n, count]) => [n, count])));
    assert.deepEqual(unexpected.slice(0, 5), []);
  }),
);

test("what it costs: nothing in sequence", { timeout: 60_000 }, () =>
  withWorker({}, async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "posts", type: "base", ...PUBLIC, fields: [TITLE] });
    const posts = "/api/collections/posts/records";
    const { id } = await admin.collection("posts").create({ title: "one" });
    const { token } = admin.authStore;
    const login = ["POST", "/api/collections/_superusers/auth-with-password", { identity: ADMIN.email, password: ADMIN.password }];
    for (const [name, request, calls] of [
      ["view", ["GET", `${posts}/${id}`], 1],
      ["list with total", ["GET", posts], 1],
      ["view by a user", ["GET", `${posts}/${id}`, undefined, token], 2],
      ["create", ["POST", posts, { title: "two" }], 1],
      ["update", ["PATCH", `${posts}/${id}`, { title: "three" }], 2],
      ["refused by a rule", ["GET", "/api/collections/_mfas/records"], 1],
      ["auth methods", ["GET", "/api/collections/users/auth-methods"], 1],
      ["no such route", ["GET", "/api/nothing"], 1],
      ["health", ["GET", "/api/health"], 0],
    ]) {
      await call(target.url, ...request); // the columns of its queries are known now
      assert.deepEqual({ name, calls: (await call(target.url, ...request)).calls }, { name, calls });
    }
    const preflight = await exchange(target.url + posts, {
      method: "OPTIONS",
      headers: { Origin: "https://example.com", "Access-Control-Request-Method": "POST" },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers["server-timing"], /calls=0/);
    await call(target.url, ...login);
    assert.equal((await call(target.url, ...login)).status, 200);
  }),
);
