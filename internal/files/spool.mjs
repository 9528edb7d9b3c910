// Files that are being written and have no place yet: in memory while there is room, else as a staged object in the bucket.
//
// An upload's length is known only at its end and its name later still, so it cannot go to its key at once; R2 has no rename, so what
// was staged is streamed to its key within the platform, without entering Go or this isolate's memory.

import { FileSystemError } from "../memfs/errors.mjs";
import { STAGING } from "./bucket.mjs";
import { copyObject } from "./copy.mjs";
import { ObjectReader } from "./reader.mjs";
import { storeOrUndo, sweepStaging } from "./staging.mjs";

const MEBIBYTE = 1024 * 1024;

/** How many bytes of all files stay in memory; files that grow past it are staged. */
const MEMORY = 12 * MEBIBYTE;

/** Past this nothing more is taken: the isolate has 128 MB for everything. */
const MEMORY_END = 40 * MEBIBYTE;

/** The size of a part of a multipart upload, R2's smallest. */
const PART = 5 * MEBIBYTE;

/** How much of an object is read at a time that turns out to be no copy. */
const PIECE = 64 * 1024;

/** How much of a staged file's beginning stays in memory: PocketBase looks at it for the type. */
const BEGINNING = 64 * 1024;

/** How much of a copy stays in memory; of one that grows past it only the object is known that it is a copy of. */
const COPY_MEMORY = 256 * 1024;

/** Makes files and counts what they take. */
export class Spool {
  #bucket;
  #swept = false;
  used = 0;

  /** @param {import("./bucket.mjs").Bucket} bucket for what does not fit */
  constructor(bucket) {
    this.#bucket = bucket;
  }

  create(now) {
    return new SpoolFile(this, now);
  }

  get bucket() {
    return this.#bucket;
  }

  get full() {
    return this.used > MEMORY;
  }

  take(bytes) {
    if (this.used + bytes > MEMORY_END) throw new FileSystemError("ENOSPC");
    this.used += bytes;
  }

