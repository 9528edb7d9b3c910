/**
 * Random SQL on the real local D1, as on SQLite. DIFF_STEPS and DIFF_SEED ask for more steps, and others; what differs is told
 * with its seed and the fewest steps that show it.
 */
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { ROOT, withWorker } from "./harness.mjs";

const run = promisify(execFile);
const WASM = "build/d1random.wasm";
const STEPS = Number(process.env.DIFF_STEPS ?? 6000);
const SEED = Number(process.env.DIFF_SEED ?? 1_000_000);

async function build() {
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  const flags = ["-tags", "no_default_driver,no_ui", "-trimpath", "-ldflags=-s -w"];
  await run("go", ["build", ...flags, "-o", WASM, "./test/d1random"], { cwd: ROOT, env });
  await run("go", ["build", "-o", "build/d1random", "./test/d1random"], { cwd: ROOT });
}

test(`${STEPS} steps of random SQL on D1, as on SQLite`, { timeout: 600_000 + STEPS * 50 }, async () => {
  await build();
  await withWorker({ wasm: WASM }, async ({ url }) => {
    await run("build/d1random", ["-worker", url, "-steps", STEPS, "-seed", SEED], { cwd: ROOT }).catch((error) => {
      throw new Error(error.stdout + error.stderr);
    });
  });
});
