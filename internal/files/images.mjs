// What an image's beginning tells, and what PocketBase makes of it: the size of its thumbs and the memory that making them takes.
//
// Go decodes in linear memory, which never shrinks and ends at the isolate's limit. So what is told here must hold for the worst image of
// that beginning: where Go's decoders would look elsewhere for an image's size than this code does, nothing is told.

const MEBIBYTE = 1024 * 1024;

/** How much making a thumb may take, in bytes. */
export const THUMB_LIMIT = 40 * MEBIBYTE;

/** How much of an image is looked at: mostly the first is enough, but profiles and previews can come before a photo's size. */
export const HEADER_SIZES = [128 * 1024, MEBIBYTE];

/** Bytes of a pixel in the images that thumbs are cut and scaled from. */
const COPY = 4;

/**
 * @typedef {object} Header
 * @property {"png" | "jpeg" | "gif" | "webp"} format
 * @property {number} width in pixels, as decoded
 * @property {number} height
 * @property {number} pixel the bytes that decoding takes for each pixel, at most
 * @property {number} [more] the bytes that it takes besides
 * @property {boolean} [turned] whether the decoded image is turned or mirrored
 * @property {boolean} [sideways] whether width and height change places then
 * @property {boolean} [partial] whether it is the part of a larger one
 * @property {boolean} [exif] whether it has EXIF data that Go does not look at
 */

/**
 * @param {Uint8Array} bytes an image's beginning
 * @param {number} size of the whole, in bytes
 * @returns {Header | null | undefined} null for what Go takes for no image, undefined where the beginning does not tell
 */
export function readHeader(bytes, size) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = READERS.find(({ magic, at = 0 }) => magic.every((byte, i) => bytes[at + i] === byte))?.read;
  if (!read) return null;
  try {
    const header = read(view, size);
    return header.width > 0 && header.height > 0 ? header : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined; // beyond what was read, or broken
    throw error;
  }
}

const READERS = [
  { magic: [0x89, 0x50, 0x4e, 0x47], read: readPNG },
  { magic: [0xff, 0xd8], read: readJPEG },
  { magic: [0x47, 0x49, 0x46, 0x38], read: readGIF },
  { magic: [0x57, 0x45, 0x42, 0x50], at: 8, read: readWebP },
];

function readPNG(view) {
  if (view.getUint32(12) !== 0x49484452) throw new RangeError("no IHDR");
  const pixel = view.getUint8(24) === 16 ? 8 : 4;
  const interlaced = view.getUint8(28) !== 0;
  const header = { format: "png", width: view.getUint32(16), height: view.getUint32(20), pixel: interlaced ? 2 * pixel : pixel };
  return { ...header, exif: hasChunk(view, 0x65584966) };
}

/** Whether a PNG has a chunk, as far as it was read. */
function hasChunk(view, type) {
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) if (view.getUint32(at + 4) === type) return true;
  return false;
}

/** A progressive photo is kept as coefficients of four bytes until it is complete; one in CMYK is copied. */
function readJPEG(view, size) {
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) throw new RangeError("no marker");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda)) throw new RangeError("no segment"); // Go skips some of them, and goes on elsewhere
    if (marker <= 0xc2) {
      const width = view.getUint16(at + 7);
      const height = view.getUint16(at + 5);
      const { samples, more } = readSampling(view, at + 9, width, height);
      const pixel = marker === 0xc2 ? samples + 4 * samples : samples;
      const orientation = readOrientation(view, size);
      return { format: "jpeg", width, height, pixel, more, turned: orientation > 1, sideways: orientation > 4 };
    }
    at += 2 + view.getUint16(at + 2);
  }
}

/** The bytes that the samples of a pixel take, padding included, and those of a copy that is made of four components. */
function readSampling(view, at, width, height) {
  const factors = Array.from({ length: view.getUint8(at) }, (_, i) => view.getUint8(at + 2 + 3 * i));
  const [light, blue, red] = factors;
  // Colors usually have fewer samples; what else there is Go keeps as if all components had the most.
  const across = (light >> 4) / (blue >> 4);
  const down = (light & 15) / (blue & 15);
  const usual = factors.length === 3 && blue === red && [1, 2, 4].includes(across) && [1, 2].includes(down);
  const count = usual ? 1 + 2 / (across * down) : factors.length;
  const unit = 32; // the largest that images are padded to
  const padded = Math.ceil(width / unit) * unit * Math.ceil(height / unit) * unit;
  return { samples: (count * padded) / (width * height), more: factors.length === 4 ? width * height * COPY : 0 };
}

/** The orientation in a photo's EXIF data as the library has it that PocketBase uses; 0 where it finds none. */
function readOrientation(view, size) {
  try {
    return findOrientation(view);
  } catch (error) {
    if (view.byteLength < size) throw error;
    return 0; // beyond the image's end
  }
}

function findOrientation(view) {
  let at = 2;
  for (; view.getUint16(at) !== 0xffe1; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint8(at) !== 0xff || view.getUint16(at + 2) < 2) return 0;
  }
  if (view.getUint32(at + 4) !== 0x45786966) return 0;
  const tiff = at + 10;
  const order = view.getUint16(tiff);
  const little = order === 0x4949;
  const offset = view.getUint32(tiff + 4, little);
  if ((!little && order !== 0x4d4d) || offset < 8) return 0;
  const first = tiff + offset + 2;
  const end = first + 12 * view.getUint16(first - 2, little);
  for (let tag = first; tag < end; tag += 12) {
    if (view.getUint16(tag, little) !== 0x0112) continue;
    const value = view.getUint16(tag + 8, little);
    return value <= 8 ? value : 0;
  }
  return 0;
}

