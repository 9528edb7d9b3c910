/** Thumbs: the bytes that stock PocketBase makes, made once, and never of an image that would not fit into memory. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startBoth } from "../harness.mjs";
import { createDocuments, file, keys, memory } from "../support/files.mjs";
import { animation, crowdedWebP, picture, plainPNG } from "../support/images.mjs";

const SIZES = ["10x20", "20x10", "20x10t", "20x10b", "10x20t", "10x20b", "15x15f", "130x140f", "0x12", "12x0", "0x150", "150x120b"];

/** Asked for, but not in the field. */
const OTHERS = ["77x77", "0x0", "10x20x", "", "-1x5", "100x100 "];

const PICTURES = {
  "baseline.jpg": () => picture(120, 110).jpeg().toBuffer(),
  "progressive.jpg": () => picture(120, 110).jpeg({ progressive: true, chromaSubsampling: "4:4:4" }).toBuffer(),
  "gray.jpg": () => picture(64, 111).grayscale().jpeg().toBuffer(),
  "cmyk.jpg": () => picture(111, 64).toColourspace("cmyk").jpeg().toBuffer(),
  "turned.jpg": () => picture(120, 60).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
  "mirrored.jpg": () => picture(60, 120).jpeg().withMetadata({ orientation: 5 }).toBuffer(),
  "colors.png": () => picture(120, 110).png().toBuffer(),
  "alpha.png": () => picture(110, 120, { alpha: true }).png().toBuffer(),
  "palette.png": () => picture(120, 110).png({ palette: true }).toBuffer(),
  "deep.png": () => picture(120, 110).toColourspace("rgb16").png().toBuffer(),
  "interlaced.png": () => picture(120, 110, { alpha: true }).png({ progressive: true }).toBuffer(),
  "plain.png": () => plainPNG(90, 60),
  "still.gif": () => picture(120, 110).gif().toBuffer(),
  "moving.gif": () => animation("gif", 120, 110),
  "lossy.webp": () => picture(120, 110).webp().toBuffer(),
  "lossless.webp": () => picture(120, 110).webp({ lossless: true }).toBuffer(),
  "alpha.webp": () => picture(110, 120, { alpha: true }).webp().toBuffer(),
  "moving.webp": () => animation("webp", 120, 110),
  "tiny.jpg": () => picture(3, 2).jpeg().toBuffer(),
  "narrow.png": () => picture(300, 3).png().toBuffer(),
  "high.webp": () => picture(2, 300).webp().toBuffer(),
};

/** No pictures, or none that can be decoded. */
const NO_PICTURES = {
  "cut.jpg": async () => (await PICTURES["baseline.jpg"]()).subarray(0, 900),
  "cut.png": async () => (await PICTURES["colors.png"]()).subarray(0, 200),
  "head.png": async () => (await PICTURES["colors.png"]()).subarray(0, 16),
  "head.gif": async () => (await PICTURES["still.gif"]()).subarray(0, 8),
  "head.webp": async () => (await PICTURES["lossy.webp"]()).subarray(0, 20),
  "text.png": () => Buffer.from("no picture at all"),
  "drawing.svg": () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
  "picture.bmp": () => Buffer.concat([Buffer.from("BM"), Buffer.alloc(100)]),
  "picture.tiff": () => picture(120, 110).tiff().toBuffer(),
  "picture.avif": () => picture(120, 110).avif().toBuffer(),
};

/** What would take more memory than there is. */
const BOMBS = {
  "an image of 900 megapixels": () => plainPNG(30000, 10, 30000),
  "a line that would become a thumb of 300 megapixels": () => plainPNG(30000, 1),
  "a progressive photo of 16 megapixels": () => picture(4000, 4000).jpeg({ progressive: true, quality: 10 }).toBuffer(),
  "a WebP of other data than its beginning tells": async () => {
    const webp = await picture(1600, 9000).webp({ quality: 5 }).toBuffer();
    const other = Buffer.concat([webp.subarray(0, 12), Buffer.from("JUNK"), Buffer.from([16, 0, 0, 0]), Buffer.alloc(16, 1), webp.subarray(12)]);
    other.writeUInt32LE(other.length - 8, 4);
    return other;
  },
  "a WebP that says it is longer": async () => {
    const webp = await picture(60, 60).webp().toBuffer();
    webp.writeUInt32LE(120_000_000, 4);
    webp.writeUInt32LE(110_000_000, 16);
    return webp;
  },
  "a photo whose size is told twice": async () => {
    const photo = await picture(6000, 6000).jpeg({ quality: 5 }).toBuffer();
    const decoy = (await picture(8, 8).jpeg().toBuffer()).subarray(2);
    const rest = photo.subarray(2);
    // To who does not know that 0xff00 is no segment, the decoy comes first.
    return Buffer.concat([photo.subarray(0, 2), Buffer.from([0xff, 0x00, (rest.length + 2) >> 8, (rest.length + 2) & 255]), rest, decoy]);
  },
};

