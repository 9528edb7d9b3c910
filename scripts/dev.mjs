/**
 * Serves the Worker on this machine with local D1 and R2, which stay in .wrangler/. `make dev` installs and builds what it needs, and runs it:
 *
 *   node_modules/.bin/node scripts/dev.mjs [options of `wrangler dev`]
 *
 * wrangler reloads by itself when a .mjs file, wrangler.toml, the admin UI or the built program changes. This script
 * builds the program when its sources change; while they do not compile, the last one that did is served.
 */
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

import { watchTree } from "./watch-tree.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = join(ROOT, "build", "app.wasm");
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

/** Editors write a file in several steps: a build waits until this many milliseconds were quiet. */
const QUIET = 100;

/** Directories of the project that have no part in the Go program. */
const OTHER_DIRECTORIES = new Set(["node_modules", "build", "admin-ui", "docs", "pb_data", "test"]);

/** Files that the program embeds, and the directories they are in. */
const embedded = new Set();
let timer;
let building = false;
let again = false;

if (!existsSync(WRANGLER) || !existsSync(PROGRAM)) {
  console.error("The Worker is not built, or its packages are not installed. Run: make dev");
  process.exit(1);
}
watchTree(ROOT, {
  enters: (path) => !isHidden(path) && !OTHER_DIRECTORIES.has(relative(ROOT, path)),
  concerns: isSource,
  changed(path) {
    clearTimeout(timer);
    timer = setTimeout(() => build(relative(ROOT, path)), QUIET);
  },
});
readEmbedded();
serve();

/** Whether the Go program is made of it. The project's own directory may hold anything, so there only known files count. */
function isSource(path) {
  if (isHidden(path) || path.endsWith("_test.go")) return false;
  return /\.go$|^go\.(mod|sum)$/.test(basename(path)) || embedded.has(path) || embedded.has(dirname(path));
}

/** Editors' and tools' own files. */
function isHidden(path) {
  return /^[.#]|~$/.test(basename(path));
}

/** Asks Go what the program embeds. */
function readEmbedded() {
  const make = spawn("make", ["--no-print-directory", "--silent", "embedded-files"], { cwd: ROOT, stdio: ["ignore", "pipe", "ignore"] });
  let printed = "";
  make.stdout.on("data", (data) => (printed += data));
  make.on("close", () => {
    embedded.clear();
    for (const path of printed.split("\n").filter(Boolean)) embedded.add(path).add(dirname(path));
    embedded.delete(resolve(ROOT));
  });
}

/** Runs wrangler until it ends, and ends with it. */
function serve() {
  const options = ["--show-interactive-dev-session=false", ...process.argv.slice(2)];
  const wrangler = spawn(process.execPath, [WRANGLER, "dev", ...options], {
    cwd: ROOT,
    stdio: "inherit",
    // PocketBase does not look at request.cf, so nothing has to be fetched for it.
    env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", ...process.env },
  });
  wrangler.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  wrangler.on("exit", (code) => process.exit(code ?? 1));
  process.on("SIGINT", () => {}); // the terminal has sent it to wrangler too
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => wrangler.kill(signal));
}

/** Builds what is out of date, one build at a time. */
function build(path) {
  if (building) {
    again = true;
    return;
  }
  building = true;
  const before = modified(PROGRAM);
  const started = performance.now();
  const make = spawn("make", ["--no-print-directory", "--silent", "build"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  make.on("close", (code) => {
    building = false;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (code !== 0) say("red", `${path} changed, and the build failed (see above). The last good program is still served.`);
    else if (modified(PROGRAM) !== before) say("green", `${path} changed: built in ${seconds} s, reloading.`);
    if (code === 0) readEmbedded();
    if (again) {
      again = false;
      build(path);
    }
  });
}

function say(color, text) {
  console.log(styleText(color, text));
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
