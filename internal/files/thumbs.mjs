// Thumbs. PocketBase makes one where it finds none: it looks for the thumb's key, then opens the original, decodes it and writes the thumb.
// Here the look is where the IMAGES binding makes it, so that PocketBase finds it; and the opening is where an image that would take too
// much memory is refused.

import { FileSystemError } from "../memfs/errors.mjs";
import { HEADER_SIZES, THUMB_LIMIT, readHeader, thumbMemory } from "./images.mjs";

/** A thumb's key: <record>/thumbs_<name>/<size>_<name>. */
const THUMB = /^(.+)\/thumbs_([^/]+)\/(\d+x\d+[tbf]?)_\2$/;

/** The URL of a file for which PocketBase may make a thumb. */
const REQUEST = /\/api\/files\/[^?]*\?(?:.*&)?thumb=/;

/**
 * @param {string} key
 * @returns {{ original: string, size: string } | null} the image that it is a thumb of, and its size as PocketBase has it; null for other keys
 */
export function thumbOf(key) {
  const [, record, name, size] = THUMB.exec(key) ?? [];
  return record === undefined ? null : { original: `${record}/${name}`, size };
}

/** Whether an event's request may be for a thumb. */
export function asksForThumb(scope) {
  return REQUEST.test(scope?.request?.url);
}

/**
 * Refuses an image that takes too much memory: PocketBase then serves it whole.
 * @param {import("./bucket.mjs").Bucket} bucket
 * @param {string} key of the image
 * @param {R2Object} object what is known of it
 * @param {string} size of the thumb
 * @returns {Promise<number>} the bytes that it takes, at most
 */
export async function checkImage(scope, bucket, key, object, size) {
  const header = await examine(scope, bucket, key, object);
  if (header === null) return 0; // Go will say so
  if (!header) throw new FileSystemError("EFBIG", `${key}: its beginning does not tell how large it is`);
  const memory = thumbMemory(header, size);
  if (memory > THUMB_LIMIT) throw new FileSystemError("EFBIG", `${key}: a thumb of it takes ${memory} bytes`);
  return memory;
}

/** @returns {Promise<import("./images.mjs").Header | null | undefined>} what readHeader tells of an object */
async function examine(scope, bucket, key, object) {
  let header;
  for (const length of HEADER_SIZES) {
    const bytes = await bucket.bytes(scope, key, { offset: 0, length: Math.min(length, object.size) });
    if (!bytes) return null;
    header = readHeader(bytes, object.size);
    if (header !== undefined || object.size <= length) break;
  }
  return header;
}

/** After a thumb was stored: one whose original was deleted meanwhile would stay for ever. @returns {Promise<boolean>} whether it is there */
export async function keepThumb(scope, bucket, key, original) {
  if (await bucket.head(scope, original)) return true;
  await bucket.delete(scope, [key]);
  return false;
}
