// Copies of objects, whose bytes enter neither Go nor this isolate's memory.

import { DirectError } from "./direct.mjs";
import { storeOrUndo } from "./staging.mjs";

/** Objects from this size on are copied by R2 itself, where there are credentials of its S3 API; of smaller ones the binding is quicker. */
const SERVER_SIDE = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/**
 * Copies an object, or its beginning.
 * @param {{ bucket: import("./bucket.mjs").Bucket, object: R2Object }} from what is known of it; the copy fails if it was replaced since
 * @param {number} size how much of it
 * @param {import("./bucket.mjs").Bucket} bucket where it goes
 * @param {string} key
 * @param {R2PutOptions} options the metadata of the copy
 */
export async function copyObject(scope, from, size, bucket, key, options) {
  const { direct } = scope.runtime;
  const { object } = from;
  if (size === object.size && size >= SERVER_SIDE && from.bucket === bucket && direct.serves(bucket)) {
    try {
      await direct.copy(scope, bucket, object, key, options);
      return;
    } catch (error) {
      if (!(error instanceof DirectError)) throw error; // it was found out that they are wrong
    }
  }
  await bucket.copy(scope, key, from.bucket, object, size, options);
}

/** An object that Go has opened to copy it whole. What it reads is a reference, that the disk follows when it is to be stored. */
export class CopiedObject {
  bucket;
  object;
  #reference;
  #close;

  /**
   * @param {import("./bucket.mjs").Bucket} bucket
   * @param {R2Object} object
   * @param {string} reference
   * @param {() => void} close is called when the reference is not needed any more
   */
  constructor(bucket, object, reference, close) {
    this.bucket = bucket;
    this.object = object;
    this.#reference = encoder.encode(reference);
    this.#close = close;
  }

  get size() {
    return this.object.size;
  }

  get mtimeMs() {
    return this.object.uploaded.getTime();
  }

  read(target, position) {
    const bytes = this.#reference.subarray(position, position + target.length);
    target.set(bytes);
    return bytes.length;
  }

  /** Stores the copy under its key, with its metadata. Where that fails, nothing of it is there. */
  publish(scope, bucket, key, options) {
    return storeOrUndo(scope, bucket, key, () => copyObject(scope, this, this.size, bucket, key, options));
  }

  close() {
    this.#close();
  }
}
