/** Collections through the SDK: their whole life, and what a change of schema does to the records. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { createBlog, ids } from "../support/blog.mjs";
import { refused } from "../support/expect.mjs";

const text = (name, more) => ({ name, type: "text", ...more });

suite("collections", {}, (on) => {
  on.test("the blog is created", async (target) => createBlog(await target.admin()));

  on.test("create, rename, change and delete", async (target) => {
    const admin = await target.admin();
    const created = await admin.collections.create({ name: "life", type: "base", fields: [text("one"), { name: "two", type: "number" }] });
    const record = await admin.collection("life").create({ one: "1", two: 2 });
    const fields = created.fields.map((field) => (field.name === "one" ? { ...field, name: "uno" } : field));
    const changed = await admin.collections.update("life", { name: "vita", fields: [...fields, { name: "three", type: "bool" }] });
    assert.equal(changed.id, created.id);
    assert.deepEqual(changed.fields.map((field) => field.name), ["id", "uno", "two", "three"]);
    const kept = await admin.collection("vita").getOne(record.id);
    assert.deepEqual([kept.uno, kept.two, kept.three], ["1", 2, false]);
    await refused(admin.collection("life").getOne(record.id), 404);
    await admin.collections.update("vita", { fields: changed.fields.filter((field) => field.name !== "two") });
    assert.equal((await admin.collection("vita").getOne(record.id)).two, undefined);
    assert.equal(await admin.collections.delete("vita"), true);
    await refused(admin.collections.getOne("vita"), 404);
    await refused(admin.collection("vita").getFullList(), 404);
  });

  on.test("what is no collection is refused, and leaves nothing", async (target) => {
    const admin = await target.admin();
    const create = (values) => admin.collections.create({ type: "base", fields: [text("a")], ...values });
    await refused(create({ name: "" }), 400, { name: "validation_required" });
    await refused(create({ name: "bad name" }), 400, { name: "validation_match_invalid" });
    await refused(create({ name: "AUTHORS" }), 400, { name: "validation_collection_name_exists" });
    await refused(create({ name: "_params" }), 400);
    await refused(create({ name: "twice", fields: [text("a"), text("A")] }), 400);
    await refused(create({ name: "odd", listRule: "missing = 1" }), 400, { listRule: "validation_invalid_rule" });
    await refused(create({ name: "odd", fields: [{ name: "a", type: "nothing" }] }), 400);
    await refused(create({ name: "odd", indexes: ["CREATE INDEX idx_odd ON odd (missing)"] }), 400);
    await refused(create({ name: "odd", fields: [{ name: "r", type: "relation", collectionId: "missing" }] }), 400);
    await refused(admin.collections.getOne("odd"), 404);
    await refused(admin.collections.delete("users_missing"), 404);
    await refused(admin.collections.delete("_superusers"), 400);
    await refused(admin.collections.delete("authors"), 400);
  });

  on.test("indexes: unique ones bind, names are taken, changes keep them", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({
      name: "indexed",
      type: "base",
      fields: [text("a"), text("b")],
      indexes: ["CREATE UNIQUE INDEX `idx_indexed` ON `indexed` (`a`, lower(`b`)) WHERE `a` != ''"],
    });
    const records = admin.collection("indexed");
    await records.create({ a: "1", b: "x" });
    await refused(records.create({ a: "1", b: "X" }), 400);
    await records.create({ a: "", b: "x" });
    await records.create({ a: "", b: "x" });
    await refused(admin.collections.update("indexed", { indexes: ["CREATE UNIQUE INDEX idx_authors_name ON indexed (a)"] }), 400);
    await refused(admin.collections.update("indexed", { indexes: ["CREATE UNIQUE INDEX idx_b ON indexed (b)"] }), 400);
    const { indexes } = await admin.collections.update("indexed", { name: "reindexed" });
    assert.equal(indexes.length, 1);
    assert.match(indexes[0], /reindexed/);
    await refused(admin.collection("reindexed").create({ a: "1", b: "x" }), 400);
    await admin.collections.update("reindexed", { indexes: [] });
    await admin.collection("reindexed").create({ a: "1", b: "x" });
    await admin.collections.delete("reindexed");
  });

  on.test("one value becomes many and many become one", async (target) => {
    const admin = await target.admin();
    const fields = (maxSelect, choices) => [
      { id: "rel0000001", name: "rel", type: "relation", collectionId: choices, maxSelect },
      { id: "sel0000001", name: "sel", type: "select", values: ["a", "b", "c"], maxSelect },
    ];
    const { id: authors } = await admin.collections.getOne("authors");
    await admin.collections.create({ name: "many", type: "base", fields: fields(1, authors) });
    const records = admin.collection("many");
    const full = await records.create({ rel: ids.author(1), sel: "b" });
    const empty = await records.create({});
    const id = (await admin.collections.getOne("many")).fields[0];
    await admin.collections.update("many", { fields: [id, ...fields(3, authors)] });
    const multiple = await records.getOne(full.id);
    assert.deepEqual([multiple.rel, multiple.sel], [[ids.author(1)], ["b"]]);
    const none = await records.getOne(empty.id);
    assert.deepEqual([none.rel, none.sel], [[], []]);
    await records.update(full.id, { "rel+": ids.author(2), "sel+": "c" });
    await admin.collections.update("many", { fields: [id, ...fields(1, authors)] });
    const single = await records.getOne(full.id);
    assert.deepEqual([single.rel, single.sel], [ids.author(2), "c"]);
    assert.deepEqual([(await records.getOne(empty.id)).rel, (await records.getOne(empty.id)).sel], ["", ""]);
    await admin.collections.delete("many");
  });

  on.test("view collections follow their query and its sources", async (target) => {
    const admin = await target.admin();
    const view = await admin.collections.create({
      name: "stats",
      type: "view",
      listRule: "",
      viewRule: "",
      viewQuery: "SELECT a.id, a.name, a.home, COUNT(p.id) AS posts, MAX(p.views) AS best, (a.age * 2) AS twice FROM authors a LEFT JOIN posts p ON p.author = a.id GROUP BY a.id",
    });
    assert.deepEqual(view.fields.map(({ name, type }) => [name, type]), [
      ["id", "text"], ["name", "text"], ["home", "geoPoint"], ["posts", "number"], ["best", "json"], ["twice", "json"],
    ]);
    const stats = target.client().collection("stats");
    const list = await stats.getFullList({ sort: "-best" });
    assert.deepEqual(list.map(({ name, posts, best, twice }) => [name, posts, best, twice]), [
      ["Ada", 4, 126, 40], ["Çiğdem", 4, 115.5, 120], ["Bob_100%", 4, 105, 80],
    ]);
    assert.deepEqual(list[0].home, { lon: 23.32, lat: 42.69 });
    assert.equal((await stats.getList(1, 5, { filter: "posts = 4 && best > 110" })).totalItems, 2);
    const extra = await target.client().collection("posts").create({ title: "extra", author: ids.author(1), views: 1 });
    assert.equal((await stats.getOne(ids.author(1))).posts, 5);
    await target.client().collection("posts").delete(extra.id);
    await refused(admin.collection("stats").create({ name: "x" }), 400);
    await refused(admin.collection("stats").delete(ids.author(1)), 400);
    const authors = await admin.collections.getOne("authors");
    const fields = authors.fields.map((field) => (field.name === "age" ? { ...field, name: "years" } : field));
    await admin.collections.update("stats", { viewQuery: "SELECT id, name FROM authors" });
    await admin.collections.update("authors", { fields });
    assert.equal((await stats.getOne(ids.author(1))).name, "Ada");
    await admin.collections.update("authors", { fields: authors.fields });
    for (const viewQuery of ["SELECT name FROM authors", "SELECT id FROM nothing", "DELETE FROM authors", "SELECT", "SELECT id FROM authors; DROP TABLE posts"]) {
      await refused(admin.collections.update("stats", { viewQuery }), 400);
    }
    const dry = await admin.collections.dryRunViewQuery("SELECT id, title, views FROM posts ORDER BY views LIMIT 3");
    assert.deepEqual(dry.sample.map((post) => post.title).sort(), ["Post 1", "Post 2", "Post 3"]);
    await refused(admin.collections.dryRunViewQuery("SELECT nothing"), 400);
    await admin.collections.delete("stats");
  });

  on.test("truncate", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "short", type: "base", fields: [text("a")] });
    for (const a of ["1", "2", "3"]) await admin.collection("short").create({ a });
    assert.equal(await admin.collections.truncate("short"), true);
    assert.equal((await admin.collection("short").getFullList()).length, 0);
    await admin.collections.delete("short");
    await refused(admin.collections.truncate("_superusers_missing"), 404);
  });

  on.test("import creates, changes and, when told to, deletes", async (target) => {
    const admin = await target.admin();
    const snapshot = await admin.collections.getFullList();
    const added = [
      { name: "imported", type: "base", fields: [text("a", { required: true })], indexes: ["CREATE INDEX idx_imported ON imported (a)"] },
      { name: "imported_auth", type: "auth", fields: [text("nick")] },
    ];
    assert.equal(await admin.collections.import(added), true);
    assert.equal((await admin.collections.getFullList()).length, snapshot.length + 2);
    const person = await admin.collection("imported_auth").create({ email: "i@example.com", password: "password1", passwordConfirm: "password1", nick: "i" });
    assert.equal(person.nick, "i");
    const changed = [{ ...(await admin.collections.getOne("imported")), listRule: "", fields: [text("a"), text("b")] }];
    await admin.collections.import(changed);
    assert.deepEqual((await admin.collections.getOne("imported")).fields.map((field) => field.name).sort(), ["a", "b", "id"]);
    await refused(admin.collections.import([added[0], { name: "broken", type: "base", fields: [{ name: "x", type: "nothing" }] }]), 400);
    await refused(admin.collections.import([{ ...changed[0], name: "renamed" }, { name: "worse", type: "base", listRule: "missing = 1" }]), 400);
    assert.equal((await admin.collections.getOne("imported")).name, "imported");
    await admin.collections.import(snapshot, true);
    assert.deepEqual((await admin.collections.getFullList()).map((item) => item.name).sort(), snapshot.map((item) => item.name).sort());
    assert.equal((await admin.collection("posts").getList(1, 1)).totalItems, 12);
    await refused(admin.collections.import([], true), 400);
  });

  on.test("scaffolds, lists and field selection", async (target) => {
    const admin = await target.admin();
    const scaffolds = await admin.collections.getScaffolds();
    assert.deepEqual(Object.keys(scaffolds).sort(), ["auth", "base", "view"]);
    const { items, totalItems } = await admin.collections.getList(1, 2, { filter: "system = false", sort: "name", fields: "name,type" });
    assert.deepEqual(items, [{ name: "authors", type: "base" }, { name: "comments", type: "base" }]);
    assert.ok(totalItems >= 4);
  });

  on.test("a relation to itself, and its cascade", async (target) => {
    const admin = await target.admin();
    const tree = await admin.collections.create({ name: "tree", type: "base", fields: [text("name")] });
    await admin.collections.update("tree", {
      fields: [...tree.fields, { name: "parent", type: "relation", collectionId: tree.id, cascadeDelete: true, maxSelect: 1 }],
    });
    const nodes = admin.collection("tree");
    let parent = "";
    const created = [];
    for (let depth = 0; depth < 6; depth++) created.push((parent = (await nodes.create({ name: `${depth}`, parent })).id));
    const leaf = await nodes.getOne(created[5], { expand: "parent.parent.parent" });
    assert.equal(leaf.expand.parent.expand.parent.expand.parent.name, "2");
    await nodes.delete(created[1]);
    assert.deepEqual((await nodes.getFullList()).map((node) => node.name), ["0"]);
    await admin.collections.delete("tree");
  });
});
