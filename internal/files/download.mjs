// Downloads: the object that a request is answered with. download.go has the packets.

import { Reader, Writer } from "../wire/wire.mjs";

/** What an event has opened, for its response. */
class Opened {
  #bucket;
  #key;
  #object;

  constructor(bucket, key, object) {
    this.#bucket = bucket;
    this.#key = key;
    this.#object = object;
  }

  /**
   * @param {import("../host/scope.mjs").Scope} scope
   * @param {import("../httpbridge/bridge.mjs").Segment[]} segments
   * @returns {Promise<ReadableStream>} exactly these bytes
   */
  async stream(scope, segments) {
    const [only] = segments;
    if (segments.length === 1 && only.text.length === 0) return this.#range(scope, only);
    const { readable, writable } = new FixedLengthStream(segments.reduce((sum, { text, length }) => sum + text.length + length, 0));
    this.#stitch(scope, segments, writable).catch((error) => {
      console.error(`pocketflare: a response of several ranges broke off: ${error.message}`);
      writable.abort(error).catch(() => {}); // its reader has gone
    });
    return readable;
  }

  async #stitch(scope, segments, writable) {
    for (const segment of segments) {
      const writer = writable.getWriter();
      await writer.write(segment.text);
      writer.releaseLock();
      if (segment.length > 0) await (await this.#range(scope, segment)).pipeTo(writable, { preventClose: true });
    }
    await writable.close();
  }

  async #range(scope, { offset, length }) {
    if (!this.#fits(offset, length)) {
      this.cancel();
      const options = { range: { offset, length }, onlyIf: { etagMatches: this.#object.etag } };
      const object = await this.#bucket.get(scope, this.#key, options);
      if (!object?.body) throw new Error("the file was replaced while it was opened");
      this.#object = object;
    }
    return this.#object.body;
  }

  /** Whether the stream that was opened has these bytes. */
  #fits(offset, length) {
    const { body, bodyUsed, range, size } = this.#object;
    if (!body || bodyUsed) return false;
    const start = range?.suffix === undefined ? (range?.offset ?? 0) : Math.max(size - range.suffix, 0);
    const end = Math.min(start + (range?.suffix ?? range?.length ?? size), size);
    return start === offset && end - start === length;
  }

  /** Gives up what nobody will read. */
  cancel() {
    if (!this.#object.bodyUsed) this.#object.body?.cancel().catch(() => {});
  }
}

/** A single range as PocketBase's server and R2 understand it alike. */
const SINGLE_RANGE = /^bytes=(\d+-\d*|-[1-9]\d*)$/;

/** The URL of a file as the SDK makes it: by the id of its collection, so that its key is known before PocketBase has looked at anything. */
const FILE_URL = /^https?:\/\/[^/]+\/api\/files\/(pbc_\d+|_pb_users_auth_|[a-z0-9]{15})\/([a-z0-9]{15})\/([\w.-]+)(\?[^#]*)?$/;

const THUMB = /[?&]thumb=([^&]*)/;
const THUMB_SIZE = /^\d+x\d+[tbf]?$/;

/** @returns {string | undefined} the key of what a URL is most likely answered with, if it tells */
function keyBehind(url) {
  const match = FILE_URL.exec(url);
  if (!match) return undefined;
  const [, collection, record, name, query = ""] = match;
  const thumb = THUMB.exec(query)?.[1];
  if (thumb === undefined) return `${collection}/${record}/${name}`;
  return THUMB_SIZE.test(thumb) ? `${collection}/${record}/thumbs_${name}/${thumb}_${name}` : undefined;
}

/** The object that an event will most likely open. */
class Early {
  /** @param {Promise<R2ObjectBody | null>} object */
  constructor(bucket, key, range, object) {
    Object.assign(this, { bucket, key, range, object });
    object.catch(() => {}); // who opens it hears of it
  }

  cancel() {
    this.object.then((object) => object?.body.cancel()).catch(() => {});
  }
}

/**
 * Opens a download's object while PocketBase asks the database for the record: the two take as long as one. PocketBase decides as ever whether
 * the client gets it; where it does not, the call was for nothing.
 * @param {import("../host/scope.mjs").Scope} scope whose request is about to be handed to Go
 */
export function anticipate(scope) {
  const { request, runtime } = scope;
  if (request.method !== "GET" || runtime.direct.on) return; // a link needs no object
  const key = keyBehind(request.url);
  const bucket = key && runtime.disk.mounted("STORAGE");
  if (!bucket) return;
  const { headers } = request;
  const range = headers.get("range") ?? "";
  if (headers.has("if-none-match") || headers.has("if-modified-since") || (range !== "" && !SINGLE_RANGE.test(range))) return;
  scope.early = new Early(bucket, key, range, bucket.get(scope, key, rangeOption(range)));
}

/** To be called when an event changes what is in a bucket. */
export function dropEarly(scope) {
  if (!scope?.early) return;
  scope.early.cancel();
  scope.early = null;
}

/** @returns {Promise<R2ObjectBody | null>} the object that was opened early; null if it was another, or not there then */
async function takeEarly(scope, bucket, key, range) {
  const { early } = scope;
  scope.early = null;
  if (early?.bucket === bucket && early.key === key && early.range === range) return early.object;
  early?.cancel();
  return null;
}

/** Operation: opens an object. @returns {Promise<Uint8Array | undefined>} what is known of it; undefined where there is none */
export async function fileOpen(scope, payload) {
  const request = new Reader(payload);
  const path = request.string();
  const body = request.u8() === 1;
  const range = request.string();
  const { bucket, key } = scope.runtime.disk.place(path) ?? {};
  if (!bucket) throw new Error(`no bucket is mounted at ${path}`);
  await scope.files?.settled();
  const streamed = body && (range === "" || SINGLE_RANGE.test(range)); // of several ranges each is asked for in its turn
  let object = streamed ? await takeEarly(scope, bucket, key, range) : null;
  object ??= streamed ? await bucket.get(scope, key, rangeOption(range)) : await bucket.head(scope, key);
  if (!object) return undefined;
  scope.opened?.cancel();
  scope.opened = new Opened(bucket, key, object);
  const reply = new Writer(256);
  reply.f64(object.size);
  reply.f64(object.uploaded.getTime());
  reply.string(object.httpEtag);
  reply.string(object.httpMetadata?.contentType ?? "application/octet-stream");
  return reply.done();
}

function rangeOption(range) {
  return range === "" ? undefined : { range: new Headers({ Range: range }) };
}
