// What is in a bucket below a directory, asked for at once: PocketBase's local driver walks directories one by one, with a look at each
// entry, and R2 would be asked as often.

import { STAGING } from "./bucket.mjs";
import { directoryStats, fileStats } from "./stats.mjs";

/** Each look at an entry is answered once from the listing; who looks again sees the bucket as it is then. */
export class Listing {
  #bucket;
  #looks = new Map(); // stats, by key
  #names = new Map(); // of the entries, by the directory's key
  #files = new Set();
  #directories = new Set();

  constructor(bucket) {
    this.#bucket = bucket;
  }

  /** @returns {Promise<Listing>} of a key and what is below it */
  static async load(scope, bucket, key) {
    const listing = new Listing(bucket);
    for await (const object of bucket.list(scope, key)) {
      const within = key === "" || object.key === key || object.key.startsWith(`${key}/`);
      if (within && !object.key.startsWith(STAGING)) listing.#add(key, object);
    }
    return listing;
  }

  #add(root, object) {
    this.#files.add(object.key);
    this.#looks.set(object.key, { stats: fileStats(object.size, object.uploaded.getTime()) });
    let child = object.key;
    while (child.length > root.length) {
      const slash = child.lastIndexOf("/");
      const parent = child.slice(0, Math.max(slash, 0));
      let names = this.#names.get(parent);
      const known = names !== undefined;
      if (!known) this.#names.set(parent, (names = []));
      names.push(child.slice(slash + 1));
      if (known) return;
      this.#directories.add(parent);
      this.#looks.set(parent, { stats: directoryStats() });
      child = parent;
    }
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

  /** Whether there was such a file; it is told once. */
  takeFile(bucket, key) {
    return bucket === this.#bucket && this.#files.delete(key);
  }

  hasDirectory(bucket, key) {
    return bucket === this.#bucket && this.#directories.has(key);
  }
}
