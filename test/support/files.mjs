/** Collections with file fields, the bucket's contents, and bytes to put into files. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { ADMIN } from "../harness.mjs";

export const MEBIBYTE = 1024 * 1024;

/** Bytes that look random, the same for each seed. */
export function bytes(length, seed = 1) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed * 2654435761;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (state >>> 13);
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** A file of text, unless the bytes are given. */
export function file(name, content = `the content of ${name}`, type = "") {
  return new File([content], name, { type });
}

/** Makes a collection that anyone may use, with a file field `one` and a field `many` for ten. */
export async function createDocuments(admin, { name = "documents", fields = [], ...options } = {}) {
  return admin.collections.create({
    name,
    type: "base",
    listRule: "",
    viewRule: "",
    createRule: "",
    updateRule: "",
    deleteRule: "",
    fields: [
      { name: "title", type: "text", max: 50 },
      { name: "one", type: "file", maxSize: 100 * MEBIBYTE, thumbs: ["10x20", "20x10t", "20x10b", "15x15f", "0x12", "12x0"] },
      { name: "many", type: "file", maxSelect: 10, maxSize: 100 * MEBIBYTE },
      ...fields,
    ],
    ...options,
  });
}

/** @returns {Promise<string[]>} the keys of all objects in a bucket of the Worker */
export async function keys(target, binding = "STORAGE") {
  const { [binding]: bucket } = await target.mf.getBindings("pocketflare-0");
  const found = [];
  for (let cursor; ; ) {
    const page = await bucket.list({ cursor });
    found.push(...page.objects.map(({ key }) => key));
    if (!page.truncated) return found;
    cursor = page.cursor;
  }
}

/** @returns {string[]} the keys of incomplete multipart uploads in the Worker's buckets: R2 tells them by S3 only, so Miniflare's files are read */
export function incomplete(target) {
  const files = readdirSync(join(target.directory, "r2"), { recursive: true }).filter((name) => name.endsWith(".sqlite"));
  return files.flatMap((name) => {
    const db = new DatabaseSync(join(target.directory, "r2", name), { readOnly: true });
    try {
      const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = '_mf_multipart_uploads'").get();
      return has ? db.prepare("SELECT key FROM _mf_multipart_uploads WHERE state = 0").all().map(({ key }) => key) : [];
    } finally {
      db.close();
    }
  });
}

/** @returns {string[]} the keys that a record names */
export function named(record, fields = ["one", "many"]) {
  return fields.flatMap((field) => record[field]).filter(Boolean).map((name) => `${record.collectionId}/${record.id}/${name}`).sort();
}

/** Waits, at most ten seconds, until what gives is what is expected: PocketBase deletes files after it has answered. */
export async function eventually(give, expected) {
  const until = Date.now() + 10_000;
  for (;;) {
    const found = await give();
    if (JSON.stringify(found) === JSON.stringify(expected) || Date.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The size of Go's memory in MB, as the newest response tells. */
export async function memory(target) {
  const response = await fetch(`${target.url}/api/health`);
  return Number(/pf_memory;desc="?([\d.]+)/.exec(response.headers.get("server-timing"))?.[1]);
}

/** Runs, and looks at Go's memory all the time. @returns {Promise<[any, number]>} the result, and the most it was in MB */
export async function watchMemory(target, run) {
  let most = 0;
  let done = false;
  const watch = async () => {
    while (!done) {
      most = Math.max(most, await memory(target));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const watching = watch();
  const result = await run().finally(() => (done = true));
  await watching;
  return [result, Math.max(most, await memory(target))];
}

export { ADMIN };
