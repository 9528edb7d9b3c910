/** Signatures: the tests' own check against AWS's published examples, and what signs against that check. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { S3 } from "../../internal/files/s3.mjs";
import { BUCKET, FakeS3, KEY } from "../support/s3.mjs";
import { signature } from "../support/sigv4.mjs";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The examples of "Authenticating Requests (AWS Signature Version 4)" in Amazon S3's API reference. */
const EXAMPLES = [
  {
    name: "GET object",
    method: "GET",
    target: "/test.txt",
    headers: { range: "bytes=0-9", "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" },
    payloadHash: EMPTY,
    expected: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    name: "PUT object",
    method: "PUT",
    target: "/test%24file.text",
    headers: {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
    },
    payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    expected: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    name: "GET bucket lifecycle",
    method: "GET",
    target: "/?lifecycle",
    headers: { "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" },
    payloadHash: EMPTY,
    expected: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    name: "GET bucket (list objects)",
    method: "GET",
    target: "/?max-keys=2&prefix=J",
    headers: { "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" },
    payloadHash: EMPTY,
    expected: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
  {
    name: "a presigned URL",
    method: "GET",
    target:
      "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
    headers: {},
    payloadHash: "UNSIGNED-PAYLOAD",
    expected: "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  },
];

describe("AWS's examples of signatures", () => {
  for (const { name, headers, expected, ...request } of EXAMPLES) {
    test(name, () => {
      const all = { host: "examplebucket.s3.amazonaws.com", ...headers };
      const signed = { ...request, headers: all, signedHeaders: Object.keys(all).sort(), date: "20130524T000000Z", region: "us-east-1" };
      assert.equal(signature({ ...signed, secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }), expected);
    });
  }
});

describe("what signs", () => {
  let fake;
  let s3;
  const objects = new Map();
  before(async () => {
    fake = await FakeS3.start();
    // An R2 bucket in a few lines: signatures need no more.
    fake.bucket = {
      put: async (key, body) => (objects.set(key, Buffer.from(body)), { etag: "0" }),
      head: async (key) => objects.has(key) && { size: objects.get(key).length, httpEtag: '"0"', httpMetadata: {} },
      get: async (key) => objects.has(key) && { size: objects.get(key).length, httpEtag: '"0"', httpMetadata: {}, arrayBuffer: async () => objects.get(key) },
    };
    s3 = new S3({ endpoint: fake.url, bucket: BUCKET, ...KEY }, 10_000);
  });
  after(() => fake.stop());

  for (const key of ["a/b.txt", "with space+plus.txt", "ümläut*('!)~.png", "100%#&?.txt", "a//b=c;d,e@f:g$.bin"]) {
    test(`a URL and a header for ${key}`, async () => {
      const put = await s3.presign("PUT", key, { seconds: 60, headers: { "content-length": "5" } });
      assert.equal((await fetch(put, { method: "PUT", body: "hello" })).status, 200);
      assert.ok(objects.has(key));
      await s3.putEmpty(`${key}2`);
      assert.equal(objects.get(`${key}2`).length, 0);
      const disposition = 'attachment; filename="a b+c.txt"';
      const get = await s3.presign("GET", key, { seconds: 60, query: { "response-content-type": "image/png", "response-content-disposition": disposition } });
      const response = await fetch(get);
      assert.deepEqual([response.status, await response.text()], [200, "hello"]);
      assert.deepEqual([response.headers.get("content-type"), response.headers.get("content-disposition")], ["image/png", disposition]);
    });
  }

  test("what was not signed is refused", async () => {
    const put = await s3.presign("PUT", "k", { seconds: 60, headers: { "content-length": "5" } });
    const status = async (url, options) => (await fetch(url, options)).status;
    assert.equal(await status(put, { method: "PUT", body: "too long" }), 403);
    assert.equal(await status(put, { method: "GET" }), 403);
    assert.equal(await status(put.replace("/k?", "/other?"), { method: "PUT", body: "hello" }), 403);
    assert.equal(await status(put, { method: "PUT", body: "hello", headers: { "x-amz-meta-a": "b" } }), 403);
    assert.equal(await status(put, { method: "PUT", body: "hello", headers: { authorization: "Bearer x" } }), 403);
    assert.equal(await status(put.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), { method: "PUT", body: "hello" }), 403);
    const expired = await s3.presign("PUT", "k", { seconds: 60, now: new Date(Date.now() - 61_000) });
    assert.equal(await status(expired, { method: "PUT", body: "hello" }), 403);
    const other = new S3({ endpoint: fake.url, bucket: BUCKET, ...KEY, secretAccessKey: "other" }, 10_000);
    await assert.rejects(other.putEmpty("k"), { status: 403, code: "SignatureDoesNotMatch" });
  });

  test("a passing failure is tried again, another is not", async () => {
    const hasty = new S3({ endpoint: fake.url, bucket: BUCKET, ...KEY }, 500);
    let left;
    for (const [fault, reason] of [[503, /503 InternalError/], [200, /200 InternalError/], ["silence", /timeout/]]) {
      fake.fault = () => (left-- > 0 ? fault : undefined);
      left = 2;
      await hasty.putEmpty("a/b.txt");
      left = 3;
      await assert.rejects(hasty.putEmpty("a/b.txt"), { name: "StorageError", message: reason });
    }
    const before = fake.requests.length;
    await assert.rejects(s3.listParts("a/b.txt", "no such id"), { name: "S3Error", status: 404, code: "NoSuchUpload" });
    assert.equal(fake.requests.length, before + 1);
  });
});
