// An object that Go reads as a file.

import { FileSystemError } from "../memfs/errors.mjs";

/** The least that is read of R2's stream at a time. */
const READ_SIZE = 64 * 1024;

const NOTHING = new Uint8Array(0);

/** Reading on is one stream; reading elsewhere begins another. */
export class ObjectReader {
  #bucket;
  #key;
  #object;
  #scope; // whose stream it is: another event cannot read it
  #reader;
  #rest = NOTHING; // what the stream gave and nobody has taken
  #at = 0; // where the rest begins

  /**
   * @param {import("./bucket.mjs").Bucket} bucket
   * @param {R2Object} object what is known of it
   */
  constructor(bucket, key, object) {
    this.#bucket = bucket;
    this.#key = key;
    this.#object = object;
  }

  get size() {
    return this.#object.size;
  }

  get mtimeMs() {
    return this.#object.uploaded.getTime();
  }

  /** @returns {number | ((scope) => Promise<number>)} how many bytes; 0 at the end */
  read(target, position) {
    if (position >= this.size || target.length === 0) return 0;
    if (position === this.#at && this.#rest.length > 0) return this.#take(target);
    return async (scope) => {
      if (!this.#reader || this.#scope !== scope || position !== this.#at) await this.#begin(scope, position);
      const { done, value } = await this.#reader.read(new Uint8Array(Math.max(target.length, READ_SIZE)));
      if (done) throw new FileSystemError("EIO", "the object ended too early");
      this.#rest = value;
      return this.#take(target);
    };
  }

  #take(target) {
    const piece = this.#rest.subarray(0, target.length);
    target.set(piece);
    this.#rest = this.#rest.subarray(piece.length);
    this.#at += piece.length;
    return piece.length;
  }

  async #begin(scope, position) {
    this.#cancel(scope);
    const object = await this.#bucket.get(scope, this.#key, { range: { offset: position }, onlyIf: { etagMatches: this.#object.etag } });
    if (!object?.body) throw new FileSystemError("EIO", "the object was replaced while it was read");
    this.#scope = scope;
    this.#reader = object.body.getReader({ mode: "byob" });
    this.#rest = NOTHING;
    this.#at = position;
  }

  #cancel(scope) {
    if (this.#scope === scope) this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
  }

  close() {
    return this.#reader ? async (scope) => this.#cancel(scope) : undefined;
  }
}
