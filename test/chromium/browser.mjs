import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { rmSync } from "node:fs";
import { access, constants, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import puppeteer from "puppeteer-core";

const run = promisify(execFile);

/** Where Chrome and Chromium install themselves, by platform. */
const INSTALLED = {
  linux: [
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
  ],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    path.join(os.homedir(), "Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
  ],
  win32: ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"]
    .filter((name) => process.env[name])
    .map((name) => path.join(process.env[name], "Google", "Chrome", "Application", "chrome.exe")),
};

/**
 * Flags beside puppeteer's own, which already switch off background networking, updates and sync. The page under
 * test is on loopback, so every other name is made unresolvable: what the UI would fetch elsewhere is then a failed
 * request that a test sees, not a silent dependency on the network.
 */
const FLAGS = [
  "--no-sandbox",
  "--no-pings",
  "--disable-domain-reliability",
  "--disable-gpu",
  "--font-render-hinting=none",
  "--force-color-profile=srgb",
  "--lang=en-US",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

/** The package's own fonts.conf looks for the fonts where the package would have unpacked them. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="relative">fonts-cache</cachedir>
</fontconfig>
`;

/**
 * launchBrowser starts a headless Chromium with a profile of its own in a temporary directory, which is removed when
 * the browser is closed. It takes, in this order, the browser that the environment variable CHROME_PATH names, the
 * Chromium inside the npm package `@sparticuz/chromium` (Linux x64), and an installed Chrome.
 *
 * @param {{ width?: number, height?: number }} [viewport] in CSS pixels, 1360x900 by default
 * @returns {Promise<import("puppeteer-core").Browser>}
 * @throws {Error} that lists what was tried when there is no browser, or puppeteer's own when it doesn't start
 */
export async function launchBrowser({ width = 1360, height = 900 } = {}) {
  const { executablePath, headless, env } = await findBrowser();
  return puppeteer.launch({
    executablePath,
    headless,
    args: FLAGS,
    env: { ...process.env, TZ: "UTC", LANGUAGE: "en_US", ...env },
    defaultViewport: { width, height },
  });
}

async function findBrowser() {
  const named = process.env.CHROME_PATH;
  if (named) {
    if (!(await isExecutable(named))) throw new Error(`CHROME_PATH names ${named}, which cannot be executed`);
    return { executablePath: named, headless: true };
  }

  const tried = [];
  if (process.platform === "linux" && process.arch === "x64") {
    try {
      return await packagedBrowser();
    } catch (error) {
      tried.push(`@sparticuz/chromium: ${error.message}`);
    }
  }
  for (const executablePath of INSTALLED[process.platform] ?? []) {
    if (await isExecutable(executablePath)) return { executablePath, headless: true };
    tried.push(executablePath);
  }
  throw new Error(`no Chromium found; install Chrome or set CHROME_PATH to one. Tried:\n  ${tried.join("\n  ")}`);
}

/**
 * packagedBrowser unpacks the package's browser, its fonts and its libraries once, beside the other build caches in
 * node_modules, or in a temporary directory of this process where node_modules is read-only.
 */
async function packagedBrowser() {
  const entry = import.meta.resolve("@sparticuz/chromium");
  const { version } = createRequire(entry)("../package.json");
  const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
  const unpacked = path.join(cache, `chromium-${version}`);

  let home = unpacked;
  if (!(await isExecutable(path.join(unpacked, "chromium")))) {
    try {
      await mkdir(cache).catch((error) => error.code === "EEXIST" || Promise.reject(error));
      const fresh = await mkdtemp(`${unpacked}-`);
      await unpack(entry, fresh);
      // A directory that is complete takes the name in one step: of two test runs that unpack at once, one wins.
      await rename(fresh, unpacked).catch(() => rm(fresh, { recursive: true, force: true }));
    } catch (error) {
      if (!["EACCES", "ENOENT", "EPERM", "EROFS"].includes(error.code)) throw error;
      home = await unpackForThisProcess(entry);
    }
  }
  return {
    executablePath: path.join(home, "chromium"),
    headless: "shell",
    env: {
      FONTCONFIG_FILE: path.join(home, "fonts.conf"),
      LD_LIBRARY_PATH: [path.join(home, "al2023", "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":"),
    },
  };
}

/** @type {Promise<string> | undefined} */
let temporaryHome;

function unpackForThisProcess(entry) {
  temporaryHome ??= mkdtemp(path.join(os.tmpdir(), "chromium-")).then(async (directory) => {
    process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
    await unpack(entry, directory);
    return directory;
  });
  return temporaryHome;
}

/**
 * The package unpacks into the system's temporary directory under names like `chromium`, and takes whatever already
 * has that name. A process whose temporary directory is ours gives it a place where nothing else is.
 */
async function unpack(entry, directory) {
  const bin = fileURLToPath(new URL("../bin/", entry));
  const script = `
    const { inflate } = await import(${JSON.stringify(entry)});
    const names = ["chromium.br", "fonts.tar.br", "swiftshader.tar.br", "al2023.tar.br"];
    await Promise.all(names.map((name) => inflate(${JSON.stringify(bin)} + name)));`;
  await run(process.execPath, ["--input-type=module", "--eval", script], {
    env: { ...process.env, TMPDIR: directory },
  });
  await writeFile(path.join(directory, "fonts.conf"), FONTS);
}

async function isExecutable(file) {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
