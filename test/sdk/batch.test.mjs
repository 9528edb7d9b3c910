/** Batches: requests that depend on one another, all or nothing. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { createBlog, ids, numbers } from "../support/blog.mjs";
import { refused } from "../support/expect.mjs";

const PARENT = "batchparent0000";
const CHILD = "batchchild00000";

/** Creates a post, changes it, and creates a comment that refers to it; then fails, if it is told to. */
function dependentBatch(client, { fails }) {
  const batch = client.createBatch();
  batch.collection("posts").create({ id: PARENT, title: "parent", views: 1, author: ids.author(1) });
  batch.collection("posts").update(PARENT, { "views+": 41, title: "changed" });
  batch.collection("comments").create({ id: CHILD, text: "child", post: PARENT });
  if (fails) batch.collection("comments").create({ text: "no post", post: "missing00000000" });
  return batch;
}

async function counts(client) {
  const names = ["authors", "posts", "comments"];
  return Promise.all(names.map(async (name) => (await client.collection(name).getList(1, 1)).totalItems));
}

suite("batches", {}, (on) => {
  on.test("the blog is created", async (target) => createBlog(await target.admin()));

  on.test("one that fails in the end leaves nothing", async (target) => {
    const client = target.client();
    const before = await counts(client);
    const error = await refused(dependentBatch(client, { fails: true }).send(), 400);
    const failure = error.response.data.requests[3];
    assert.equal(failure.code, "batch_request_failed");
    assert.equal(failure.response.data.post.code, "validation_missing_rel_records");
    assert.deepEqual(await counts(client), before);
    await refused(client.collection("posts").getOne(PARENT), 404);
  });

  on.test("the same without the failure leaves all", async (target) => {
    const client = target.client();
    const results = await dependentBatch(client, { fails: false }).send();
    assert.deepEqual(results.map((result) => result.status), [200, 200, 200]);
    assert.equal(results[1].body.views, 42);
    const child = await client.collection("comments").getOne(CHILD, { expand: "post.author" });
    assert.equal(child.expand.post.title, "changed");
    assert.equal(child.expand.post.expand.author.name, "Ada");
    const batch = client.createBatch();
    batch.collection("comments").delete(CHILD);
    batch.collection("posts").delete(PARENT);
    assert.deepEqual((await batch.send()).map((result) => result.status), [204, 204]);
  });

  on.test("a unique violation names its field, in a batch and outside one", async (target) => {
    const client = target.client();
    await refused(client.collection("authors").create({ name: "Ada" }), 400, { name: "validation_not_unique" });
    for (const first of ["Eve", "Ada"]) {
      const batch = client.createBatch();
      batch.collection("authors").create({ name: first });
      batch.collection("authors").create({ name: "Eve" });
      const error = await refused(batch.send(), 400);
      const failed = first === "Eve" ? "1" : "0";
      assert.deepEqual(Object.keys(error.response.data.requests), [failed]);
      const { data } = error.response.data.requests[failed].response;
      assert.deepEqual(Object.entries(data).map(([name, { code }]) => [name, code]), [["name", "validation_not_unique"]]);
    }
    assert.equal((await client.collection("authors").getList(1, 1, { filter: "name = 'Eve'" })).totalItems, 0);
  });

  on.test("upserts, and records that a later request finds by rule or filter", async (target) => {
    const client = target.client();
    const upsert = (views) => {
      const batch = client.createBatch();
      batch.collection("posts").upsert({ id: "upserted0000000", title: "upserted", views });
      return batch.send();
    };
    assert.equal((await upsert(1))[0].body.views, 1);
    assert.equal((await upsert(2))[0].body.views, 2);
    const batch = client.createBatch();
    batch.collection("authors").create({ id: "swapa0000000000", name: "first" });
    batch.collection("authors").update("swapa0000000000", { name: "second" });
    batch.collection("authors").create({ id: "swapb0000000000", name: "first" });
    batch.collection("authors").delete("swapa0000000000");
    batch.collection("authors").update("swapb0000000000", { name: "second" });
    assert.deepEqual((await batch.send()).map((result) => result.status), [200, 200, 200, 204, 200]);
    const found = await client.collection("authors").getFullList({ filter: "name = 'second' || name = 'first'" });
    assert.deepEqual(found.map((author) => author.id), ["swapb0000000000"]);
    await client.collection("authors").delete("swapb0000000000");
    await client.collection("posts").delete("upserted0000000");
  });

  on.test("cascades inside a batch", async (target) => {
    const client = target.client();
    const before = await counts(client);
    const grown = client.createBatch();
    grown.collection("authors").create({ id: "cascade00000000", name: "Cascade" });
    numbers(5).forEach((p) => {
      grown.collection("posts").create({ id: `cascadepost000${p}`, title: `c${p}`, author: "cascade00000000" });
      numbers(3).forEach((c) => grown.collection("comments").create({ text: `${p} ${c}`, post: `cascadepost000${p}` }));
    });
    await grown.send();
    const cut = (fails) => {
      const batch = client.createBatch();
      batch.collection("authors").delete("cascade00000000");
      batch.collection("authors").create({ name: fails ? "Ada" : "Cascade" });
      return batch.send();
    };
    await refused(cut(true), 400);
    assert.deepEqual(await counts(client), [before[0] + 1, before[1] + 5, before[2] + 15]);
    await cut(false);
    assert.deepEqual(await counts(client), [before[0] + 1, before[1], before[2]]);
  });

  on.test("fifty creates, limits and what is no batch", async (target) => {
    const client = target.client();
    const batch = client.createBatch();
    numbers(50).forEach((n) => batch.collection("comments").create({ text: `fifty ${n}`, post: ids.post(1) }));
    assert.equal((await batch.send()).length, 50);
    assert.equal((await client.collection("comments").getList(1, 1, { filter: "text ~ 'fifty'" })).totalItems, 50);
    const long = client.createBatch();
    numbers(101).forEach((n) => long.collection("comments").create({ text: `long ${n}`, post: ids.post(1) }));
    await refused(long.send(), 400);
    const admin = await target.admin();
    await admin.settings.update({ batch: { enabled: false } });
    await refused(dependentBatch(client, { fails: false }).send(), 403);
    await admin.settings.update({ batch: { enabled: true } });
    const error = await refused(client.send("/api/batch", { method: "POST", body: { requests: [{ method: "GET", url: "/api/health" }] } }), 400);
    assert.equal(error.response.data.requests[0].code, "batch_request_failed");
  });

  on.test("a batch acts with the rights of who sends it", async (target) => {
    const admin = await target.admin();
    await admin.collections.update("comments", { deleteRule: null });
    const batch = target.client().createBatch();
    batch.collection("posts").create({ id: PARENT, title: "not to stay" });
    batch.collection("comments").delete(ids.comment(1));
    await refused(batch.send(), 400);
    await refused(admin.collection("posts").getOne(PARENT), 404);
    const allowed = admin.createBatch();
    allowed.collection("comments").delete(ids.comment(1));
    assert.equal((await allowed.send())[0].status, 204);
  });
});
