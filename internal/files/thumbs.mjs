// Thumbs. PocketBase makes one where it finds none: it looks for the thumb's key, then opens the original, decodes it and writes the thumb.
// Here the look is where the IMAGES binding makes it, so that PocketBase finds it; and the opening is where an image that would take too
// much memory is refused.

import { FileSystemError } from "../memfs/errors.mjs";
import { HEADER_SIZES, THUMB_LIMIT, readHeader, thumbMemory } from "./images.mjs";
import { hasImages, transform } from "./transform.mjs";

/** A thumb's key: <record>/thumbs_<name>/<size>_<name>. */
const THUMB = /^(.+)\/thumbs_([^/]+)\/(\d+x\d+[tbf]?)_\2$/;

/** A directory of thumbs. */
const DIRECTORY = /\/thumbs_[^/]+$/;

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
  return REQUEST.test(scope.request?.url);
}

/** A thumb that events look for at the moment. */
class Wanted {
  /** The scopes of the events. */
  scopes = new Set();
  /** How often it was stored meanwhile. */
  stored = 0;
  /** The scope of the event that has the binding make it. */
  maker = null;
  /** Whether the binding has not made it: it is left to Go. */
  refused = false;

  #waiting = [];

  /** Waits until the maker has made it or has not. */
  settled() {
    const { promise, resolve } = Promise.withResolvers(); // each event needs a promise of its own
    this.#waiting.push(resolve);
    return promise;
  }

  settle() {
    this.maker = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The thumbs that events look for: each is made once in an isolate, however many ask for it at the same time. */
export class Thumbs {
  #wanted = new Map(); // by path

  /**
   * Looks for a thumb and has the binding make it if it is not there. Where there is no binding, or it does not make it, PocketBase does.
   * @param {string} path of the thumb
   * @param {() => Promise<R2Object | null>} look
   * @param {() => Promise<boolean>} make has the binding make it
   * @returns {Promise<R2Object | null>}
   */
  async find(scope, path, look, make) {
    const wanted = this.#join(scope, path);
    try {
      for (;;) {
        const { stored } = wanted;
        const object = await look();
        if (object) return object;
        if (wanted.stored > stored) continue; // after R2 had looked
        if (wanted.refused || !hasImages(scope.env)) return null;
        if (wanted.maker) await wanted.settled();
        else await this.#make(scope, wanted, make);
      }
    } finally {
      this.#leave(scope, path);
    }
  }

  async #make(scope, wanted, make) {
    wanted.maker = scope;
    let made = false;
    try {
      made = await make();
    } finally {
      if (made) wanted.stored++;
      else wanted.refused = true;
      if (wanted.maker === scope) wanted.settle(); // else it was given up, and another is at it
    }
  }

  #join(scope, path) {
    let wanted = this.#wanted.get(path);
    if (!wanted) this.#wanted.set(path, (wanted = new Wanted()));
    wanted.scopes.add(scope);
    return wanted;
  }

  #leave(scope, path) {
    const wanted = this.#wanted.get(path);
    if (wanted?.scopes.delete(scope) && wanted.scopes.size === 0) this.#wanted.delete(path);
  }

  /** To be called when a thumb was stored otherwise. */
  noteStored(path) {
    const wanted = this.#wanted.get(path);
    if (wanted) wanted.stored++;
  }

  /** To be called when an event has ended: what it was doing will not be done. */
  forget(scope) {
    for (const [path, wanted] of this.#wanted) {
      this.#leave(scope, path);
      if (wanted.maker === scope) wanted.settle();
    }
  }
}

/**
 * Has the binding make a thumb.
 * @param {{ bucket: import("./bucket.mjs").Bucket, key: string, original: string, size: string }} thumb
 * @param {R2Object | null} object what is known of the original
 * @param {import("./spool.mjs").Spool} spool
 * @returns {Promise<boolean>} whether it is there
 */
export async function makeThumb(scope, thumb, object, spool) {
  if (!object) return false;
  const { bucket, key, original, size } = thumb;
  const header = await examine(scope, bucket, original, object);
  if (!header || header.partial) return false;
  if (header.exif && thumbMemory(header, size) <= THUMB_LIMIT) return false; // the binding might turn it
  return (await transform(scope, thumb, object, header, spool)) && (await keepThumb(scope, bucket, key, original));
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

/**
 * To be called when a thumb was stored: one whose original was deleted meanwhile would stay for ever.
 * @returns {Promise<boolean>} whether it is there
 */
export async function keepThumb(scope, bucket, key, original) {
  let kept = false;
  try {
    kept = (await bucket.head(scope, original)) !== null;
    return kept;
  } finally {
    if (!kept) await bucket.delete(scope, [key]);
  }
}

/**
 * Deletes the thumbs below a directory whose originals are gone. PocketBase lists what it deletes, and a thumb that another event stores then
 * is not listed; its original may still be there when that event looks.
 */
export async function removeStrays(scope, bucket, directory) {
  if (DIRECTORY.test(directory)) return; // its original was deleted first
  const keys = new Set();
  for await (const { key } of bucket.list(scope, `${directory}/`)) keys.add(key);
  const isStray = (original) => original?.startsWith(`${directory}/`) && !keys.has(original);
  await bucket.delete(scope, [...keys].filter((key) => isStray(thumbOf(key)?.original)));
}
