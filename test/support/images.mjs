/** Pictures of every kind that PocketBase makes thumbs of. */
import { createRequire } from "node:module";
import { crc32, deflateSync } from "node:zlib";

const require = createRequire(import.meta.url);

/** It comes with Miniflare, whose Images binding it is. */
export const sharp = createRequire(require.resolve("miniflare"))("sharp");

/** A picture without a format: each corner has another color, and so has what is cut out of it. */
export function picture(width, height, { alpha = false } = {}) {
  const channels = alpha ? 4 : 3;
  const pixels = Buffer.alloc(width * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      pixels[at] = (255 * x) / width;
      pixels[at + 1] = (255 * y) / height;
      pixels[at + 2] = ((x >> 3) + (y >> 3)) % 2 ? 200 : 40;
      if (alpha) pixels[at + 3] = (255 * (x + y)) / (width + height);
    }
  }
  return sharp(pixels, { raw: { width, height, channels } });
}

/** A moving picture; it has no more than two frames. */
export async function animation(format, width, height) {
  const frames = await Promise.all([picture(width, height), picture(width, height).negate()].map((frame) => frame.png().toBuffer()));
  return sharp(frames, { join: { animated: true } })[format]().toBuffer();
}

/** A PNG of one byte a pixel, all of them the same. `claim` is the height that its header tells. */
export function plainPNG(width, height, claim = height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(claim, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height, 90);
  for (let y = 0; y < height; y++) rows[y * (width + 1)] = 0;
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** What tells the lengths of codes, in the order of the format: lossless WebPs, https://www.rfc-editor.org/rfc/rfc9649. */
const LENGTH_ORDER = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** A small lossless WebP whose decoder needs as many tables of codes as it allows, some 100 MB; what should follow them is missing. */
export function crowdedWebP() {
  const tables = 2600;
  const side = 208; // each square of four pixels may have a table of its own
  const out = new Bits();
  out.write(0x2f, 8);
  out.write(side - 1, 14);
  out.write(side - 1, 14);
  out.write(0, 4 + 1); // no alpha, version 0, no transform
  out.write(1, 1);
  out.write(11, 4); // a color cache of that many bits
  out.write(1, 1);
  out.write(0, 3); // which square has which table
  out.write(0, 1); // an image without a color cache
  const [green, red] = [Array(280).fill(0).fill(8, 0, 256), Array(256).fill(0).fill(4, 0, 16)];
  out.writeTree(green);
  out.writeTree(red);
  for (let i = 0; i < 3; i++) out.write(1, 4); // one symbol, 0: no bits
  for (let i = 0; i < (side / 4) ** 2; i++) {
    const table = Math.min(i, tables - 1);
    out.writeCode(table & 255, 8);
    out.writeCode(table >> 8, 4);
  }
  const large = Array(280 + 2048).fill(11).fill(12, 1768);
  for (let table = 0; table < tables; table++) {
    out.writeTree(large);
    for (let i = 0; i < 3; i++) out.writeTree(Array(256).fill(8));
    out.writeTree(Array(40).fill(5).fill(6, 24));
  }
  const data = out.done();
  const head = Buffer.from("RIFF....WEBPVP8L....");
  head.writeUInt32LE(head.length - 8 + data.length, 4);
  head.writeUInt32LE(data.length, 16);
  return Buffer.concat([head, data]);
}

/** Bits from the lowest to the highest of each byte. */
class Bits {
  #bytes = [];
  #count = 0;

  write(value, length) {
    for (let i = 0; i < length; i++) {
      if (this.#count % 8 === 0) this.#bytes.push(0);
      this.#bytes[this.#bytes.length - 1] |= ((value >> i) & 1) << this.#count++ % 8;
    }
  }

  /** Codes have their highest bit first. */
  writeCode(code, length) {
    for (let i = length - 1; i >= 0; i--) this.write((code >> i) & 1, 1);
  }

  /** Writes how long the code of each symbol is. */
  writeTree(lengths) {
    const words = []; // [length, or 16 for more of the last, and how many more]
    for (let i = 0; i < lengths.length; ) {
      let end = i + 1;
      while (end < lengths.length && lengths[end] === lengths[i]) end++;
      words.push([lengths[i]]);
      for (i++; lengths[i - 1] !== 0 && end - i >= 3; i += words.at(-1)[1]) words.push([16, Math.min(end - i, 6)]);
      for (; i < end; i++) words.push([lengths[i]]);
    }
    const used = [...new Set(words.map(([word]) => word))].sort((a, b) => a - b);
    const codes = new Map(used.map((word, i) => [word, { length: Math.min(i + 1, Math.max(used.length - 1, 1)), code: 0 }]));
    let [next, last] = [0, 0];
    for (const entry of codes.values()) {
      next <<= entry.length - last;
      entry.code = next++;
      last = entry.length;
    }
    this.write(0, 1);
    this.write(LENGTH_ORDER.length - 4, 4);
    for (const word of LENGTH_ORDER) this.write(codes.get(word)?.length ?? 0, 3);
    this.write(0, 1);
    for (const [word, count] of words) {
      if (used.length > 1) this.writeCode(codes.get(word).code, codes.get(word).length);
      if (word === 16) this.write(count - 3, 2);
    }
  }

  done() {
    return Buffer.from(this.#bytes);
  }
}
