/** filesystem.System.Copy: by R2 itself where there are credentials, else streamed within the platform; never through Go. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { MEBIBYTE, bytes, keys } from "../support/files.mjs";
import { Door, FakeS3 } from "../support/s3.mjs";

const OPTIONS = { httpMetadata: { contentType: "video/mp4", cacheControl: "max-age=7" }, customMetadata: { "original-filename": "M%C3%A4rz.mp4" } };

for (const credentials of [true, false]) {
  describe(credentials ? "copies with credentials" : "copies without", () => {
    let s3;
    let target;
    before(async () => {
      s3 = await FakeS3.start();
      target = await startWorker({ wasm: "build/example.wasm", entry: "test/entries/r2-door.mjs", vars: credentials ? s3.settings : {} });
      s3.bucket = new Door(target.url);
      await target.admin();
    });
    after(async () => {
      await target?.stop();
      await s3.stop();
    });

    const run = async (...steps) => {
      await s3.bucket.calls();
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${target.url}/example/files/storage`, { method: "POST", headers, body: JSON.stringify(steps) });
      return response.json();
    };
    const copied = () => s3.requests.filter(({ headers }) => headers["x-amz-copy-source"]).length;
    const hash = async (key) => createHash("sha256").update(Buffer.from(await (await s3.bucket.get(key)).arrayBuffer())).digest("hex");
    const store = async (key, size) => {
      await s3.bucket.put(key, bytes(size), OPTIONS);
      return createHash("sha256").update(bytes(size)).digest("hex");
    };

    test("a large object, with its metadata", async () => {
      const expected = await store("a/large ü+.mp4", 20 * MEBIBYTE);
      const before = copied();
      const [{ error }] = await run({ do: "copy", key: "a/large ü+.mp4", to: "b/large ü+.mp4" });
      assert.equal(error, undefined);
      assert.equal(copied() - before, credentials ? 1 : 0);
      const calls = await s3.bucket.calls();
      assert.equal(calls.filter((call) => call === "get").length, credentials ? 0 : 1); // for the platform's stream; Go would need one more
      assert.equal(await hash("b/large ü+.mp4"), expected);
      const { size, httpMetadata, customMetadata } = await s3.bucket.head("b/large ü+.mp4");
      assert.deepEqual({ size, httpMetadata, customMetadata }, { size: 20 * MEBIBYTE, ...OPTIONS });
    });

    test("onto itself, onto another, and of what is missing, small or empty", async () => {
      const large = await store("c/large", 9 * MEBIBYTE);
      const small = await store("c/small", 1000);
      await s3.bucket.put("c/empty", "");
      await store("c/other", 5000);
      const results = await run(
        { do: "copy", key: "c/large", to: "c/large" },
        { do: "copy", key: "c/small", to: "c/other" },
        { do: "copy", key: "c/empty", to: "c/empty too" },
        { do: "copy", key: "c/missing", to: "c/none" },
      );
      assert.deepEqual(results.map(({ error, missing }) => [error === undefined, missing ?? false]), [[true, false], [true, false], [true, false], [false, true]]);
      assert.equal(await hash("c/large"), large);
      assert.equal(await hash("c/other"), small);
      assert.equal((await s3.bucket.head("c/empty too")).size, 0);
      assert.equal((await keys(target)).filter((key) => key.startsWith("c/") && key.includes("none")).length, 0);
    });

    test("what is only read, or changed while it is written, passes through Go as it is", async () => {
      await store("d/large", 9 * MEBIBYTE);
      const changed = bytes(9 * MEBIBYTE).slice();
      changed[5_000_000]++;
      const [{ error }] = await run({ do: "rewrite", key: "d/large", to: "d/changed", count: 30_000, offset: 5_000_000, content: "end" });
      assert.equal(error, undefined);
      assert.equal(await hash("d/changed"), createHash("sha256").update(changed).update("end").digest("hex"));
    });

    if (!credentials) return;
    test("an object that R2 cannot copy leaves what was there", async () => {
      await store("e/large", 9 * MEBIBYTE);
      const other = await store("e/other", 5000);
      s3.fault = ({ headers }) => (headers["x-amz-copy-source"] ? 500 : undefined);
      const [{ error }] = await run({ do: "copy", key: "e/large", to: "e/other" });
      s3.fault = () => undefined;
      assert.match(error, /I\/O error/);
      assert.equal(await hash("e/other"), other);
    });
  });
}
