// The S3 side of a bucket of R2, for what its binding cannot do: URLs that let a client read or write an object itself, and copies within
// R2. Requests are signed with AWS Signature Version 4, by aws4fetch.

import { AwsV4Signer } from "../../build/aws4fetch.mjs";
import { StorageError, TWICE } from "./bucket.mjs";

const MEBIBYTE = 1024 * 1024;

/** How often a request is sent at most, and the pause before the second attempt, in milliseconds. */
const ATTEMPTS = 3;
const PAUSE = 100;

/**
 * Objects up to this size are copied by one request. Larger ones are copied in parts: of a copy that was given up and goes on nothing is stored
 * then.
 */
const SMALL = 8 * MEBIBYTE;

/** The size of a part, unless that makes too many: S3 answers when the copy is made. */
const COPY_PART = 128 * MEBIBYTE;

/** The most parts that an upload has. */
const MOST_PARTS = 10_000;

/** How many parts are copied at a time: six connections may wait for their answers at once. */
const COPIES_AT_ONCE = 4;

/** The errors that may pass, where no status tells. */
const PASSING = new Set(["InternalError", "ServiceUnavailable", "SlowDown"]);

/** R2 has one region. */
const REGION = "auto";

/** S3 has refused a request, and would again. */
export class S3Error extends StorageError {
  name = "S3Error";

