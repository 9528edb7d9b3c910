/** What D1 has limits on and SQLite has not, through the API: the same on both, or an error of validation that names the limit. */
import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";

const text = (name, options = {}) => ({ type: "text", name, ...options });
const id = (number) => String(number).padStart(15, "a");

/** The answer to a call that is refused: its status and data. */
async function refusal(call) {
  return call.then(
    () => assert.fail("not refused"),
    (error) => ({ status: error.status, data: error.response.data, message: error.response.message }),
  );
}

/** Creates records in batches of the API. */
async function createAll(admin, collection, records) {
  for (let start = 0; start < records.length; start += 50) {
    const batch = admin.createBatch();
    for (const record of records.slice(start, start + 50)) batch.collection(collection).create(record);
    await batch.send();
  }
}

suite("limits that vanish", {}, (on) => {
  on.test("a collection may be named as a part of the driver's statements", async (target) => {
    const admin = await target.admin();
    await admin.settings.update({ batch: { enabled: true, maxRequests: 50, timeout: 30 } });
    for (const name of ["pfq", "value", "excluded"]) {
      await admin.collections.create({ name, type: "base", fields: [{ type: "number", name: "c0" }] });
      await admin.collections.create({ name: `${name}_view`, type: "view", viewQuery: `SELECT id, (c0 + c0) AS c1 FROM ${name}` });
      await createAll(admin, name, numbers(3).map((n) => ({ id: id(n), c0: n / 2 })));
      const { items } = await admin.collection(`${name}_view`).getList(1, 10, { sort: "id", filter: "c1 > 1" });
      assert.deepEqual(items.map(({ c1 }) => c1), [2, 3], name);
      await admin.collections.truncate(name);
      assert.equal((await admin.collection(name).getList(1, 1)).totalItems, 0, name);
    }
  });

  on.test("a thousand relations, conditions, patterns, terms and trees", async (target) => {
    const admin = await target.admin();
    await admin.settings.update({ batch: { enabled: true, maxRequests: 50, timeout: 30 } });
    const tags = await admin.collections.create({ name: "tags", type: "base", fields: [text("name"), text("other"), { type: "number", name: "n" }] });
    await admin.collections.create({
      name: "posts",
      type: "base",
      fields: [text("title"), { type: "relation", name: "tags", collectionId: tags.id, maxSelect: 2000 }],
    });
    const long = "A title that is longer than_fifty bytes, so that D1 would not take it";
    const count = 1000;
    await createAll(admin, "tags", numbers(count).map((n) => ({
      id: id(n),
      name: `${long} ${n}`,
      other: n % 2 ? `${long} ${n % 10}`.toLowerCase() : `number ${n % 7}`,
      n,
    })));
    const ids = numbers(count).map(id);
    const post = await admin.collection("posts").create({ title: long, tags: ids });
    assert.equal(post.tags.length, count);
    const expanded = await admin.collection("posts").getOne(post.id, { expand: "tags" });
    assert.deepEqual(expanded.expand.tags.map((tag) => tag.id), ids);

    const total = async (collection, filter) => (await admin.collection(collection).getList(1, 1, { filter })).totalItems;
    const either = numbers(200).map((n) => `n = ${n * 3}`);
    assert.equal(await total("tags", either.join(" || ")), 200);
    assert.equal(await total("tags", numbers(200).map((n) => `n != ${n}`).join(" && ")), 800);
    assert.equal(await total("tags", numbers(30).map((n) => `(n = ${n} && name ~ "${long} ${n}")`).join(" || ")), 30);
    assert.equal(await total("tags", `name ~ other`), numbers(count).filter((n) => n % 2 && `${n}`.startsWith(`${n % 10}`)).length);
    assert.equal(await total("tags", `name !~ "${long} 5"`), numbers(count).filter((n) => !`${n}`.startsWith("5")).length);
    assert.equal(await total("posts", `tags.name ?~ "${long} 77" && tags.n ?= 77`), 1);
    assert.equal(await total("posts", `tags.name ~ "${long}"`), 1);

    for (const depth of [20, 60, 99]) {
      const right = numbers(depth).reduceRight((inner, n) => `(n = ${n} || (n > ${n} && ${inner}))`, "n > 990");
      const left = numbers(depth).reduce((inner, n) => `((${inner} || n = ${n}) && n < ${900 + n})`, "n > 990");
      assert.equal(await total("tags", right), numbers(count).filter((n) => n <= depth || n > 990).length, `right ${depth}`);
      assert.equal(await total("tags", left), numbers(count).filter((n) => n <= depth).length, `left ${depth}`);
    }

    const mixed = numbers(199).map((n) => (n % 2 ? `n<${n}` : `n!=${n}`)).reduce((all, term, i) => `${all}${i % 2 ? "||" : "&&"}${term}`, "n>990");
    const expected = numbers(count).filter((value) =>
      numbers(199).reduce((holds, n) => {
        const term = n % 2 ? value < n : value !== n;
        return n % 2 ? holds && term : holds || term;
      }, value > 990));
    assert.equal(await total("tags", mixed), expected.length);

    const terms = numbers(8).map((n) => `SELECT id, name, n FROM tags WHERE n = ${n * 10}`);
    for (const [name, operator] of [["all", "UNION ALL"], ["merged", "UNION"]]) {
      await admin.collections.create({ name, type: "view", viewQuery: `SELECT u.id, u.n FROM (${terms.join(` ${operator} `)}) u` });
      assert.deepEqual((await admin.collection(name).getFullList({ sort: "n" })).map((row) => row.n), numbers(8).map((n) => n * 10));
    }
  }, { timeout: 240_000 });
});

