/** What an image's beginning tells. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { THUMB_LIMIT, readHeader, thumbMemory, thumbSteps, upright } from "../../internal/files/images.mjs";
import { Thumbs, thumbOf } from "../../internal/files/thumbs.mjs";
import { animation, picture, plainPNG, sharp } from "../support/images.mjs";

const MEGAPIXEL = 1_000_000;

const IMAGES = {
  baseline: () => picture(120, 90).jpeg().toBuffer(),
  progressive: () => picture(121, 91).jpeg({ progressive: true }).toBuffer(),
  gray: () => picture(120, 90).grayscale().jpeg().toBuffer(),
  turned: () => picture(120, 90).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
  png: () => picture(120, 90).png().toBuffer(),
  gif: () => picture(120, 90).gif().toBuffer(),
  animation: () => animation("gif", 120, 90),
  lossy: () => picture(120, 90).webp().toBuffer(),
  lossless: () => picture(120, 90).webp({ lossless: true }).toBuffer(),
  alpha: () => picture(120, 90, { alpha: true }).webp().toBuffer(),
};

describe("an image's beginning", () => {
  for (const [name, make] of Object.entries(IMAGES)) {
    test(`tells the size of a ${name}, or nothing where it is too short`, async () => {
      const bytes = await make();
      const { format, width, height, pageHeight = height, orientation } = await sharp(bytes).metadata();
      const whole = readHeader(bytes, bytes.length);
      assert.deepEqual([whole.format, whole.width, whole.height, whole.sideways ?? false], [format, width, pageHeight, orientation === 6]);
      for (let length = 0; length < bytes.length; length++) {
        const header = readHeader(bytes.subarray(0, length), bytes.length);
        if (header) assert.deepEqual(header, whole, `of ${length} bytes`);
        else assert.ok(header === undefined || length < 12);
      }
    });
  }

  test("broken in any byte it is no more than told wrongly", async () => {
    for (const make of Object.values(IMAGES)) {
      const bytes = await make();
      for (let at = 0; at < Math.min(bytes.length, 700); at++) {
        const broken = Buffer.from(bytes);
        broken[at] ^= 0xff;
        const header = readHeader(broken, broken.length);
        if (header) assert.ok(thumbMemory(header, "100x100") > 0);
      }
    }
  });

  test("is nothing of what is no image", () => {
    for (const text of ["", "<svg/>", "BM", "RIFF....WAVE"]) assert.equal(readHeader(Buffer.from(text), text.length), null);
  });
});

describe("a thumb", () => {
  const sizes = [
    ["100x50", 1000, 700, 100, 50],
    ["100x50t", 40, 30, 100, 50],
    ["100x50f", 1000, 700, 71, 50],
    ["100x50f", 1000, 300, 100, 30],
    ["100x50f", 90, 30, 90, 30],
    ["100x50f", 30000, 1, 100, 1],
    ["0x50", 1000, 700, 71, 50],
    ["0x50", 20, 10, 100, 50],
    ["50x0", 1000, 3, 50, 1],
    ["50x0", 30, 1000, 50, 1667],
  ];
  for (const [size, width, height, w, h] of sizes) {
    test(`${size} of ${width}x${height} is ${w}x${h}`, () => assert.deepEqual(thumbSteps({ width, height }, size).at(-1), { width: w, height: h }));
  }

  const largest = (header, size) => {
    let side = 100;
    while (thumbMemory({ ...header, width: side, height: side, more: 0 }, size) <= THUMB_LIMIT) side += 10;
    return (side * side) / MEGAPIXEL;
  };
  const limits = [
    ["baseline", "100x100", 7],
    ["baseline", "0x100", 20],
    ["turned", "100x100", 4],
    ["progressive", "100x100", 3],
    ["png", "100x100", 5],
    ["lossy", "100x100", 6.5],
  ];
  for (const [name, size, least] of limits) {
    test(`${size} is made of a ${name} of ${least} megapixels`, async () => {
      const bytes = await IMAGES[name]();
      const header = readHeader(bytes, bytes.length);
      assert.ok(largest(header, size) >= least, `only of ${largest(header, size)}`);
    });
  }

  test("takes no less memory than its image and itself", () => {
    assert.ok(thumbMemory(readHeader(plainPNG(30000, 1), 999), "100x100") > 1000 * MEGAPIXEL);
    assert.ok(thumbMemory(readHeader(plainPNG(1, 30000), 999), "100x0") > 1000 * MEGAPIXEL);
    assert.deepEqual(upright({ width: 3, height: 2, sideways: true }), { width: 2, height: 3 });
  });
});

describe("events that look for a thumb", () => {
  const scope = () => ({ env: { IMAGES: { input() {} } } });

  test("have another make it when the first has ended", async () => {
    const thumbs = new Thumbs();
    const [first, second, third] = [scope(), scope(), scope()];
    let stored = null;
    let made = 0;
    const look = async () => stored;
    const make = async () => {
      made++;
      stored = "the thumb";
      return true;
    };
    thumbs.find(first, "path", look, () => new Promise(() => {}));
    const others = Promise.all([thumbs.find(second, "path", look, make), thumbs.find(third, "path", look, make)]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(made, 0);
    thumbs.forget(first);
    assert.deepEqual(await others, ["the thumb", "the thumb"]);
    assert.equal(made, 1);
  });

  test("look again when it was stored while they looked", async () => {
    const thumbs = new Thumbs();
    const answers = [null, "the thumb"];
    const look = async () => {
      if (answers.length === 2) thumbs.noteStored("path");
      return answers.shift();
    };
    assert.equal(await thumbs.find({ env: {} }, "path", look), "the thumb");
  });

  test("leave it to Go when it was refused", async () => {
    const thumbs = new Thumbs();
    let asked = 0;
    const make = async () => {
      asked++;
      return false;
    };
    const found = await Promise.all(Array.from({ length: 5 }, () => thumbs.find(scope(), "path", async () => null, make)));
    assert.deepEqual([found, asked], [[null, null, null, null, null], 1]);
  });
});

describe("a thumb's key", () => {
  test("tells the original and the size", () => {
    assert.deepEqual(thumbOf("c/r/thumbs_a_b.png/0x12_a_b.png"), { original: "c/r/a_b.png", size: "0x12" });
    const others = ["c/r/a.png", "c/r/thumbs_a.png/12_a.png", "c/r/thumbs_a.png/10x10_b.png", "thumbs_a.png/10x10_a.png"];
    for (const key of others) assert.equal(thumbOf(key), null);
  });
});
