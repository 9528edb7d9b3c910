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