  /**
   * @param {number} status
   * @param {string} code S3's own, "NoSuchUpload"
   */
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class S3 {
  #settings;
  #patience;
  #signingKeys = new Map();

  /**
   * @param {{ endpoint: string, bucket: string, accessKeyId: string, secretAccessKey: string }} settings the endpoint without a slash at its end
   * @param {number} patience how long one attempt may take, in milliseconds
   */
  constructor(settings, patience) {
    this.#settings = settings;
    this.#patience = patience;
  }

  /**
   * @param {string} method
   * @param {string} key
   * @param {{ seconds: number, query?: Record<string, string>, headers?: Record<string, string>, now?: Date }} options how long the URL
   *   can be used, and the headers that whoever uses it has to send
   * @returns {Promise<string>} a URL that carries its own permission
   */
  async presign(method, key, { seconds, query, headers, now }) {
    const url = this.#url(key, { ...query, "X-Amz-Expires": String(seconds) });
    const signed = await this.#sign({ method, url, headers, signQuery: true, allHeaders: true, datetime: now && timestamp(now) });
    return signed.url.href;
  }

  /** Stores an empty object. */
  async putEmpty(key) {
    await this.#ask("PUT", key, {});
  }

  async delete(key) {
    await this.#ask("DELETE", key, {});
  }

  /** Begins a multipart upload. @returns {Promise<string>} its id */
  async createUpload(key, headers) {
    const answer = await this.#ask("POST", key, { query: { uploads: "" }, headers });
    const id = textOf(answer, "UploadId");
    if (!id) throw new StorageError(`S3: POST ${JSON.stringify(key)}: an answer without an UploadId`);
    return id;
  }

  /** @returns {Promise<{ number: number, etag: string, size: number }[]>} the parts that are there, in order */
  async listParts(key, uploadId) {
    const parts = [];
    for (let marker; ; ) {
      const query = { uploadId, ...(marker && { "part-number-marker": marker }) };
      const answer = await this.#ask("GET", key, { query });
      for (const part of elements(answer, "Part")) {
        parts.push({ number: Number(textOf(part, "PartNumber")), etag: textOf(part, "ETag"), size: Number(textOf(part, "Size")) });
      }
      if (textOf(answer, "IsTruncated") !== "true") return parts.sort((a, b) => a.number - b.number);
      marker = textOf(answer, "NextPartNumberMarker");
    }
  }

  /** @param {{ number: number, etag: string }[]} parts */
  async completeUpload(key, uploadId, parts) {
    const list = parts.map(({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXML(etag)}</ETag></Part>`);
    const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
    await this.#ask("POST", key, { query: { uploadId }, body, headers: { "Content-Type": "application/xml" } });
  }

  async abortUpload(key, uploadId) {
    await this.#ask("DELETE", key, { query: { uploadId } });
  }

  /** @returns {Promise<{ key: string, uploadId: string, initiated: Date }[]>} the multipart uploads that were begun and not ended */
  async listUploads(prefix) {
    const uploads = [];
    for (let marker = {}; ; ) {
      const answer = await this.#ask("GET", "", { query: { uploads: "", prefix, ...marker } });
      for (const upload of elements(answer, "Upload")) {
        uploads.push({ key: textOf(upload, "Key"), uploadId: textOf(upload, "UploadId"), initiated: new Date(textOf(upload, "Initiated")) });
      }
      if (textOf(answer, "IsTruncated") !== "true") return uploads;
      marker = { "key-marker": textOf(answer, "NextKeyMarker"), "upload-id-marker": textOf(answer, "NextUploadIdMarker") };
    }
  }

  /**
   * Copies an object within the bucket. Its bytes stay in R2.
   * @param {{ key: string, etag: string, size: number }} source exactly this one: what was written over it is not copied
   * @param {string} key
   * @param {R2PutOptions} options the metadata of the copy
   */
  async copy(source, key, options) {
    const headers = { "x-amz-copy-source": `/${this.#settings.bucket}/${encodePath(source.key)}`, "x-amz-copy-source-if-match": `"${source.etag}"` };
    const metadata = metadataHeaders(options);
    if (source.size <= SMALL) {
      await this.#ask("PUT", key, { headers: { ...headers, ...metadata, "x-amz-metadata-directive": "REPLACE" }, moves: source.size });
      return;
    }
    const uploadId = await this.createUpload(key, metadata);
    try {
      const parts = await this.#copyParts(source.size, key, uploadId, headers);
      await this.completeUpload(key, uploadId, parts).catch(ignoreEnded); // then an attempt whose answer was lost has made the object
    } catch (error) {
      await this.abortUpload(key, uploadId).catch(() => {}); // what it failed for is told
      throw error;
    }
  }

  async #copyParts(size, key, uploadId, headers) {
    const length = Math.max(COPY_PART, Math.ceil(size / MOST_PARTS));
    const parts = [];
    let next = 1;
    let failure;
    const work = async () => {
      for (let number = next++; (number - 1) * length < size && !failure; number = next++) {
        const start = (number - 1) * length;
        const end = Math.min(start + length, size);
        const range = `bytes=${start}-${end - 1}`;
        const query = { partNumber: String(number), uploadId };
        const answer = await this.#ask("PUT", key, { query, headers: { ...headers, "x-amz-copy-source-range": range }, moves: end - start });
        parts[number - 1] = { number, etag: textOf(answer, "ETag") };
      }
    };
    const note = (error) => (failure ??= error);
    await Promise.all(Array.from({ length: COPIES_AT_ONCE }, () => work().catch(note)));
    if (failure) throw failure;
    return parts;
  }

  /**
   * Sends a request, again where its failure may pass. All of them can be repeated. `moves` is how many bytes it has R2 copy.
   * @returns {Promise<string>} the answer's text
   */
  async #ask(method, key, { query, headers, body, moves = 0 }) {
    const patience = Math.ceil(this.#patience * (1 + moves / TWICE));
    for (let attempt = 1; ; attempt++) {
      const signed = await this.#sign({ method, url: this.#url(key, query), headers });
      const options = { method, headers: signed.headers, body, redirect: "manual", signal: AbortSignal.timeout(patience) };
      const { ok, text, status, code, passes, reason } = await exchange(signed.url, options);
      if (ok) return text;
      const message = `S3: ${method} ${JSON.stringify(key)}: ${reason}`;
      if (!passes) throw new S3Error(message, status, code);
      if (attempt === ATTEMPTS) throw new StorageError(message);
      const { promise, resolve } = Promise.withResolvers();
      setTimeout(resolve, PAUSE * attempt);
      await promise;
    }
  }

  #url(key, query = {}) {
    const url = new URL(`${this.#settings.endpoint}/${this.#settings.bucket}${key === "" ? "" : `/${encodePath(key)}`}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  async #sign(options) {
    const { accessKeyId, secretAccessKey } = this.#settings;
    const signer = new AwsV4Signer({ ...options, accessKeyId, secretAccessKey, service: "s3", region: REGION, cache: this.#signingKeys });
    const signed = await signer.sign();
    signed.url.search = signed.url.search.replaceAll("+", "%20"); // which is what was signed; a plus need not be taken for a space
    return signed;
  }
}

/** Takes an upload that is not there any more for one that was ended. */
export function ignoreEnded(error) {
  if (error.code !== "NoSuchUpload") throw error;
}

/** Sends a request and reads what comes. `passes` tells whether a failure may, and `reason` what it is. */
async function exchange(url, options) {
  let response;
  let text;
  try {
    response = await fetch(url, options);
    text = await response.text();
  } catch (error) {
    return { ok: false, passes: true, reason: error.message };
  }
  const { status } = response;
  const code = textOf(text, "Code") ?? "";
  // An error that is met after the head was sent comes with status 200.
  const ok = response.ok && !text.includes("<Error>");
  const passes = status >= 500 || status === 429 || (response.ok && PASSING.has(code));
  return { ok, text, status, code, passes, reason: `${status} ${code} ${textOf(text, "Message") ?? ""}`.trim() };
}

/** Encodes a key as Signature Version 4 does, slashes left. */
function encodePath(key) {
  return encodeURIComponent(key).replaceAll("%2F", "/").replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

const HTTP_METADATA = [
  ["contentType", "Content-Type"],
  ["contentDisposition", "Content-Disposition"],
  ["contentEncoding", "Content-Encoding"],
  ["contentLanguage", "Content-Language"],
  ["cacheControl", "Cache-Control"],
];

/** @returns {Record<string, string>} the headers that give an object the metadata that the binding's options give it */
function metadataHeaders({ httpMetadata = {}, customMetadata = {} }) {
  const headers = {};
  for (const [field, name] of HTTP_METADATA) if (httpMetadata[field]) headers[name] = httpMetadata[field];
  for (const [name, value] of Object.entries(customMetadata)) headers[`x-amz-meta-${name}`] = value;
  return headers;
}

function timestamp(date) {
  return date.toISOString().replace(/[:-]|\.\d{3}/g, "");
}

// S3's answers are flat XML without attributes in what is read of them.

function* elements(xml, name) {
  for (const match of xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))) yield match[1];
}

function textOf(xml, name) {
  const match = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml);
  return match ? unescapeXML(match[1]) : undefined;
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeXML(text) {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    return decimal ? String.fromCodePoint(Number(decimal)) : (ENTITIES[name] ?? whole);
  });
}

function escapeXML(text) {
  return text.replace(/[&<>]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[char]);
}
