// Saves records whose files go from the client to R2 directly (docs/files.md, Direct transfer). Copy this file into your app; it needs
// nothing but the PocketBase SDK, and runs in browsers, Workers, Node, Deno and Bun.
//
//     import { createRecord, updateRecord } from "./direct-upload.mjs";
//
//     const record = await createRecord(pb, "videos", { title: "Holidays", video: input.files[0] }, {
//       onProgress: ({ sent, total }) => (bar.value = sent / total),
//       signal: controller.signal,
//     });

const MEBIBYTE = 1024 * 1024;

/** What a file's first bytes tell of its type. */
const HEAD = 3072;

/** The pause before a part is sent again, in milliseconds; each further one is twice as long. */
const PAUSE = 500;

/**
 * @typedef {object} Options
 * @property {number} [min] the size in bytes from which on a file goes to R2 directly; when one does, all of the record do. 50 MB.
 * @property {number} [atOnce] how many parts are sent at a time; each is 16 MB, read from the file while it is sent. 4.
 * @property {number} [attempts] how often a part is tried. 5.
 * @property {(progress: { sent: number, total: number }) => void} [onProgress] bytes of the files that went directly
 * @property {AbortSignal} [signal] gives up: what was sent is removed
 * @property {object} [send] further options of the SDK's create or update, such as `expand`
 */

/**
 * As pb.collection(collection).create(data).
 *
 * @param {import("pocketbase").default} pb
 * @param {string} collection
 * @param {Record<string, any> | FormData} data
 * @param {Options} [options]
 * @returns {Promise<import("pocketbase").RecordModel>}
 */
export function createRecord(pb, collection, data, options = {}) {
  const path = `/api/pocketflare/uploads/collections/${encodeURIComponent(collection)}/records`;
  return save(pb, "POST", path, data, options, (body, send) => pb.collection(collection).create(body, send));
}

/**
 * As pb.collection(collection).update(id, data): "field+" appends files.
 *
 * @param {import("pocketbase").default} pb
 * @param {string} collection
 * @param {string} id
 * @param {Record<string, any> | FormData} data
 * @param {Options} [options]
 * @returns {Promise<import("pocketbase").RecordModel>}
 */
export function updateRecord(pb, collection, id, data, options = {}) {
  const path = `/api/pocketflare/uploads/collections/${encodeURIComponent(collection)}/records/${encodeURIComponent(id)}`;
  return save(pb, "PATCH", path, data, options, (body, send) => pb.collection(collection).update(id, body, send));
}

/**
 * Where the record is refused for a reason that may pass (status 0, 409, 429 or 5xx), the files stay for two hours: the error's
 * `uploaded` is the data with what stands for them, to be given to the SDK's create or update.
 */
async function save(pb, method, path, data, options, commit) {
  const { min = 50 * MEBIBYTE, signal, send } = options;
  const fields = data instanceof FormData ? fromForm(data) : data;
  const files = Object.values(fields).flat().filter((value) => goesDirectly(value));
  if (!files.some(({ size }) => size >= min)) return commit(data, { ...send, signal });

  const body = withoutFiles(await replaceFiles(fields, describe));
  const { uploads } = await pb.send(path, { method, body, signal, requestKey: null });
  const begun = []; // each file with its upload
  await replaceFiles(fields, (file, key, index) => {
    if (!uploads[key]) throw new Error(`${path}: ${key} is no file field`);
    begun.push({ file, ...uploads[key][index] });
  });
  try {
    await sendAll(begun, options);
  } catch (error) {
    await Promise.allSettled(begun.map(({ token }) => pb.send("/api/pocketflare/uploads", { method: "DELETE", body: { token }, requestKey: null })));
    throw error;
  }
  const uploaded = await replaceFiles(fields, (_, key, index) => uploads[key][index].token);
  try {
    return await commit(uploaded, { ...send, signal });
  } catch (error) {
    throw Object.assign(error, { uploaded });
  }
}

/** Empty files have nothing to send. */
function goesDirectly(value) {
  return value instanceof Blob && value.size > 0;
}

function fromForm(form) {
  const fields = {};
  for (const key of new Set(form.keys())) {
    const values = form.getAll(key);
    fields[key] = values.length > 1 ? values : values[0];
  }
  return fields;
}

/** @returns {Promise<Record<string, any>>} the fields with something else in the place of each file: its number is that among the files of its key */
async function replaceFiles(fields, replace) {
  const replaced = {};
  for (const [key, value] of Object.entries(fields)) {
    let index = 0;
    const one = (item) => (goesDirectly(item) ? replace(item, key, index++) : item);
    replaced[key] = Array.isArray(value) ? await Promise.all(value.map(one)) : await one(value);
  }
  return replaced;
}

/** Leaves out empty files, which go with the record. */
function withoutFiles(fields) {
  const isFile = (value) => value instanceof Blob;
  const entries = Object.entries(fields).filter(([, value]) => !isFile(value));
  return Object.fromEntries(entries.map(([key, value]) => [key, Array.isArray(value) ? value.filter((item) => !isFile(item)) : value]));
}

/** What the server is told of a file before it comes. */
async function describe(file) {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  return { name: file.name ?? "blob", size: file.size, head: btoa(String.fromCharCode(...head)) };
}

/** Sends the parts of all files, some at a time. The first that fails ends all. */
async function sendAll(begun, { atOnce = 4, attempts = 5, onProgress = () => {}, signal }) {
  const parts = begun.flatMap(({ file, parts }) => {
    let start = 0;
    return parts.map(({ url, size }) => ({ url, blob: file.slice(start, (start += size)), sent: 0 }));
  });
  const total = parts.reduce((sum, { blob }) => sum + blob.size, 0);
  const failure = new AbortController();
  const ended = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const work = async () => {
    for (let part = queue.shift(); part; part = queue.shift()) {
      await sendPart(part, attempts, ended, (sent) => {
        part.sent = sent;
        onProgress({ sent: parts.reduce((sum, { sent }) => sum + sent, 0), total });
      });
    }
  };
  const queue = [...parts];
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } catch (error) {
    failure.abort(error);
    throw error;
  }
}

async function sendPart({ url, blob }, attempts, signal, onSent) {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      const status = await put(url, blob, signal, onSent);
      if (status >= 200 && status < 300) return onSent(blob.size);
      const passing = status >= 500 || status === 408 || status === 429;
      throw Object.assign(new Error(`R2 has answered ${status} to a part of an upload`), { status, final: !passing });
    } catch (error) {
      onSent(0);
      if (signal.aborted || error.final || attempt === attempts) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** (attempt - 1)));
  }
}

/** @returns {Promise<number>} the status. Only XMLHttpRequest, where there is one, tells how much of a part was sent. */
async function put(url, blob, signal, onSent) {
  if (typeof XMLHttpRequest === "undefined") {
    const response = await fetch(url, { method: "PUT", body: blob, signal });
    await response.body?.cancel();
    return response.status;
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => resolve(request.status);
    request.onerror = () => reject(new Error("a part of an upload could not be sent: is the bucket's CORS policy set?"));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.open("PUT", url);
    request.send(blob);
  });
}
