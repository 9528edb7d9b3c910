/** Large uploads: bounded memory at every moment, and nothing left of what does not become a record's. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";

import { Agent } from "undici";

import { startWorker, wasm } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, incomplete, keys, named, watchMemory } from "../support/files.mjs";

/** The most that Go's memory may be, in MB. */
const MEMORY_LIMIT = 48;

/** The largest file that a request of 100 MB, which the platform takes, leaves room for. */
const LARGE = 95 * MEBIBYTE;

/** A connection for each request: one that was answered before its body was read is closed. */
const alone = new Agent({ pipelining: 0 });

describe("large uploads", () => {
  let target;
  let documents;
  before(async () => {
    target = await startWorker({ wasm: wasm(true) });
    const admin = await target.admin();
    await createDocuments(admin);
    await createDocuments(admin, { name: "closed", createRule: null });
    await createDocuments(admin, { name: "guarded", createRule: "@request.body.title = 'x'" });
    await createDocuments(admin, { name: "unique", indexes: ["CREATE UNIQUE INDEX idx_unique_title ON `unique` (`title`)"] });
    documents = collection("documents");
  });
  after(() => target?.stop());

  const collection = (name) => {
    const client = target.client();
    client.beforeSend = (url, options) => ({ url, options: { ...options, dispatcher: alone } });
    return client.collection(name);
  };
  const stored = async (...records) => {
    const expected = records.flatMap((record) => named(record)).sort();
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
    assert.deepEqual(await eventually(() => incomplete(target), []), []);
  };
  const same = async (record, name, content) => {
    const response = await fetch(target.client().files.getURL(record, name));
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(content.buffer, content.byteOffset, content.length)));
  };
  /** Runs, and asserts of Go's memory at every moment. */
  const bounded = async (run) => {
    const [result, most] = await watchMemory(target, run);
    assert.ok(most < MEMORY_LIMIT, `${most} MB`);
    return result;
  };

  test("a file of 95 MB", { timeout: 120_000 }, async () => {
    const content = bytes(LARGE);
    const record = await bounded(() => documents.create({ title: "large", one: file("large.bin", content) }));
    await stored(record);
    await same(record, record.one, content);
    await documents.delete(record.id);
    await stored();
  });

  test("ten files of 9 MB", { timeout: 120_000 }, async () => {
    const contents = Array.from({ length: 10 }, (_, i) => bytes(9 * MEBIBYTE, i + 1));
    const record = await bounded(() => documents.create({ many: contents.map((content, i) => file(`${i}.bin`, content)) }));
    await stored(record);
    for (const [i, content] of contents.entries()) await same(record, record.many[i], content);
    await documents.delete(record.id);
    await stored();
  });

  test("two of 95 MB at once", { timeout: 240_000 }, async () => {
    const contents = [bytes(LARGE, 3), bytes(LARGE, 4)];
    const records = await bounded(() => Promise.all(contents.map((content) => documents.create({ one: file("large.bin", content) }))));
    await stored(...records);
    for (const [i, content] of contents.entries()) await same(records[i], records[i].one, content);
    for (const { id } of records) await documents.delete(id);
    await stored();
  });

  /** Curl's two ways to send a form: with its length, and in chunks where a part comes from a pipe. */
  for (const [how, args] of [["with its length", ["-H", "Expect: 100-continue"]], ["in chunks", ["-H", "Transfer-Encoding: chunked"]]]) {
    test(`a file of 95 MB by curl, ${how}`, { timeout: 240_000 }, async (t) => {
      const content = bytes(LARGE, 5);
      const send = async () => {
        const curl = spawn("curl", ["-sS", ...args, "-F", "title=curl", "-F", "one=@-;filename=large.bin", `${target.url}/api/collections/documents/records`]);
        const missing = once(curl, "error").then(([error]) => error);
        const closed = once(curl, "close");
        curl.stdin.on("error", () => {}); // curl tells what was wrong
        curl.stdin.end(content);
        let text = "";
        for (const stream of [curl.stdout, curl.stderr]) stream.on("data", (data) => (text += data));
        const error = await Promise.race([missing, closed.then(() => undefined)]);
        if (error) return error;
        return JSON.parse(text);
      };
      const record = await bounded(send);
      if (record.code === "ENOENT") return t.skip("curl is not installed");
      await stored(record);
      await same(record, record.one, content);
      await documents.delete(record.id);
      await stored();
    });
  }

  const small = () => file("small.bin", bytes(10));
  const large = () => file("large.bin", bytes(20 * MEBIBYTE));
  for (const [size, make] of [["small", small], ["large", large]]) {
    test(`a ${size} one that is refused leaves nothing`, { timeout: 120_000 }, async () => {
      await refused(documents.create({ title: "x".repeat(51), one: make() }), 400, { title: "validation_max_text_constraint" });
      await stored();
      await refused(documents.create({ title: "refused before", one: make() }), 403);
      await stored();
      await refused(documents.create({ title: "refused after", one: make(), many: [make(), small()] }), 400);
      await stored();
      await refused(collection("closed").create({ one: make() }), 403);
      await stored();
      await refused(collection("guarded").create({ title: "y", one: make() }), 400);
      await stored();
      // This is answered before the body is read, of which a client that still sends may not hear.
      if (size === "small") await refused(collection("missing").create({ one: make() }), 404);
      await stored();
    });

    test(`a ${size} one whose record cannot be written leaves nothing`, { timeout: 120_000 }, async () => {
      const unique = collection("unique");
      const record = await unique.create({ title: "a", one: small() });
      await stored(record);
      await refused(unique.create({ title: "a", one: make(), many: [small(), make()] }), 400, { title: "validation_not_unique" });
      await stored(record);
      const other = await unique.create({ title: "b", one: small() });
      await refused(unique.update(other.id, { title: "a", one: make() }), 400, { title: "validation_not_unique" });
      await stored(record, other);
      await refused(documents.update(record.id, { one: make() }), 404);
      for (const { id } of [record, other]) await unique.delete(id);
      await stored();
    });
  }

  for (const chunked of [false, true]) test(`a client that hangs up in the middle${chunked ? " of chunks" : ""} leaves nothing`, { timeout: 120_000 }, async () => {
    const boundary = "----boundary";
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="one"; filename="a.bin"\r\n\r\n`;
    const outgoing = request(`${await target.directUrl()}/api/collections/documents/records`, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${boundary}`, ...(chunked ? { "transfer-encoding": "chunked" } : { "content-length": 90 * MEBIBYTE }) },
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
