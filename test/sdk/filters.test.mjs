/** Filters through the SDK: every operator, modifiers, macros, relations both ways, rules. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { createBlog, ids, numbers } from "../support/blog.mjs";
import { refused } from "../support/expect.mjs";

const n = (...list) => list;
const all = numbers(12);

/** Filters of posts, with the numbers of the posts that they find. */
const postFilters = [
  ["title = 'Post 3'", n(3)],
  ["title != 'Post 3'", all.filter((i) => i !== 3)],
  ["views > 105", n(11, 12)],
  ["views >= 105", n(10, 11, 12)],
  ["views < 21", n(1)],
  ["views <= 21.0", n(1, 2)],
  ["views > -1.5 && views < 0.5", n()],
  ["title ~ '1'", n(1, 10, 11, 12)],
  ["title ~ 'POST 1'", n(1, 10, 11, 12)],
  ["title ~ 'post 1%'", n(1, 10, 11, 12)],
  ["title ~ '%1'", n(1, 11)],
  ["title !~ '1'", all.filter((i) => ![1, 10, 11, 12].includes(i))],
  ["title ~ 'Post _'", n()],
  ["state = 'draft'", n(4, 8, 12)],
  ["state = 'draft' || title = 'Post 1'", n(1, 4, 8, 12)],
  ["(state = 'draft' || title = 'Post 1') && views < 50", n(1, 4)],
  ["state = null", n()],
  ["secret = 'secret 1'", n(1)],
  ["labels ~ 'go'", n(3, 6, 9, 12)],
  ["labels = 'go'", n()],
  ["labels ?= 'js'", n()],
  ["labels:each = 'go'", n(3, 6, 9, 12)],
  ["labels:each ?= 'js'", n(1, 4, 7, 10)],
  ["labels:each != 'js' && labels:length > 0", n(3, 6, 9, 12)],
  ["labels:length = 2", n(1, 4, 7, 10)],
  ["labels:length = 0", n(2, 5, 8, 11)],
  ["editors:length > 1", n(1, 3, 5, 7, 9, 11)],
  ["title:lower = 'post 5'", n(5)],
  ["author.name = 'Ada'", n(3, 6, 9, 12)],
  ["author.name:lower = 'ada'", n(3, 6, 9, 12)],
  ["author.active = true", all.filter((i) => i % 3 !== 1)],
  ["author.age > 20 && author.age < 60", n(1, 4, 7, 10)],
  ["author.name ~ '_100%'", n()],
  ["author.name ~ '%\\\\_100\\\\%'", undefined],
  ["author.name ~ '_100'", n(1, 4, 7, 10)],
  ["author = '" + ids.author(1) + "'", n(3, 6, 9, 12)],
  ["editors.name ?= 'Ada'", n(1, 3, 5, 7, 9, 11)],
  ["editors.name = 'Ada'", n()],
  ["editors.name ?~ 'ad'", n(1, 3, 5, 7, 9, 11)],
  ["editors.age ?> 30", n(1, 3, 5, 7, 9, 11)],
  ["editors.age > 10", n(1, 3, 5, 7, 9, 11)],
  ["editors.age ?<= 20 && editors.age ?>= 40", n()],
  ["author.meta.rank = 1", n(3, 6, 9, 12)],
  ["author.meta.tags:length = 2", undefined],
  ["author.meta.2.three = 3", n(2, 5, 8, 11)],
  ["comments_via_post.text ?= 'Comment 1'", n(2)],
  ["comments_via_post.rating ?> 3", n(1, 2, 3, 4, 5)],
  ["comments_via_post.id:length > 0", undefined],
  ["comments_via_post.id = null", n(7, 8, 9, 10, 11, 12)],
  ["comments_via_post.rating > -1", n(1, 2, 3, 4, 5, 6)],
  ["comments_via_post.post.author.name ?= 'Ada'", n(3, 6)],
  ["author.posts_via_author.title ?= 'Post 1'", n(1, 4, 7, 10)],
  ["@collection.comments.post ?= id && @collection.comments.text ?= 'Comment 7'", n(2)],
  ["@collection.comments:c.post ?= id && @collection.comments:c.rating ?= 4", undefined],
  ["published > '2026-08-01'", n(7, 8)],
  ["published >= '2026-08-15 08:30:00.000Z'", n(7, 8)],
  ["published < @now && published > @yesterday", undefined],
  ["published < @todayEnd || published >= @todayStart", all],
  ["@year >= 2026 && @month <= 12 && @day >= 1 && @hour < 24 && @minute < 60 && @second < 60 && @weekday < 7", all],
  ["@monthStart <= @now && @monthEnd >= @now && @yearStart <= @now && @yearEnd >= @now && @tomorrow > @now", all],
  ["geoDistance(author.home.lon, author.home.lat, 23.32, 42.69) < 10", n(3, 6, 9, 12)],
  ["geoDistance(author.home.lon, author.home.lat, 13.4, 52.52) < 1000", n(1, 2, 4, 5, 7, 8, 10, 11)],
  ["@request.query.find = title", n()],
  ["@request.method = 'GET' && @request.context = 'default'", all],
  ["@request.auth.collectionName = '_superusers'", all],
  ["title = \"Post 1\" // a comment", n(1)],
  ["id ?= '" + ids.post(2) + "'", n(2)],
  ["title = title", all],
  ["true", undefined],
  ["1 = 1", all],
  ["views = 21 || views = 31.5", n(2, 3)],
];

/** Filters that no one can ask. */
const badFilters = ["nothing = 1", "views < 1e1", "title =", "title = 'x' &&", "title == 'x'", "@collection.none.id = 1", "((title = 'x')", "title ~~ 1"];

