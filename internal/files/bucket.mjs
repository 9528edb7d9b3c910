// An R2 bucket, or the part of one below a prefix: each call is tried again where that is safe, and fails in plain words.

/** How often a call is tried at most, and how long one attempt may take, in milliseconds. */
const ATTEMPTS = 3;
const PATIENCE = 30_000;

/** The pause before the second attempt, in milliseconds; the third waits twice as long. */
const PAUSE = 100;

/** What R2 calls its own passing troubles: internal error, unavailable, too many requests. Its other codes say that the call is wrong. */
const PASSING = new Set([10001, 10043, 10058]);

/** The most keys that one call deletes. */
const DELETE_LIMIT = 1000;

/** Where files are kept that have no name yet; uploads.mjs. */
export const STAGING = ".pocketflare/staging/";

/** R2 did not do what was asked of it, as often as it was asked. */
export class StorageError extends Error {
  name = "StorageError";
}

export class Bucket {
  #name;
  #prefix;

  /**
   * @param {string} name of the binding
   * @param {string} prefix of all keys, "" for the whole bucket
   */
  constructor(name, prefix) {
    this.#name = name;
    this.#prefix = prefix;
  }

  /** @returns {Promise<R2Object | null>} */
  head(scope, key) {
    return this.#call(scope, "head", key, (bucket, name) => bucket.head(name));
  }

  /**
   * @param {R2GetOptions} [options]
   * @returns {Promise<R2ObjectBody | R2Object | null>} without a body where `onlyIf` does not hold
   */
  get(scope, key, options) {
    return this.#call(scope, "get", key, (bucket, name) => bucket.get(name, options));
  }

  /**
   * @param {() => Promise<BodyInit> | BodyInit} content makes the content anew for each attempt
   * @param {R2PutOptions} [options]
   * @returns {Promise<R2Object>}
   */
  put(scope, key, content, options) {
    return this.#call(scope, "put", key, async (bucket, name) => bucket.put(name, await content(), options));
  }

  /** Deletes what is there of the keys. */
  async delete(scope, keys) {
    for (let at = 0; at < keys.length; at += DELETE_LIMIT) {
      const names = keys.slice(at, at + DELETE_LIMIT).map((key) => this.#prefix + key);
      await this.#call(scope, "delete", keys[at], (bucket) => bucket.delete(names));
    }
  }

  /** @yields {R2Object} what is there with the prefix, in the order of keys; their `key` is without the bucket's own prefix */
  async *list(scope, prefix) {
    for (let cursor; ; ) {
      const page = await this.#call(scope, "list", prefix, (bucket, name) => bucket.list({ prefix: name, cursor, include: LISTED }));
      for (const object of page.objects) yield { key: object.key.slice(this.#prefix.length), size: object.size, uploaded: object.uploaded };
      if (!page.truncated) return;
      cursor = page.cursor;
    }
  }

  /** @returns {Promise<Multipart>} */
  async multipart(scope, key, options) {
    const upload = await this.#call(scope, "create upload", key, (bucket, name) => bucket.createMultipartUpload(name, options));
    return new Multipart(upload, (what, call) => this.#call(scope, what, key, call));
  }

  async #call(scope, what, key, call) {
    const bucket = scope.env[this.#name];
    for (let attempt = 1; ; attempt++) {
      try {
        return await withPatience(call(bucket, this.#prefix + key));
      } catch (error) {
        if (attempt === ATTEMPTS || !isPassing(error)) {
          throw new StorageError(`${this.#name}: ${what} ${JSON.stringify(key)}: ${error.message}`, { cause: error });
        }
      }
      await pause(PAUSE * attempt);
    }
  }
}

/** No metadata: a page of a listing holds a thousand keys only without it. */
const LISTED = [];

/** A multipart upload that has begun. */
class Multipart {
  #upload;
  #call;
  #parts = [];

  constructor(upload, call) {
    this.#upload = upload;
    this.#call = call;
  }

  /** Sends the next part; all but the last are of one size. */
  async send(part) {
    const number = this.#parts.length + 1;
    this.#parts.push(await this.#call(`part ${number}`, () => this.#upload.uploadPart(number, part)));
  }

  complete() {
    return this.#call("complete upload", () => this.#upload.complete(this.#parts));
  }

  abort() {
    return this.#call("abort upload", () => this.#upload.abort());
  }
}

/** Whether it may go well when it is tried again: an error without a code of R2 is the network's. */
function isPassing(error) {
  const code = /\((\d{5})\)$/.exec(error?.message ?? "")?.[1];
  return code === undefined || PASSING.has(Number(code));
}

async function withPatience(call) {
  const { promise, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error(`no answer for ${PATIENCE / 1000} s`)), PATIENCE);
  try {
    return await Promise.race([call, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(milliseconds) {
  const { promise, resolve } = Promise.withResolvers();
  setTimeout(resolve, milliseconds);
  return promise;
}
