/** Records through the SDK: create, read, update, delete, lists, expand and fields. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { createBlog, ids } from "../support/blog.mjs";
import { refused } from "../support/expect.mjs";

suite("records", {}, (on) => {
  on.test("the blog is created", async (target) => {
    await createBlog(await target.admin());
    const { totalItems } = await target.client().collection("comments").getList(1, 1);
    assert.equal(totalItems, 24);
  });

  on.test("create, view, update and delete keep every type of value", async (target) => {
    const authors = target.client().collection("authors");
    const values = {
      name: "Dora \u2028 \"quoted\" 🙂 'single'",
      email: "dora@example.com",
      age: 9007199254740991,
      active: true,
      meta: { deep: [{ a: 1.5, b: null, c: "\u0000" }], large: 12345678901234567 },
      born: "2000-02-29 23:59:59.999Z",
      home: { lon: -179.999999, lat: 89.5 },
      site: "https://example.com/?q=1&r=é",
    };
    const created = await authors.create(values);
    assert.match(created.id, /^[a-z0-9]{15}$/);
    assert.match(created.created, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
    const { collectionId, collectionName, id, created: at, updated, ...rest } = await authors.getOne(created.id);
    assert.deepEqual(rest, values);
    assert.equal(collectionName, "authors");
    const changed = await authors.update(id, { "age-": 91, name: "Dora", meta: null, active: false, born: "" });
    assert.equal(changed.age, 9007199254740900);
    assert.equal(changed.active, false);
    assert.equal(changed.meta, null);
    assert.equal(changed.born, "");
    assert.equal(changed.created, at);
    assert.ok(changed.updated >= updated);
    assert.equal(await authors.delete(id), true);
    await refused(authors.getOne(id), 404);
    await refused(authors.delete(id), 404);
    await refused(authors.update(id, { name: "gone" }), 404);
  });

  on.test("validation names its fields", async (target) => {
    const authors = target.client().collection("authors");
    await refused(authors.create({}), 400, { name: "validation_required" });
    await refused(authors.create({ name: "x".repeat(51), age: 1.5, email: "no", site: "no" }), 400, {
      name: "validation_max_text_constraint",
      age: "validation_only_int_constraint",
      email: "validation_is_email",
      site: "validation_invalid_url",
    });
    await refused(authors.create({ name: "Ada" }), 400, { name: "validation_not_unique" });
    await refused(authors.update(ids.author(2), { name: "Ada" }), 400, { name: "validation_not_unique" });
    await refused(authors.create({ id: ids.author(1), name: "Another" }), 400, { id: "validation_not_unique" });
    const posts = target.client().collection("posts");
    await refused(posts.create({ title: "x", author: "missing00000000" }), 400, { author: "validation_missing_rel_records" });
    await refused(posts.create({ title: "x", labels: ["nope"] }), 400, { labels: "validation_invalid_value" });
  });

  on.test("modifiers of multiple values and numbers", async (target) => {
    const posts = target.client().collection("posts");
    const post = await posts.create({ title: "modified", labels: ["go"], editors: [ids.author(1)], views: 5 });
    const added = await posts.update(post.id, { "labels+": ["js", "go"], "+editors": ids.author(2), "views+": 2.5 });
    assert.deepEqual(added.labels, ["go", "js"]);
    assert.deepEqual(added.editors, [ids.author(2), ids.author(1)]);
    assert.equal(added.views, 7.5);
    const taken = await posts.update(post.id, { "labels-": "go", "editors-": [ids.author(1)] });
    assert.deepEqual(taken.labels, ["js"]);
    assert.deepEqual(taken.editors, [ids.author(2)]);
    await posts.delete(post.id);
  });

  on.test("pagination and sort", async (target) => {
    const posts = target.client().collection("posts");
    const first = await posts.getList(1, 5, { sort: "-views" });
    assert.deepEqual([first.page, first.perPage, first.totalItems, first.totalPages], [1, 5, 12, 3]);
    assert.deepEqual(first.items.map((item) => item.views), [126, 115.5, 105, 94.5, 84]);
    const last = await posts.getList(3, 5, { sort: "-views" });
    assert.equal(last.items.length, 2);
    const past = await posts.getList(9, 5);
    assert.deepEqual(past.items, []);
    const unknown = await posts.getList(1, 5, { skipTotal: true });
    assert.deepEqual([unknown.totalItems, unknown.totalPages], [-1, -1]);
    const sorted = await posts.getFullList({ sort: "state,-author.name,title", fields: "id,state" });
    assert.equal(sorted.length, 12);
    assert.deepEqual(sorted.slice(0, 3).map((item) => item.state), ["draft", "draft", "draft"]);
    assert.equal((await posts.getFullList({ sort: "@random" })).length, 12);
    assert.equal((await posts.getFullList({ batch: 5 })).length, 12);
    const byRow = await posts.getFullList({ sort: "-@rowid", fields: "id" });
    assert.equal(byRow[0].id, ids.post(12));
    await refused(posts.getList(1, 5, { sort: "nothing" }), 400);
    const item = await posts.getFirstListItem("title = 'Post 7'");
    assert.equal(item.id, ids.post(7));
    await refused(posts.getFirstListItem("title = 'none'"), 404);
    await refused(posts.getOne(""), 404);
  });

  on.test("expand, forth, back and nested", async (target) => {
    const client = target.client();
    const comment = await client.collection("comments").getOne(ids.comment(1), { expand: "post.author,post.editors" });
    assert.equal(comment.expand.post.id, ids.post(2));
    assert.equal(comment.expand.post.expand.author.name, "Çiğdem");
    assert.equal(comment.expand.post.expand?.editors, undefined);
    const author = await client.collection("authors").getOne(ids.author(1), { expand: "posts_via_author.comments_via_post" });
    const posts = author.expand.posts_via_author;
    assert.deepEqual(posts.map((post) => post.id).sort(), [3, 6, 9, 12].map(ids.post));
    assert.equal(posts.find((post) => post.id === ids.post(3)).expand.comments_via_post.length, 4);
    const list = await client.collection("posts").getList(1, 3, { expand: "editors,author", sort: "views" });
    assert.deepEqual(list.items[0].expand.editors.map((editor) => editor.name), ["Ada", "Bob_100%"]);
    assert.equal((await client.collection("posts").getOne(ids.post(1), { expand: "nothing,author" })).expand.author.age, 40);
  });

  on.test("fields and excerpts", async (target) => {
    const posts = target.client().collection("posts");
    const one = await posts.getOne(ids.post(1), { expand: "author", fields: "title,body:excerpt(10,true),expand.author.name" });
    assert.deepEqual(one, { title: "Post 1", body: "Body of po...", expand: { author: { name: "Bob_100%" } } });
    const { items } = await posts.getList(1, 2, { fields: "id,views", sort: "views" });
    assert.deepEqual(items, [{ id: ids.post(1), views: 10.5 }, { id: ids.post(2), views: 21 }]);
    assert.equal((await posts.getOne(ids.post(1))).secret, undefined);
    const admin = await target.admin();
    assert.equal((await admin.collection("posts").getOne(ids.post(1))).secret, "secret 1");
  });

  on.test("deletes cascade and unset", async (target) => {
    const client = target.client();
    const author = await client.collection("authors").create({ name: "Temporary" });
    const other = await client.collection("posts").create({ title: "kept", editors: [author.id, ids.author(1)] });
    for (let p = 0; p < 3; p++) {
      const post = await client.collection("posts").create({ title: `t${p}`, author: author.id });
      for (let c = 0; c < 4; c++) await client.collection("comments").create({ text: "temporary", post: post.id });
    }
    assert.equal((await client.collection("comments").getList(1, 1, { filter: "text = 'temporary'" })).totalItems, 12);
    await client.collection("authors").delete(author.id);
    assert.equal((await client.collection("comments").getList(1, 1, { filter: "text = 'temporary'" })).totalItems, 0);
    assert.equal((await client.collection("posts").getList(1, 1, { filter: "title ~ 't_'" })).totalItems, 0);
    assert.deepEqual((await client.collection("posts").getOne(other.id)).editors, [ids.author(1)]);
    await client.collection("posts").delete(other.id);
  });

  on.test("a required relation forbids the delete of what it refers to", async (target) => {
    const admin = await target.admin();
    const things = await admin.collections.create({ name: "things", type: "base", fields: [{ name: "n", type: "number" }] });
    await admin.collections.create({
      name: "holders",
      type: "base",
      fields: [{ name: "thing", type: "relation", collectionId: things.id, required: true, maxSelect: 1 }],
    });
    const thing = await admin.collection("things").create({ n: 1 });
    const holder = await admin.collection("holders").create({ thing: thing.id });
    await refused(admin.collection("things").delete(thing.id), 400);
    assert.equal((await admin.collection("holders").getOne(holder.id)).thing, thing.id);
  });

  on.test("text with NUL, text of SQL's own signs and long text", async (target) => {
    const posts = target.client().collection("posts");
    for (const title of ["a\u0000b", "%_\\'\"`;--", "x".repeat(2000), "\r\n\t", "👩‍👩‍👧‍👦é"]) {
      const { id } = await posts.create({ title });
      const { title: seen } = await posts.getOne(id);
      assert.equal(seen, title);
      const found = await posts.getList(1, 5, { filter: posts.client.filter("title = {:title}", { title }) });
      if (!title.includes("\u0000")) assert.ok(found.items.some((item) => item.id === id), JSON.stringify(title));
      await posts.delete(id);
    }
  });
});
