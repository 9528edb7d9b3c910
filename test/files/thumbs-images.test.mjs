/** Thumbs by the IMAGES binding: what stock PocketBase makes, but for the encoder, and Go's where the binding fails. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";

import { startBoth, withWorker } from "../harness.mjs";
import { createDocuments, eventually, file, keys, memory } from "../support/files.mjs";
import { animation, picture, sharp } from "../support/images.mjs";

const SIZES = ["100x100", "10x20", "20x10t", "20x10b", "10x20t", "10x20b", "15x15f", "130x140f", "0x12", "12x0", "0x150", "150x120b"];

const PICTURES = {
  "baseline.jpg": () => picture(120, 110).jpeg().toBuffer(),
  "progressive.jpg": () => picture(240, 110).jpeg({ progressive: true }).toBuffer(),
  "turned.jpg": () => picture(220, 60).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
  "mirrored.jpg": () => picture(60, 220).jpeg().withMetadata({ orientation: 5 }).toBuffer(),
  "colors.png": () => picture(320, 110).png().toBuffer(),
  "alpha.png": () => picture(110, 320, { alpha: true }).png().toBuffer(),
  "lossy.webp": () => picture(120, 110).webp().toBuffer(),
  "lossless.webp": () => picture(120, 210).webp({ lossless: true }).toBuffer(),
  "alpha.webp": () => picture(110, 120, { alpha: true }).webp().toBuffer(),
  "tiny.jpg": () => picture(30, 20).jpeg().toBuffer(),
};

/** The most that two pictures of the same may differ, of 255, on the average; of another part they differ by 15 and more. */
const ALIKE = 10;

const OPTIONS = { entry: "test/entries/counted-images.mjs", configure: (options) => ({ ...options, images: { binding: "IMAGES" } }) };
const FIELDS = [{ name: "pictures", type: "file", maxSelect: 99, maxSize: 90_000_000, thumbs: SIZES }];

