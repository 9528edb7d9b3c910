// R2 as a part of the disk that Go's os package sees. PocketBase keeps files with its own local driver, which here finds a bucket
// mounted where it expects a directory. docs/files.md tells why.
//
// A bucket is mounted by a symbolic link to r2:<binding>/<prefix>. Below it:
//
//   - what is no object is a directory, since R2 has none, so making one is free;
//   - what is written goes to a spool, and is stored in one step when it is renamed (the local driver writes <key>.<n>.tmp, then
//     <key>.attrs, then renames the first to <key>) or, under another name, closed;
//   - <key>.attrs is the object's metadata in the form of the local driver;
//   - a thumb that is not there may be made while it is looked for, and an image that is opened for its thumb may be refused (thumbs.mjs).
//
// Calls that need R2 answer later, in the scope of the goroutine that made them; all others at once.

import { FileSystemError } from "../memfs/errors.mjs";
import { attributesOf, metadataFrom } from "./attributes.mjs";
import { Bucket } from "./bucket.mjs";
import { CopiedObject } from "./copy.mjs";
import { dropEarly } from "./download.mjs";
import { Listing } from "./listing.mjs";
import { ObjectReader } from "./reader.mjs";
import { Spool } from "./spool.mjs";
import { directoryStats, fileStats } from "./stats.mjs";
import { Thumbs, asksForThumb, checkImage, keepThumb, makeThumb, removeStrays, thumbOf } from "./thumbs.mjs";

const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;

/** Descriptors of this disk; those of the one in memory stay below. */
const FIRST_DESCRIPTOR = 1 << 20;

const ATTRIBUTES = ".attrs";

/** What the local driver writes before it has its name. */
const UNNAMED = /\.(?:tmp|attrs)$/;

/** The parts of a form that are too long for memory, as net/http names them. */
const FORM_PARTS = "/tmp/multipart-";

/** Before an image that takes more bytes than this is decoded, Go's garbage is collected: that of the last one is as large. */
const COLLECTED = 4 * 1024 * 1024;

/** How much more than an image's beginning tells Go's memory may grow, in bytes, until its thumb is given up. */
const SLACK = 16 * 1024 * 1024;

/** The length of a reference to a file of the spool, or to an object. */
const REFERENCE_LENGTH = 72;

const LINK = /^r2:([^/]+)\/(.*)$/;

const encoder = new TextEncoder();

/**
 * Lays mounted buckets over a file system in memory.
 * @param {object} memory the fs of createFileSystem
 * @param {{ scope: () => object | null, run: (scope: object | null, task: (scope) => Promise<any>, done: (error, value) => void) => void,
 *   memory: () => number, collect: (turn: object) => void, copies: () => boolean }} host
 *   scope is that of the goroutine that calls; run has a task run in it and done called in its turn; memory is the size of Go's in bytes,
 *   and collect frees what it can of it; copies tells whether the file that is opened is going to be copied whole, and nothing else
 * @returns {{ fs: object, disk: Disk }} the same calls, and the disk, which knows the places of paths
 */
export function createDisk(memory, host) {
  const disk = new Disk(host);
  const fs = { ...memory };
  for (const name of PATH_CALLS) {
    fs[name] = (...args) => {
      const callback = args.at(-1);
      const place = disk.place(args[0]) ?? (name === "rename" ? disk.place(args[1]) : null);
      if (place === null && !disk.mounts(name, args[0]) && !disk.isAbove(name, args[0])) return memory[name](...args);
      disk.answer(callback, () => {
        if (place?.bucket?.exceeds(place.key)) throw new FileSystemError("ENAMETOOLONG", place.path);
        return disk[name](place, ...args.slice(0, -1));
      });
    };
  }
  for (const name of DESCRIPTOR_CALLS) {
    fs[name] = (...args) => {
      if (args[0] < FIRST_DESCRIPTOR) return memory[name](...args);
      const callback = args.at(-1);
      disk.answer(callback, () => disk[`f_${name}`](disk.descriptor(args[0]), ...args.slice(1, -1)));
    };
  }
  return { fs, disk };
}

