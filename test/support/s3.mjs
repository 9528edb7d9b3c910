/** The S3 API of the Worker's bucket, as far as it is used: requests with a wrong signature are refused. */
import { once } from "node:events";
import { createServer } from "node:http";

import { refusal } from "./sigv4.mjs";

export const KEY = { accessKeyId: "0123456789abcdef0123456789abcdef", secretAccessKey: "a/secret+of/forty/characters=and/no/more" };

export const BUCKET = "pocketflare-storage";

/** One that is not the Worker's. */
export const OTHER_BUCKET = "another-bucket";

/** A running S3 API. `requests` has method, key, query, headers and status of each request, `settings` are the variables that name it. */
export class FakeS3 {
  requests = [];
  /** Called with each request, once its signature is right; what it returns, or resolves to, if anything, is the status of an error, or "silence" after the head. */
  fault = () => undefined;
  /** Whether what was done for a request is answered with an error. */
  lose = () => false;
  /** The keys in the other bucket. */
  other = new Set();
  /** What it stores into: a Door, set by the test when there is one. */
  bucket;
  #server;
  #uploads = new Map(); // key, upload, parts by number and when it was begun, by id

  static async start() {
    const s3 = new FakeS3();
    s3.#server = createServer((request, response) => s3.#answer(request, response));
    s3.#server.listen(0, "127.0.0.1");
    await once(s3.#server, "listening");
    s3.url = `http://127.0.0.1:${s3.#server.address().port}`;
    return s3;
  }

  get settings() {
    return { R2_ENDPOINT: this.url, R2_ACCESS_KEY_ID: KEY.accessKeyId, R2_SECRET_ACCESS_KEY: KEY.secretAccessKey, R2_STORAGE_BUCKET: BUCKET };
  }

  /** The incomplete uploads' keys. */
  get incomplete() {
    return [...this.#uploads.values()].map(({ key }) => key);
  }

  /** Makes all incomplete uploads older. */
  age(milliseconds) {
    for (const upload of this.#uploads.values()) upload.initiated = new Date(upload.initiated - milliseconds);
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request, response) {
    const [path, search = ""] = request.url.split("?");
    const query = new URLSearchParams(search);
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      response.setHeader("Access-Control-Allow-Origin", "*"); // the bucket's CORS policy
      if (request.method === "OPTIONS") {
        response.setHeader("Access-Control-Allow-Methods", "GET, PUT");
        response.setHeader("Access-Control-Allow-Headers", "content-type, range");
        response.end();
        return;
      }
      const refused = refusal(request, { ...KEY, region: "auto" });
      if (refused) throw new Refused(403, refused);
      const [, bucket, ...rest] = path.split("/");
      if (bucket === OTHER_BUCKET) {
        this.#serveOther(request, rest.join("/"), response);
        return;
      }
      if (bucket !== BUCKET) throw new Refused(404, "NoSuchBucket");
      const fault = await this.fault({ method: request.method, key: decodeURIComponent(rest.join("/")), query, headers: request.headers });
      if (fault === "silence") {
        response.flushHeaders();
        return;
      }
      if (fault) throw new Refused(fault, "InternalError");
      await this.#serve({ method: request.method, key: decodeURIComponent(rest.join("/")), query, headers: request.headers, body }, response);
    } catch (error) {
      response.statusCode = error.status ?? 500;
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${error.code ?? "InternalError"}</Code><Message>${error.message}</Message></Error>`;
      response.end(request.method === "HEAD" ? undefined : text);
    } finally {
      this.requests.push({ method: request.method, key: decodeURIComponent(path.split("/").slice(2).join("/")), query: Object.fromEntries(query), headers: request.headers, status: response.statusCode });
    }
  }

  #serveOther({ method }, key, response) {
    if (method === "PUT") this.other.add(key);
    if (method === "DELETE") this.other.delete(key);
    response.end();
  }

  async #serve(request, response) {
    const { method, query } = request;
    const action = `${method}${query.has("uploads") ? " uploads" : query.has("uploadId") ? " uploadId" : ""}`;
    const actions = {
      "POST uploads": () => this.#createUpload(request),
      "GET uploads": () => this.#listUploads(request),
      "PUT uploadId": () => this.#putPart(request, response),
      "GET uploadId": () => this.#listParts(request),
      "POST uploadId": () => this.#complete(request),
      "DELETE uploadId": () => this.#abort(request, response),
      PUT: () => this.#put(request, response),
      GET: () => this.#get(request, response),
      HEAD: () => this.#get(request, response),
      DELETE: () => this.bucket.call("delete", { key: request.key }),
    };
    if (!actions[action]) throw new Refused(501, "NotImplemented");
    const answer = await actions[action]();
    if (this.lose(request)) throw new Refused(500, "InternalError");
    if (typeof answer === "string") response.setHeader("Content-Type", "application/xml");
    response.end(answer ?? undefined);
  }

  async #put({ key, headers, body }, response) {
    if (headers["x-amz-copy-source"]) {
      if (headers["x-amz-metadata-directive"] !== "REPLACE") throw new Refused(501, "NotImplemented");
      const from = await this.#copySource(headers);
      const { etag } = await this.bucket.copy({ from, key, options: metadata(headers) });
      return `<CopyObjectResult><ETag>&quot;${etag}&quot;</ETag></CopyObjectResult>`;
    }
    const { etag } = await this.bucket.put(key, body, metadata(headers));
    response.setHeader("ETag", `"${etag}"`);
    return undefined;
  }

  /** The key of the object that a request copies. */
  async #copySource(headers) {
    const [, bucket, ...rest] = headers["x-amz-copy-source"].split("/");
    if (bucket !== BUCKET) throw new Refused(404, "NoSuchBucket");
    const key = decodeURIComponent(rest.join("/"));
    const source = await this.bucket.head(key);
    if (!source) throw new Refused(404, "NoSuchKey");
    if (headers["x-amz-copy-source-if-match"] && headers["x-amz-copy-source-if-match"] !== source.httpEtag) throw new Refused(412, "PreconditionFailed");
    return key;
  }

  async #get({ method, key, query, headers }, response) {
    const range = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "");
    const object = method === "HEAD" ? await this.bucket.head(key) : await this.bucket.get(key, range ? headers.range : undefined);
    if (!object) throw new Refused(404, "NoSuchKey");
    response.setHeader("ETag", object.httpEtag);
    response.setHeader("Content-Type", query.get("response-content-type") ?? object.httpMetadata.contentType ?? "application/octet-stream");
    if (query.has("response-content-disposition")) response.setHeader("Content-Disposition", query.get("response-content-disposition"));
    if (query.has("response-cache-control")) response.setHeader("Cache-Control", query.get("response-cache-control"));
    response.setHeader("Accept-Ranges", "bytes");
    if (range && object.range) {
      const start = range[1] === "" ? object.size - Number(range[2]) : Number(range[1]);
      const end = range[1] === "" || range[2] === "" ? object.size - 1 : Math.min(Number(range[2]), object.size - 1);
      response.statusCode = 206;
      response.setHeader("Content-Range", `bytes ${start}-${end}/${object.size}`);
    }
    if (method === "HEAD") {
      response.setHeader("Content-Length", object.size);
      return undefined;
    }
    return Buffer.from(await object.arrayBuffer());
  }

  async #createUpload({ key, headers }) {
    const { uploadId } = await this.bucket.call("create", { key, options: metadata(headers) });
    this.#uploads.set(uploadId, { key, parts: new Map(), initiated: new Date() });
    return `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`;
  }

  #upload({ key, query }) {
    const upload = this.#uploads.get(query.get("uploadId"));
    if (upload?.key !== key) throw new Refused(404, "NoSuchUpload");
    return upload;
  }

  async #putPart(request, response) {
    const { key, query, headers } = request;
    const upload = this.#upload(request);
    const number = Number(query.get("partNumber"));
    const to = { key, uploadId: query.get("uploadId"), number };
    if (headers["x-amz-copy-source"]) {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers["x-amz-copy-source-range"]);
      const range = { offset: Number(first), length: Number(last) - Number(first) + 1 };
      const { etag } = await this.bucket.copy({ from: await this.#copySource(headers), range, ...to });
      upload.parts.set(number, { etag, size: range.length });
      return `<CopyPartResult><ETag>&quot;${etag}&quot;</ETag></CopyPartResult>`;
    }
    const { etag } = await this.bucket.call("part", to, request.body);
    upload.parts.set(number, { etag, size: request.body.length });
    response.setHeader("ETag", `"${etag}"`);
    return undefined;
  }

  /** In pages of five, so that there are several. */
  #listParts(request) {
    const { parts } = this.#upload(request);
    const after = Number(request.query.get("part-number-marker") ?? 0);
    const numbers = [...parts.keys()].sort((a, b) => a - b).filter((number) => number > after);
    const page = numbers.slice(0, 5);
    const list = page.map((number) => `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${parts.get(number).etag}&quot;</ETag><Size>${parts.get(number).size}</Size></Part>`);
    const more = `<IsTruncated>${numbers.length > 5}</IsTruncated><NextPartNumberMarker>${page.at(-1) ?? 0}</NextPartNumberMarker>`;
    return `<?xml version="1.0"?>\n<ListPartsResult>${more}${list.join("\n")}</ListPartsResult>`;
  }

  async #complete(request) {
    const { key, query, body } = request;
    const { parts } = this.#upload(request);
    const named = [...body.toString().matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>"([^"]+)"<\/ETag><\/Part>/g)];
    const list = named.map(([, number, etag]) => ({ partNumber: Number(number), etag }));
    if (list.length === 0 || list.some(({ partNumber, etag }) => parts.get(partNumber)?.etag !== etag)) throw new Refused(400, "InvalidPart");
    const { etag } = await this.bucket.call("complete", { key, uploadId: query.get("uploadId"), parts: list });
    this.#uploads.delete(query.get("uploadId"));
    return `<CompleteMultipartUploadResult><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`;
  }

  async #abort(request, response) {
    const { key, query } = request;
    this.#upload(request);
    await this.bucket.call("abort", { key, uploadId: query.get("uploadId") });
    this.#uploads.delete(query.get("uploadId"));
    response.statusCode = 204;
  }

  #listUploads({ query }) {
    const found = [...this.#uploads].filter(([, { key }]) => key.startsWith(query.get("prefix") ?? ""));
    const list = found.map(([id, { key, initiated }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`);
    return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${list.join("")}</ListMultipartUploadsResult>`;
  }
}

/** The bucket of a Worker that runs with test/entries/r2-door.mjs. */
export class Door {
  #url;

  /** @param {string} url the Worker's origin */
  constructor(url) {
    this.#url = url;
  }

  async call(name, given, body) {
    const response = await this.#fetch(name, given, body);
    return response.json();
  }

  async #fetch(name, given, body) {
    const headers = { arguments: encodeURIComponent(JSON.stringify(given)) };
    const response = await fetch(`${this.#url}/r2/${name}`, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** @returns {Promise<string[]>} what the Worker has called since this was asked last */
  calls() {
    return this.call("calls", {});
  }

  head(key) {
    return this.call("head", { key });
  }

  put(key, body, options) {
    return this.call("put", { key, options }, body);
  }

  copy(given) {
    return this.call("copy", given);
  }

  async get(key, range) {
    const response = await this.#fetch("get", { key, range });
    const object = JSON.parse(response.headers.get("object"));
    return object && { ...object, arrayBuffer: () => response.arrayBuffer() };
  }
}

class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/** @returns {R2PutOptions} what the headers tell */
function metadata(headers) {
  const httpMetadata = {};
  if (headers["content-type"]) httpMetadata.contentType = headers["content-type"];
  if (headers["cache-control"]) httpMetadata.cacheControl = headers["cache-control"];
  if (headers["content-disposition"]) httpMetadata.contentDisposition = headers["content-disposition"];
  const custom = Object.entries(headers).filter(([name]) => name.startsWith("x-amz-meta-"));
  return { httpMetadata, customMetadata: Object.fromEntries(custom.map(([name, value]) => [name.slice("x-amz-meta-".length), value])) };
}
