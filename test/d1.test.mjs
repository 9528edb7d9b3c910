/** The D1 driver on the real local D1: what SQL does there, statement by statement, it does on SQLite. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";

import { ROOT, withWorker } from "./harness.mjs";

const run = promisify(execFile);
const WASM = "build/d1suite.wasm";

async function buildWorker() {
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  const flags = ["-tags", "no_default_driver,no_ui", "-trimpath", "-ldflags=-s -w"];
  await run("go", ["build", ...flags, "-o", WASM, "./test/d1suite"], { cwd: ROOT, env });
}

async function transcriptsOfSQLite() {
  const { stdout } = await run("go", ["run", "./test/d1suite"], { cwd: ROOT, maxBuffer: 1 << 27 });
  return JSON.parse(stdout);
}

/** How many ways there are to answer the steps of a transaction: d1test.Modes. */
const MODES = 8;

describe("the D1 driver", () => {
  let expected;
  before(async () => {
    await buildWorker();
    expected = await transcriptsOfSQLite();
  });

  for (const [title, modeOf] of [["replay", () => 0], ["other ways in turns", (index) => 1 + (index % (MODES - 1))]]) {
    test(`does what SQLite does, transactions by ${title}`, { timeout: 300_000 }, async (t) => {
      await withWorker({ wasm: WASM }, async ({ url }) => {
        for (const [index, { name, text }] of expected.entries()) {
          await t.test(name, async () => {
            const response = await fetch(`${url}/${index}?mode=${modeOf(index)}`);
            assert.equal(response.status, 200, name);
            const got = await response.json();
            assert.equal(got.name, name);
            assert.deepEqual(got.text.split("\n"), text.split("\n"));
          });
        }
      });
    });
  }
});
