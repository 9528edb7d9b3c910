// An R2 bucket, or the part of one below a prefix: each call is tried again where that is safe, ends in bounded time, and fails in plain
// words.
//
// A call that is not answered in time is given up, not ended: R2 may still carry it out. What it stores that way is removed when its
// answer comes while its event lives, or was staged and is swept (spool.mjs).

import { FileSystemError } from "../memfs/errors.mjs";

/** How often a call is tried at most. One that was never answered tells its event to try the others, which clean up, once. */
const ATTEMPTS = 3;

/** A call that moves this many bytes may take twice as long. */
export const TWICE = 32 * 1024 * 1024;

/** The pause before the second attempt, in milliseconds; the third waits twice as long. */
const PAUSE = 100;

/** What R2 calls its own passing troubles: internal error, unavailable, too many requests. Its other codes say that the call is wrong. */
const PASSING = new Set([10001, 10043, 10058]);

/** The most keys that one call deletes. */
const DELETE_LIMIT = 1000;

/** The longest key, in bytes. */
const KEY_LIMIT = 1024;

/** Where files are kept that have no name yet; spool.mjs. */
export const STAGING = ".pocketflare/staging/";

const encoder = new TextEncoder();

/** R2 did not do what was asked of it, as often as it was asked. */
export class StorageError extends Error {
  name = "StorageError";
}