/** Go decodes the first frame alone, which may be smaller than the picture. */
function readGIF(view) {
  let at = 13 + colorTable(view.getUint8(10));
  while (view.getUint8(at) === 0x21) {
    if (view.getUint8(at + 1) === 0x01 || view.getUint8(at + 2) === 0) throw new RangeError("no usual extension"); // which Go reads otherwise
    at += 2;
    while (view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
    at++;
  }
  if (view.getUint8(at) !== 0x2c) throw new RangeError("no frame");
  const width = view.getUint16(at + 5, true);
  const height = view.getUint16(at + 7, true);
  const partial = width !== view.getUint16(6, true) || height !== view.getUint16(8, true);
  return { format: "gif", width, height, pixel: 1, partial };
}

function colorTable(flags) {
  return flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
}

/** Go reads a lossy image's data at once, as much as they say that they are. */
function readWebP(view, size) {
  const length = 8 + view.getUint32(4, true);
  if (length > size) throw new RangeError("data are missing");
  const chunk = view.getUint32(12);
  const header = { format: "webp", more: length };
  if (chunk === 0x56503858) {
    const exif = (view.getUint8(20) & 0x08) !== 0; // VP8X
    return { ...header, width: 1 + read24(view, 24), height: 1 + read24(view, 27), pixel: 8, exif };
  }
  if (chunk === 0x5650384c) {
    const bits = view.getUint32(21, true); // VP8L
    return { ...header, width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), pixel: 8 };
  }
  if (chunk !== 0x56503820 || read24(view, 23) !== 0x2a019d) throw new RangeError("no image data");
  return { ...header, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, pixel: 2 };
}

function read24(view, at) {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}

/**
 * The steps in which PocketBase makes a thumb of an upright image, each with the size of the image that it gives; the last is the thumb's.
 * @param {{ width: number, height: number }} image
 * @param {string} size as PocketBase has it: WxH, WxHt, WxHb, WxHf, 0xH, Wx0
 * @returns {{ width: number, height: number }[]}
 */
export function thumbSteps({ width, height }, size) {
  const [, w, h, kind] = /^(\d+)x(\d+)([tbf])?$/.exec(size);
  const wanted = { width: Number(w), height: Number(h) };
  if (wanted.width === 0 || wanted.height === 0) return scale({ width, height }, wanted);
  if (kind === "f") return fit({ width, height }, wanted);
  if (width === wanted.width && height === wanted.height) return [wanted];
  if (width >= 100 && height >= 100) {
    const part = cut({ width, height }, wanted);
    return [part, ...scale(part, wanted)];
  }
  const side = width / height < wanted.width / wanted.height ? { width: wanted.width, height: 0 } : { width: 0, height: wanted.height };
  return [...scale({ width, height }, side), wanted];
}

function fit(image, wanted) {
  if (image.width <= wanted.width && image.height <= wanted.height) return [image];
  const ratio = image.width / image.height;
  const wide = ratio > wanted.width / wanted.height;
  return scale(image, {
    width: wide ? wanted.width : Math.trunc(wanted.height * ratio),
    height: wide ? Math.trunc(wanted.width / ratio) : wanted.height,
  });
}

/** The largest part of the wanted shape. */
function cut({ width, height }, wanted) {
  if (width / height < wanted.width / wanted.height) {
    return { width, height: Math.min(height, Math.trunc(Math.max(1, (width * wanted.height) / wanted.width) + 0.5)) };
  }
  return { width: Math.min(width, Math.trunc(Math.max(1, (height * wanted.width) / wanted.height) + 0.5)), height };
}

/** A side that is 0 follows the other. Images are scaled to their width first, then to their height. */
function scale(image, wanted) {
  const width = wanted.width || Math.max(1, Math.floor((wanted.height * image.width) / image.height + 0.5));
  const height = wanted.height || Math.max(1, Math.floor((wanted.width * image.height) / image.width + 0.5));
  if (width === image.width || height === image.height) return [{ width, height }];
  return [{ width, height: image.height }, { width, height }];
}

/** @returns {{ width: number, height: number }} the size of an image as it is shown */
export function upright({ width, height, sideways }) {
  return sideways ? { width: height, height: width } : { width, height };
}

/**
 * @param {Header} header
 * @param {string} size of the thumb
 * @returns {number} the bytes that Go takes to make it, at most
 */
export function thumbMemory(header, size) {
  let memory = header.width * header.height * (header.pixel + (header.turned ? COPY : 0)) + (header.more ?? 0);
  let before = upright(header);
  for (const step of thumbSteps(before, size)) {
    memory += step.width * step.height * COPY + weights(before.width, step.width) + weights(before.height, step.height);
    before = step;
  }
  return memory;
}

/** What Go remembers, for each pixel of a side that is scaled, of those that it is made of. */
function weights(from, to) {
  return from === to ? 0 : to * (24 + 32 * (2 + Math.ceil(Math.max(1, from / to))));
}
