/** Reads from a replica that is behind: a client that carries its bookmark sees what it has written, and nothing is stored by what is old. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startWorker, withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { exchange } from "./support/http.mjs";

const PUBLIC = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
const POSTS = "/api/collections/posts/records";
const HEADER = "x-pocketflare-bookmark";

const replicated = {
  entry: "test/entries/replicated-d1.mjs",
  configure: (worker) => ({ ...worker, d1Databases: { ...worker.d1Databases, REPLICA_DB: "the-replica" } }),
};

/** Sends JSON and gives what came back: the status, the parsed answer, its bookmark, its cookie and which databases were asked. */
async function call(origin, method, path, { body, ...headers } = {}) {
  const sent = { ...(body && { "Content-Type": "application/json" }), ...headers };
  const answer = await exchange(origin + path, { method, headers: sent, body: body && JSON.stringify(body) });
  const cookie = [answer.headers["set-cookie"]].flat().find((line) => line?.startsWith("pf_bookmark="));
  return { status: answer.status, json: answer.text ? JSON.parse(answer.text) : null, bookmark: answer.headers[HEADER], cookie, where: answer.headers["x-d1-where"], headers: answer.headers };
}

describe("reads from a replica", () => {
  let target, admin, here, there;

  before(async () => {
    target = await startWorker({ ...replicated, isolates: 2, vars: { POCKETFLARE_D1_SESSIONS: "1" } });
    [here, there] = target.urls;
    admin = await target.admin();
    await admin.collections.create({ name: "posts", type: "base", ...PUBLIC, fields: [{ name: "title", type: "text" }] });
    await admin.settings.update({ batch: { enabled: true } });
    await call(there, "GET", "/api/health");
    await sync();
  });
  after(() => target?.stop());

  const sync = () => call(here, "POST", "/sync");
  const create = (origin, title, headers) => call(origin, "POST", POSTS, { body: { title }, ...headers });
  const list = (origin, headers) => call(origin, "GET", `${POSTS}?sort=title&perPage=500`, headers);
  const titles = ({ status, json }) => (status === 200 ? json.items.map(({ title }) => title) : status);

  test("a bookmark brings a client's own writes", async () => {
    const before = await list(there);
    assert.equal(before.where, "replica");
    const written = await create(here, "one");
    assert.equal(written.where, "primary");
    assert.ok(written.bookmark > before.bookmark);
    assert.match(written.cookie, /^pf_bookmark=[0-9a-f-]+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/);
    assert.match(written.headers["access-control-expose-headers"], /X-Pocketflare-Bookmark/);

    assert.deepEqual(titles(await list(there)), [], "the replica is not behind");
    assert.deepEqual(titles(await list(there, { "X-Pocketflare-Bookmark": written.bookmark })), ["one"]);
    assert.deepEqual(titles(await list(there, { Cookie: `a=b; ${written.cookie.split(";")[0]}; c=d` })), ["one"]);
    assert.deepEqual(titles(await list(there, { "X-Pocketflare-Bookmark": before.bookmark, Cookie: written.cookie.split(";")[0] })), ["one"]);
    await sync();
    const synced = await list(there, { "X-Pocketflare-Bookmark": written.bookmark });
    assert.deepEqual([synced.where, titles(synced)], ["replica", ["one"]]);
  });

  test("a client that carries it always sees what it has written, at either isolate", async () => {
    let bookmark = (await list(here)).bookmark;
    for (const n of numbers(12)) {
      const title = `carried ${String(n).padStart(2, "0")}`;
      const origin = target.urls[n % 2];
      const { json, bookmark: written } = await create(origin, title, { "X-Pocketflare-Bookmark": bookmark });
      const headers = { "X-Pocketflare-Bookmark": written };
      const other = target.urls[(n + 1) % 2];
      const listed = await list(other, headers);
      assert.ok(titles(listed).includes(title));
      const changed = await call(other, "PATCH", `${POSTS}/${json.id}`, { body: { title: `${title}!` }, ...headers });
      assert.equal((await call(origin, "GET", `${POSTS}/${json.id}`, { "X-Pocketflare-Bookmark": changed.bookmark })).json.title, `${title}!`);
      assert.ok(changed.bookmark > written);
      bookmark = changed.bookmark;
      if (n % 4 === 0) await sync();
    }
  });

  for (const bookmark of ["garbage", "first-unconstrained", "x".repeat(1000), "a-".repeat(500) + "a", `ffffffff-00000000-00000000-${"0".repeat(32)}`]) {
    test(`a bookmark of another database is ignored, and the primary asked: ${bookmark.slice(0, 40)}`, async () => {
      const { json } = await create(here, "for a strange bookmark");
      for (const headers of [{ "X-Pocketflare-Bookmark": bookmark }, { Cookie: `pf_bookmark=${bookmark}` }]) {
        const answer = await call(there, "GET", `${POSTS}/${json.id}`, headers);
        assert.equal(answer.status, 200);
        assert.match(answer.where, /primary$/);
      }
    });
  }

  test("a bookmark that sorts before all others demands nothing", async () => {
    assert.equal((await list(there, { "X-Pocketflare-Bookmark": "00000000-1" })).status, 200);
  });

  test("what is read to be changed comes from the primary", async () => {
    const { json } = await create(here, "first");
    const changed = await call(there, "PATCH", `${POSTS}/${json.id}`, { body: { title: "second" } });
    assert.equal(changed.json.title, "second");
    assert.doesNotMatch(changed.where, /replica/);
    const requests = [{ method: "PATCH", url: `${POSTS}/${json.id}`, body: { title: "third" } }, { method: "POST", url: POSTS, body: { title: "fourth" } }];
    const batch = await call(there, "POST", "/api/batch", { body: { requests } });
    assert.equal(batch.status, 200, JSON.stringify(batch.json));
    assert.ok(titles(await list(there, { "X-Pocketflare-Bookmark": batch.bookmark })).includes("third"));
    assert.equal((await call(there, "DELETE", `${POSTS}/${json.id}`)).status, 204);
  });

  test("a rule and the data that it is applied to are of one moment, and no write follows a rule that was replaced", async () => {
    await sync();
    const { json } = await create(here, "guarded");
    await sync();
    assert.equal((await call(there, "GET", `${POSTS}/${json.id}`)).where, "replica");
    const changed = await admin.collections.update("posts", { viewRule: null, createRule: null });
    assert.equal(changed.viewRule, null);

    // The other isolate reads from the replica, which does not know of it.
    assert.equal((await call(there, "GET", `${POSTS}/${json.id}`)).status, 200);
    // The isolate that has loaded the new rules does not go back to the replica's.
    assert.equal((await call(here, "GET", `${POSTS}/${json.id}`)).status, 403);
    // A write is of the primary, and brings the new rules to the other isolate.
    assert.equal((await create(there, "not by the old rule")).status, 403);
    assert.equal((await call(there, "GET", `${POSTS}/${json.id}`)).status, 403);

    await admin.collections.update("posts", { viewRule: "", createRule: "" });
    assert.equal((await create(there, "by the new rule")).status, 200);
    await sync();
    const answer = await call(there, "GET", `${POSTS}/${json.id}`);
    assert.deepEqual([answer.status, answer.where], [200, "replica"]);
  });

  test("an isolate learns of a change with the replica", async () => {
    await sync();
    assert.deepEqual([(await list(there)).where, (await list(there)).status], ["replica", 200]);
    await admin.collections.update("posts", { listRule: null });
    await sync();
    assert.equal((await list(there)).status, 403);
    await admin.collections.update("posts", { listRule: "" });
    await sync();
    assert.equal((await list(there)).status, 200);
  });
});

