/** R2 that does not answer: a clear error in bounded time, a bucket that holds what the database names, and an isolate that goes on. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Agent } from "undici";

import { ROOT, startWorker } from "../harness.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, incomplete, keys, memory, named } from "../support/files.mjs";

/** How long a request may take whose calls are given up after a second, in milliseconds: some are tried three times, the pump looks each second. */
const BOUND = 25_000;

/** More than the spool keeps in memory. */
const LARGE = 14 * MEBIBYTE;

/** A connection for each request: one that was answered before its body was read is closed. */
const alone = new Agent({ pipelining: 0 });

describe("R2 that hangs", () => {
  let target;
  let documents;
  before(async () => {
    target = await startWorker({ entry: "test/entries/unreliable-r2.mjs", vars: { POCKETFLARE_R2_TIMEOUT_SECONDS: "1" } });
    await createDocuments(await target.admin());
    const client = target.client();
    client.beforeSend = (url, options) => ({ url, options: { ...options, dispatcher: alone } });
    documents = client.collection("documents");
  });
  after(() => target?.stop());

  const faults = async (methods, mode) => {
    const body = JSON.stringify({ rate: methods.length > 0 ? 1 : 0, methods, mode });
    return (await fetch(`${target.url}/r2/faults`, { method: "POST", body })).json();
  };
  const url = (record, options) => target.client().files.getURL(record, record.one, options);
  const stored = async (...records) => {
    const expected = records.flatMap((record) => named(record)).sort();
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
  };

  /** Runs a request while these methods hang. @returns {Promise<{status: number, message: string}>} */
  const during = async (methods, mode, run) => {
    await faults(methods, mode);
    const began = performance.now();
    const answer = await run().then(
      async (response) => ({ status: response.status ?? 200, message: response.json ? await response.clone().json().then(({ message }) => message, () => "") : "" }),
      (error) => ({ status: error.status, message: error.response?.message }),
    );
    const took = performance.now() - began;
    const { failed } = await faults([], "hang");
    assert.ok(failed > 0, "nothing hung");
    assert.ok(took < BOUND, `it took ${took} ms`);
    return answer;
  };
  const isUnavailable = ({ status, message }) => {
    assert.equal(status, 503, message);
    assert.match(message, /^The file storage cannot be reached\. Nothing was stored/);
  };
  const isWell = async () => {
    const record = await documents.create({ one: file("large.bin", bytes(LARGE)), many: [file("small.txt")] });
    await stored(record);
    assert.equal((await (await fetch(url(record))).arrayBuffer()).byteLength, LARGE);
    assert.ok((await memory(target)) < 60);
    await documents.delete(record.id);
    await stored();
    assert.deepEqual(await eventually(() => incomplete(target), []), []);
  };

  // The list is that of the sweep, once an isolate.
  for (const [method, mode] of [["list", "hang"], ["complete", "lost"]]) {
    test(`an upload goes well whose ${method} is to be ${mode}`, { timeout: 60_000 }, async () => {
      const { status } = await during([method], mode, () => documents.create({ one: file("a.bin", bytes(LARGE)) }));
      assert.equal(status, 200);
      const [record] = await documents.getFullList();
      await stored(record);
      await documents.delete(record.id);
      await isWell();
    });
  }

  const uploads = [
    ["put", "hang", 10],
    ["put", "lost", 10],
    ["createMultipartUpload", "hang", LARGE],
    ["uploadPart", "hang", LARGE],
    ["uploadPart", "lost", LARGE],
    ["complete", "hang", LARGE],
    ["get", "hang", LARGE],
    ["put", "hang", LARGE],
    ["put", "lost", LARGE],
  ];
  for (const [method, mode, size] of uploads) {
    test(`an upload of ${size} bytes whose ${method} is ${mode === "lost" ? "done and never answered" : "never answered"}`, { timeout: 60_000 }, async () => {
      isUnavailable(await during([method], mode, () => documents.create({ title: "a", one: file("a.bin", bytes(size)) })));
      assert.equal((await documents.getFullList()).length, 0);
      await stored();
      await isWell();
    });
  }

  for (const method of ["get", "head"]) {
    test(`a download whose ${method} is never answered`, { timeout: 60_000 }, async () => {
      const record = await documents.create({ one: file("a.txt") });
      const options = { method: method === "head" ? "HEAD" : "GET" };
      const answer = await during([method], "hang", () => fetch(url(record), options));
      if (method === "get") isUnavailable(answer);
      else assert.equal(answer.status, 503);
      assert.equal((await fetch(url(record), options)).status, 200);
      await documents.delete(record.id);
      await isWell();
    });
  }

  for (const [methods, mode] of [[["get"], "stall"], [["get"], "hang"], [["put"], "hang"], [["put"], "lost"], [["head"], "hang"]]) {
    test(`a thumb whose ${methods} is to ${mode}`, { timeout: 60_000 }, async () => {
      const content = readFileSync(join(ROOT, "admin-ui", "_", "images", "favicon.png"));
      const record = await documents.create({ one: file("a.png", content) });
      const answer = await during(methods, mode, () => fetch(url(record, { thumb: "10x20" })));
      assert.ok([200, 503].includes(answer.status), `${answer.status}`);
      await stored(record);
      const response = await fetch(url(record, { thumb: "10x20" }));
      const thumb = Buffer.from(await response.arrayBuffer());
      assert.deepEqual([response.status, thumb.readUInt32BE(16), thumb.readUInt32BE(20)], [200, 10, 20]);
      await documents.delete(record.id);
      await isWell();
    });
  }

  test("a change whose deletion is never answered is made", { timeout: 60_000 }, async () => {
    const record = await documents.create({ one: file("a.txt") });
    const answer = await during(["delete"], "hang", () => documents.update(record.id, { one: file("b.txt") }));
    assert.equal(answer.status, 200);
    const changed = await documents.getOne(record.id);
    assert.match(changed.one, /^b/);
    assert.equal(await (await fetch(url(changed))).text(), "the content of b.txt");
    assert.match(target.output.since(), new RegExp(`STORAGE: delete ".*${record.one}": no answer for 1.0 s`));
    await documents.delete(record.id); // takes what has remained
    await isWell();
  });

  for (const [method, mode, size] of [["put", "late", 10], ["put", "late", LARGE], ["createMultipartUpload", "late", LARGE], ["complete", "late", LARGE]]) {
    test(`what a ${method} of ${size} bytes stores after it was given up is removed`, { timeout: 60_000 }, async () => {
      isUnavailable(await during([method], mode, () => documents.create({ one: file("a.bin", bytes(size)) })));
      await fetch(`${target.url}/r2/release`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await stored();
      await isWell();
    });
  }
});
