const MESSAGES = {
  EBADF: "bad file descriptor",
  EBUSY: "resource busy or locked",
  EEXIST: "file already exists",
  EFBIG: "file too large",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "illegal operation on a directory",
  ENAMETOOLONG: "name too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left in the in-memory file system",
  ENOSYS: "function not implemented",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EPERM: "operation not permitted",
};

/** An error as Node's fs gives them: Go finds its errno by `code`. */
export class FileSystemError extends Error {
  /**
   * @param {keyof MESSAGES} code
   * @param {string} [detail] the path or what else tells which call failed
   */
  constructor(code, detail) {
    super(detail === undefined ? `${code}: ${MESSAGES[code]}` : `${code}: ${MESSAGES[code]}, '${detail}'`);
    this.name = "FileSystemError";
    this.code = code;
  }
}
