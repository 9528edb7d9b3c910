// Uploads from a client to R2, past the Worker. An upload goes to a staged object. Its token, which only we can make, says whose it is; a
// request that names it in the place of a file claims it: Go then sees a part of a form, whose bytes R2 copies to the record's key.
// uploads.go and uploads_plan.go have the packets.

import { Reader, Writer } from "../wire/wire.mjs";
import { STAGING, StorageError } from "./bucket.mjs";
import { UPLOAD_SECONDS, UploadError } from "./direct.mjs";
import { ObjectReader } from "./reader.mjs";
import { ignoreEnded } from "./s3.mjs";
import { storeOrUndo } from "./staging.mjs";

const MEBIBYTE = 1024 * 1024;

/** The size of a part of an upload, unless that makes too many; files up to it are one part. */
const PART = 16 * MEBIBYTE;
const MOST_PARTS = 1000;

/** How much of a staged file's beginning is read at once: PocketBase looks at it for the type. */
const BEGINNING = 64 * 1024;

const encoder = new TextEncoder();

/** The bucket that is mounted at a directory. */
function bucketAt(scope, path) {
  const { bucket } = scope.runtime.disk.place(path) ?? {};
  if (!bucket) throw new Error(`no bucket is mounted at ${path}`);
  return bucket;
}

/**
 * Operation: begins an upload.
 * @returns {Promise<Uint8Array>} JSON for the client: the token, when it expires, and each part's size and URL, in order
 */
export async function uploadBegin(scope, payload) {
  const request = new Reader(payload);
  const bucket = bucketAt(scope, request.string());
  const owner = request.string();
  const name = request.string();
  const size = request.f64();
  const { direct } = scope.runtime;
  const s3 = await direct.s3(scope, bucket);
  direct.sweep(scope, bucket);

  const key = STAGING + crypto.randomUUID();
  const partSize = Math.max(PART, Math.ceil(size / MOST_PARTS / MEBIBYTE) * MEBIBYTE);
  const count = Math.ceil(size / partSize);
  const uploadId = count > 1 ? await s3.createUpload(bucket.prefix + key) : undefined;
  const expires = Date.now() + UPLOAD_SECONDS * 1000;
  const signPart = async (_, index) => {
    const length = Math.min(partSize, size - index * partSize);
    const query = uploadId && { partNumber: String(index + 1), uploadId };
    // The length is signed: more than was asked for cannot be stored.
    const options = { seconds: UPLOAD_SECONDS, query, headers: { "content-length": String(length) } };
    return { size: length, url: await s3.presign("PUT", bucket.prefix + key, options) };
  };
  const parts = await Promise.all(Array.from({ length: count }, signPart));
  const token = await direct.seal({ key, owner, name, size, expires, uploadId, partSize });
  return encoder.encode(JSON.stringify({ token, expires: new Date(expires).toISOString(), parts }));
}

/** Operation: claims an upload for the event. @returns {Promise<Uint8Array>} string path of its file, string name, f64 size */
export async function uploadClaim(scope, payload) {
  const request = new Reader(payload);
  const bucket = bucketAt(scope, request.string());
  const owner = request.string();
  const token = request.string();
  const { direct, disk } = scope.runtime;
  const s3 = await direct.s3(scope, bucket);
  const ticket = await direct.unseal(token, owner);
  scope.claims ??= new Claims(disk);
  const path = scope.claims.path(ticket.key) ?? scope.claims.add(ticket.key, await stagedFile(scope, s3, bucket, ticket));
  const reply = new Writer(256);
  reply.string(path);
  reply.string(ticket.name);
  reply.f64(ticket.size);
  return reply.done();
}

async function stagedFile(scope, s3, bucket, ticket) {
  let object = await bucket.head(scope, ticket.key);
  if (!object && ticket.uploadId) {
    await complete(s3, bucket, ticket);
    object = await bucket.head(scope, ticket.key);
  }
  if (!object) throw new UploadError("The file was not uploaded, or was used already. Upload it again.");
  if (object.size !== ticket.size) throw new UploadError(`The upload has ${object.size} bytes and not ${ticket.size}. Upload the file again.`);
  return new StagedFile(bucket, ticket.key, object, await beginningOf(scope, bucket, ticket.key, object));
}

