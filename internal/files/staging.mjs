// What is left in a bucket by work that did not come to its end.

import { STAGING } from "./bucket.mjs";

/** Staged objects older than this, in milliseconds, are of isolates that are gone. */
const STALE = 2 * 3600_000;

/** Removes the staged objects of isolates that are gone, and of clients that have not come back. */
export async function sweepStaging(scope, bucket) {
  const stale = [];
  const before = Date.now() - STALE;
  for await (const object of bucket.list(scope, STAGING)) if (object.uploaded.getTime() < before) stale.push(object.key);
  await bucket.delete(scope, stale);
}

/**
 * Stores a file under a key. Where that fails, nothing of it is there.
 * @param {() => Promise<unknown>} store
 */
export async function storeOrUndo(scope, bucket, key, store) {
  const started = Date.now();
  try {
    await store();
  } catch (error) {
    await undo(scope, bucket, key, started);
    throw error;
  }
}

/** Deletes what an attempt may have stored whose answer was lost; what was there before stays. */
async function undo(scope, bucket, key, started) {
  try {
    const object = await bucket.head(scope, key);
    if (object && object.uploaded.getTime() >= started) await bucket.delete(scope, [key]);
  } catch (error) {
    console.error(`pocketflare: a file may have been left behind: ${error.message}`);
  }
}
