/** Thumbs that many clients ask for at the same time: made once in an isolate, right in several, and within memory however large. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { createDocuments, eventually, file, keys, memory } from "../support/files.mjs";
import { picture, plainPNG } from "../support/images.mjs";

const CLIENTS = 50;

/** Just within what may be decoded, and just beyond. */
const LARGE = { width: 2700, height: 2650 };
const TOO_LARGE = { width: 3300, height: 3000 };

describe("thumbs for many", () => {
  let target;
  let documents;
  let large;
  before(async () => {
    target = await startWorker({ entry: "test/entries/watched-r2.mjs", isolates: 2 });
    const fields = [{ name: "pictures", type: "file", maxSelect: 99, maxSize: 9_000_000, thumbs: ["10x20", "0x12"] }];
    await createDocuments(await target.admin(), { fields });
    documents = target.client().collection("documents");
    large = await picture(LARGE.width, LARGE.height).jpeg({ quality: 60 }).toBuffer();
  });
  after(() => target?.stop());
  beforeEach(async () => {
    for (const url of target.urls) await counts(url);
  });

  const counts = async (url) => (await fetch(`${url}/r2/counts`)).json();
  const pathOf = (record, size, i = 0) => `/api/files/documents/${record.id}/${record.pictures[i]}?thumb=${size}`;
  const ask = async (url) => {
    const response = await fetch(url);
    return { status: response.status, type: response.headers.get("content-type"), body: Buffer.from(await response.arrayBuffer()) };
  };
  const thumbKey = (record, size, i = 0) => `${record.collectionId}/${record.id}/thumbs_${record.pictures[i]}/${size}_${record.pictures[i]}`;
  const create = (...contents) => documents.create({ pictures: contents.map((content, i) => file(`p${i}`, content)) });

  /** How often the originals were decoded, and thumbs stored. */
  const work = async (record, url) => {
    const counted = Object.entries(await counts(url));
    const sum = (what) => counted.filter(([name]) => what.test(name)).reduce((total, [, times]) => total + times, 0);
    return { decoded: sum(new RegExp(`^get [^/]+/${record.id}/[^/]+$`)), stored: sum(/^put .*\/thumbs_/) };
  };

  const same = (answers, type) => {
    for (const { status, type: given, body } of answers) {
      assert.deepEqual([status, given], [200, type]);
      assert.ok(body.equals(answers[0].body));
    }
    return answers[0].body;
  };

  test(`${CLIENTS} at once: it is made once`, async () => {
    const record = await create(plainPNG(1000, 800));
    const [url] = target.urls;
    const body = same(await Promise.all(Array.from({ length: CLIENTS }, () => ask(url + pathOf(record, "10x20")))), "image/png");
    assert.deepEqual([body.readUInt32BE(16), body.readUInt32BE(20)], [10, 20]);
    assert.deepEqual(await work(record, url), { decoded: 1, stored: 1 });
  });

  test(`${CLIENTS} at once, of a large one`, async () => {
    const record = await create(large);
    const [url] = target.urls;
    const body = same(await Promise.all(Array.from({ length: CLIENTS }, () => ask(url + pathOf(record, "0x12")))), "image/jpeg");
    assert.ok(body.length < 2000);
    assert.deepEqual(await work(record, url), { decoded: 1, stored: 1 });
  });

  test("different large ones at once stay within memory", { timeout: 120_000 }, async () => {
    const record = await create(...Array.from({ length: 8 }, () => large));
    const [url] = target.urls;
    const answers = await Promise.all(record.pictures.flatMap((_, i) => ["10x20", "100x100"].map((size) => ask(url + pathOf(record, size, i)))));
    for (const { status, body } of answers) assert.ok(status === 200 && body.length < 5000, `${status}, ${body.length} bytes`);
    assert.deepEqual(await work(record, url), { decoded: 16, stored: 16 });
    assert.doesNotMatch(target.output.since(), /memory has passed 112/);
  });

  test(`${CLIENTS} at once, of one that is too large: each gets it whole, and nothing is decoded`, async () => {
    const content = await picture(TOO_LARGE.width, TOO_LARGE.height).jpeg({ quality: 20 }).toBuffer();
    const record = await create(content);
    const [url] = target.urls;
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => ask(url + pathOf(record, "100x100"))));
    assert.ok(same(answers, "image/jpeg").equals(content));
    const key = `${record.collectionId}/${record.id}/${record.pictures[0]}`;
    const counted = await counts(url);
    assert.equal(counted[`get ${key}`], CLIENTS);
    assert.ok(counted[`part ${key}`] <= CLIENTS);
    assert.ok((await memory(target)) < 80);
  });

  test("the first client hangs up: the others get it", async () => {
    const record = await create(large);
    const url = await target.directUrl();
    const path = pathOf(record, "100x100");
    const first = request(url + path);
    const closed = new Promise((resolve) => first.on("error", () => {}).on("close", resolve));
    first.end();
    const others = Promise.all(Array.from({ length: 20 }, () => ask(target.urls[0] + path)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    first.destroy();
    await closed;
    assert.ok(same(await others, "image/jpeg").length < 5000);
    assert.deepEqual((await keys(target)).filter((key) => key === thumbKey(record, "100x100")).length, 1);
  });

  const deletions = {
    "its record is deleted meanwhile in another isolate": { put: 1000, remove: 0, status: [404] },
    "it is stored between what is listed for a deletion and the deletion": { put: 400, remove: 1500, status: [200, 404] },
  };
  for (const [what, { put, remove, status }] of Object.entries(deletions)) {
    test(`${what}: it does not stay`, async () => {
      const elsewhere = target.client(1).collection("documents");
      await elsewhere.getList(1, 1);
      const record = await create(plainPNG(200, 300));
      const [url, other] = target.urls;
      await counts(url);
      await fetch(`${url}/r2/delay?put=${put}`);
      await fetch(`${other}/r2/delay?delete=${remove}`);
      const answer = ask(url + pathOf(record, "100x100"));
      while (!(await counts(url))[`put ${thumbKey(record, "100x100")}`]) await new Promise((resolve) => setTimeout(resolve, 20));
      await elsewhere.delete(record.id);
      assert.ok(status.includes((await answer).status));
      const left = async () => (await keys(target)).filter((key) => key.includes(record.id));
      await new Promise((resolve) => setTimeout(resolve, remove));
      assert.deepEqual(await eventually(left, []), []);
      for (const each of target.urls) await fetch(`${each}/r2/delay`);
    });
  }

  test("two isolates at once: both have the same", async () => {
    const record = await create(await picture(800, 900).jpeg().toBuffer());
    same(await Promise.all(Array.from({ length: CLIENTS }, (_, i) => ask(target.urls[i % 2] + pathOf(record, "100x100")))), "image/jpeg");
    for (const url of target.urls) assert.ok((await work(record, url)).stored <= 1);
  });
});
