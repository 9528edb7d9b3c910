// What a name in the file system can stand for. A node answers stat, and read and write at a position.

import { FileData } from "./data.mjs";
import { FileSystemError } from "./errors.mjs";

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const BLOCK = 4096;

// Counted for each node beside its bytes, so that endless empty files reach the limit too.
const NODE_BYTES = 256;

class Node {
  constructor(ino, mode, now) {
    this.ino = ino;
    this.mode = mode;
    this.uid = 0;
    this.gid = 0;
    this.nlink = 1;
    this.opened = 0; // descriptors
    this.atimeMs = this.mtimeMs = this.ctimeMs = now;
  }

  get size() {
    return 0;
  }

  get allocated() {
    return 0;
  }

  get isDirectory() {
    return false;
  }

  /** @param {number} mode permission bits */
  chmod(mode, now) {
    this.mode = (this.mode & S_IFMT) | (mode & 0o7777);
    this.ctimeMs = now;
  }

  touch(now) {
    this.mtimeMs = this.ctimeMs = now;
  }

  stat() {
    return new Stats(this);
  }
}

/** A regular file. */
export class FileNode extends Node {
  #data;
  #space;

  /** @throws {FileSystemError} ENOSPC */
  constructor(ino, mode, now, space) {
    super(ino, S_IFREG | (mode & 0o7777), now);
    if (!space.take(NODE_BYTES)) throw new FileSystemError("ENOSPC");
    this.#space = space;
    this.#data = new FileData(space);
  }

  get size() {
    return this.#data.size;
  }

  get allocated() {
    return this.#data.allocated;
  }

  read(target, position) {
    return this.#data.read(target, position);
  }

  write(bytes, position) {
    return this.#data.write(bytes, position);
  }

  resize(size) {
    this.#data.resize(size);
  }

  /** Gives the memory back once no name and no descriptor is left. */
  release() {
    if (this.nlink > 0 || this.opened > 0) return;
    this.#data.resize(0);
    this.#space.give(NODE_BYTES);
  }
}

/** A directory; the root is its own parent. */
export class DirectoryNode extends Node {
  #space;

  /** @throws {FileSystemError} ENOSPC */
  constructor(ino, mode, now, space, parent) {
    super(ino, S_IFDIR | (mode & 0o7777), now);
    if (!space.take(NODE_BYTES)) throw new FileSystemError("ENOSPC");
    this.#space = space;
    this.parent = parent ?? this;
    this.entries = new Map();
    this.nlink = 2;
  }

  get size() {
    return BLOCK;
  }

  get isDirectory() {
    return true;
  }

  read() {
    throw new FileSystemError("EISDIR");
  }

  release() {
    if (this.nlink > 0 || this.opened > 0) return;
    this.#space.give(NODE_BYTES);
  }
}

/** An input without bytes, or an output that ends in a LineWriter. */
export class DeviceNode extends Node {
  #output;

  /** @param {import("./lines.mjs").LineWriter} [output] */
  constructor(ino, now, output) {
    super(ino, S_IFCHR | 0o620, now);
    this.#output = output;
  }

  read() {
    return 0;
  }

  write(bytes) {
    this.#output.write(bytes);
    return bytes.length;
  }

  sync() {
    this.#output?.flush();
  }

  release() {
    if (this.opened === 0) this.sync();
  }
}

/** What stat gives, as Node's fs.Stats. */
class Stats {
  constructor(node) {
    this.dev = 1;
    this.ino = node.ino;
    this.mode = node.mode;
    this.nlink = node.nlink;
    this.uid = node.uid;
    this.gid = node.gid;
    this.rdev = 0;
    this.size = node.size;
    this.blksize = BLOCK;
    this.blocks = Math.ceil(node.allocated / 512);
    this.atimeMs = node.atimeMs;
    this.mtimeMs = node.mtimeMs;
    this.ctimeMs = node.ctimeMs;
  }

  isDirectory() {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  isFile() {
    return (this.mode & S_IFMT) === S_IFREG;
  }

  isCharacterDevice() {
    return (this.mode & S_IFMT) === S_IFCHR;
  }

  isSymbolicLink() {
    return false;
  }
}