suite("filters", {}, (on) => {
  on.test("the blog is created", async (target) => createBlog(await target.admin()));

  on.test("every operator finds what it should", async (target) => {
    const posts = (await target.admin()).collection("posts");
    const wrong = [];
    for (const [filter, expected] of postFilters) {
      const seen = await posts.getFullList({ filter, sort: "views", fields: "id" }).then(
        (items) => items.map((item) => Number(item.id.slice(4))),
        (error) => `${error.status} ${error.response.message}`,
      );
      if (expected && JSON.stringify(seen) !== JSON.stringify(expected)) wrong.push([filter, seen, expected]);
    }
    assert.deepEqual(wrong, []);
  });

  on.test("what is no filter is refused", async (target) => {
    const posts = (await target.admin()).collection("posts");
    for (const filter of badFilters) await refused(posts.getList(1, 1, { filter }), 400);
    const guests = target.client().collection("posts");
    for (const filter of ["@collection.comments.id = 1", "@request.auth.id = ''", "secret = 'secret 1'"]) {
      await refused(guests.getList(1, 1, { filter }), filter.startsWith("@") ? 403 : 400);
    }
  });

  on.test("values that are bound", async (target) => {
    const client = target.client();
    const posts = client.collection("posts");
    const bind = (expression, values) => posts.getFullList({ filter: client.filter(expression, values) });
    assert.equal((await bind("title = {:t} || views = {:v}", { t: "Post 1", v: 21 })).length, 2);
    assert.equal((await bind("published >= {:at}", { at: new Date("2026-08-15T08:30:00Z") })).length, 2);
    assert.equal((await bind("title = {:t}", { t: "' || 1 = 1 || '" })).length, 0);
    assert.equal((await bind("author.active = {:yes}", { yes: false })).length, 4);
  });

  on.test("long filters, up to PocketBase's own limit", async (target) => {
    const posts = (await target.admin()).collection("posts");
    const views = (count) => numbers(count).map((i) => `views=${i}`).join("||");
    assert.equal((await posts.getFullList({ filter: views(150) })).length, 6);
    assert.equal((await posts.getFullList({ filter: views(200) })).length, 6);
    await refused(posts.getFullList({ filter: views(201) }), 400);
    const nested = numbers(40).reduce((filter, i) => `(${filter} || title = 'Post ${i}')`, "title = 'none'");
    assert.equal((await posts.getFullList({ filter: nested })).length, 12);
    const pattern = "x".repeat(120);
    const long = await posts.create({ title: `before ${pattern} after` });
    assert.equal((await posts.getFullList({ filter: `title ~ '${pattern}'` })).length, 1);
    assert.equal((await posts.getFullList({ filter: `title ~ 'be_ore %${pattern.slice(0, 70)}%ter'` })).length, 1);
    assert.equal((await posts.getFullList({ filter: `title !~ '${pattern}'` })).length, 12);
    await posts.delete(long.id);
  });

  on.test("rules decide who sees and changes what", async (target) => {
    const admin = await target.admin();
    const users = admin.collection("users");
    const [ann, ben] = await Promise.all(
      ["ann", "ben"].map((name) =>
        users.create({ email: `${name}@example.com`, password: "password1", passwordConfirm: "password1", name, verified: true }),
      ),
    );
    await admin.collections.create({
      name: "tasks",
      type: "base",
      listRule: "@request.auth.id != '' && (owner = @request.auth.id || public = true)",
      viewRule: "owner = @request.auth.id || public = true",
      createRule: "@request.auth.id != '' && @request.body.owner = @request.auth.id && @request.body.title:isset = true",
      updateRule: "owner = @request.auth.id && @request.body.owner:isset = false && @request.body.title:changed = true",
      deleteRule: "owner = @request.auth.id && @request.headers.x_sure = 'yes'",
      fields: [
        { name: "title", type: "text" },
        { name: "public", type: "bool" },
        { name: "owner", type: "relation", collectionId: ann.collectionId, maxSelect: 1 },
      ],
    });
    const as = async (name) => {
      const client = target.client();
      if (name) await client.collection("users").authWithPassword(`${name}@example.com`, "password1");
      return client.collection("tasks");
    };
    const [anns, bens, guests] = await Promise.all([as("ann"), as("ben"), as("")]);
    const own = await anns.create({ title: "own", owner: ann.id });
    const shared = await anns.create({ title: "shared", owner: ann.id, public: true });
    await refused(guests.create({ title: "x", owner: ann.id }), 400);
    await refused(bens.create({ title: "x", owner: ann.id }), 400);
    await refused(anns.create({ owner: ann.id }), 400);
    assert.equal((await anns.getFullList()).length, 2);
    assert.deepEqual((await bens.getFullList()).map((item) => item.id), [shared.id]);
    assert.equal((await guests.getFullList()).length, 0);
    assert.equal((await guests.getOne(shared.id)).title, "shared");
    await refused(bens.getOne(own.id), 404);
    await refused(bens.update(shared.id, { title: "stolen" }), 404);
    await refused(anns.update(own.id, { title: "own" }), 404);
    await refused(anns.update(own.id, { title: "mine", owner: ben.id }), 404);
    assert.equal((await anns.update(own.id, { title: "mine" })).title, "mine");
    await refused(anns.delete(own.id), 404);
    assert.equal(await anns.delete(own.id, { headers: { X_Sure: "yes" } }), true);
    await admin.collections.update("tasks", { listRule: null });
    await refused(anns.getFullList(), 403);
    assert.equal((await admin.collection("tasks").getFullList()).length, 1);
  });
});
