// The disk that Go's os package sees under js/wasm: a small file system in memory with the calls of Node's fs that
// Go makes (src/syscall/fs_js.go), answered at once, with the results and error codes that Linux gives.
//
// Kept: regular files with holes, directories, hard links, modes, times, descriptors that outlive their names.
// Not kept: symbolic links (ENOSYS), permissions (everything is allowed, as to root), access times of reads.

import { Space } from "./data.mjs";
import { FileSystemError } from "./errors.mjs";
import { LineWriter } from "./lines.mjs";
import { DeviceNode } from "./nodes.mjs";
import { Tree } from "./tree.mjs";

const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const O_DIRECTORY = 0o200000;

const DEFAULT_LIMIT = 32 * 1024 * 1024;

/**
 * Makes a file system for one Go runtime. It holds `/tmp` and the working directory.
 *
 * @param {object} options
 * @param {(line: string, fd: number) => void} options.log gets each line that is written to stdout (1) and stderr (2)
 * @param {number} [options.limit] bytes that all files may take; ENOSPC past it
 * @param {string} [options.cwd] the working directory, absolute; it is made
 * @param {() => number} [options.now] milliseconds since 1970
 * @returns {{ fs: object, path: object, process: object, flush: () => void, usage: () => number }} `fs`, `path` and
 *   `process` are what wasm_exec.js and Go look for on globalThis; flush logs unfinished lines, for when the program
 *   has ended; usage is the number of bytes taken
 */
export function createFileSystem({ log, limit = DEFAULT_LIMIT, cwd = "/", now = Date.now }) {
  const space = new Space(limit);
  const tree = new Tree(space, now);
  tree.mkdirAll("/tmp");
  tree.existing("/tmp").chmod(0o1777, now());
  tree.mkdirAll(cwd);
  tree.cwd = tree.directory(cwd);

  const outputs = [1, 2].map((fd) => new LineWriter((line) => log(line, fd)));
  const descriptors = createDescriptors(tree, outputs, now);
  const operations = { ...createNameOperations(tree, now), ...createDescriptorOperations(tree, descriptors, now) };
  const fs = {
    constants: { O_RDONLY: 0, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY },
    // Go's runtime writes fatal errors this way, from memory that changes as soon as this returns.
    writeSync: (fd, bytes) => operations.write(fd, bytes, 0, bytes.length, null),
  };
  for (const [name, operation] of Object.entries(operations)) fs[name] = withCallback(operation);

  return {
    fs,
    path: { resolve: (...parts) => resolvePath(tree, parts) },
    process: createProcess(tree),
    flush: () => outputs.forEach((output) => output.flush()),
    usage: () => space.used,
  };
}

/** Gives an operation the form that Go calls: its last argument gets (error or null, result). */
function withCallback(operation) {
  return (...args) => {
    const callback = args.pop();
    let result;
    try {
      result = operation(...args);
    } catch (error) {
      // Go panics on an error without a code that it knows.
      callback(error instanceof FileSystemError ? error : Object.assign(new FileSystemError("EIO"), { cause: error }));
      return;
    }
    callback(null, result);
  };
}

function createDescriptors(tree, outputs, now) {
  const open = new Map();
  let last = -1;
  const descriptors = {
    add(node, access) {
      node.opened++;
      open.set(++last, { node, position: 0, append: false, ...access });
      return last;
    },
    get(fd) {
      const descriptor = open.get(fd);
      if (!descriptor) throw new FileSystemError("EBADF", String(fd));
      return descriptor;
    },
    close(fd) {
      const { node } = descriptors.get(fd);
      open.delete(fd);
      node.opened--;
      node.release();
    },
  };
  descriptors.add(new DeviceNode(tree.nextIno(), now()), { readable: true, writable: false });
  for (const output of outputs) {
    descriptors.add(new DeviceNode(tree.nextIno(), now(), output), { readable: false, writable: true });
  }
  return descriptors;
}

/** The calls that take a path. */
function createNameOperations(tree, now) {
  const stat = (path) => tree.existing(path).stat();
  const chown = (path, uid, gid) => own(tree.existing(path), uid, gid, now);
  return {
    stat,
    lstat: stat,
    mkdir: (path, mode) => tree.mkdir(path, mode),
    readdir: (path) => [...tree.directory(path).entries.keys()],
    rename: (from, to) => tree.rename(from, to),
    unlink: (path) => tree.unlink(path),
    rmdir: (path) => tree.rmdir(path),
    link: (from, to) => tree.link(from, to),
    symlink() {
      throw new FileSystemError("ENOSYS");
    },
    readlink(path) {
      tree.existing(path);
      throw new FileSystemError("EINVAL", path);
    },
    truncate(path, length) {
      const node = tree.existing(path);
      if (node.isDirectory) throw new FileSystemError("EISDIR", path);
      resize(node, length, now);
    },
    chmod: (path, mode) => tree.existing(path).chmod(mode, now()),
    chown,
    lchown: chown,
    utimes(path, atime, mtime) {
      const node = tree.existing(path);
      node.atimeMs = atime * 1000;
      node.mtimeMs = mtime * 1000;
      node.ctimeMs = now();
    },
  };
}

