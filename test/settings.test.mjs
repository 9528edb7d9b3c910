/** Variables are texts, but wrangler.toml gives a number or a boolean where one is written without quotes; and any of them can be wrong. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { NAMES, countSetting, isOn, numberSetting, switchSetting, variables } from "../internal/host/settings.mjs";
import { withWorker } from "./harness.mjs";
import { exchange } from "./support/http.mjs";

const TIMEOUT = { timeout: 60_000 };

describe("a setting", () => {
  const read = (setting, value, ...rest) => setting({ NAME: value }, "NAME", ...rest);

  test("is a number above 0", () => {
    for (const [value, want] of [[undefined, 7], ["", 7], ["2.5", 2.5], [3, 3], ["0", 7], [-1, 7], ["30s", 7], [Infinity, 7]]) {
      assert.equal(read(numberSetting, value, 7), want, String(value));
    }
  });

  test("is a whole number in its range", () => {
    for (const [value, want] of [[undefined, 2], ["4", 4], [64, 64], ["65", 2], ["1.5", 2], ["two", 2]]) {
      assert.equal(read(countSetting, value, 2, 64), want, String(value));
    }
  });

  test("is a switch", () => {
    for (const [value, want] of [["1", true], [1, true], [true, true], ["True", true], ["0", false], [0, false], [false, false], ["false", false]]) {
      assert.equal(read(switchSetting, value, !want), want, String(value));
      assert.equal(isOn(value), want, String(value));
    }
    for (const value of [undefined, "", "yes", 2]) {
      assert.equal(read(switchSetting, value, true), true, String(value));
      assert.equal(read(switchSetting, value, false), false, String(value));
      assert.equal(isOn(value), false, String(value));
    }
  });

  test("that is wrong is told of once", (t) => {
    const { mock } = t.mock.method(console, "warn", () => {});
    for (let i = 0; i < 3; i++) switchSetting({ WRONG: "yes" }, "WRONG", true);
    assert.deepEqual(mock.calls.map(({ arguments: [message] }) => message), ['pocketflare: WRONG is "yes"; it must be 1 or 0, so 1 is used']);
  });

  test("is known by its name, and documented", async () => {
    const table = (await readFile("docs/configuration.md", "utf8")).split("\n").filter((line) => line.startsWith("| `"));
    const documented = table.flatMap((line) => line.split("|")[1].match(/POCKETFLARE_\w+/g) ?? []);
    assert.deepEqual(documented.sort(), NAMES);
  });

  test("is a text for the program, and a binding is none", () => {
    assert.deepEqual(variables({ A: "a", B: 1.5, C: true, DB: { prepare() {} }, NONE: null }), { A: "a", B: "1.5", C: "true" });
  });
});

describe("the Worker", () => {
  test("takes numbers and booleans for what they say", TIMEOUT, () =>
    withWorker({ admin: false, vars: { POCKETFLARE_SETUP_KEY: 12345, POCKETFLARE_EARLY_START: false } }, async (target) => {
      assert.equal((await exchange(`${target.url}/_pf`)).status, 403);
      assert.equal((await exchange(`${target.url}/_pf?key=12345`)).status, 302);
    }));

  test("says what is wrong with its variables, and what holds", TIMEOUT, () =>
    withWorker(
      { vars: { POCKETFLARE_EARLY_START: "no", POCKETFLARE_STALL_SECONDS: "30s", POCKETFLARE_D1_SCRATCH: "off", POCKETFLARE_D1_MAX_STATEMENTS: 1.5, POCKETFLARE_REALTIME_SHARDS: 65, POCKETFLARE_SETUPKEY: "x" } },
      async (target) => {
        assert.equal((await exchange(`${target.url}/api/health`)).status, 200);
        const realtime = await fetch(`${target.url}/api/realtime`);
        await realtime.body.cancel();
        const printed = target.output.since();
        for (const message of [
          'POCKETFLARE_EARLY_START is "no"; it must be 1 or 0, so 1 is used',
          'POCKETFLARE_STALL_SECONDS is "30s"; it must be a number above 0, so 30 is used',
          'POCKETFLARE_D1_SCRATCH is "off"; it must be 1 or 0, so the default holds',
          'POCKETFLARE_D1_MAX_STATEMENTS is "1.5"; it must be a whole number above 0, so the default holds',
          "POCKETFLARE_REALTIME_SHARDS is 65; it must be a whole number from 1 to 64, so 1 is used",
          "POCKETFLARE_SETUPKEY is set, but there is no such variable",
        ]) {
          assert.ok(printed.includes(message), `${message}\n${printed}`);
        }
      },
    ));
});