const PATH_CALLS = [
  ...["open", "stat", "lstat", "mkdir", "readdir", "rename", "unlink", "rmdir", "symlink"],
  ...["link", "readlink", "truncate", "chmod", "chown", "lchown", "utimes"],
];
const DESCRIPTOR_CALLS = ["read", "write", "close", "fstat", "fsync", "ftruncate", "fchmod", "fchown"];

class Disk {
  #host;
  #mounts = [];
  #spool = null;
  #thumbs = new Thumbs();
  #written = new Map(); // files in the spool, by their paths
  #references = new Map(); // files of the spool, and objects, by their references, which nobody can guess
  #renamed = new Set(); // paths of files that were renamed: the local driver removes them once more
  #descriptors = new Map();
  #lastDescriptor = FIRST_DESCRIPTOR - 1;

  constructor(host) {
    this.#host = host;
  }

  /** Calls back with what the call gives, later where it gives a task. */
  answer(callback, call) {
    let result;
    try {
      result = call();
    } catch (error) {
      callback(toFileSystemError(error));
      return;
    }
    if (typeof result !== "function") {
      callback(null, result);
      return;
    }
    this.#host.run(this.#host.scope(), result, (error, value) => (error ? callback(toFileSystemError(error)) : callback(null, value)));
  }

  /** @returns {{ path: string, bucket?: Bucket, key?: string } | null} null where the path is of the disk in memory */
  place(path) {
    for (const { path: root, bucket } of this.#mounts) {
      if (path.startsWith(root) && (path.length === root.length || path[root.length] === "/")) return { path, bucket, key: path.slice(root.length + 1) };
    }
    return this.#spool !== null && path.startsWith(FORM_PARTS) ? { path } : null;
  }

  /** Whether a call mounts a bucket. */
  mounts(name, target) {
    return name === "symlink" && LINK.test(target);
  }

  /** Whether a call would remove a directory with mounts in it. */
  isAbove(name, path) {
    return name === "rmdir" && this.#mounts.some((mount) => mount.path.startsWith(`${path}/`));
  }

  symlink(_place, target, path) {
    const [, binding, prefix] = LINK.exec(target);
    const bucket = new Bucket(binding, prefix);
    this.#spool ??= new Spool(bucket);
    this.#mounts.push({ path, bucket, binding });
  }

  /** @returns {Bucket | undefined} what is mounted of a binding */
  mounted(binding) {
    return this.#mounts.find((mount) => mount.binding === binding)?.bucket;
  }

  /**
   * Gives a file that exists elsewhere a place on the disk, where Go finds it as a part of a form.
   * @param {object} file with the methods of a file of the spool, but for writing
   * @returns {string} its path, until it is released
   */
  claim(file) {
    const path = `${FORM_PARTS}${crypto.randomUUID()}`;
    this.#written.set(path, file);
    return path;
  }

  release(path) {
    this.#references.delete(this.#written.get(path)?.reference);
    this.#written.delete(path);
  }

