import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import nodeFS from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import vm from "node:vm";

import { createFileSystem } from "../internal/memfs/memfs.mjs";

const run = promisify(execFile);
const scratch = await mkdtemp(join(tmpdir(), "memfs-test-"));
const started = process.cwd();
after(async () => {
  process.chdir(started);
  await rm(scratch, { recursive: true });
});

function newFileSystem(options) {
  return createFileSystem({ log() {}, cwd: "/app", ...options });
}

/** Runs steps on one file system; "$name" in an argument is a descriptor that an earlier step opened under it. */
class Subject {
  #fs;
  #descriptors = new Map();

  constructor(fs) {
    this.#fs = fs;
  }

  /** @returns {Promise<string>} what the step gave, or the code of its error */
  async perform([operation, ...args]) {
    const [name, as] = operation.split(" as ");
    if (/^\$/.test(args[0]) && !this.#descriptors.has(args[0])) return "not open";
    const values = args.map((value) => (this.#descriptors.has(value) ? this.#descriptors.get(value) : value));
    if (name === "close") this.#descriptors.delete(args[0]);
    try {
      if (name === "open") {
        const flags = values[1].split("|").reduce((all, flag) => all | this.#fs.constants[flag], 0);
        const fd = await this.#call("open", values[0], flags, values[2] ?? 0o666);
        if (as) this.#descriptors.set(as, fd);
        else await this.#call("close", fd);
        return "opened";
      }
      if (name === "read") return await this.#read(...values);
      if (name === "write") {
        const bytes = typeof values[1] === "number" ? Buffer.alloc(values[1], "wxyz") : Buffer.from(values[1]);
        return String(await this.#call("write", values[0], bytes, 0, bytes.length, values[2] ?? null));
      }
      const result = await this.#call(name, ...values);
      if (name.endsWith("stat")) return describe(result);
      if (name === "readdir") return result.sort().join(" ");
      return result === undefined ? "done" : String(result);
    } catch (error) {
      assert.ok(error.code, `${name}: ${error.stack}`);
      return error.code;
    }
  }

  async #read(fd, length, position = null) {
    const bytes = Buffer.alloc(length + 2, "*");
    const n = await this.#call("read", fd, bytes, 1, length, position);
    return `${n} ${bytes.toString("latin1")}`;
  }

  #call(name, ...args) {
    return new Promise((resolve, reject) => {
      this.#fs[name](...args, (error, result) => (error ? reject(error) : resolve(result)));
    });
  }
}

function describe(stats) {
  if (stats.isDirectory()) return `directory ${(stats.mode & 0o7777).toString(8)}`;
  return `file ${(stats.mode & 0o7777).toString(8)} ${stats.size} bytes, ${stats.nlink} links`;
}

/** Runs the steps on the real file system and on the in-memory one, and compares after each. */
async function compare(steps) {
  process.umask(0o022);
  const directory = await mkdtemp(join(scratch, "case-"));
  await chmod(directory, 0o755);
  process.chdir(directory);
  const real = new Subject(nodeFS);
  const memory = new Subject(newFileSystem().fs);
  const done = [];
  for (const step of steps) {
    done.push(JSON.stringify(step));
    const expected = await real.perform(step);
    assert.equal(await memory.perform(step), expected, `after:\n${done.slice(-60).join("\n")}`);
  }
}

const CREATE = "O_CREAT|O_RDWR";
const cases = {
  "flags of open": [
    ["open", "f", "O_RDONLY"],
    ["open", "f", "O_CREAT|O_WRONLY", 0o666],
    ["stat", "f"],
    ["open", "f", "O_CREAT|O_EXCL|O_WRONLY"],
    ["open", "f", "O_RDONLY|O_DIRECTORY"],
    ["open", "f/", "O_RDONLY"],
    ["open", "g/", "O_CREAT|O_WRONLY"],
    ["open", "missing/g", "O_CREAT|O_WRONLY"],
    ["open", "f/g", "O_CREAT|O_WRONLY"],
    ["mkdir", "d", 0o777],
    ["stat", "d"],
    ["open", "d", "O_RDONLY|O_DIRECTORY"],
    ["open", "d", "O_RDWR"],
    ["open", "d", "O_RDONLY|O_CREAT"],
    ["open", "d", "O_RDONLY|O_TRUNC"],
    ["open", "d", "O_RDONLY|O_CREAT|O_EXCL"],
    ["open", ".", "O_RDONLY"],
    ["open", "", "O_RDONLY"],
    ["open", "x".repeat(255), "O_CREAT|O_WRONLY"],
    ["open", "x".repeat(256), "O_CREAT|O_WRONLY"],
    ["open", "é".repeat(128), "O_CREAT|O_WRONLY"],
    ["stat", "./".repeat(2048) + "f"],
    ["open as $f", "f", "O_RDONLY|O_TRUNC"],
    ["write", "$f", "x"],
    ["ftruncate", "$f", 1],
    ["open as $w", "f", "O_WRONLY"],
    ["read", "$w", 1],
    ["open as $d", "d", "O_RDONLY"],
    ["read", "$d", 1],
    ["write", "$d", "x"],
    ["ftruncate", "$d", 1],
    ["close", "$d"],
    ["fstat", "$f"],
  ],
  "reads and writes": [
    ["open as $f", "f", CREATE],
    ["write", "$f", "hello"],
    ["read", "$f", 5],
    ["read", "$f", 3, 1],
    ["read", "$f", 10, 4],
    ["read", "$f", 10, 5],
    ["read", "$f", 10, 500],
    ["write", "$f", "XY", 1],
    ["write", "$f", " world"],
    ["read", "$f", 20, 0],
    ["write", "$f", "far", 70000],
    ["read", "$f", 9, 69995],
    ["read", "$f", 9, 11],
    ["stat", "f"],
    ["write", "$f", "", 80000],
    ["fstat", "$f"],
    ["ftruncate", "$f", 3],
    ["ftruncate", "$f", 9],
    ["read", "$f", 20, 0],
    ["truncate", "f", 70000],
    ["read", "$f", 20, 65530],
    ["truncate", "f", 0],
    ["write", "$f", "after"],
    ["fstat", "$f"],
    ["open as $a", "f", "O_RDWR|O_APPEND"],
    ["write", "$a", "+1"],
    ["write", "$f", "+2"],
    ["write", "$a", "+3", 0],
    ["read", "$a", 40],
    ["read", "$a", 40, 0],
    ["fsync", "$f"],
    ["fchmod", "$f", 0o600],
    ["fstat", "$f"],
    ["close", "$f"],
    ["close", "$a"],
  ],
  "names that go while a descriptor is open": [
    ["open as $f", "f", CREATE],
    ["write", "$f", "kept"],
    ["unlink", "f"],
    ["stat", "f"],
    ["fstat", "$f"],
    ["read", "$f", 9, 0],
    ["open as $g", "f", CREATE],
    ["write", "$g", "another"],
    ["rename", "f", "g"],
    ["read", "$g", 9, 0],
    ["read", "$f", 9, 0],
    ["close", "$f"],
    ["fstat", "$g"],
  ],
  "links": [
    ["open as $f", "f", CREATE],
    ["write", "$f", "shared"],
    ["link", "f", "g"],
    ["stat", "f"],
    ["link", "f", "g"],
    ["link", "missing", "h"],
    ["link", "f", "h/"],
    ["link", "f/", "h"],
    ["link", "f", "missing/h"],
    ["rename", "f", "g"],
    ["stat", "f"],
    ["unlink", "f"],
    ["stat", "g"],
    ["mkdir", "d"],
    ["link", "d", "e"],
    ["readlink", "g"],
    ["readlink", "missing"],
  ],
  "directories": [
    ["mkdir", "d/e"],
    ["mkdir", "d"],
    ["mkdir", "d"],
    ["mkdir", "d/"],
    ["mkdir", "."],
    ["mkdir", ".."],
    ["mkdir", "/"],
    ["rmdir", "/"],
    ["unlink", "/"],
    ["rename", "/", "d/x"],
    ["mkdir", "d/e/", 0o700],
    ["stat", "d/e"],
    ["stat", "d/e/../.."],
    ["stat", "d/missing/.."],
    ["open", "d/f", CREATE],
    ["stat", "d/f/.."],
    ["mkdir", "d/f"],
    ["mkdir", "d/f/"],
    ["mkdir", "d/f/g"],
    ["readdir", "d"],
    ["readdir", "d/"],
    ["readdir", "d/f"],
    ["readdir", "missing"],
    ["readdir", "."],
    ["rmdir", "d"],
    ["rmdir", "d/f"],
    ["rmdir", "d/e/."],
    ["rmdir", "d/e/.."],
    ["rmdir", "missing"],
    ["rmdir", "missing/"],
    ["unlink", "d/e"],
    ["unlink", "d/e/"],
    ["unlink", "d/e/."],
    ["unlink", "missing/"],
    ["unlink", "d/f/"],
    ["unlink", "d/f/g"],
    ["open as $e", "d/e", "O_RDONLY"],
    ["rmdir", "d/e/"],
    ["fstat", "$e"],
    ["unlink", "d/f"],
    ["rmdir", "d"],
    ["readdir", "."],
    ["truncate", "..", 1],
    ["truncate", "missing", 1],
  ],
  "rename": [
    ["mkdir", "a"],
    ["mkdir", "a/b"],
    ["mkdir", "a/b/c"],
    ["mkdir", "empty"],
    ["open", "a/b/f", CREATE],
    ["open", "f", CREATE],
    ["rename", "missing", "x"],
    ["rename", "f", "missing/x"],
    ["rename", "f", "f/x"],
    ["rename", "f", "f"],
    ["rename", "a", "a"],
    ["rename", "a", "a/x"],
    ["rename", "a", "a/b/c/x"],
    ["rename", "a/b", "a"],
    ["rename", "a/b/f", "a"],
    ["rename", "f", "empty"],
    ["rename", "empty", "f"],
    ["rename", "empty", "a"],
    ["rename", "a", "empty/"],
    ["readdir", "empty"],
    ["readdir", "."],
    ["rename", "f", "x/"],
    ["rename", "f/", "x"],
    ["rename", "empty", "."],
    ["rename", "empty", "x/.."],
    ["rename", "empty/.", "x"],
    ["rename", "empty/b", "moved"],
    ["stat", "moved/c/.."],
    ["readdir", "moved/c/../.."],
    ["rename", "f", "moved/f"],
    ["readdir", "moved"],
    ["stat", "moved/f"],
  ],
  "modes and times": [
    ["open", "f", CREATE, 0o777],
    ["stat", "f"],
    ["chmod", "f", 0o4751],
    ["lstat", "f"],
    ["chmod", "missing", 0o600],
    ["utimes", "missing", 1, 2],
    ["utimes", "f", 1, 2],
    ["mkdir", "d", 0o700],
    ["chmod", "d/", 0o1777],
    ["stat", "d"],
    ["chmod", "f/", 0o600],
  ],
};

for (const [name, steps] of Object.entries(cases)) {
  test(`as on a real file system: ${name}`, () => compare(steps));
}

/** A generator of numbers below n, the same for each seed (mulberry32). */
function randomNumbers(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

function randomSteps(seed, count) {
  const random = randomNumbers(seed);
  const pick = (...choices) => choices[random(choices.length)];
  const path = () => {
    const parts = Array.from({ length: 1 + random(3) }, () => (random(12) === 0 ? pick(".", "..") : pick(..."abcd")));
    // So deep that ".." stays below the case's directory.
    return `r/o/t/${parts.join("/")}${random(10) === 0 ? "/" : ""}`;
  };
  const descriptor = () => pick("$0", "$1", "$2", "$3");
  const length = () => pick(0, random(20), random(3000), random(200_000));
  const kinds = {
    open() {
      const as = descriptor();
      const flags = [pick("O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"), "O_CREAT", "O_APPEND", "O_TRUNC", "O_EXCL"];
      const chosen = flags.filter((_, i) => i === 0 || random(i === 1 ? 2 : 5) === 0).join("|");
      return [["close", as], [`open as ${as}`, path(), chosen]];
    },
    write: () => [["write", descriptor(), length(), pick(null, null, length())]],
    read: () => [["read", descriptor(), 1 + length(), pick(null, length())]],
    ftruncate: () => [["ftruncate", descriptor(), length()]],
    fstat: () => [["fstat", descriptor()]],
    mkdir: () => [["mkdir", path(), pick(0o777, 0o700)]],
    rmdir: () => [["rmdir", path()]],
    unlink: () => [["unlink", path()]],
    rename: () => [["rename", path(), path()]],
    link: () => [["link", path(), path()]],
    stat: () => [["stat", path()]],
    readdir: () => [["readdir", path()]],
    truncate: () => [["truncate", path(), length()]],
    chmod: () => [["chmod", path(), pick(0o700, 0o755, 0o777)]],
  };
  const names = Object.keys(kinds).concat("open", "open", "write", "write", "mkdir", "rename");
  const steps = [["mkdir", "r"], ["mkdir", "r/o"], ["mkdir", "r/o/t"]];
  while (steps.length < count) steps.push(...kinds[pick(...names)]());
  return steps;
}

for (const seed of [1, 2, 3, 4]) {
  test(`as on a real file system: random steps, seed ${seed}`, () => compare(randomSteps(seed, 5000)));
}

function callSync(fs, name, ...args) {
  let answer;
  fs[name](...args, (error, result) => (answer = { error, result }));
  assert.ok(answer, `${name} did not answer at once`);
  if (answer.error) throw answer.error;
  return answer.result;
}

function create(fs, path, bytes) {
  const fd = callSync(fs, "open", path, fs.constants.O_CREAT | fs.constants.O_RDWR, 0o644);
  return { fd, written: callSync(fs, "write", fd, bytes, 0, bytes.length, null) };
}

test("times: mtime of writes and directories, utimes in seconds", () => {
  let time = 1000;
  const { fs } = newFileSystem({ now: () => time });
  const { fd } = create(fs, "/tmp/f", Buffer.from("x"));
  time = 2000;
  assert.equal(callSync(fs, "stat", "/tmp/f").mtimeMs, 1000);
  assert.equal(callSync(fs, "stat", "/tmp").mtimeMs, 1000);
  callSync(fs, "write", fd, Buffer.from("y"), 0, 1, null);
  callSync(fs, "unlink", "/tmp/f");
  assert.equal(callSync(fs, "fstat", fd).mtimeMs, 2000);
  assert.equal(callSync(fs, "stat", "/tmp").mtimeMs, 2000);
  create(fs, "/tmp/g", Buffer.from("x"));
  callSync(fs, "utimes", "/tmp/g", 5, 6);
  const { atimeMs, mtimeMs, ctimeMs } = callSync(fs, "stat", "/tmp/g");
  assert.deepEqual({ atimeMs, mtimeMs, ctimeMs }, { atimeMs: 5000, mtimeMs: 6000, ctimeMs: 2000 });
});

test("the limit answers ENOSPC, and memory comes back", () => {
  const { fs, usage } = newFileSystem({ limit: 1024 * 1024 });
  const before = usage();
  const { fd, written } = create(fs, "/tmp/f", Buffer.alloc(2 * 1024 * 1024, 1));
  assert.ok(written > 900_000 && written < 1024 * 1024, `${written} written`);
  assert.throws(() => callSync(fs, "write", fd, Buffer.alloc(65536), 0, 65536, null), { code: "ENOSPC" });
  callSync(fs, "unlink", "/tmp/f");
  assert.ok(usage() > 900_000, "freed while a descriptor is open");
  callSync(fs, "close", fd);
  assert.equal(usage(), before);

  const again = create(fs, "/tmp/g", Buffer.alloc(500_000));
  callSync(fs, "ftruncate", again.fd, 1);
  callSync(fs, "ftruncate", again.fd, 1e12); // a hole takes nothing
  assert.ok(usage() < before + 66_000, `${usage() - before} bytes for a hole`);
  callSync(fs, "close", again.fd);
  callSync(fs, "rename", "/tmp/g", "/tmp/h");
  create(fs, "/tmp/i", Buffer.alloc(0));
  callSync(fs, "rename", "/tmp/i", "/tmp/h");
  assert.equal(usage(), before + 256);
  assert.throws(() => {
    for (let i = 0; i < 10_000; i++) callSync(fs, "mkdir", `/tmp/${i}`, 0o777);
  }, { code: "ENOSPC" });
});

test("a file that grows in small steps is not copied over and over", () => {
  const { fs } = newFileSystem({ limit: 64 * 1024 * 1024 });
  const { fd } = create(fs, "/tmp/f", Buffer.alloc(0));
  const step = Buffer.alloc(1000, 7);
  const start = performance.now();
  for (let i = 0; i < 32_000; i++) callSync(fs, "write", fd, step, 0, step.length, null);
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms for 32 MB`);
  assert.equal(callSync(fs, "fstat", fd).size, 32_000_000);
});

test("output becomes lines, whatever the sizes of the writes", () => {
  const lines = [];
  const { fs, flush } = newFileSystem({ log: (line, fd) => lines.push([fd, line]) });
  const long = "é€😀".repeat(40_000);
  const bytes = Buffer.from(`one\n\ntwo ${long}\r\nun`);
  for (let i = 0; i < bytes.length; i += 7) fs.writeSync(1, bytes.subarray(i, i + 7));
  callSync(fs, "write", 2, Buffer.from("other\n"), 0, 6, null);
  callSync(fs, "write", 1, Buffer.from("finished"), 0, 8, null);
  assert.deepEqual(lines, [[1, "one"], [1, ""], [1, `two ${long}\r`], [2, "other"]]);
  flush();
  flush();
  assert.deepEqual(lines.slice(4), [[1, "unfinished"]]);
  fs.writeSync(2, Buffer.from("synced"));
  callSync(fs, "fsync", 2);
  fs.writeSync(2, Buffer.from("closed"));
  callSync(fs, "close", 2);
  assert.deepEqual(lines.slice(5), [[2, "synced"], [2, "closed"]]);
  assert.equal(callSync(fs, "read", 0, Buffer.alloc(5), 0, 5, null), 0);
});

test("two file systems share nothing", () => {
  const [a, b] = [newFileSystem(), newFileSystem()];
  create(a.fs, "/tmp/f", Buffer.from("x"));
  assert.deepEqual(callSync(b.fs, "readdir", "/tmp"), []);
  assert.deepEqual(callSync(b.fs, "readdir", "/"), ["tmp", "app"]);
});

test("path and process know the working directory", () => {
  const { fs, path, process: go } = newFileSystem();
  callSync(fs, "mkdir", "d", 0o755);
  assert.equal(path.resolve("d/../e", "f"), "/app/e/f");
  go.chdir("d");
  assert.equal(go.cwd(), "/app/d");
  assert.throws(() => go.chdir("missing"), { code: "ENOENT" });
  callSync(fs, "rmdir", "../d");
  assert.throws(() => create(fs, "f", Buffer.from("x")), { code: "ENOENT" });
  assert.equal(path.resolve("/x", "..", "y"), "/y");
});

test("Go's os package", async () => {
  const wasm = join(scratch, "memfs.wasm");
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  await run("go", ["build", "-o", wasm, "./test/memfs"], { cwd: started, env });
  const { stdout: root } = await run("go", ["env", "GOROOT"], { cwd: started });

  const lines = [];
  const { fs, path, process: goProcess, flush, usage } = newFileSystem({ log: (line, fd) => lines.push([fd, line]) });
  const before = usage();
  const globals = { fs, path, process: goProcess, crypto, performance, TextEncoder, TextDecoder, console };
  const context = vm.createContext({ ...globals, setTimeout, clearTimeout });
  vm.runInContext(await readFile(join(root.trim(), "lib/wasm/wasm_exec.js"), "utf8"), context);
  const go = vm.runInContext("new Go()", context);
  const exited = [];
  go.exit = (code) => exited.push(code);
  context.bytes = await readFile(wasm);
  context.imports = go.importObject;
  const { instance } = await vm.runInContext("WebAssembly.instantiate(bytes, imports)", context);
  await go.run(instance);
  flush();

  assert.deepEqual(lines.filter(([, line]) => line.startsWith("FAIL")), []);
  assert.deepEqual(exited, [0]);
  assert.equal(lines.filter(([, line]) => line.startsWith("ok ")).length, 9);
  assert.deepEqual(lines.slice(-2), [[2, `to stderr: ${"é".repeat(10_000)}`], [1, "an unfinished line"]]);
  assert.equal(usage(), before);
});