suite("limits that hold", { on: ["worker"] }, (on) => {
  on.test("a collection has a hundred columns", async (target) => {
    const admin = await target.admin();
    const fields = (count) => numbers(count - 1).map((n) => text(`f${n}`));
    const limit = "D1 allows 100 columns in a table or a result.";
    for (const create of [(body) => admin.collections.create(body), (body) => admin.collections.import([body])]) {
      const { status, data } = await refusal(create({ name: "wide", type: "base", fields: fields(101) }));
      assert.equal(status, 400);
      assert.deepEqual(data, {
        fields: { code: "validation_too_many_columns", message: `The collection wide has 101 fields, system fields included. ${limit}` },
      });
    }
    const wide = await admin.collections.create({ name: "wide", type: "base", fields: fields(100) });
    assert.equal(wide.fields.length, 100);
    const values = Object.fromEntries(fields(100).map(({ name }) => [name, `value of ${name}`]));
    const record = await admin.collection("wide").create(values);
    const changed = await admin.collection("wide").update(record.id, { f5: "changed" });
    assert.deepEqual({ ...changed, f5: values.f5 }, record);
    assert.equal((await admin.collection("wide").getList(1, 5, { filter: "f5 = 'changed'", sort: "-f7" })).totalItems, 1);
    const more = await refusal(admin.collections.update("wide", { fields: [...wide.fields, text("extra")] }));
    assert.match(more.data.fields.message, /101 fields/);
    const several = wide.fields.map((field) => (field.name === "f1" ? { type: "select", name: "other", values: ["a"], maxSelect: 1 } : field));
    const select = await admin.collections.update("wide", { fields: several });
    const multiple = select.fields.map((field) => (field.name === "other" ? { ...field, values: ["a", "b"], maxSelect: 2 } : field));
    const { status, data } = await refusal(admin.collections.update("wide", { fields: multiple }));
    assert.equal(status, 400);
    assert.equal(data.fields.code, "validation_too_many_columns", JSON.stringify(data));
    assert.equal((await admin.collection("wide").getOne(record.id)).f5, "changed");
    await admin.collection("wide").delete(record.id);

    const query = `SELECT id, ${numbers(100).map((n) => `1 AS c${n}`).join(", ")} FROM users`;
    const view = await refusal(admin.collections.create({ name: "wideview", type: "view", viewQuery: query }));
    assert.equal(view.status, 400);
    assert.match(view.data.viewQuery.message, /D1 allows 100 columns in a/);
  });

  on.test("names of tables that the database keeps for itself", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "notes", type: "base" });
    for (const prefix of ["_cf_", "_pf_"]) {
      const message = `Names that begin with ${prefix} are kept for tables of the database itself: give the collection another name.`;
      for (const name of [`${prefix}notes`, `${prefix.toUpperCase()}NOTES`]) {
        const body = { name, type: "base", fields: [text("title")] };
        for (const call of [() => admin.collections.create(body), () => admin.collections.update("notes", { name })]) {
          const { status, data } = await refusal(call());
          assert.equal(status, 400);
          assert.deepEqual(data, { name: { code: "validation_reserved_name", message } });
        }
        const { status, data } = await refusal(admin.collections.import([body]));
        assert.equal(status, 400);
        assert.ok(JSON.stringify(data).includes(message), JSON.stringify(data));
      }
    }
  });

  on.test("a table that exists gets no column with a name for the rowid", async (target) => {
    const admin = await target.admin();
    const { fields } = await admin.collections.create({ name: "rows", type: "base", fields: [text("title")] });
    const title = fields.find(({ name }) => name === "title");
    await admin.collection("rows").create({ title: "kept" });
    for (const name of ["rowid", "oid", "ROWID"]) {
      for (const changed of [[...fields, text(name)], fields.map((field) => (field === title ? { ...title, name } : field))]) {
        const { status, data } = await refusal(admin.collections.update("rows", { fields: changed }));
        assert.equal(status, 400);
        assert.deepEqual(data, {
          fields: {
            code: "validation_rowid_name",
            message: `D1 adds no column named ${name}, a name of SQLite's own for the rowid, to the table of rows: give the field another name.`,
          },
        });
      }
    }
    const { items } = await admin.collection("rows").getList(1, 5, { fields: "title" });
    assert.deepEqual(items, [{ title: "kept" }]);
    await admin.collections.create({ name: "born", type: "base", fields: [text("rowid"), text("oid")] });
    const record = await admin.collection("born").create({ rowid: "5", oid: "6" });
    assert.equal((await admin.collection("born").update(record.id, { oid: "7" })).rowid, "5");
    assert.equal((await admin.collection("born").getList(1, 5, { filter: "oid = '7'", sort: "-rowid" })).totalItems, 1);
  });

  on.test("a record has two megabytes", async (target) => {
    const admin = await target.admin();
    await admin.settings.update({ batch: { enabled: true, maxRequests: 50, timeout: 30, maxBodySize: 50 << 20 } });
    const size = 5_000_000;
    await admin.collections.create({
      name: "articles",
      type: "base",
      fields: [text("title", { max: size }), { type: "editor", name: "body", maxSize: size }, { type: "json", name: "data", maxSize: size }],
    });
    const articles = admin.collection("articles");
    const kept = await articles.create({ title: "kept", body: "b".repeat(1_900_000) });
    assert.equal((await articles.getOne(kept.id)).body.length, 1_900_000);
    const long = { title: "long", body: "b".repeat(2_000_001) };
    for (const [field, call] of [
      ["body", () => articles.create(long)],
      ["body", () => articles.update(kept.id, long)],
      ["title", () => articles.update(kept.id, { title: "t".repeat(1_100_000), body: "b".repeat(1_000_000) })],
      ["data", () => articles.create({ data: { list: Array(300_000).fill("abcdef") } })],
    ]) {
      const { status, data, message } = await refusal(call());
      assert.equal(status, 400, message);
      assert.deepEqual(Object.keys(data), [field]);
      assert.equal(data[field].code, "validation_row_too_long");
      assert.match(data[field].message, /D1 allows 2000000 in a row/);
    }
    const batch = admin.createBatch();
    batch.collection("articles").create({ title: "first of the batch" });
    batch.collection("articles").create(long);
    const { status, data, message } = await refusal(batch.send());
    assert.equal(status, 400, message);
    assert.equal(data.requests[1].response.data.body.code, "validation_row_too_long");
    assert.equal((await articles.getOne(kept.id)).title, "kept");
    assert.equal((await articles.getList(1, 1)).totalItems, 1);
  });
});
