/**
 * The Worker with a door to its STORAGE bucket for test/support/s3.mjs: POST /r2/<call>, with the arguments as JSON in the header
 * "arguments" and bytes in the body. What is not bytes is answered as JSON. /r2/calls tells the Worker's own calls of the bucket
 * since it was last asked.
 */
import worker from "../../worker.mjs";

export { RealtimeHub } from "../../worker.mjs";

const CALLS = {
  head: async (bucket, { key }) => told(await bucket.head(key)),
  async get(bucket, { key, range }) {
    const object = await bucket.get(key, { range: range && new Headers({ range }) });
    return object ? new Response(object.body, { headers: { object: JSON.stringify(plain(object)) } }) : Response.json(null);
  },
  put: async (bucket, { key, options }, body) => told(await bucket.put(key, body, options)),
  create: async (bucket, { key, options }) => Response.json({ uploadId: (await bucket.createMultipartUpload(key, options)).uploadId }),
  part: async (bucket, { key, uploadId, number }, body) => Response.json(await bucket.resumeMultipartUpload(key, uploadId).uploadPart(number, body)),
  complete: async (bucket, { key, uploadId, parts }) => told(await bucket.resumeMultipartUpload(key, uploadId).complete(parts)),
  async abort(bucket, { key, uploadId }) {
    await bucket.resumeMultipartUpload(key, uploadId).abort();
    return Response.json(null);
  },
  async delete(bucket, { key }) {
    await bucket.delete(key);
    return Response.json(null);
  },
  /** Copies an object, or a range of it, within the bucket. */
  async copy(bucket, { from, range, ...to }) {
    const source = await bucket.get(from, { range });
    return (to.uploadId ? CALLS.part : CALLS.put)(bucket, to, source.body);
  },
};

const calls = [];

function counted(bucket) {
  return new Proxy(bucket, {
    get(target, name) {
      return (...args) => {
        calls.push(name);
        return target[name](...args);
      };
    },
  });
}

let storage;

function plain({ key, size, etag, httpEtag, httpMetadata, customMetadata, range }) {
  return { key, size, etag, httpEtag, httpMetadata, customMetadata, range };
}

function told(object) {
  return Response.json(object && plain(object));
}

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    storage ??= counted(env.STORAGE);
    if (!pathname.startsWith("/r2/")) return worker.fetch(request, { ...env, STORAGE: storage }, ctx);
    if (pathname === "/r2/calls") return Response.json(calls.splice(0));
    return CALLS[pathname.slice("/r2/".length)](env.STORAGE, JSON.parse(decodeURIComponent(request.headers.get("arguments"))), request.body ?? "");
  },
};
