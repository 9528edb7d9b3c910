/** Downloads that are answered with a signed URL of R2. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { bytes, createDocuments, file } from "../support/files.mjs";
import { exchange } from "../support/http.mjs";
import { Door, FakeS3 } from "../support/s3.mjs";

const MIN = 1000;

describe("signed downloads", () => {
  let s3;
  let target;
  let admin;
  let record;
  before(async () => {
    s3 = await FakeS3.start();
    target = await startWorker({
      wasm: "build/example.wasm",
      entry: "test/entries/r2-door.mjs",
      vars: { ...s3.settings, POCKETFLARE_DIRECT_DOWNLOAD_MIN: String(MIN) },
    });
    s3.bucket = new Door(target.url);
    admin = await target.admin();
    const fields = [{ name: "secret", type: "file", protected: true }];
    await createDocuments(admin, { name: "scans", fields, viewRule: "@request.auth.id != ''" });
    const large = Buffer.from(bytes(5000));
    record = await admin.collection("scans").create({
      many: [file("Ä picture+1.png", Buffer.concat([PNG, large])), file("page.html", `<html>${"x".repeat(2000)}</html>`), file("drawing.svg", SVG), file("small.txt", "x".repeat(MIN - 1)), file("exact.txt", "x".repeat(MIN))],
      secret: file("secret.bin", large),
    });
  });
  after(async () => {
    await target?.stop();
    await s3.stop();
  });

  const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
  const SVG = `<svg xmlns="http://www.w3.org/2000/svg">${"<g/>".repeat(500)}</svg>`;
  const url = (name, query = {}) => target.client().files.getURL(record, name, query);
  const get = (name, query, options) => exchange(url(name, query), options);

  test("the answer at R2 has the headers of an ordinary download", async () => {
    for (const [index, query] of [[0, {}], [0, { download: "1" }], [1, {}], [2, {}], [4, {}], [0, { hook: "type" }]]) {
      const name = record.many[index];
      const head = await get(name, query, { method: "HEAD" });
      assert.equal(head.status, 200); // from the Worker
      const link = await get(name, query, { headers: { Origin: "https://elsewhere.example" } });
      assert.equal(link.status, 302, link.text);
      assert.equal(link.text, "");
      assert.equal(link.headers["cache-control"], "no-store");
      assert.equal(link.headers["access-control-allow-origin"], "*");
      for (const header of ["content-type", "content-disposition", "content-security-policy", "etag"]) assert.equal(link.headers[header], undefined, header);
      assert.match(link.headers.location, /X-Amz-Expires=3600&/);
      const there = await exchange(link.headers.location);
      assert.equal(there.status, 200, there.text);
      for (const header of ["content-type", "content-disposition", "cache-control", "etag", "content-length", "accept-ranges"]) {
        assert.equal(there.headers[header] ?? String(there.body.length), head.headers[header], `${name} ${header}`);
      }
      assert.equal(there.body.length, Number(head.headers["content-length"]));
    }
  });

  test("small files come from the Worker", async () => {
    const answer = await get(record.many[3]);
    assert.deepEqual([answer.status, answer.body.length], [200, MIN - 1]);
  });

  test("ranges, conditions and clients of fetch", async () => {
    const [name] = record.many;
    const whole = Buffer.from(await (await fetch(url(name))).arrayBuffer());
    for (const [range, expected] of [["bytes=10-19", whole.subarray(10, 20)], ["bytes=-7", whole.subarray(-7)], ["bytes=5000-", whole.subarray(5000)]]) {
      const response = await fetch(url(name), { headers: { Range: range } });
      assert.deepEqual([response.status, response.redirected], [206, true]);
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(expected), range);
    }
    const head = await fetch(url(name), { method: "HEAD" });
    const etag = head.headers.get("etag");
    assert.equal((await get(name, {}, { headers: { "If-None-Match": etag } })).status, 304);
    assert.equal((await get(name, {}, { headers: { "If-Modified-Since": head.headers.get("last-modified") } })).status, 304);
    assert.equal((await get(name, {}, { headers: { "If-Match": '"other"' } })).status, 412);
    const several = await get(name, {}, { headers: { Range: "bytes=0-1,5-6" } });
    assert.deepEqual([several.status, /boundary=/.test(several.headers["content-type"])], [206, true]);
    assert.equal((await get(name, {}, { headers: { Range: "bytes=a-b" } })).status, 416);
  });

  test("protected files: after the checks only, and for a short while", async () => {
    assert.equal((await get(record.secret)).status, 404);
    assert.equal((await get(record.secret, { token: "x.y.z" })).status, 404);
    const link = await get(record.secret, { token: await admin.files.getToken() });
    assert.equal(link.status, 302);
    assert.match(link.headers.location, /X-Amz-Expires=180&/);
    assert.equal((await exchange(link.headers.location)).body.length, 5000);
    assert.equal((await exchange(link.headers.location.replace("Expires=180", "Expires=18000"))).status, 403);
    assert.equal((await exchange(link.headers.location.replace(record.secret, record.many[0]))).status, 403);
  });

  test("hooks: one that refuses, and one whose header R2 cannot send", async () => {
    assert.equal((await get(record.many[0], { hook: "refuse" })).status, 403);
    const answer = await get(record.many[0], { hook: "policy" });
    assert.deepEqual([answer.status, answer.headers["content-security-policy"]], [200, "default-src 'none'"]);
  });

  test("with an Authorization header, which may be sent on, from the Worker", async () => {
    assert.equal((await get(record.many[0], {}, { headers: { Authorization: admin.authStore.token } })).status, 200);
  });

  test("what does not exist", async () => {
    assert.equal((await get("none.bin")).status, 404);
    await s3.bucket.put(`${record.collectionId}/${record.id}/${record.many[4]}`, "short"); // now below the size
    assert.equal((await get(record.many[4])).status, 200);
  });
});
