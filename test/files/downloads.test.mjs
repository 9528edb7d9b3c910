/** Downloads: status, headers and bytes as stock PocketBase gives them; extra is an ETag. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";

import { startBoth } from "../harness.mjs";
import { MEBIBYTE, bytes, createDocuments, file } from "../support/files.mjs";

const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

const FILES = [
  ["plain.txt", "0123456789abcdefghij"],
  ["picture.png", PNG],
  ["page.html", "<!doctype html><html><script>alert(1)</script></html>"],
  ["drawing.svg", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
  ["style.css", "body { color: red }"],
  ["script.mjs", "export default 1"],
  ["noextension", "plain"],
  ["large.bin", bytes(3 * MEBIBYTE + 7)],
];

/** What differs from one server to the next, or is the Worker's own. */
const OWN = ["date", "server-timing", "x-pocketflare-runtime", "etag", "connection", "keep-alive", "transfer-encoding", "last-modified", "cf-ray"];

function get(url, { method = "GET", headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
      response.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

/** An answer in a form that is equal on both servers. */
function comparable({ status, headers, body }, names) {
  const fields = Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.includes(name)));
  let text = body.toString("latin1");
  const boundary = /boundary=(\S+)/.exec(fields["content-type"] ?? "")?.[1];
  if (boundary) {
    text = text.replaceAll(boundary, "BOUNDARY");
    fields["content-type"] = fields["content-type"].replace(boundary, "BOUNDARY");
  }
  for (const [name, stored] of names) {
    for (const field of Object.keys(fields)) fields[field] = fields[field].replaceAll?.(stored, name) ?? fields[field];
  }
  return { status, fields, text };
}

describe("downloads", () => {
  const targets = [];
  before(async () => {
    for (const target of await startBoth()) {
      await createDocuments(await target.admin());
      const record = await target.client().collection("documents").create({ many: FILES.map(([name, content]) => file(name, content)) });
      const names = FILES.map(([name], i) => [name, record.many[i]]);
      targets.push({ target, record, names });
    }
  });
  after(() => Promise.all(targets.map(({ target }) => target.stop())));

  /** Asks both servers and compares. `options` may depend on the file's Last-Modified and ETag. */
  async function same(index, options, query = "") {
    const answers = [];
    for (const { target, record, names } of targets) {
      const url = target.client().files.getURL(record, record.many[index]) + query;
      const { headers } = await get(url, { method: "HEAD" });
      const given = typeof options === "function" ? options(headers["last-modified"]) : options;
      answers.push(comparable(await get(url, given), names));
    }
    const [stock, worker] = answers;
    assert.deepEqual(worker.fields, stock.fields);
    assert.equal(worker.status, stock.status);
    assert.ok(worker.text === stock.text, `other bytes: ${worker.text.length} and ${stock.text.length}`);
    return worker;
  }

  const ranges = [
    "bytes=0-0", "bytes=0-", "bytes=5-9", "bytes=-5", "bytes=-100", "bytes=10-1000", "bytes=19-", "bytes=20-", "bytes=1000-", "bytes=9-5", "bytes=-0", "bytes=",
    "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=0-1, -2", "bytes=0-1,100-200", "bytes=100-200,300-", "bytes=0-19,0-19", "bytes=0-5,3-8", "bytes= 1-2",
  ];
  FILES.forEach(([name], index) => {
    test(`${name}: GET and HEAD, shown and downloaded`, async () => {
      for (const query of ["", "?download=1", "?download=0", "?download=x", "?thumb=7x7"]) {
        assert.equal((await same(index, {}, query)).status, 200);
        await same(index, { method: "HEAD" }, query);
      }
    });
  });
  for (const range of ranges) {
    test(`range ${range}`, async () => {
      await same(0, { headers: { range } });
      await same(0, { method: "HEAD", headers: { range } });
      await same(7, { headers: { range } });
    });
  }
  test("a range of a large file", async () => {
    const { text } = await same(7, { headers: { range: `bytes=${MEBIBYTE}-${2 * MEBIBYTE}` } });
    assert.equal(text.length, MEBIBYTE + 1);
    await same(7, { headers: { range: `bytes=5-${MEBIBYTE},${2 * MEBIBYTE}-` } });
  });
  test("conditions on the time", async () => {
    const old = "Mon, 02 Jan 2006 15:04:05 GMT";
    for (const method of ["GET", "HEAD"]) {
      await same(0, (time) => ({ method, headers: { "if-modified-since": time } }));
      await same(0, { method, headers: { "if-modified-since": old } });
      await same(0, { method, headers: { "if-modified-since": "nonsense" } });
      await same(0, (time) => ({ method, headers: { "if-unmodified-since": time } }));
      await same(0, { method, headers: { "if-unmodified-since": old } });
      await same(0, (time) => ({ method, headers: { "if-range": time, range: "bytes=2-4" } }));
      await same(0, { method, headers: { "if-range": old, range: "bytes=2-4" } });
      await same(0, { method, headers: { "if-range": '"other"', range: "bytes=2-4" } });
      await same(0, { method, headers: { "if-none-match": '"other"' } });
      await same(0, { method, headers: { "if-none-match": "*" } });
      await same(0, { method, headers: { "if-match": '"other"' } });
    }
  });
  test("conditions on the ETag", async () => {
    const { target, record } = targets[1];
    const url = target.client().files.getURL(record, record.many[0]);
    const { headers } = await get(url);
    assert.match(headers.etag, /^"[0-9a-f]+"$/);
    const status = async (given) => (await get(url, { headers: given })).status;
    assert.equal(await status({ "if-none-match": headers.etag }), 304);
    assert.equal(await status({ "if-none-match": `W/${headers.etag}` }), 304);
    assert.equal(await status({ "if-none-match": `"a", ${headers.etag}` }), 304);
    assert.equal(await status({ "if-match": headers.etag }), 200);
    assert.equal(await status({ "if-range": headers.etag, range: "bytes=2-4" }), 206);
    assert.equal((await get(url, { headers: { "if-range": headers.etag, range: "bytes=2-4" } })).body.toString(), "234");
    assert.ok(Math.abs(Date.parse(headers["last-modified"]) - Date.now()) < 600_000);
  });
  test("what does not exist", async () => {
    const answers = await Promise.all(
      targets.flatMap(({ target, record }) =>
        ["none.txt", `${record.many[0]}x`].map(async (name) => {
          const { status, body } = await get(target.client().files.getURL(record, name));
          return `${status} ${body}`;
        }),
      ),
    );
    assert.deepEqual(new Set(answers).size, 1);
  });
});
