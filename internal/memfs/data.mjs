// The bytes of files, in chunks: growing never copies what is there but for the tail of a small file, holes take no
// memory, and what is cut off is given back at once.

import { FileSystemError } from "./errors.mjs";

const CHUNK = 64 * 1024;
const SMALLEST_CHUNK = 512;

/** Counts the bytes that all files of one file system take. */
export class Space {
  #limit;

  /** @param {number} limit in bytes */
  constructor(limit) {
    this.#limit = limit;
    this.used = 0;
  }

  /** @returns {boolean} whether n more bytes fit; if so they are counted */
  take(n) {
    if (this.used + n > this.#limit) return false;
    this.used += n;
    return true;
  }

  give(n) {
    this.used -= n;
  }
}

/** The bytes of one file. */
export class FileData {
  #space;
  #chunks = new Map(); // by number; a chunk may be shorter than CHUNK, the rest of it is zero

  /** @param {Space} space */
  constructor(space) {
    this.#space = space;
    this.size = 0;
    this.allocated = 0;
  }

  /**
   * Copies bytes from position into target.
   * @returns {number} how many; 0 at the end of the file
   */
  read(target, position) {
    const end = Math.min(position + target.length, this.size);
    for (let at = position; at < end; ) {
      const start = at % CHUNK;
      const length = Math.min(CHUNK - start, end - at);
      const part = target.subarray(at - position, at - position + length);
      const stored = this.#chunks.get(Math.floor(at / CHUNK))?.subarray(start, start + length);
      part.set(stored ?? []);
      part.fill(0, stored?.length ?? 0);
      at += length;
    }
    return Math.max(0, end - position);
  }

  /**
   * Writes bytes at position, past the end too.
   * @returns {number} how many; fewer than given when the space is used up in the middle
   * @throws {FileSystemError} ENOSPC when nothing fits, EFBIG past the last position
   */
  write(bytes, position) {
    if (position + bytes.length > Number.MAX_SAFE_INTEGER) throw new FileSystemError("EFBIG");
    let written = 0;
    while (written < bytes.length) {
      const at = position + written;
      const start = at % CHUNK;
      const length = Math.min(CHUNK - start, bytes.length - written);
      const chunk = this.#chunk(Math.floor(at / CHUNK), start + length);
      if (!chunk) break;
      chunk.set(bytes.subarray(written, written + length), start);
      written += length;
      this.size = Math.max(this.size, at + length);
    }
    if (written === 0 && bytes.length > 0) throw new FileSystemError("ENOSPC");
    return written;
  }

  /** Gives the chunk with room for `needed` bytes, or undefined when there is no space. */
  #chunk(number, needed) {
    const old = this.#chunks.get(number);
    if (old && old.length >= needed) return old;
    let size = SMALLEST_CHUNK;
    while (size < needed) size *= 2;
    const more = size - (old?.length ?? 0);
    if (!this.#space.take(more)) return undefined;
    const chunk = new Uint8Array(size);
    if (old) chunk.set(old);
    this.#chunks.set(number, chunk);
    this.allocated += more;
    return chunk;
  }

  /** Cuts the file off at size, or lengthens it with zeros. */
  resize(size) {
    if (size > Number.MAX_SAFE_INTEGER) throw new FileSystemError("EFBIG");
    if (size < this.size) this.#cut(size);
    this.size = size;
  }

  #cut(size) {
    const last = Math.floor(size / CHUNK);
    for (const [number, chunk] of this.#chunks) {
      if (number < last) continue;
      const kept = number === last ? size % CHUNK : 0;
      if (kept > 0) {
        chunk.fill(0, kept);
        continue;
      }
      this.#chunks.delete(number);
      this.#space.give(chunk.length);
      this.allocated -= chunk.length;
    }
  }
}
