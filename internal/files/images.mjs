// What decoding an image takes. Go decodes in linear memory, which never shrinks and ends at the isolate's limit, so an image that takes too
// much is refused before it is decoded: PocketBase then serves the original.

const MEBIBYTE = 1024 * 1024;

/** How much an image may take, in bytes. */
export const DECODING_LIMIT = 40 * MEBIBYTE;

/** How much of an image is looked at. */
export const HEADER_SIZE = 128 * 1024;

/** Bytes of each pixel in the copy that a thumb is cut from, and in the one that turns a photo upright. */
const COPY = 4;

/**
 * @param {Uint8Array} bytes an image's beginning
 * @returns {number} the bytes that Go takes to make a thumb of it, at most; Infinity where that cannot be told, 0 for what is no image
 */
export function decodingSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const measure = MEASURES.find(({ magic, at = 0 }) => magic.every((byte, i) => bytes[at + i] === byte))?.measure;
  if (!measure) return 0;
  try {
    return measure(view);
  } catch {
    return Infinity; // its header is longer than what was read, or it is broken
  }
}

const MEASURES = [
  { magic: [0x89, 0x50, 0x4e, 0x47], measure: measurePNG },
  { magic: [0xff, 0xd8], measure: measureJPEG },
  { magic: [0x47, 0x49, 0x46, 0x38], measure: (view) => view.getUint16(6, true) * view.getUint16(8, true) * (1 + COPY) },
  { magic: [0x57, 0x45, 0x42, 0x50], at: 8, measure: measureWebP },
];

function measurePNG(view) {
  const bytesPerPixel = view.getUint8(24) === 16 ? 8 : 4;
  return view.getUint32(16) * view.getUint32(20) * (bytesPerPixel + COPY);
}

function measureWebP(view) {
  const chunk = view.getUint32(12);
  if (chunk === 0x56503858) return (1 + read24(view, 24)) * (1 + read24(view, 27)) * (8 + COPY); // VP8X
  if (chunk === 0x5650384c) {
    const bits = view.getUint32(21, true); // VP8L
    return (1 + (bits & 0x3fff)) * (1 + ((bits >>> 14) & 0x3fff)) * (8 + COPY);
  }
  return (view.getUint16(26, true) & 0x3fff) * (view.getUint16(28, true) & 0x3fff) * (2 + COPY);
}

function read24(view, at) {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}

/** A progressive photo is kept as coefficients of four bytes until it is complete; one with EXIF data may have to be turned. */
function measureJPEG(view) {
  let turned = 0;
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) throw new RangeError("no marker");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966) turned = COPY;
    if (marker >= 0xc0 && marker <= 0xc2) {
      const components = view.getUint8(at + 9);
      const coefficients = marker === 0xc2 ? 4 * components : 0;
      return view.getUint16(at + 5) * view.getUint16(at + 7) * (components + coefficients + turned + COPY);
    }
    at += 2 + view.getUint16(at + 2);
  }
}
