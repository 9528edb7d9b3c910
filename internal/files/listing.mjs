// What is in a bucket below a directory, asked for at once: PocketBase's local driver walks directories one by one, with a look at each
// entry, and R2 would be asked as often.

import { STAGING } from "./bucket.mjs";
import { directoryStats, fileStats } from "./stats.mjs";

/** Keys of others' (folders, as some tools keep them) that no path leads to: PocketBase escapes them. */
const NO_PATH = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Each look at an entry is answered once from the listing; who looks again sees the bucket as it is then. */
export class Listing {
  #bucket;
  #root = "";
  #looks = new Map(); // stats, by key
  #names = new Map(); // of the entries, by the directory's key
  #files = new Set();
  #directories = new Map(); // how many of the files are below, by key

  constructor(bucket) {
    this.#bucket = bucket;
  }

  /** @returns {Promise<Listing>} of a key and what is below it */
  static async load(scope, bucket, key) {
    const listing = new Listing(bucket);
    for await (const object of bucket.list(scope, key)) {
      const within = key === "" || object.key === key || object.key.startsWith(`${key}/`);
      if (within && !object.key.startsWith(STAGING) && !NO_PATH.test(object.key)) listing.#add(key, object);
    }
    return listing;
  }

  #add(root, object) {
    this.#root = root;
    this.#files.add(object.key);
    this.#looks.set(object.key, { stats: fileStats(object.size, object.uploaded.getTime()) });
    let child = object.key;
    let isNew = true;
    for (const parent of parents(root, object.key)) {
      const below = this.#directories.get(parent) ?? 0;
      this.#directories.set(parent, below + 1);
      if (below === 0) {
        this.#names.set(parent, []);
        this.#looks.set(parent, { stats: directoryStats() });
      }
      if (isNew) this.#names.get(parent).push(child.slice(parent === "" ? 0 : parent.length + 1));
      isNew = below === 0;
      child = parent;
    }
  }

  /** The key of what was listed; "" where nothing was found. */
  get root() {
    return this.#root;
  }

  get isEmpty() {
    return this.#files.size === 0;
  }

  /** @returns {{ stats: object } | undefined} of a file or directory */
  take(bucket, key) {
    if (bucket !== this.#bucket) return undefined;
    const found = this.#looks.get(key);
    this.#looks.delete(key);
    return found;
  }

  /** @returns {string[] | undefined} the names in a directory */
  takeNames(bucket, key) {
    if (bucket !== this.#bucket) return undefined;
    const names = this.#names.get(key);
    this.#names.delete(key);
    return names;
  }

  /** Whether there was such a file; it is told once, to who deletes it. */
  takeFile(bucket, key) {
    if (bucket !== this.#bucket || !this.#files.delete(key)) return false;
    for (const parent of parents(this.#root, key)) this.#directories.set(parent, this.#directories.get(parent) - 1);
    return true;
  }

  hasDirectory(bucket, key) {
    return bucket === this.#bucket && this.#directories.has(key);
  }

  /** Whether nothing is left of a directory's files. The directory is gone then. */
  takeEmpty(bucket, key) {
    return bucket === this.#bucket && this.#directories.get(key) === 0 && this.#directories.delete(key);
  }
}

/** @yields {string} the directories of a key, up to the root */
function* parents(root, key) {
  for (let child = key; child.length > root.length; ) {
    child = child.slice(0, Math.max(child.lastIndexOf("/"), 0));
    yield child;
  }
}
