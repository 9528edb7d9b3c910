/**
 * The floor's part in the benchmark of files: the calls of R2 that the header `x-r2` names, in their order and on one key, and nothing else.
 * A part is taken of the request's body; what is put is what was read before it or, where nothing was, 2,000 bytes; what was read last is the response.
 */

/** The size of the parts of an upload, as the Worker's. */
const PART = 5 * 1024 * 1024;

const SMALL = new Uint8Array(2000);

/**
 * @param {R2Bucket} bucket
 * @param {Request} request
 * @param {string} key
 * @returns {Promise<Response>}
 */
export async function files(bucket, request, key) {
  const names = request.headers.get("x-r2").split(",");
  const last = names.lastIndexOf("get");
  const body = request.body?.getReader({ mode: "byob" });
  const staged = `${key}.staged`;
  let upload;
  let object = null;
  const parts = [];
  const steps = {
    head: () => bucket.head(key),
    list: () => bucket.list({ prefix: staged }),
    delete: () => bucket.delete(staged),
    async get(isLast) {
      object = await bucket.get(upload ? staged : key);
      if (!isLast && !names.includes("put")) await object?.arrayBuffer();
    },
    async put() {
      await bucket.put(key, object?.body ?? SMALL);
      object = null;
    },
    async createMultipartUpload() {
      upload = await bucket.createMultipartUpload(staged);
    },
    async uploadPart() {
      const { value } = await body.readAtLeast(PART, new Uint8Array(PART));
      parts.push(await upload.uploadPart(parts.length + 1, value));
    },
    complete: () => upload.complete(parts),
  };
  for (const [i, name] of names.entries()) await steps[name](i === last);
  return object?.body ? new Response(object.body, { headers: { "content-type": "application/octet-stream" } }) : Response.json({});
}
