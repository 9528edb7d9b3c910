/** The same requests to stock PocketBase and to the Worker, with the same answers. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startBoth } from "./harness.mjs";
import { everything, creates, queries } from "./differential/fields.mjs";
import { bodies, http } from "./differential/requests.mjs";
import { ids as uniqueIds, violations } from "./differential/violations.mjs";
import { walk } from "./differential/walk.mjs";
import { collections, records } from "./support/blog.mjs";
import { answers, differences } from "./support/differential.mjs";
import { exchange, pause, untilAnswered } from "./support/http.mjs";

const KEPT = [...records.map(([, body]) => body.id), ...uniqueIds];

/** What a new database on the Worker has by itself, and a limit for batches that a Worker's memory can hold. */
const SETTINGS = {
  meta: { appURL: "http://app.example" },
  trustedProxy: { headers: ["CF-Connecting-IP"], useLeftmostIP: false },
  batch: { enabled: true, maxRequests: 100, maxBodySize: 32 << 20 },
};

const notes = {
  name: "notes_diff",
  type: "base",
  listRule: "",
  viewRule: "",
  createRule: "",
  fields: [
    { name: "title", type: "text", required: true },
    { name: "count", type: "number" },
    { name: "meta", type: "json", maxSize: 1 << 20 },
  ],
};

describe("differential", () => {
  let targets;
  let tokens;

  before(async () => {
    targets = await startBoth();
    const admins = await Promise.all(targets.map((target) => target.admin()));
    tokens = admins.map((admin) => ({ admin: admin.authStore.token }));
    for (const admin of admins) await admin.settings.update(SETTINGS);
  });
  after(async () => Promise.all((targets ?? []).map((target) => target.stop())));

  /** Sends the requests to both and asserts that they answer alike. */
  async function same(requests) {
    const [stock, worker] = await Promise.all(
      targets.map((target, index) => answers(target, requests, { tokens: tokens[index], kept: KEPT })),
    );
    const found = differences(stock, worker);
    assert.equal(found.length, 0, `${found.length} of ${stock.length} answers differ:\n${JSON.stringify(found, null, 1)}`);
  }

  const create = (collection) => ({ method: "POST", path: "/api/collections", body: collection, as: "admin" });

  test("the edges of HTTP", () => same(http));

  test("the edges of bodies", () => same([create(notes), ...bodies]));

  test("every type of field", () => same([create(everything), ...creates(), ...queries]));

  test("what the database refuses", () => same(violations));

  test("a walk through the whole API", () => same(walk(collections, records)), { timeout: 120_000 });

  test("a body of 100 MB", async () => {
    for (const path of ["/api/collections/users/auth-with-password", "/api/collections/notes_diff/records", "/api/batch", "/api/nothing"]) {
      const [stock, worker] = await Promise.all(targets.map((target) => sendLong(target, path)));
      assert.deepEqual(worker, stock, path);
    }
    const { status } = await exchange(`${targets[1].url}/api/health`);
    assert.equal(status, 200);
  });
});

/** What a server says to 100 MB, whether or not it waits for the end of them. */
async function sendLong(target, path) {
  const headers = { "Content-Type": "application/json", "Content-Length": String(100 << 20) };
  const { status, text } = await untilAnswered(() => exchange(target.url + path, { method: "POST", headers, body: blanks(100) }));
  return { status, body: JSON.parse(text) };
}

/** The first of them come slowly: one who answers without having read them all closes the connection, and its answer has to arrive before that is met. */
async function* blanks(megabytes) {
  const chunk = Buffer.alloc(1 << 20, " ");
  for (let i = 0; i < megabytes; i++) {
    yield chunk;
    if (i < 5) await pause(50);
  }
}
