/** Large uploads: bounded memory, and nothing left of what does not become a record's. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, keys, memory, named } from "../support/files.mjs";

/** The most that Go's memory may be, in MB; the aim is 48. */
const MEMORY_LIMIT = 80;

describe("large uploads", () => {
  let target;
  let documents;
  before(async () => {
    target = await startWorker();
    await createDocuments(await target.admin());
    documents = target.client().collection("documents");
  });
  after(() => target?.stop());

  const stored = async (...records) => {
    const expected = records.flatMap((record) => named(record)).sort();
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
  };
  const same = async (record, name, content) => {
    const response = await fetch(target.client().files.getURL(record, name));
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(content.buffer, content.byteOffset, content.length)));
  };

  test("a file of 95 MB", { timeout: 120_000 }, async () => {
    const content = bytes(95 * MEBIBYTE);
    const record = await documents.create({ title: "large", one: file("large.bin", content) });
    await stored(record);
    await same(record, record.one, content);
    assert.ok((await memory(target)) < MEMORY_LIMIT);
    await documents.delete(record.id);
    await stored();
  });

  test("ten files of 9 MB", { timeout: 120_000 }, async () => {
    const contents = Array.from({ length: 10 }, (_, i) => bytes(9 * MEBIBYTE, i + 1));
    const record = await documents.create({ many: contents.map((content, i) => file(`${i}.bin`, content)) });
    await stored(record);
    for (const [i, content] of contents.entries()) await same(record, record.many[i], content);
    assert.ok((await memory(target)) < MEMORY_LIMIT);
    await documents.delete(record.id);
    await stored();
  });

  test("two of 40 MB at once", { timeout: 120_000 }, async () => {
    const contents = [bytes(40 * MEBIBYTE, 3), bytes(40 * MEBIBYTE, 4)];
    const records = await Promise.all(contents.map((content) => documents.create({ one: file("large.bin", content) })));
    await stored(...records);
    for (const [i, content] of contents.entries()) await same(records[i], records[i].one, content);
    assert.ok((await memory(target)) < MEMORY_LIMIT);
    for (const { id } of records) await documents.delete(id);
    await stored();
  });

  test("one that validation refuses leaves nothing", { timeout: 120_000 }, async () => {
    await refused(documents.create({ title: "x".repeat(51), one: file("large.bin", bytes(20 * MEBIBYTE)) }), 400, { title: "validation_max_text_constraint" });
    await stored();
  });

  test("a client that hangs up in the middle leaves nothing", { timeout: 120_000 }, async () => {
    const boundary = "----boundary";
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="one"; filename="a.bin"\r\n\r\n`;
    const outgoing = request(`${await target.directUrl()}/api/collections/documents/records`, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${boundary}`, "content-length": 90 * MEBIBYTE },
    });
    const closed = new Promise((resolve) => outgoing.on("error", resolve));
    outgoing.write(head);
    for (let i = 0; i < 30; i++) {
      if (!outgoing.write(bytes(MEBIBYTE, i + 1))) await new Promise((resolve) => outgoing.once("drain", resolve));
    }
    outgoing.socket.resetAndDestroy();
    await closed;
    await stored();
    const record = await documents.create({ one: file("small.txt") });
    await stored(record);
    await documents.delete(record.id);
  });
});
