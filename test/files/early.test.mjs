/** Downloads whose object is opened while the database is asked: with the same calls, and nothing told that PocketBase does not allow. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT, suite } from "../harness.mjs";
import { createDocuments, file } from "../support/files.mjs";

suite("downloads opened early", { example: true, on: ["worker"], entry: "test/entries/counted-r2.mjs" }, (on) => {
  const get = async (target, path, options) => {
    const response = await fetch(`${target.url}/api/files/${path}`, options);
    return [response.status, await response.text(), response.headers.get("x-r2")];
  };
  let record;

  on.test("one call of R2, with and without a range", async (target) => {
    await createDocuments(await target.admin());
    record = await target.client().collection("documents").create({ one: file("a.txt", "0123456789") });
    const byId = `${record.collectionId}/${record.id}/${record.one}`;
    assert.deepEqual(await get(target, byId), [200, "0123456789", "get"]);
    assert.deepEqual(await get(target, `${byId}?download=1`), [200, "0123456789", "get"]);
    assert.deepEqual(await get(target, byId, { headers: { range: "bytes=2-4" } }), [206, "234", "get"]);
    assert.deepEqual(await get(target, byId, { headers: { range: "bytes=-2" } }), [206, "89", "get"]);
    assert.deepEqual(await get(target, `documents/${record.id}/${record.one}`), [200, "0123456789", "get"]); // not early
    assert.deepEqual((await get(target, byId, { method: "HEAD" })).slice(0, 2), [200, ""]);
    assert.deepEqual((await get(target, `${byId}?thumb=10x20`))[1], "0123456789"); // it is no picture
  });

  on.test("a thumb is opened early once it exists", async (target) => {
    const picture = new File([readFileSync(join(ROOT, "admin-ui", "_", "images", "favicon.png"))], "a.png");
    const { collectionId, id, one } = await target.client().collection("documents").create({ one: picture });
    const calls = [];
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${target.url}/api/files/${collectionId}/${id}/${one}?thumb=10x20`);
      const thumb = Buffer.from(await response.arrayBuffer());
      assert.deepEqual([response.status, thumb.readUInt32BE(16), thumb.readUInt32BE(20)], [200, 10, 20]);
      calls.push(response.headers.get("x-r2").split(","));
    }
    assert.ok(calls[0].includes("put"));
    assert.deepEqual(calls[1], ["get", "head", "head"]);
  });

  on.test("what PocketBase refuses is refused", async (target) => {
    assert.equal((await get(target, `${record.collectionId}/${record.id}/other.txt`))[0], 404);
    assert.equal((await get(target, `${record.collectionId}/aaaaaaaaaaaaaaa/${record.one}`))[0], 404);
    const { STORAGE } = await target.mf.getBindings("pocketflare-0");
    await STORAGE.put(`${record.collectionId}/${record.id}/stray.txt`, "no record names it");
    const [status, text, calls] = await get(target, `${record.collectionId}/${record.id}/stray.txt`);
    assert.equal(status, 404);
    assert.doesNotMatch(text, /no record/);
    assert.equal(calls, "get"); // it was asked for in vain
  });

  on.test("what a hook has changed meanwhile is served", async (target) => {
    const path = `${record.collectionId}/${record.id}/${record.one}`;
    for (const content of ["changed", "again"]) assert.deepEqual((await get(target, `${path}?rewrite=${content}`)).slice(0, 2), [200, content]);
    assert.deepEqual(await get(target, path), [200, "again", "get"]);
  });
});