async function beginningOf(scope, bucket, key, object) {
  const reader = new ObjectReader(bucket, key, object); // of this very object, whatever is written over it
  const beginning = new Uint8Array(Math.min(BEGINNING, object.size));
  for (let at = 0; at < beginning.length; ) {
    const read = reader.read(beginning.subarray(at), at);
    at += typeof read === "function" ? await read(scope) : read;
  }
  await reader.close()?.(scope);
  return beginning;
}

/** Puts the parts of an upload together. */
async function complete(s3, bucket, { key, uploadId, size, partSize }) {
  const name = bucket.prefix + key;
  const parts = await s3.listParts(name, uploadId).catch(ignoreEnded);
  if (!parts) return; // it was completed, or given up
  const count = Math.ceil(size / partSize);
  const whole = parts.filter((part, index) => part.number === index + 1 && part.size === Math.min(partSize, size - index * partSize));
  if (parts.length !== count || whole.length !== count) {
    throw new UploadError(`The upload is not complete: ${whole.length} of ${count} parts are there.`);
  }
  await s3.completeUpload(name, uploadId, parts).catch(ignoreEnded);
}

/** Operation: gives an upload up. */
export async function uploadAbort(scope, payload) {
  const request = new Reader(payload);
  const bucket = bucketAt(scope, request.string());
  const owner = request.string();
  const { direct } = scope.runtime;
  const s3 = await direct.s3(scope, bucket);
  const { key, uploadId } = await direct.unseal(request.string(), owner);
  if (uploadId) {
    await s3.abortUpload(bucket.prefix + key, uploadId).catch(ignoreEnded);
  }
  await bucket.delete(scope, [key]);
}

/** The uploads that an event has claimed. */
class Claims {
  #disk;
  #paths = new Map(); // of files on the disk, by the keys of the staged objects
  #files = new Map();

  constructor(disk) {
    this.#disk = disk;
  }

  path(key) {
    return this.#paths.get(key);
  }

  /** @returns {string} the path at which Go finds the file */
  add(key, file) {
    const path = this.#disk.claim(file);
    this.#paths.set(key, path);
    this.#files.set(key, file);
    return path;
  }

  /** Removes what was used or refused. An answer that asks for another try leaves it, for that or until it is stale. */
  async settle(scope, status) {
    if (status === 409 || status === 429 || status >= 500) return;
    try {
      for (const file of this.#files.values()) await file.remove(scope);
    } catch (error) {
      console.error(`pocketflare: an upload was left behind, until it is stale: ${error.message}`);
    }
  }

  /** Forgets the files. */
  end() {
    for (const path of this.#paths.values()) this.#disk.release(path);
  }
}

/** An upload that is there, as a file that Go can read and have stored. */
class StagedFile {
  #bucket;
  #key;
  #object;
  #beginning;
  #reader;

  constructor(bucket, key, object, beginning) {
    this.#bucket = bucket;
    this.#key = key;
    this.#object = object;
    this.#beginning = beginning;
    this.#reader = new ObjectReader(bucket, key, object);
  }

  get size() {
    return this.#object.size;
  }

  get mtimeMs() {
    return this.#object.uploaded.getTime();
  }

  /** @returns {number | ((scope) => Promise<number>)} how many bytes; 0 at the end */
  read(target, position) {
    if (position >= this.size) return 0;
    if (position >= this.#beginning.length) return this.#reader.read(target, position);
    const piece = this.#beginning.subarray(position, position + target.length);
    target.set(piece);
    return piece.length;
  }

  /** Stores the file under its key, with its metadata. Where that fails, nothing of it is there. */
  publish(scope, bucket, key, options) {
    return storeOrUndo(scope, bucket, key, () => {
      if (bucket === this.#bucket) return scope.runtime.direct.copy(scope, bucket, this.#object, key, options);
      return bucket.putStream(scope, key, () => this.#stream(scope), this.size, options);
    });
  }

  async #stream(scope) {
    const object = await this.#bucket.get(scope, this.#key, { onlyIf: { etagMatches: this.#object.etag } });
    if (!object?.body) throw new StorageError("the upload was replaced while it was copied");
    return object.body;
  }

  close() {
    return this.#reader.close();
  }

  /** Its removal is its event's, not Go's. */
  discard() {}

  async remove(scope) {
    await this.#bucket.delete(scope, [this.#key]);
  }
}
