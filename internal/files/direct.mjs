// Transfers between clients and R2 that do not pass through the Worker: where R2's S3 credentials are among the secrets, a client gets
// signed URLs, to upload files past the platform's limit of a request (uploads.mjs) or to download large ones. links.go has the packets.

import { Reader, Writer } from "../wire/wire.mjs";
import { STAGING, StorageError } from "./bucket.mjs";
import { S3, S3Error } from "./s3.mjs";
import { sweepStaging } from "./staging.mjs";

/** For how long an upload's URLs and token can be used, in seconds. */
export const UPLOAD_SECONDS = 12 * 3600;

/** The binding of the bucket that the credentials are for. */
const BINDING = "STORAGE";

const TOKEN_PREFIX = "pocketflare_upload_";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A token cannot be used; the message tells the client why. */
export class UploadError extends Error {
  name = "UploadError";
}

/** Direct transfers are off; the message tells the owner why. */
export class DirectError extends Error {
  name = "DirectError";
}

const SETTINGS = [
  { name: "R2_ACCESS_KEY_ID", pattern: /^\S+$/, what: "the access key ID of an R2 API token" },
  { name: "R2_SECRET_ACCESS_KEY", pattern: /^\S+$/, what: "its secret access key" },
  { name: "R2_STORAGE_BUCKET", pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, what: "the name of the bucket behind STORAGE" },
];
const ACCOUNT = { name: "R2_ACCOUNT_ID", pattern: /^[0-9a-f]{32}$/, what: "the account's ID of 32 hexadecimal digits" };
const ENDPOINT = { name: "R2_ENDPOINT", pattern: /^https?:\/\/[^/?#\s]+$/, what: "the origin of the S3 API, https://<account ID>.eu.r2.cloudflarestorage.com" };

/**
 * @param {object} env an event's bindings
 * @returns {{ settings?: ConstructorParameters<typeof S3>[0], problem?: string }} neither where nothing is set
 */
export function directSettings(env) {
  const place = env[ENDPOINT.name] ? ENDPOINT : ACCOUNT;
  const needed = [place, ...SETTINGS];
  if (!needed.some(({ name }) => env[name])) return {};
  for (const { name, pattern, what } of needed) {
    if (!env[name]) return { problem: `${name} is missing: ${what}` };
    if (!pattern.test(env[name])) return { problem: `${name} has to be ${what}` };
  }
  return {
    settings: {
      endpoint: env[ENDPOINT.name] || `https://${env[ACCOUNT.name]}.r2.cloudflarestorage.com`,
      bucket: env.R2_STORAGE_BUCKET,
      accessKeyId: env.R2_ACCESS_KEY_ID,
      secretAccessKey: env.R2_SECRET_ACCESS_KEY,
    },
  };
}

/** The direct transfers of a runtime. */
export class Direct {
  #s3 = null;
  #key; // signs tokens
  #problem;
  #checked = false;
  #swept = false;

  /**
   * @param {object} env an event's bindings
   * @param {number} patience how long R2 is waited for, in milliseconds
   */
  constructor(env, patience) {
    const { settings, problem } = directSettings(env);
    if (settings) {
      this.#s3 = new S3(settings, patience);
      this.#key = settings.secretAccessKey;
    }
    if (problem) this.#turnOff(problem);
  }

  #turnOff(problem) {
    this.#problem = problem;
    this.#s3 = null;
    console.error(`pocketflare: direct transfers are off: ${problem}`);
  }

  /** Whether the settings are there. */
  get on() {
    return this.#s3 !== null;
  }

  /** Whether a bucket may be reached by S3. */
  serves(bucket) {
    return this.on && bucket.binding === BINDING;
  }

  /** Why it is off, if it was meant to be on. */
  get problem() {
    return this.#problem;
  }

  /**
   * @param {import("./bucket.mjs").Bucket} bucket
   * @returns {Promise<S3>} the bucket's S3 side. The first time in an isolate it is proved that it is this bucket's, and that the key may write.
   */
  async s3(scope, bucket) {
    if (!this.#s3) throw new DirectError(this.#problem ?? "no credentials are set");
    if (!this.#checked) await this.#check(scope, bucket);
    return this.#s3;
  }

  async #check(scope, bucket) {
    const s3 = this.#s3;
    const key = `${STAGING}check-${crypto.randomUUID()}`;
    try {
      await s3.putEmpty(bucket.prefix + key);
    } catch (error) {
      if (!(error instanceof S3Error)) throw error; // it may pass
      this.#refuse(`R2's S3 API does not let the key write to R2_STORAGE_BUCKET: ${error.status} ${error.code}`);
    }
    if (!(await bucket.head(scope, key))) {
      await s3.delete(bucket.prefix + key);
      this.#refuse("R2_STORAGE_BUCKET is not the bucket behind STORAGE");
    }
    await bucket.delete(scope, [key]);
    this.#checked = true;
  }

  #refuse(reason) {
    if (this.#s3) this.#turnOff(reason);
    throw new DirectError(reason);
  }

  /**
   * Copies an object within the bucket, its bytes in R2.
   * @param {{ key: string, etag: string, size: number }} source exactly this one; `key` is R2's
   * @param {string} key the bucket's
   * @param {R2PutOptions} options the metadata of the copy
   */
  async copy(scope, bucket, source, key, options) {
    const s3 = await this.s3(scope, bucket);
    await s3.copy(source, bucket.prefix + key, options);
    // Each part was copied on condition that it is the same object, which not every S3 has for parts.
    const now = await bucket.head(scope, source.key.slice(bucket.prefix.length));
    if (source.key !== bucket.prefix + key && now?.etag !== source.etag) throw new StorageError("the object was replaced while it was copied");
  }

  /** Removes, once an isolate, uploads that nobody has ended or used. */
  sweep(scope, bucket) {
    if (this.#swept) return;
    this.#swept = true;
    const sweeping = Promise.all([sweepStaging(scope, bucket), this.#abortStale(bucket)]);
    scope.ctx.waitUntil(sweeping.catch((error) => console.error(`pocketflare: old uploads were not removed: ${error.message}`)));
  }

  async #abortStale(bucket) {
    const before = Date.now() - UPLOAD_SECONDS * 1000;
    for (const { key, uploadId, initiated } of await this.#s3.listUploads(bucket.prefix + STAGING)) {
      if (initiated.getTime() < before) await this.#s3.abortUpload(key, uploadId);
    }
  }

  /** @returns {Promise<string>} a token that tells what the ticket says */
  async seal(ticket) {
    const text = base64url(encoder.encode(JSON.stringify(ticket)));
    const mac = await crypto.subtle.sign("HMAC", await this.#macKey(), encoder.encode(text));
    return `${TOKEN_PREFIX}${text}.${base64url(new Uint8Array(mac))}`;
  }

  /** @returns {Promise<object>} the ticket of a token that is the owner's and has not expired */
  async unseal(token, owner) {
    const [text, mac] = token.slice(TOKEN_PREFIX.length).split(".");
    const valid = mac !== undefined && (await crypto.subtle.verify("HMAC", await this.#macKey(), fromBase64url(mac), encoder.encode(text)));
    const ticket = valid ? JSON.parse(decoder.decode(fromBase64url(text))) : undefined;
    if (!ticket || ticket.owner !== owner) throw new UploadError("This upload does not exist, or is someone else's.");
    if (ticket.expires < Date.now()) throw new UploadError("The upload has expired. Upload the file again.");
    return ticket;
  }

  #macKey() {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    return crypto.subtle.importKey("raw", encoder.encode(`pocketflare upload token ${this.#key}`), algorithm, false, ["sign", "verify"]);
  }
}

/**
 * Answer: what Go has to know of direct transfers: u8 whether they are on, string why not.
 * @returns {Uint8Array}
 */
export function directState(runtime) {
  const reply = new Writer(64);
  reply.u8(runtime.direct.on ? 1 : 0);
  reply.string(runtime.direct.problem ?? "");
  return reply.done();
}

/** Operation: signs the download of an object. @returns {Promise<Uint8Array>} its URL */
export async function fileLink(scope, payload) {
  const request = new Reader(payload);
  const { bucket, key } = scope.runtime.disk.place(request.string()) ?? {};
  const seconds = request.f64();
  const query = {
    "response-content-type": request.string(),
    "response-content-disposition": request.string(),
    "response-cache-control": request.string(),
  };
  const s3 = await scope.runtime.direct.s3(scope, bucket);
  return encoder.encode(await s3.presign("GET", bucket.prefix + key, { seconds, query }));
}

function base64url(bytes) {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** @returns {Uint8Array} empty for what is no such text */
function fromBase64url(text) {
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    return new Uint8Array(0);
  }
}