const HEADERS = ["content-type", "content-length", "content-disposition", "content-security-policy", "cache-control", "x-frame-options"];

describe("thumbs", () => {
  let stock;
  let worker;
  before(async () => {
    [stock, worker] = await startBoth();
    const fields = [{ name: "pictures", type: "file", maxSelect: 99, thumbs: SIZES }];
    for (const target of [stock, worker]) await createDocuments(await target.admin(), { fields });
  });
  after(() => Promise.all([stock?.stop(), worker?.stop()]));

  const create = (target, ...files) => target.client().collection("documents").create({ pictures: files });

  /** @returns what is the same on both servers, whatever suffixes the names have */
  const thumb = async (target, record, name, size) => {
    const url = target.client().files.getURL(record, name, { thumb: size });
    const response = await fetch(url, { headers: { "Accept-Encoding": "identity" } });
    const body = Buffer.from(await response.arrayBuffer());
    const headers = HEADERS.map((header) => response.headers.get(header)?.replaceAll(name, "NAME"));
    return { status: response.status, headers, body };
  };

  /** Compares the files' answers in all sizes. @returns {Promise<Set<string>>} the types of the answers */
  const compare = async (pictures, sizes) => {
    const files = await Promise.all(Object.entries(pictures).map(async ([name, make]) => file(name, await make())));
    const ofStock = await create(stock, ...files);
    const ofWorker = await create(worker, ...files);
    const types = new Set();
    for (const [i, { name }] of files.entries()) {
      for (const size of sizes) {
        const expected = await thumb(stock, ofStock, ofStock.pictures[i], size);
        const { status, headers, body } = await thumb(worker, ofWorker, ofWorker.pictures[i], size);
        assert.deepEqual({ status, headers }, { status: expected.status, headers: expected.headers }, `${name} ${size}`);
        assert.ok(body.equals(expected.body), `${name} ${size}: other bytes, ${body.length} and ${expected.body.length}`);
        types.add(headers[0]);
      }
    }
    const thumbs = (await keys(worker)).filter((key) => key.includes("/thumbs_"));
    await worker.client().collection("documents").delete(ofWorker.id);
    await stock.client().collection("documents").delete(ofStock.id);
    return { types, thumbs };
  };

  for (const [name, make] of Object.entries(PICTURES)) {
    test(`${name} has the same thumbs in all forms`, async () => {
      const { thumbs } = await compare({ [name]: make }, ["100x100", ...SIZES]);
      assert.equal(thumbs.length, name === "moving.webp" ? 0 : SIZES.length + 1); // Go does not decode that one
    });
  }

  test("what is no picture is served whole", async () => {
    const { types, thumbs } = await compare(NO_PICTURES, ["100x100", "10x20"]);
    assert.ok(types.has("image/jpeg") && types.has("image/svg+xml"));
    assert.deepEqual(thumbs, []);
  });

  test("in a size that the field has not it is served whole", async () => {
    const { thumbs } = await compare({ "colors.png": PICTURES["colors.png"] }, OTHERS);
    assert.deepEqual(thumbs, []);
  });

  for (const [what, make] of Object.entries(BOMBS)) {
    test(`${what} is served whole, and nothing is lost`, async () => {
      const content = await make();
      const record = await create(worker, file("bomb", content));
      for (const size of ["100x100", "0x12", "12x0"]) {
        const { status, body } = await thumb(worker, record, record.pictures[0], size);
        assert.equal(status, 200);
        assert.ok(body.equals(content) || body.length < 5000, `${size}: ${body.length} bytes`);
        assert.ok(size !== "100x100" || body.equals(content));
      }
      assert.ok((await memory(worker)) < 60);
      assert.doesNotMatch(worker.output.since(), /a fresh instance|memory has passed/);
    });
  }

  test("an image that takes more than its beginning tells is given up while it is decoded", async () => {
    const content = crowdedWebP();
    const record = await create(worker, file("crowded", content));
    for (const size of ["100x100", "0x12", "12x0"]) {
      const { status, body } = await thumb(worker, record, record.pictures[0], size);
      assert.equal(status, 200);
      assert.ok(body.equals(content));
    }
    assert.doesNotMatch(worker.output.since(), /has passed 112 MB/);
  });
});