describe("thumbs by IMAGES", () => {
  let stock;
  let worker;
  before(async () => {
    [stock, worker] = await startBoth(OPTIONS);
    for (const target of [stock, worker]) await createDocuments(await target.admin(), { fields: FIELDS });
  });
  after(() => Promise.all([stock?.stop(), worker?.stop()]));
  beforeEach(() => images(""));

  /** Has the binding work so, and tells how often it was asked before. */
  const images = async (mode, target = worker) => (await fetch(`${target.url}/images?mode=${mode}`)).json();
  const counts = async () => (await fetch(`${worker.url}/r2/counts`)).json();
  const create = (target, ...contents) =>
    target.client().collection("documents").create({ pictures: contents.map((content, i) => file(`p${i}`, content)) });
  const thumb = async (target, record, size, i = 0) => {
    const response = await fetch(target.client().files.getURL(record, record.pictures[i], { thumb: size }));
    return { status: response.status, type: response.headers.get("content-type"), body: Buffer.from(await response.arrayBuffer()) };
  };
  /** The size of a picture, and its red and green: they tell what part of the whole it is. */
  const pixels = async ({ body }) => {
    const { data, info } = await sharp(body).flatten({ background: "#808080" }).toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
    return { size: `${info.width}x${info.height}`, colors: data.filter((_, i) => i % 3 !== 2) };
  };
  const difference = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

  for (const [name, make] of Object.entries(PICTURES)) {
    test(`of ${name} they have the type, size and part of PocketBase's`, async () => {
      const content = await make();
      const [ofStock, ofWorker] = [await create(stock, content), await create(worker, content)];
      await counts();
      for (const size of SIZES) {
        const expected = await thumb(stock, ofStock, size);
        const given = await thumb(worker, ofWorker, size);
        assert.deepEqual([given.status, given.type], [expected.status, expected.type], size);
        const [a, b] = [await pixels(given), await pixels(expected)];
        assert.equal(a.size, b.size, size);
        assert.ok(difference(a.colors, b.colors) < ALIKE, `${size} differs by ${difference(a.colors, b.colors)}`);
        assert.deepEqual(await thumb(worker, ofWorker, size), given);
      }
      assert.equal(await images(""), SIZES.length);
      const key = `${ofWorker.collectionId}/${ofWorker.id}/${ofWorker.pictures[0]}`;
      assert.equal((await counts())[`get ${key}`], SIZES.length); // for the binding, and not once more for Go
      await worker.client().collection("documents").delete(ofWorker.id);
      assert.deepEqual(await eventually(async () => (await keys(worker)).filter((found) => found.startsWith(key)), []), []);
    });
  }

  test("what Miniflare's binding cannot give, a GIF, is made by Go", async () => {
    const content = await animation("gif", 120, 110);
    const [ofStock, ofWorker] = [await create(stock, content), await create(worker, content)];
    for (const size of ["100x100", "20x10t"]) assert.deepEqual(await thumb(worker, ofWorker, size), await thumb(stock, ofStock, size));
    assert.equal(await images(""), 2);
  });

  for (const format of ["png", "webp"]) {
    test(`a ${format} that says it is to be turned is made by Go, which does not turn it`, async () => {
      const content = await picture(120, 60)[format]().withMetadata({ orientation: 6 }).toBuffer();
      const [ofStock, ofWorker] = [await create(stock, content), await create(worker, content)];
      for (const size of ["20x10t", "0x12"]) assert.deepEqual(await thumb(worker, ofWorker, size), await thumb(stock, ofStock, size));
      assert.equal(await images(""), 0);
    });
  }

  test("a WebP that moves has a thumb", async () => {
    const record = await create(worker, await animation("webp", 120, 110));
    const { type, body } = await thumb(worker, record, "20x10t");
    const { width, height } = await sharp(body).metadata();
    assert.deepEqual([type, width, height], ["image/png", 20, 10]);
  });

  async function madeByGo(target, mode) {
    const content = await PICTURES["colors.png"]();
    const [ofStock, ofWorker] = [await create(stock, content), await create(target, content)];
    const mark = target.output.mark();
    await images(mode, target);
    for (const size of ["100x100", "20x10b"]) assert.deepEqual(await thumb(target, ofWorker, size), await thumb(stock, ofStock, size));
    assert.equal(await images("", target), mode === "none" ? 0 : 2);
    const lines = target.output.since(mark).split("\n").filter((line) => line.includes("IMAGES"));
    assert.equal(lines.length, mode === "none" ? 0 : mode === "other" ? 2 : 1, lines.join("\n"));
  }
  for (const mode of ["refuse", "other", "cut", "none"]) {
    test(`"${mode}": Go makes it, and it is logged once`, () => madeByGo(worker, mode));
  }
  test('"hang": Go makes it, and it is logged once', { timeout: 60_000 }, () =>
    withWorker({ ...OPTIONS, vars: { POCKETFLARE_R2_TIMEOUT_SECONDS: "2" } }, async (target) => {
      await createDocuments(await target.admin(), { fields: FIELDS });
      await madeByGo(target, "hang");
    }));

  test("an image that is too large for Go has a thumb, and none of it enters Go", { timeout: 60_000 }, async () => {
    const record = await create(worker, await picture(6000, 5000).jpeg({ quality: 90 }).toBuffer(), await picture(6000, 4000).png().toBuffer());
    const before = await memory(worker);
    for (const i of [0, 1]) {
      const { body } = await thumb(worker, record, "10x20", i);
      const { width, height } = await sharp(body).metadata();
      assert.deepEqual([width, height], [10, 20]);
    }
    assert.equal(await memory(worker), before);
    await images("refuse");
    assert.ok((await thumb(worker, record, "20x10t")).body.length > 1_000_000);
  });

  test("many different ones at once", { timeout: 60_000 }, async () => {
    const content = await picture(2000, 1500).jpeg().toBuffer();
    const record = await create(worker, ...Array.from({ length: 40 }, () => content));
    const before = await memory(worker);
    const answers = await Promise.all(record.pictures.map((_, i) => thumb(worker, record, "100x100", i)));
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.ok(answers[0].body.length < 10_000);
    assert.equal(await images(""), 40);
    assert.ok((await memory(worker)) <= before + 8);
  });

  for (const mode of ["", "slow"]) {
    test(`fifty clients at once, "${mode}": the binding is asked once`, async () => {
      const record = await create(worker, await picture(1000, 800).png().toBuffer());
      await counts();
      await images(mode);
      const answers = await Promise.all(Array.from({ length: 50 }, () => thumb(worker, record, "10x20")));
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
      const counted = Object.entries(await counts()).filter(([what]) => what.startsWith("put"));
      assert.equal(await images(""), 1);
      assert.deepEqual(counted.map(([, times]) => times), [1]);
    });
  }

  test("the first client hangs up: the others get it, and the binding is asked once", async () => {
    const record = await create(worker, await picture(1000, 800).png().toBuffer());
    await images("slow");
    const first = request(`${await worker.directUrl()}/api/files/documents/${record.id}/${record.pictures[0]}?thumb=10x20`);
    const closed = new Promise((resolve) => first.on("error", () => {}).on("close", resolve));
    first.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const others = Promise.all(Array.from({ length: 20 }, () => thumb(worker, record, "10x20")));
    await new Promise((resolve) => setTimeout(resolve, 300));
    first.destroy();
    await closed;
    for (const { status, body } of await others) assert.deepEqual([status, body.readUInt32BE(16)], [200, 10]);
    assert.equal(await images(""), 1);
  });

  test("fifty clients at once, and the binding refuses: Go makes one", async () => {
    const record = await create(worker, await picture(1000, 800).png().toBuffer());
    await counts();
    await images("refuse");
    const answers = await Promise.all(Array.from({ length: 50 }, () => thumb(worker, record, "10x20")));
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    const counted = Object.entries(await counts()).filter(([what]) => what.startsWith("put"));
    assert.equal(await images(""), 1);
    assert.deepEqual(counted.map(([, times]) => times), [1]);
  });
});

test("an IMAGES that is something else: Go makes the thumbs, and it is said once", () =>
  withWorker({ vars: { IMAGES: "true" } }, async (target) => {
    await createDocuments(await target.admin());
    const record = await target.client().collection("documents").create({ one: file("p", await PICTURES["colors.png"]()) });
    for (const size of ["100x100", "10x20"]) {
      const { width } = await sharp(await (await fetch(target.client().files.getURL(record, record.one, { thumb: size }))).arrayBuffer()).metadata();
      assert.equal(width, Number.parseInt(size, 10));
    }
    assert.equal(target.output.since().match(/IMAGES is not an Images binding/g).length, 1);
  }));
