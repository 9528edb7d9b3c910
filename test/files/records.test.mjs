/** Files of records through the SDK: the bucket holds exactly what the database names. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { createDocuments, eventually, file, keys, named } from "../support/files.mjs";

suite("files of records", {}, (on) => {
  const stored = async (target, expected) => {
    if (on.kind === "worker") assert.deepEqual(await eventually(() => keys(target), expected), expected);
  };
  const text = async (target, record, name) => {
    const response = await fetch(target.client().files.getURL(record, name));
    assert.equal(response.status, 200);
    return response.text();
  };
  let documents;

  on.test("upload, view, replace and remove one file", async (target) => {
    await createDocuments(await target.admin());
    documents = target.client().collection("documents");
    const record = await documents.create({ title: "a", one: file("Hello Wörld.txt", "hello") });
    assert.match(record.one, /^hello_w_rld_\w{10}\.txt$|^hello_w.*_\w{10}\.txt$/);
    assert.equal(await text(target, record, record.one), "hello");
    await stored(target, named(record));
    const replaced = await documents.update(record.id, { one: file("other.txt", "other") });
    assert.notEqual(replaced.one, record.one);
    assert.equal(await text(target, replaced, replaced.one), "other");
    await stored(target, named(replaced));
    assert.equal((await fetch(target.client().files.getURL(record, record.one))).status, 404);
    const removed = await documents.update(record.id, { one: null });
    assert.equal(removed.one, "");
    await stored(target, []);
  });

  on.test("append, prepend and remove among several files", async (target) => {
    const record = await documents.create({ many: [file("a.txt"), file("b.txt")] });
    assert.equal(record.many.length, 2);
    const appended = await documents.update(record.id, { "many+": [file("c.txt"), file("d.txt")] });
    assert.equal(appended.many.length, 4);
    assert.deepEqual(appended.many.slice(0, 2), record.many);
    const prepended = await documents.update(record.id, { "+many": file("e.txt") });
    assert.match(prepended.many[0], /^e/);
    const fewer = await documents.update(record.id, { "many-": [prepended.many[0], prepended.many[2]] });
    assert.deepEqual(fewer.many, [prepended.many[1], prepended.many[3], prepended.many[4]]);
    await stored(target, named(fewer));
    for (const name of fewer.many) assert.match(await text(target, fewer, name), /^the content of [acd]\.txt$/);
    await documents.delete(record.id);
    await stored(target, []);
  });

  on.test("what is refused leaves nothing", async (target) => {
    await refused(documents.create({ title: "x".repeat(51), one: file("a.txt") }), 400, { title: "validation_max_text_constraint" });
    await refused(documents.create({ many: Array.from({ length: 11 }, (_, i) => file(`${i}.txt`)) }), 400, { many: "validation_too_many_files" });
    const record = await documents.create({ title: "kept" });
    await refused(documents.create({ id: record.id, one: file("b.txt") }), 400, { id: "validation_not_unique" });
    await documents.delete(record.id);
    await stored(target, []);
  });

  on.test("a form that is broken in its middle is no smaller form", async (target) => {
    const part = (name, content) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;
    const large = `--x\r\ncontent-disposition: form-data; name="one"; filename="a.bin"\r\n\r\n${"a".repeat(400_000)}\r\n`;
    const send = async (body) => {
      const headers = { "content-type": "multipart/form-data; boundary=x" };
      const response = await fetch(`${target.url}/api/collections/documents/records`, { method: "POST", headers, body });
      return [response.status, (await response.json()).message];
    };
    for (const broken of ["--x\r\nno header\r\n\r\n\r\n", ""]) {
      const answer = await send(`${part("title", "broken")}${large}${broken}${part("title", "b")}${broken === "" ? "" : "--x--\r\n"}`);
      assert.deepEqual(answer, [400, "Something went wrong while processing your request."], broken);
    }
    assert.deepEqual(await documents.getFullList({ filter: "title = 'broken'" }), []);
    await stored(target, []);
  });

  on.test("deleting a collection deletes its files", async (target) => {
    const admin = await target.admin();
    const collection = await createDocuments(admin, { name: "other" });
    const kept = await documents.create({ one: file("kept.txt") });
    const other = target.client().collection("other");
    const records = [];
    for (let i = 0; i < 5; i++) records.push(await other.create({ one: file("a.txt"), many: [file("b.txt"), file("c.txt")] }));
    await stored(target, [...records.flatMap((record) => named(record)), ...named(kept)].sort());
    await admin.collections.delete(collection.id);
    await stored(target, named(kept));
    await documents.delete(kept.id);
    await stored(target, []);
  });
});