test("a boot asks the primary once for what it needs, by a session", { timeout: 60_000 }, () =>
  withWorker({ ...replicated, vars: { POCKETFLARE_D1_SESSIONS: "1" } }, async (target) => {
    await call(target.url, "GET", "/api/health");
    for (const [method, path, status, calls] of [["GET", "/api/health", 200, 3], ["POST", "/api/nothing", 404, 4]]) {
      await target.restart();
      const answer = await call(target.url, method, path);
      assert.deepEqual([answer.status, answer.where], [status, "primary"]);
      assert.match(answer.headers["server-timing"], new RegExp(`calls=${calls} `));
    }
  }),
);

test("the page for the first superuser opens for nobody when there is one, though a replica does not know it", { timeout: 60_000 }, () =>
  withWorker({ ...replicated, admin: false, vars: { POCKETFLARE_D1_SESSIONS: "1" } }, async (target) => {
    await call(target.url, "GET", "/api/health");
    await call(target.url, "POST", "/sync");
    const setUp = async () => (await exchange(`${target.url}/_pf`)).headers.location;
    const [, token] = /^\/_\/#\/pbinstall\/(.+)$/.exec(await setUp());
    const first = { email: "first@example.com", password: "12345678", passwordConfirm: "12345678" };
    const made = await call(target.url, "POST", "/api/collections/_superusers/records", { body: first, Authorization: token });
    assert.equal(made.status, 200, JSON.stringify(made.json));
    assert.equal(await setUp(), "/_/");
  }),
);

test("without the variable there are no sessions", { timeout: 60_000 }, () =>
  withWorker(replicated, async (target) => {
    const answer = await call(target.url, "GET", "/api/collections/users/records", { "X-Pocketflare-Bookmark": `00000000-00000000-00000000-${"0".repeat(32)}` });
    assert.equal(answer.status, 200);
    assert.deepEqual([answer.bookmark, answer.cookie, answer.where], [undefined, undefined, ""]);
  }),
);

test("the local D1's own sessions", { timeout: 60_000 }, () =>
  withWorker({ vars: { POCKETFLARE_D1_SESSIONS: "1" } }, async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "posts", type: "base", ...PUBLIC, fields: [{ name: "title", type: "text" }] });
    const posts = target.client().collection("posts");
    for (const n of numbers(5)) {
      const { id } = await posts.create({ title: `${n}` });
      assert.equal((await posts.update(id, { title: `${n}!` })).title, `${n}!`);
      assert.equal((await posts.getOne(id)).title, `${n}!`);
      if (n % 2) await posts.delete(id);
    }
    assert.equal((await posts.getList()).totalItems, 2);
  }),
);
