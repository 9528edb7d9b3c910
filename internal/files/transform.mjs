// Thumbs by the IMAGES binding: R2's stream goes to Cloudflare Images, and what it gives is stored; neither enters Go.
//
// A thumb has the size, the part of the image and the type that PocketBase's own would have. What the binding refuses, or gives in another
// size, is left to Go.

import { StorageError } from "./bucket.mjs";
import { readHeader, thumbSteps, upright } from "./images.mjs";

/** The quality of PocketBase's own JPEGs. */
const QUALITY = 95;

/** How much of a thumb is looked at. */
const BEGINNING = 64 * 1024;

/** By the original's type; all others become PNGs, WebPs too. */
const OUTPUTS = { "image/jpeg": { format: "image/jpeg", quality: QUALITY }, "image/gif": { format: "image/gif", anim: false } };
const PNG = { format: "image/png" };

/** What is kept of an image that is cut; the middle where the size tells nothing. */
const GRAVITIES = { t: "top", b: "bottom" };

/** What was logged of the binding in this isolate, so that it is logged once. */
const logged = new Set();

/** Whether the binding is there. */
export function hasImages(env) {
  if (!env.IMAGES) return false;
  if (typeof env.IMAGES.input === "function") return true;
  logOnce("kind", `The binding IMAGES is not an Images binding, so Go makes the thumbs. In wrangler.toml it is [images] and binding = "IMAGES".`);
  return false;
}

/**
 * Makes a thumb and stores it.
 * @param {{ bucket: import("./bucket.mjs").Bucket, key: string, original: string, size: string }} thumb
 * @param {R2Object} object what is known of the original
 * @param {import("./images.mjs").Header} header what its beginning tells
 * @param {import("./spool.mjs").Spool} spool for the thumb until it is known to be right
 * @returns {Promise<boolean>} whether it is stored
 */
export async function transform(scope, thumb, object, header, spool) {
  const output = OUTPUTS[object.httpMetadata?.contentType] ?? PNG;
  const wanted = { ...thumbSteps(upright(header), thumb.size).at(-1), format: output.format };
  const file = spool.create(Date.now());
  try {
    const given = await withPatience(scope, (signal) => fetchThumb(scope, thumb, object, wanted, output, file, signal));
    if (!given) return false;
    await file.publish(scope, thumb.bucket, thumb.key, { httpMetadata: { contentType: output.format } });
    return true;
  } catch (error) {
    if (error instanceof StorageError) throw error;
    logOnce(String(error.code ?? error.message), `The binding IMAGES could not make ${thumb.key}, so Go tries: ${error.message}. This is logged once.`);
    return false;
  } finally {
    await file.discard()?.(scope);
  }
}

/** Has the binding make a thumb, and writes it to a file. @returns {Promise<boolean>} false where the original is gone */
async function fetchThumb(scope, { bucket, original, size }, object, wanted, output, file, signal) {
  const { body } = (await bucket.get(scope, original, { onlyIf: { etagMatches: object.etag } })) ?? {};
  if (!body) return false;
  const { width, height } = wanted;
  const options = { width, height, fit: "cover", gravity: GRAVITIES[size.at(-1)] ?? "center" };
  const result = await scope.env.IMAGES.input(body).transform(options).output(output);
  const reader = result.image().getReader();
  signal.addEventListener("abort", () => reader.cancel(signal.reason).catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    signal.throwIfAborted();
    if (done) break;
    const written = file.write(value, file.size);
    if (typeof written === "function") await written(scope);
  }
  await file.close()?.(scope);
  checkThumb(file, wanted);
  return true;
}

/** PocketBase's thumbs have exact sizes, and apps count on them. */
function checkThumb(file, wanted) {
  const beginning = new Uint8Array(Math.min(file.size, BEGINNING));
  file.read(beginning, 0);
  const header = readHeader(beginning, file.size);
  const made = header ? describe({ ...upright(header), format: `image/${header.format}` }) : "no image";
  if (made !== describe(wanted)) throw new Error(`it gave ${made} for ${describe(wanted)}`);
}

function describe({ format, width, height }) {
  return `${format} of ${width}x${height}`;
}

/** Gives up what takes longer than a call of R2 may. */
async function withPatience(scope, task) {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers();
  const milliseconds = scope.runtime.patience;
  const settled = scope.limit(milliseconds, () => {
    const error = new Error(`no answer for ${(milliseconds / 1000).toFixed(1)} s`);
    controller.abort(error);
    reject(error);
  });
  try {
    return await Promise.race([task(controller.signal), promise]);
  } finally {
    settled();
  }
}

function logOnce(what, message) {
  if (logged.has(what)) return;
  logged.add(what);
  console.warn(`pocketflare: ${message}`);
}
