// The names of the file system: paths, and what POSIX (as Linux does it) allows to be done to a name.

import { FileSystemError } from "./errors.mjs";
import { DirectoryNode, FileNode } from "./nodes.mjs";

const UMASK = 0o022;
const NAME_BYTES = 255;
const PATH_BYTES = 4095;

const encoder = new TextEncoder();

function longerThan(text, bytes) {
  if (text.length * 3 <= bytes) return false;
  return text.length > bytes || encoder.encode(text).length > bytes;
}

/** Whether a last path element is a name of its own, and not "", "." or "..". */
function isName(name) {
  return name !== "" && name !== "." && name !== "..";
}

function isWithin(node, directory) {
  while (node !== directory && node.parent !== node) node = node.parent;
  return node === directory;
}

export class Tree {
  #space;
  #now;
  #lastIno = 0;

  /**
   * @param {import("./data.mjs").Space} space
   * @param {() => number} now milliseconds since 1970
   */
  constructor(space, now) {
    this.#space = space;
    this.#now = now;
    this.root = new DirectoryNode(this.nextIno(), 0o755, now(), space);
    this.cwd = this.root;
  }

  nextIno() {
    return ++this.#lastIno;
  }

  /**
   * Finds a path's last element and the directory it is in.
   * @param {string} path
   * @returns {{ parent: DirectoryNode, name: string, node?: object, slash: boolean, path: string }} node is
   *   undefined when there is no such name; slash tells that the path ends in one
   * @throws {FileSystemError} ENOENT, ENOTDIR or ENAMETOOLONG for what comes before the last element
   */
  locate(path) {
    if (path === "") throw new FileSystemError("ENOENT", path);
    if (longerThan(path, PATH_BYTES)) throw new FileSystemError("ENAMETOOLONG", path);
    let node = path.startsWith("/") ? this.root : this.cwd;
    let parent = node;
    let name = "";
    for (const part of path.split("/")) {
      if (part === "") continue;
      if (!node) throw new FileSystemError("ENOENT", path);
      if (!node.isDirectory) throw new FileSystemError("ENOTDIR", path);
      if (longerThan(part, NAME_BYTES)) throw new FileSystemError("ENAMETOOLONG", path);
      parent = node;
      name = part;
      node = part === "." ? parent : part === ".." ? parent.parent : parent.entries.get(part);
    }
    return { parent, name, node, slash: path.endsWith("/"), path };
  }

  /** @returns the node of a path that must exist */
  existing(path) {
    const { node, slash } = this.locate(path);
    if (!node) throw new FileSystemError("ENOENT", path);
    if (slash && !node.isDirectory) throw new FileSystemError("ENOTDIR", path);
    return node;
  }

  /** @returns {DirectoryNode} */
  directory(path) {
    const node = this.existing(path);
    if (!node.isDirectory) throw new FileSystemError("ENOTDIR", path);
    return node;
  }

  createFile(place, mode) {
    this.#checkLinked(place);
    const node = new FileNode(this.nextIno(), mode & ~UMASK, this.#now(), this.#space);
    node.nlink = 0;
    this.#attach(place, node);
    return node;
  }

  mkdir(path, mode = 0o777) {
    const place = this.locate(path);
    if (place.node) throw new FileSystemError("EEXIST", path);
    this.#checkLinked(place);
    const node = new DirectoryNode(this.nextIno(), mode & ~UMASK, this.#now(), this.#space, place.parent);
    node.nlink = 1;
    this.#attach(place, node);
    place.parent.nlink++;
  }

  /** Makes the directory and those above it that are missing. */
  mkdirAll(path) {
    let made = path.startsWith("/") ? "/" : "./";
    for (const part of path.split("/")) {
      made += `${part}/`;
      if (!this.locate(made).node) this.mkdir(made);
    }
  }

  /** A directory that was removed while it is the working directory takes no new names. */
  #checkLinked({ parent, path }) {
    if (parent.nlink === 0) throw new FileSystemError("ENOENT", path);
  }

  #attach({ parent, name }, node) {
    parent.entries.set(name, node);
    parent.touch(this.#now());
    node.nlink++;
    node.ctimeMs = this.#now();
  }

  #detach({ parent, name, node }) {
    parent.entries.delete(name);
    parent.touch(this.#now());
    node.nlink--;
    node.ctimeMs = this.#now();
    if (!node.isDirectory) return;
    node.nlink--;
    parent.nlink--;
  }

  unlink(path) {
    const place = this.locate(path);
    if (!isName(place.name)) throw new FileSystemError("EISDIR", path);
    if (!place.node) throw new FileSystemError("ENOENT", path);
    if (place.node.isDirectory) throw new FileSystemError("EISDIR", path);
    if (place.slash) throw new FileSystemError("ENOTDIR", path);
    this.#detach(place);
    place.node.release();
  }

  rmdir(path) {
    const place = this.locate(path);
    if (place.name === "") throw new FileSystemError("EBUSY", path);
    if (place.name === ".") throw new FileSystemError("EINVAL", path);
    if (place.name === "..") throw new FileSystemError("ENOTEMPTY", path);
    if (!place.node) throw new FileSystemError("ENOENT", path);
    if (!place.node.isDirectory) throw new FileSystemError("ENOTDIR", path);
    if (place.node.entries.size > 0) throw new FileSystemError("ENOTEMPTY", path);
    this.#detach(place);
    place.node.release();
  }

  link(from, to) {
    const node = this.existing(from);
    const place = this.locate(to);
    if (place.node) throw new FileSystemError("EEXIST", to);
    if (place.slash) throw new FileSystemError("ENOENT", to);
    this.#checkLinked(place);
    if (node.isDirectory) throw new FileSystemError("EPERM", from);
    this.#attach(place, node);
  }

  rename(from, to) {
    const source = this.locate(from);
    const target = this.locate(to);
    if (!isName(source.name) || !isName(target.name)) throw new FileSystemError("EBUSY", from);
    if (!source.node) throw new FileSystemError("ENOENT", from);
    if (!source.node.isDirectory && (source.slash || target.slash)) throw new FileSystemError("ENOTDIR", from);
    if (source.node.isDirectory && isWithin(target.parent, source.node)) throw new FileSystemError("EINVAL", from);
    if (source.node === target.node) return;
    this.#checkLinked(target);
    if (target.node) this.#checkReplace(source, target);
    const replaced = target.node;
    if (replaced) this.#detach(target);
    this.#detach(source);
    this.#attach(target, source.node);
    if (source.node.isDirectory) {
      source.node.parent = target.parent;
      source.node.nlink++;
      target.parent.nlink++;
    }
    replaced?.release();
  }

  #checkReplace(source, target) {
    if (target.node.isDirectory && isWithin(source.parent, target.node)) {
      throw new FileSystemError("ENOTEMPTY", target.path);
    }
    if (source.node.isDirectory && !target.node.isDirectory) throw new FileSystemError("ENOTDIR", target.path);
    if (!source.node.isDirectory && target.node.isDirectory) throw new FileSystemError("EISDIR", target.path);
    if (target.node.isDirectory && target.node.entries.size > 0) throw new FileSystemError("ENOTEMPTY", target.path);
  }

  /** @returns {string} the absolute path of a directory */
  pathOf(directory) {
    const names = [];
    for (let node = directory; node.parent !== node; node = node.parent) {
      for (const [name, entry] of node.parent.entries) {
        if (entry === node) names.unshift(name);
      }
    }
    return `/${names.join("/")}`;
  }
}
