/** Copies of large files from Go: in little memory, whatever their size, and all of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { startWorker, wasm } from "../harness.mjs";
import { MEBIBYTE, bytes, incomplete, keys, watchMemory } from "../support/files.mjs";

const PART = 10 * MEBIBYTE;

/** The most that Go's memory may be, in MB. */
const MEMORY_LIMIT = 48;

describe("large copies", () => {
  let target;
  let bucket;
  before(async () => {
    target = await startWorker({ wasm: wasm(true) });
    await target.admin();
    bucket = (await target.mf.getBindings("pocketflare-0")).STORAGE;
  });
  after(() => target?.stop());

  /** Stores an object of so many parts. @returns {Promise<string>} its hash */
  const store = async (key, parts, options) => {
    const upload = await bucket.createMultipartUpload(key, options);
    const hash = createHash("sha256");
    const sent = [];
    for (let n = 1; n <= parts; n++) {
      const part = bytes(PART, n);
      hash.update(part);
      sent.push(await upload.uploadPart(n, part));
    }
    await upload.complete(sent);
    return hash.digest("hex");
  };
  const hashOf = async (key) => {
    const hash = createHash("sha256");
    for await (const piece of (await bucket.get(key)).body) hash.update(piece);
    return hash.digest("hex");
  };
  const copy = (key, to) => step({ do: "copy", key, to });
  const step = async (what) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${target.url}/example/files/storage`, { method: "POST", headers, body: JSON.stringify([what]) });
    return (await response.json())[0];
  };

  test("of 200 MB, with its metadata", { timeout: 180_000 }, async (t) => {
    const options = { httpMetadata: { contentType: "video/mp4", cacheControl: "max-age=7" }, customMetadata: { "original-filename": "film.mp4" } };
    const hash = await store("a/film.mp4", 20, options);
    const began = performance.now();
    const [{ error }, most] = await watchMemory(target, () => copy("a/film.mp4", "b/film.mp4"));
    t.diagnostic(`${Math.round(performance.now() - began)} ms, ${most} MB`);
    assert.equal(error, undefined);
    assert.ok(most < MEMORY_LIMIT, `${most} MB`);
    assert.equal(await hashOf("b/film.mp4"), hash);
    const { httpMetadata, customMetadata } = await bucket.head("b/film.mp4");
    assert.deepEqual([{ ...httpMetadata }, customMetadata], [options.httpMetadata, options.customMetadata]);
    assert.deepEqual(await keys(target), ["a/film.mp4", "b/film.mp4"]);
    assert.deepEqual(incomplete(target), []);
  });

  test("two at once", { timeout: 180_000 }, async () => {
    const hash = await store("one", 5);
    const [results, most] = await watchMemory(target, () => Promise.all([copy("one", "two"), copy("one", "three")]));
    for (const { error } of results) assert.equal(error, undefined);
    assert.ok(most < MEMORY_LIMIT, `${most} MB`);
    assert.deepEqual([await hashOf("two"), await hashOf("three")], [hash, hash]);
  });

  test("of one that is replaced meanwhile fails, and stores nothing", { timeout: 180_000 }, async () => {
    await store("changing", 2);
    const { error } = await step({ do: "rewrite", key: "changing", to: "mixed", count: 32768, offset: -1, name: "another" });
    assert.match(error, /i\/o error/i);
    assert.equal(await (await bucket.get("changing")).text(), "another");
    assert.equal(await bucket.head("mixed"), null);
    assert.deepEqual(incomplete(target), []);
  });
});
