/** How often the Worker asks D1: docs/d1.md states these counts, and why they cannot be lower. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { createBlog, ids } from "./support/blog.mjs";

const COUNTED = { entry: "test/entries/counted-d1.mjs" };

/** What a response's headers tell: D1 calls, statements, and round trips that were waited for one after the other. */
function costs(response) {
  const [, calls, statements] = /desc="calls=(\d+) statements=(\d+)"/.exec(response.headers.get("Server-Timing"));
  return { calls: Number(calls), statements: Number(statements), rounds: Number(response.headers.get("X-D1-Rounds")) };
}

async function boot(target) {
  const response = await fetch(`${target.url}/api/health`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("X-Pocketflare-Runtime"), "cold");
  return costs(response);
}

/** What a call of a client cost. */
async function costsOf(client, call) {
  let response;
  client.afterSend = (got, data) => {
    response = got;
    return data;
  };
  await call(client);
  return costs(response);
}

const USERS = [1, 2, 3].map((n) => ({ id: `user0000000000${n}`, email: `user${n}@example.com`, password: "12345678" }));

async function signIn(client, { email, password }) {
  client.authStore.clear();
  await client.collection("users").authWithPassword(email, password);
}

/** The figures are those of docs/d1.md. */
const COUNTS = {
  "health": { calls: 0, statements: 0, rounds: 0 },
  "view": { calls: 1, statements: 2, rounds: 1 },
  "view, signed in": { calls: 1, statements: 3, rounds: 1 },
  "list with total": { calls: 1, statements: 3, rounds: 1 },
  "list with total, signed in, with expand": { calls: 2, statements: 5, rounds: 2 },
  "create": { calls: 1, statements: 4, rounds: 1 },
  "create, signed in": { calls: 2, statements: 5, rounds: 2 },
  "update": { calls: 2, statements: 5, rounds: 2 },
  "delete": { calls: 2, statements: 6, rounds: 2 },
  "login": { calls: 5, statements: 8, rounds: 5 },
  "auth-refresh": { calls: 1, statements: 2, rounds: 1 },
};

test("an operation of a warm isolate", { timeout: 120_000 }, (t) =>
  withWorker(COUNTED, async (target) => {
    const admin = await target.admin();
    await createBlog(admin);
    for (const user of USERS) await admin.collection("users").create({ ...user, passwordConfirm: user.password });
    const [guest, user, stranger] = [target.client(), target.client(), target.client()];
    await signIn(user, USERS[0]);
    let n = 0; // every request is about another record, and meets another answer, than the one before
    let names = 0;
    const create = (client) => client.collection("authors").create({ name: `Author ${++names}` });
    const calls = {
      "health": [guest, () => guest.health.check()],
      "view": [guest, () => guest.collection("posts").getOne(ids.post(1 + (n % 3)))],
      "view, signed in": [user, () => user.collection("posts").getOne(ids.post(1 + (n % 3)))],
      "list with total": [guest, () => guest.collection("posts").getList(1, 5)],
      "list with total, signed in, with expand": [user, () => user.collection("posts").getList(1, 5, { expand: "author" })],
      "create": [guest, create],
      "create, signed in": [user, create],
      "update": [guest, () => guest.collection("authors").update(ids.author(1 + (n % 3)), { age: n })],
      "delete": [guest, () => guest.collection("comments").delete(ids.comment(n))],
      "login": [stranger, () => signIn(stranger, USERS[n % 3])],
      "auth-refresh": [user, () => user.collection("users").authRefresh()],
    };
    for (const [name, [client, call]] of Object.entries(calls)) {
      await t.test(name, async () => {
        for (n = 1; n <= 6; n++) {
          await admin.collection("posts").update(ids.post(1), { author: ids.author(1 + (n % 3)) });
          await call(client); // which teaches the driver the columns of the queries, and their order
        }
        assert.deepEqual(await costsOf(client, call), COUNTS[name]);
      });
    }
  }),
);

test("a boot on an existing database", { timeout: 60_000 }, () =>
  withWorker(COUNTED, async (target) => {
    await boot(target);
    await target.restart();
    assert.deepEqual(await boot(target), { calls: 3, statements: 9, rounds: 1 });
  }),
);

test("boots on a database whose migrations are behind the program's", { timeout: 120_000 }, async () => {
  const persist = mkdtempSync(join(tmpdir(), "behind-"));
  try {
    await withWorker({ persist }, boot);
    await withWorker({ persist, wasm: "build/example.wasm", isolates: 2 }, async (target) => {
      const answers = await Promise.all(target.urls.map((url) => fetch(`${url}/api/collections/notes/records`)));
      assert.deepEqual(answers.map(({ status }) => status), [200, 200]);
      const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
      const { results } = await database.prepare("SELECT file, count(*) n FROM _migrations WHERE file LIKE '%create_%' GROUP BY file").all();
      assert.deepEqual(results, [{ file: "1700000000_create_notes.go", n: 1 }, { file: "1700000001_create_audit.go", n: 1 }]);
    });
  } finally {
    rmSync(persist, { recursive: true, force: true });
  }
});

test("a request that reads in a loop sees what another isolate writes", { timeout: 60_000 }, () =>
  withWorker({ ...COUNTED, wasm: "build/example.wasm", isolates: 2, vars: { D1_DELAY_MS: 2 } }, async (target) => {
    const note = await target.client(0).collection("notes").create({ title: "Awaited" });
    const awaited = fetch(`${target.urls[0]}/example/await/${note.id}`);
    await target.client(1).collection("notes").update(note.id, { count: 7 });
    assert.deepEqual(await (await awaited).json(), { count: 7 });
  }),
);
