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
  #begun = 0; // how many streams
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

  get bucket() {
    return this.#bucket;
  }

  get object() {
    return this.#object;
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
      const length = Math.min(Math.max(target.length, READ_SIZE), this.size - position);
      const call = async (bucket, name) => {
        if (!this.#reader || this.#scope !== scope || position !== this.#at) await this.#begin(scope, bucket, name, position);
        const { done, value } = await this.#reader.readAtLeast(length, new Uint8Array(length)); // R2's pieces can be small
        if (done || value.length < length) throw new Error("the object ended too early");
        return value;
      };
      this.#rest = await this.#bucket.read(scope, this.#key, call, () => this.#cancel(scope));
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

  async #begin(scope, bucket, name, position) {
    this.#cancel(scope);
    const number = ++this.#begun;
    const object = await bucket.get(name, { range: { offset: position }, onlyIf: { etagMatches: this.#object.etag } });
    if (!object?.body) throw new FileSystemError("EIO", "the object was replaced while it was read");
    if (number !== this.#begun) {
      object.body.cancel().catch(() => {}); // it came when it had been given up
      throw new Error("another stream was begun");
    }
    this.#scope = scope;
    this.#reader = object.body.getReader({ mode: "byob" });
    this.#rest = NOTHING;
    this.#at = position;
  }

  #cancel(scope) {
    if (this.#scope === scope) this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
    this.#begun++;
  }

  close() {
    return this.#reader ? async (scope) => this.#cancel(scope) : undefined;
  }
}