/** The calls that take a descriptor, and open. */
function createDescriptorOperations(tree, descriptors, now) {
  return {
    open(path, flags, mode = 0o666) {
      const node = openNode(tree, path, flags, mode);
      if (flags & O_TRUNC) resize(node, 0, now);
      const writable = (flags & (O_WRONLY | O_RDWR)) !== 0;
      return descriptors.add(node, {
        readable: (flags & O_WRONLY) === 0,
        writable,
        append: (flags & O_APPEND) !== 0,
      });
    },
    close: (fd) => descriptors.close(fd),
    read(fd, buffer, offset, length, position) {
      const descriptor = descriptors.get(fd);
      if (!descriptor.readable) throw new FileSystemError("EBADF", String(fd));
      const at = startPosition(descriptor, position);
      const n = descriptor.node.read(buffer.subarray(offset, offset + length), at);
      if (isCurrent(position)) descriptor.position = at + n;
      return n;
    },
    write(fd, buffer, offset, length, position) {
      const descriptor = descriptors.get(fd);
      if (!descriptor.writable) throw new FileSystemError("EBADF", String(fd));
      const { node } = descriptor;
      const given = startPosition(descriptor, position);
      const at = descriptor.append ? node.size : given;
      const n = node.write(buffer.subarray(offset, offset + length), at);
      if (n > 0) node.touch(now());
      if (isCurrent(position)) descriptor.position = at + n;
      return n;
    },
    fstat: (fd) => descriptors.get(fd).node.stat(),
    fsync(fd) {
      descriptors.get(fd).node.sync?.();
    },
    ftruncate(fd, length) {
      const { node, writable } = descriptors.get(fd);
      if (!writable || !node.resize) throw new FileSystemError("EINVAL", String(fd));
      resize(node, length, now);
    },
    fchmod: (fd, mode) => descriptors.get(fd).node.chmod(mode, now()),
    fchown: (fd, uid, gid) => own(descriptors.get(fd).node, uid, gid, now),
  };
}

function openNode(tree, path, flags, mode) {
  const place = tree.locate(path);
  const { node } = place;
  if (flags & O_CREAT) {
    // O_DIRECTORY with O_CREAT has no meaning that kernels agree on.
    if (flags & O_DIRECTORY) throw new FileSystemError("EINVAL", path);
    if (place.slash) throw new FileSystemError("EISDIR", path);
    if (!node) return tree.createFile(place, mode);
    if (flags & O_EXCL) throw new FileSystemError("EEXIST", path);
    if (node.isDirectory) throw new FileSystemError("EISDIR", path);
    return node;
  }
  if (!node) throw new FileSystemError("ENOENT", path);
  if (!node.isDirectory && (place.slash || flags & O_DIRECTORY)) throw new FileSystemError("ENOTDIR", path);
  if (node.isDirectory && flags & (O_WRONLY | O_RDWR | O_TRUNC)) throw new FileSystemError("EISDIR", path);
  return node;
}

function isCurrent(position) {
  return position === null || position === undefined;
}

function startPosition(descriptor, position) {
  if (isCurrent(position)) return descriptor.position;
  if (!(position >= 0)) throw new FileSystemError("EINVAL");
  return position;
}

function resize(node, length, now) {
  if (!(length >= 0)) throw new FileSystemError("EINVAL");
  node.resize(length);
  node.touch(now());
}

/** Remembers an owner; Go gives -1 for what is to stay, as an unsigned number. */
function own(node, uid, gid, now) {
  if (uid >>> 0 !== 0xffffffff) node.uid = uid;
  if (gid >>> 0 !== 0xffffffff) node.gid = gid;
  node.ctimeMs = now();
}

function resolvePath(tree, parts) {
  let path = tree.pathOf(tree.cwd);
  for (const part of parts) path = part.startsWith("/") ? part : `${path}/${part}`;
  const names = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** What Go asks of Node's process, with the working directory of this file system. */
function createProcess(tree) {
  const unknown = () => -1;
  const notImplemented = () => {
    throw new FileSystemError("ENOSYS");
  };
  return {
    pid: -1,
    ppid: -1,
    getuid: unknown,
    getgid: unknown,
    geteuid: unknown,
    getegid: unknown,
    getgroups: notImplemented,
    umask: notImplemented,
    cwd: () => tree.pathOf(tree.cwd),
    chdir(path) {
      tree.cwd = tree.directory(path);
    },
  };
}