  /** What one event has seen of the buckets. */
  #seen() {
    const scope = this.#host.scope() ?? {};
    return (scope.files ??= new Seen());
  }

  // Calls that take a path.

  stat({ path, bucket, key }) {
    const written = this.#written.get(path);
    if (written) return fileStats(written.size, written.mtimeMs);
    if (!bucket) throw new FileSystemError("ENOENT", path);
    if (key === "") return directoryStats();
    return async (scope) => {
      const thumb = asksForThumb(scope) ? thumbOf(key) : null;
      const object = thumb ? await this.#findThumb(scope, { path, bucket, key, ...thumb }) : await this.#look(scope, bucket, key);
      return object ? fileStats(object.size, object.uploaded.getTime()) : directoryStats();
    };
  }

  async #look(scope, bucket, key) {
    const seen = seenBy(scope);
    await seen.settled();
    const object = await bucket.head(scope, key);
    seen.last = { bucket, key, object };
    return object;
  }

  /** PocketBase has looked at the original before it looks for the thumb. */
  async #findThumb(scope, thumb) {
    const { path, bucket, key, original } = thumb;
    const seen = seenBy(scope);
    seen.thumbs = this.#thumbs;
    const { last } = seen;
    const look = () => this.#look(scope, bucket, key);
    const make = async () => {
      const object = last?.key === original && last.bucket === bucket ? last.object : await bucket.head(scope, original);
      return makeThumb(scope, thumb, object, this.#spool);
    };
    const object = await this.#thumbs.find(scope, path, look, make);
    if (!object) seen.missing = thumb;
    return object;
  }

  lstat(place) {
    const { path, bucket, key } = place;
    if (!bucket || this.#written.has(path) || key === "") return this.stat(place);
    if (this.#written.has(path + ATTRIBUTES)) throw new FileSystemError("ENOENT", path); // os.Rename asks for a directory, which hides no object
    const listed = this.#seen().listing?.take(bucket, key);
    if (listed) return listed.stats;
    return async (scope) => {
      const found = (await this.#list(scope, bucket, key)).take(bucket, key);
      if (!found) throw new FileSystemError("ENOENT", path);
      return found.stats;
    };
  }

  async #list(scope, bucket, key) {
    const seen = seenBy(scope);
    await seen.settled();
    seen.listing = await Listing.load(scope, bucket, key);
    seen.empty = seen.listing.isEmpty ? { bucket, key } : null;
    return seen.listing;
  }

  readdir({ path, bucket, key }) {
    if (!bucket) throw new FileSystemError("ENOTDIR", path);
    const names = this.#seen().listing?.takeNames(bucket, key);
    if (names) return names;
    return async (scope) => (await this.#list(scope, bucket, key)).takeNames(bucket, key) ?? [];
  }

  mkdir() {}

  rmdir(place, path) {
    const { bucket, key } = place ?? {};
    if (key === "" || !place) throw new FileSystemError("ENOTEMPTY", path);
    if (this.#renamed.delete(path) || !bucket || key.endsWith(ATTRIBUTES)) throw new FileSystemError("ENOENT", path);
    const seen = this.#seen();
    if (seen.takeEmpty(bucket, key)) throw new FileSystemError("ENOENT", path);
    if (seen.listing?.takeEmpty(bucket, key)) return seen.listing.root === key ? (scope) => this.#removeStrays(scope, bucket, key) : undefined;
    return async (scope) => {
      await seen.settled();
      throw new FileSystemError((await bucket.holds(scope, `${key}/`)) ? "ENOTEMPTY" : "ENOENT", path);
    };
  }

  /** What was below a directory is deleted, as it was listed. Thumbs may have come since. */
  async #removeStrays(scope, bucket, key) {
    try {
      await seenBy(scope).settled();
      await removeStrays(scope, bucket, key);
    } catch (error) {
      console.error(`pocketflare: thumbs may have been left behind: ${error.message}`);
    }
  }

  open(place, _path, flags) {
    if (flags & O_CREAT) return this.#create(place, flags);
    const { path, bucket, key } = place;
    const written = this.#written.get(path);
    if (written) return this.#describe({ file: written, path });
    if (!bucket) throw new FileSystemError("ENOENT", path);
    const seen = this.#seen();
    if (key === "" || seen.listing?.hasDirectory(bucket, key)) return this.#describe({ directory: true, path });
    const base = key.endsWith(ATTRIBUTES) ? key.slice(0, -ATTRIBUTES.length) : key;
    const known = seen.last?.key === base && seen.last.bucket === bucket ? seen.last.object : undefined;
    const { missing } = seen;
    const decoded = missing?.bucket === bucket && missing.original === key;
    if (decoded) seen.missing = null;
    if (known?.size > 0 && base === key && this.#host.copies()) return this.#openCopied(place, known);
    if (known !== undefined && !decoded) return this.#openObject(place, base, known);
    return async (scope) => {
      const object = known === undefined ? await this.#look(scope, bucket, base) : known;
      if (!object || !decoded) return this.#openObject(place, base, object);
      const needed = await checkImage(scope, bucket, key, object, missing.size);
      if (needed > COLLECTED) this.#host.collect(scope);
      return this.#openObject(place, base, object, { ceiling: this.#host.memory() + needed + SLACK });
    };
  }

  #openObject({ path, bucket, key }, base, object, limits) {
    if (!object) throw new FileSystemError("ENOENT", path);
    if (base === key) return this.#describe({ file: new ObjectReader(bucket, key, object), path, ...limits });
    return this.#describe({ file: new Text(attributesOf(object), object.uploaded.getTime()), path });
  }

  /** PocketBase has looked at the object before it copies it. */
  #openCopied({ path, bucket }, object) {
    const reference = newReference();
    const file = new CopiedObject(bucket, object, reference, () => this.#references.delete(reference));
    this.#references.set(reference, file);
    return this.#describe({ file, path });
  }

  #create({ path, bucket }, flags) {
    let file = this.#written.get(path);
    if (file && flags & O_EXCL) throw new FileSystemError("EEXIST", path);
    let discard;
    if (!file || flags & O_TRUNC) {
      discard = file?.discard();
      file = this.#spool.create(Date.now());
      this.#written.set(path, file);
    }
    const descriptor = this.#describe({ file, path, bucket, writing: true });
    return discard ? async (scope) => (await discard(scope), descriptor) : descriptor;
  }

  rename(place, from, to) {
    const file = this.#written.get(from);
    const target = this.place(to);
    if (!file || !target?.bucket) throw new FileSystemError("EINVAL", `${from}' -> '${to}`);
    const attributes = this.#written.get(to + ATTRIBUTES);
    return async (scope) => {
      await this.#publish(scope, file, target, attributes);
      this.#renamed.add(from);
      this.#written.delete(from);
      this.#written.delete(to + ATTRIBUTES);
      await attributes?.discard()?.(scope);
      await file.discard()?.(scope);
    };
  }

  /** Stores a file of the spool. */
  async #publish(scope, file, { path, bucket, key }, attributes) {
    const seen = seenBy(scope);
    await seen.settled();
    seen.last = seen.listing = seen.empty = null;
    dropEarly(scope);
    await this.#source(file).publish(scope, bucket, key, attributes ? metadataFrom(attributes.text()) : {});
    const thumb = thumbOf(key);
    if (thumb && (await keepThumb(scope, bucket, key, thumb.original))) this.#thumbs.noteStored(path);
  }

  /** The file whose bytes are to be stored. */
  #source(file) {
    return (file.size === REFERENCE_LENGTH && this.#references.get(file.text())) || file;
  }

  unlink({ path, bucket, key }) {
    const written = this.#written.get(path);
    if (written) {
      this.#written.delete(path);
      this.#references.delete(written.reference);
      return written.discard();
    }
    if (!bucket || this.#renamed.has(path) || key.endsWith(ATTRIBUTES)) throw new FileSystemError("ENOENT", path);
    const seen = this.#seen();
    if (key === "" || seen.listing?.hasDirectory(bucket, key)) throw new FileSystemError("EISDIR", path);
    if (seen.isEmpty(bucket, key)) throw new FileSystemError("ENOENT", path);
    seen.last = null;
    dropEarly(this.#host.scope());
    const keys = [key, key + ATTRIBUTES]; // a directory that was copied to the bucket has both
    if (!seen.listing?.takeFile(bucket, key)) {
      return async (scope) => {
        await seen.settled();
        if (!(await bucket.head(scope, key))) throw new FileSystemError("ENOENT", path);
        await bucket.delete(scope, keys);
      };
    }
    return this.#deleteTogether(seen, bucket, keys);
  }

  /** Deletes listed objects with those that Go deletes in the same turn: a prefix of a thousand takes a few calls. */
  #deleteTogether(seen, bucket, keys) {
    if (seen.deletion?.bucket === bucket && !seen.deletion.begun) {
      seen.deletion.keys.push(...keys);
      return undefined;
    }
    const deletion = (seen.deletion = { bucket, keys, begun: false, after: seen.deletion?.done });
    const { promise, resolve } = Promise.withResolvers();
    deletion.done = promise;
    this.#host.run(
      this.#host.scope(),
      async (running) => {
        await null; // the rest of the turn
        await deletion.after;
        deletion.begun = true;
        try {
          await bucket.delete(running, deletion.keys);
        } catch (error) {
          console.error(`pocketflare: files were left behind: ${error.message}`);
        } finally {
          resolve();
        }
      },
      () => {},
    );
    return undefined;
  }

  link({ path }) {
    throw new FileSystemError("ENOSYS", path);
  }

  /** Gives a reference to a file of the spool: a file that holds nothing else is stored with that one's bytes. */
  readlink({ path }) {
    const file = this.#written.get(path);
    if (!file) throw new FileSystemError("EINVAL", path);
    file.reference ??= newReference();
    this.#references.set(file.reference, file);
    return file.reference;
  }

  truncate({ path }) {
    throw new FileSystemError("ENOSYS", path);
  }

  // Modes and owners do not exist in a bucket.
  chmod() {}
  chown() {}
  lchown() {}
  utimes() {}

  // Calls that take a descriptor.

  #describe(descriptor) {
    this.#descriptors.set(++this.#lastDescriptor, { number: this.#lastDescriptor, position: 0, ...descriptor });
    return this.#lastDescriptor;
  }

  descriptor(number) {
    const descriptor = this.#descriptors.get(number);
    if (!descriptor) throw new FileSystemError("EBADF", String(number));
    return descriptor;
  }

  f_read(descriptor, buffer, offset, length, position) {
    if (descriptor.directory) throw new FileSystemError("EISDIR", descriptor.path);
    if (this.#host.memory() > descriptor.ceiling) throw new FileSystemError("EFBIG", `${descriptor.path}: decoding it takes too much memory`);
    const at = position ?? descriptor.position;
    const isObject = descriptor.file instanceof ObjectReader;
    const seen = isObject ? this.#seen() : null;
    const moved = (n) => {
      if (position === null || position === undefined) descriptor.position = at + n;
      if (isObject) seen.read = { reader: descriptor.file, position: at, bytes: buffer.subarray(offset, offset + n) };
      return n;
    };
    const read = descriptor.file.read(buffer.subarray(offset, offset + length), at);
    return typeof read === "function" ? async (scope) => moved(await read(scope)) : moved(read);
  }

  f_write(descriptor, buffer, offset, length, position) {
    if (!descriptor.writing) throw new FileSystemError("EBADF", descriptor.path);
    const at = position ?? descriptor.position;
    const result = descriptor.file.write(buffer.subarray(offset, offset + length), at, this.#seen().read);
    if (position === null || position === undefined) descriptor.position = at + length;
    return result;
  }

  f_close(descriptor) {
    const { number, file, writing, path, bucket } = descriptor;
    this.#descriptors.delete(number);
    if (!writing) return file?.close?.();
    if (!bucket || UNNAMED.test(path)) return file.close();
    return async (scope) => {
      await this.#publish(scope, file, this.place(path));
      this.#written.delete(path);
      await file.discard()?.(scope);
    };
  }

  f_fstat({ directory, file }) {
    return directory ? directoryStats() : fileStats(file.size, file.mtimeMs);
  }

  f_fsync() {}
  f_fchmod() {}
  f_fchown() {}

  f_ftruncate({ path }) {
    throw new FileSystemError("ENOSYS", path);
  }
}

function newReference() {
  return crypto.randomUUID() + crypto.randomUUID();
}

/** What one event has seen of the buckets, so that it asks once. */
class Seen {
  last = null; // the object that was looked at last
  missing = null; // the thumb that was looked for last, and was not there
  listing = null;
  read = null; // what was read of an object last, in case it is written next
  empty = null; // where the listing has found nothing: no file and no directory
  deletion = null; // of listed objects, that may be on its way
  thumbs = null; // where it may be known as looking for one

  isEmpty(bucket, key) {
    return this.empty?.bucket === bucket && this.empty.key === key;
  }

  /** The same; it is told once, to who removes a directory. */
  takeEmpty(bucket, key) {
    if (!this.isEmpty(bucket, key)) return false;
    this.empty = null;
    return true;
  }

  /** Waits until what was deleted is gone. */
  async settled() {
    await this.deletion?.done;
  }

  /** To be called when the event can do no more. */
  end(scope) {
    this.thumbs?.forget(scope);
  }
}

function seenBy(scope) {
  return (scope.files ??= new Seen());
}

/** A file that is known whole. */
class Text {
  #bytes;

  constructor(text, mtimeMs) {
    this.#bytes = encoder.encode(text);
    this.mtimeMs = mtimeMs;
  }

  get size() {
    return this.#bytes.length;
  }

  read(target, position) {
    const bytes = this.#bytes.subarray(position, position + target.length);
    target.set(bytes);
    return bytes.length;
  }
}

/** Go knows errors by their codes and panics on others. */
function toFileSystemError(error) {
  return error instanceof FileSystemError ? error : Object.assign(new FileSystemError("EIO"), { cause: error });
}
