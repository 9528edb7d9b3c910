// What stat gives, as Node's fs.Stats: the fields that Go reads.

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const BLOCK = 4096;

class Stats {
  dev = 2;
  ino = 0;
  nlink = 1;
  uid = 0;
  gid = 0;
  rdev = 0;
  blksize = BLOCK;

  constructor(mode, size, milliseconds) {
    this.mode = mode;
    this.size = size;
    this.blocks = Math.ceil(size / 512);
    this.atimeMs = this.mtimeMs = this.ctimeMs = milliseconds;
  }

  isDirectory() {
    return (this.mode & S_IFDIR) !== 0;
  }
}

export function fileStats(size, milliseconds) {
  return new Stats(S_IFREG | 0o644, size, milliseconds);
}

export function directoryStats() {
  return new Stats(S_IFDIR | 0o755, BLOCK, 0);
}