  /** Removes, once an isolate, what others have left behind. Nobody waits for it. */
  sweep(scope) {
    if (this.#swept) return;
    this.#swept = true;
    const failed = (error) => console.error(`pocketflare: what is stale could not be removed: ${error.message}`);
    scope.ctx.waitUntil(sweepStaging(scope, this.#bucket).catch(failed));
  }
}

/**
 * One file. It is written from its start to its end; then it can be read anywhere.
 *
 * What PocketBase copies it reads from one object and writes as it was read. While a file is nothing but the beginning of one object, its bytes
 * need not be kept: they are taken from there when it is stored.
 */
class SpoolFile {
  size = 0;
  mtimeMs;
  #spool;
  #chunks = []; // what was not sent yet; the last ones of a file that is staged
  #tail = 0; // their bytes
  #beginning; // of a staged file
  #staged = ""; // the key of the staged object
  #upload; // while it is being sent
  #sending; // the part that is on its way
  #broken = false; // a part could not be sent
  #original = null; // the reader of the object whose beginning this is so far

  constructor(spool, now) {
    this.#spool = spool;
    this.mtimeMs = now;
  }

  /**
   * Appends bytes, which it keeps.
   * @param {{ reader: ObjectReader, position: number, bytes: Uint8Array } | null} read what was read of an object last
   * @returns {number | ((scope) => Promise<number>)} how many; a task where memory must be made free first
   */
  write(bytes, position, read = null) {
    if (position !== this.size || (this.#staged && !this.#upload)) throw new FileSystemError("EINVAL", "files are written from start to end");
    if (bytes.length === 0) return 0;
    if (this.#goesOn(bytes, position, read)) {
      if (this.size + bytes.length > COPY_MEMORY) {
        this.#drop(this.#tail);
        this.size += bytes.length;
        return bytes.length;
      }
    } else if (this.#original) {
      return async (scope) => {
        await this.#fetchOriginal(scope);
        const result = this.#append(bytes);
        return typeof result === "function" ? result(scope) : result;
      };
    }
    return this.#append(bytes);
  }

  /** Whether the file remains the beginning of an object with these bytes. */
  #goesOn(bytes, position, read) {
    if (!read || read.position !== position || (position > 0 && read.reader !== this.#original) || !areEqual(read.bytes, bytes)) return false;
    this.#original = read.reader;
    return true;
  }

  /** Makes the file one of its own again: what was not kept is read. */
  async #fetchOriginal(scope) {
    const { bucket, object } = this.#original;
    this.#original = null;
    if (this.#tail === this.size) return;
    const reader = new ObjectReader(bucket, bucket.keyOf(object), object);
    const end = this.size;
    this.size = 0;
    while (this.size < end) {
      const target = new Uint8Array(Math.min(PIECE, end - this.size));
      const n = reader.read(target, this.size);
      const bytes = target.subarray(0, typeof n === "function" ? await n(scope) : n);
      const result = this.#append(bytes);
      if (typeof result === "function") await result(scope);
    }
    await reader.close()?.(scope);
  }

  #append(bytes) {
    this.#spool.take(bytes.length);
    this.#chunks.push(bytes);
    this.#tail += bytes.length;
    this.size += bytes.length;
    if (this.#tail < PART || (!this.#staged && !this.#spool.full)) return bytes.length;
    return async (scope) => {
      await this.#orBreak(async () => {
        while (this.#tail >= PART) await this.#sendPart(scope, PART);
      });
      return bytes.length;
    };
  }

  /** Runs what sends parts. When it fails the file remains to be discarded. */
  async #orBreak(send) {
    if (this.#broken) throw new FileSystemError("EIO", "a part could not be staged");
    try {
      await send();
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  async #sendPart(scope, size) {
    if (!this.#upload) {
      this.#beginning = this.#copy(BEGINNING);
      this.#spool.sweep(scope);
      this.#staged = STAGING + crypto.randomUUID();
      this.#upload = await this.#spool.bucket.multipart(scope, this.#staged);
    }
    await this.#sending; // one on its way while the next is filled
    this.#sending = undefined;
    const part = this.#copy(size);
    this.#drop(size);
    const sending = this.#upload.send(part);
    sending.catch(() => {}); // who waits for it reports it
    this.#sending = sending;
  }

  /** @returns {Uint8Array} a copy of the first bytes in memory */
  #copy(size) {
    const copy = new Uint8Array(Math.min(size, this.#tail));
    let at = 0;
    for (const chunk of this.#chunks) {
      if (at === copy.length) break;
      const piece = chunk.subarray(0, copy.length - at);
      copy.set(piece, at);
      at += piece.length;
    }
    return copy;
  }

  /** Gives up the first bytes in memory. */
  #drop(size) {
    let left = size;
    let whole = 0;
    while (whole < this.#chunks.length && this.#chunks[whole].length <= left) left -= this.#chunks[whole++].length;
    this.#chunks.splice(0, whole);
    if (left > 0) this.#chunks[0] = this.#chunks[0].slice(left);
    this.#tail -= size;
    this.#spool.used -= size;
  }

  /** @returns {undefined | ((scope) => Promise<void>)} what is to be done when the writing has ended, to give memory back */
  close() {
    if (this.#broken || this.#isCopy) return undefined;
    if (this.#upload) return (scope) => this.#complete(scope);
    if (this.#staged || this.size < BEGINNING || !this.#spool.full) return undefined;
    return async (scope) => {
      const beginning = this.#copy(BEGINNING);
      this.#spool.sweep(scope);
      const staged = STAGING + crypto.randomUUID();
      await this.#spool.bucket.put(scope, staged, this.#copy(this.#tail));
      this.#staged = staged;
      this.#beginning = beginning;
      this.#drop(this.#tail);
    };
  }

  /** Sends what is left of a file that is being staged. */
  async #complete(scope) {
    if (!this.#upload) return;
    await this.#orBreak(async () => {
      if (this.#tail > 0) await this.#sendPart(scope, this.#tail);
      await this.#sending;
      this.#sending = undefined;
    });
    try {
      await this.#upload.complete();
    } catch (error) {
      // An attempt whose answer was lost has made the object, and the next finds no upload any more.
      if ((await this.#spool.bucket.head(scope, this.#staged))?.size !== this.size) throw error;
    }
    this.#upload = undefined;
  }

  /**
   * Reads into the target.
   * @returns {number | ((scope) => Promise<number>)} how many bytes; 0 at the end
   */
  read(target, position) {
    if (position >= this.size) return 0;
    if (this.#isCopy) return this.#original.read(target.subarray(0, this.size - position), position);
    if (!this.#staged) return copyFrom(this.#chunks, target, position);
    const end = Math.min(position + target.length, this.size);
    if (end <= this.#beginning.length) {
      target.set(this.#beginning.subarray(position, end));
      return end - position;
    }
    return async (scope) => {
      await this.#complete(scope);
      const bytes = await this.#spool.bucket.bytes(scope, this.#staged, { offset: position, length: end - position });
      if (!bytes) throw new FileSystemError("EIO", "the staged file is gone");
      target.set(bytes);
      return end - position;
    };
  }

  /** Stores the file under its key, with its metadata. Where that fails, nothing of it is there. */
  publish(scope, bucket, key, options) {
    return storeOrUndo(scope, bucket, key, () => this.#store(scope, bucket, key, options));
  }

  /** Whether the file's bytes are those of an object and not here. */
  get #isCopy() {
    return this.#original !== null && this.#tail < this.size;
  }

  async #store(scope, bucket, key, options) {
    if (this.#isCopy) {
      await copyObject(scope, this.#original, this.size, bucket, key, options);
      return;
    }
    if (!this.#staged) {
      await bucket.put(scope, key, this.#copy(this.#tail), options);
      return;
    }
    await this.#complete(scope);
    const source = async () => {
      const object = await this.#spool.bucket.get(scope, this.#staged);
      if (!object) throw new FileSystemError("EIO", "the staged file is gone");
      return object.body;
    };
    await bucket.putStream(scope, key, source, this.size, options);
  }

  /** @returns {string} the text of a small file */
  text() {
    return new TextDecoder().decode(this.#copy(this.#tail));
  }

  /** @returns {undefined | ((scope) => Promise<void>)} what remains to be done to forget the file */
  discard() {
    this.#drop(this.#tail);
    this.size = 0;
    if (!this.#staged) return undefined;
    return async (scope) => {
      await this.#sending?.catch(() => {});
      await this.#upload?.abort().catch(() => {}); // there is none any more where its completion's answer was lost
      await this.#spool.bucket.delete(scope, [this.#staged]);
    };
  }
}

function areEqual(a, b) {
  if (a.length !== b.length) return false;
  let at = 0;
  if (a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0) {
    const [left, right] = [a, b].map((bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2));
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
    at = left.length * 4;
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function copyFrom(chunks, target, position) {
  let start = 0; // of the chunk in the file
  let done = 0;
  for (const chunk of chunks) {
    const from = position + done - start;
    if (from < chunk.length) {
      const piece = chunk.subarray(from, from + target.length - done);
      target.set(piece, done);
      done += piece.length;
      if (done === target.length) break;
    }
    start += chunk.length;
  }
  return done;
}