/** R2 did not answer in time. */
class Silence extends Error {}

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

  /** @returns {string} the key of an object that R2 has told */
  keyOf(object) {
    return object.key.slice(this.#prefix.length);
  }

  /** Whether a key is too long for R2. */
  exceeds(key) {
    const longest = 3 * (this.#prefix.length + key.length); // bytes of UTF-8
    return longest > KEY_LIMIT && encoder.encode(this.#prefix + key).length > KEY_LIMIT;
  }

  /** The name of its binding. */
  get binding() {
    return this.#name;
  }

  /** What comes before each of its keys in R2. */
  get prefix() {
    return this.#prefix;
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

  /** @returns {Promise<Uint8Array | null>} the bytes of a range, null where there is no object */
  bytes(scope, key, range) {
    const call = async (bucket, name) => {
      const object = await bucket.get(name, { range });
      return object && new Uint8Array(await object.arrayBuffer());
    };
    return this.#call(scope, "read", key, call, { size: range.length });
  }

  /**
   * Reads a stream of an object's.
   * @param {(bucket: R2Bucket, name: string) => Promise<any>} call begins the stream where it has to, and reads
   * @param {() => void} drop gives up the stream, so that the next attempt begins another
   */
  read(scope, key, call, drop) {
    const attempt = async (bucket, name) => {
      try {
        return await call(bucket, name);
      } catch (error) {
        drop();
        throw error;
      }
    };
    return this.#call(scope, "read", key, attempt, { giveUp: drop });
  }

  /**
   * @param {Uint8Array} content
   * @param {R2PutOptions} [options]
   * @returns {Promise<R2Object>}
   */
  put(scope, key, content, options) {
    const call = (bucket, name) => bucket.put(name, content, options);
    return this.#call(scope, "put", key, call, { size: content.length, late: this.#deleteLate(scope) });
  }

  /**
   * Stores what is streamed within the platform.
   * @param {() => Promise<ReadableStream>} source makes the stream anew for each attempt
   * @param {number} size of what it gives
   * @param {R2PutOptions} [options]
   * @returns {Promise<R2Object>}
   */
  putStream(scope, key, source, size, options) {
    let breakOff;
    const prepare = async () => {
      const { readable, writable } = new FixedLengthStream(size);
      const controller = new AbortController();
      (await source()).pipeTo(writable, { signal: controller.signal }).catch(() => {}); // the put fails
      breakOff = () => controller.abort(new Silence("the call was given up"));
      return readable;
    };
    const call = async (bucket, name, body) => {
      try {
        return await bucket.put(name, body, options);
      } catch (error) {
        breakOff();
        throw error;
      }
    };
    // A stream that was broken off is not stored, whenever R2 gets to it.
    return this.#call(scope, "put", key, call, { size, prepare, giveUp: () => breakOff(), late: this.#deleteLate(scope) });
  }

  /**
   * Stores the beginning of another object, streamed within the platform: the binding has no copy. Credentials of R2's S3 API would have R2 do it by itself.
   * @param {Bucket} from where that object is
   * @param {R2Object} object what is known of it; the copy fails if it was replaced since
   * @param {number} size how much of it
   * @param {R2PutOptions} [options]
   * @returns {Promise<R2Object>}
   */
  copy(scope, key, from, object, size, options) {
    const source = async () => {
      const { body } = (await from.get(scope, from.keyOf(object), { range: { offset: 0, length: size }, onlyIf: { etagMatches: object.etag } })) ?? {};
      if (!body) throw new FileSystemError("EIO", "the object was replaced while it was copied");
      return body;
    };
    return this.putStream(scope, key, source, size, options);
  }

  /** Deletes what an attempt has stored whose caller was told that nothing was. */
  #deleteLate(scope) {
    return async (object, succeeded) => {
      if (succeeded) return; // it is the same once more
      const bucket = scope.env[this.#name];
      const found = await bucket.head(object.key);
      if (found?.version === object.version) await bucket.delete(object.key);
    };
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
      for (const object of page.objects) yield { key: this.keyOf(object), size: object.size, uploaded: object.uploaded };
      if (!page.truncated) return;
      cursor = page.cursor;
    }
  }

  /** @returns {Promise<boolean>} whether there is anything with the prefix */
  async holds(scope, prefix) {
    const { objects } = await this.#call(scope, "list", prefix, (bucket, name) => bucket.list({ prefix: name, limit: 1, include: LISTED }));
    return objects.length > 0;
  }

  /** @returns {Promise<Multipart>} */
  async multipart(scope, key, options) {
    const create = (bucket, name) => bucket.createMultipartUpload(name, options);
    const upload = await this.#call(scope, "create upload", key, create, { late: (upload) => upload.abort() });
    return new Multipart(upload, (what, call, size) => this.#call(scope, what, key, call, { size }));
  }

  /**
   * @param {(bucket: R2Bucket, name: string, prepared: any) => Promise<any>} call is one attempt
   * @param {object} [options]
   * @param {number} [options.size] how many bytes it moves
   * @param {() => Promise<any>} [options.prepare] what comes before each attempt and has its own limits
   * @param {() => void} [options.giveUp] is called when an attempt is given up
   * @param {(value: any, succeeded: boolean) => Promise<void>} [options.late] gets what an attempt gives after it was given up
   */
  async #call(scope, what, key, call, { size = 0, prepare, giveUp, late } = {}) {
    const bucket = scope.env[this.#name];
    const attempts = scope.unheard ? 1 : ATTEMPTS;
    const patience = scope.runtime.patience * (1 + size / TWICE);
    let abandoned; // answers that were not waited for
    for (let attempt = 1; ; attempt++) {
      const prepared = prepare ? await prepare() : undefined;
      try {
        const answer = call(bucket, this.#prefix + key, prepared);
        const value = await inTime(scope, answer, patience, () => {
          giveUp?.();
          if (late) (abandoned ??= []).push(answer);
        });
        if (abandoned) awaitLate(scope, abandoned, late, true);
        return value;
      } catch (error) {
        if (error instanceof FileSystemError) throw error;
        if (attempt === attempts || !isPassing(error)) {
          if (error instanceof Silence) scope.unheard = true;
          if (abandoned) awaitLate(scope, abandoned, late, false);
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
    this.#parts.push(await this.#call(`part ${number}`, () => this.#upload.uploadPart(number, part), part.length));
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

/** Waits for an answer, at most so many milliseconds; giveUp is called when it has not come. */
function inTime(scope, answer, milliseconds, giveUp) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const settled = scope.limit(milliseconds, () => {
    giveUp();
    reject(new Silence(`no answer for ${(milliseconds / 1000).toFixed(1)} s`));
  });
  answer.then(
    (value) => {
      settled();
      resolve(value);
    },
    (error) => {
      settled();
      reject(error);
    },
  );
  return promise;
}

/** Has the event wait for answers that were given up, as long as it may live. */
function awaitLate(scope, answers, late, succeeded) {
  for (const answer of answers) {
    const seen = answer.then((value) => late(value, succeeded)).catch(() => {}); // it has failed after all, as its caller was told
    scope.ctx.waitUntil(seen);
  }
}

function pause(milliseconds) {
  const { promise, resolve } = Promise.withResolvers();
  setTimeout(resolve, milliseconds);
  return promise;
}
