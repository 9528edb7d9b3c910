/** The headers that tell what a request has cost. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { eventually } from "./support/http.mjs";

const BOOT = ["pf_boot_instantiate", "pf_boot_go", "pf_boot_bootstrap", "pf_boot_router"];

/** A boot that does not end before as many requests have come. */
const FIRST = 5;
const SLOW = { entry: "test/entries/unreliable-d1.mjs", vars: { D1_WAITS_FOR: FIRST }, direct: true };

/** The entries of a Server-Timing header, by name. */
function timings(response) {
  const entries = response.headers.get("Server-Timing").split(", ").map((entry) => entry.split(";"));
  const pairs = (parameters) => parameters.map((parameter) => /^(\w+)=(.*)$/.exec(parameter).slice(1));
  return Object.fromEntries(entries.map(([name, ...parameters]) => [name, Object.fromEntries(pairs(parameters))]));
}

test("X-Pocketflare-Runtime and Server-Timing", { timeout: 60_000 }, () =>
  withWorker(SLOW, async (target) => {
    const first = await Promise.all(numbers(FIRST).map(() => fetch(`${target.url}/api/health`)));
    const temperatures = first.map((response) => response.headers.get("X-Pocketflare-Runtime")).sort();
    assert.deepEqual(temperatures, ["boot_wait", "boot_wait", "boot_wait", "boot_wait", "cold"]);
    const cold = timings(first.find((response) => response.headers.get("X-Pocketflare-Runtime") === "cold"));
    for (const name of ["pf_total", "pf_runtime_wait", "pf_handler", "pf_d1", ...BOOT]) assert.ok(name in cold, `no ${name}`);
    assert.ok(Number(cold.pf_total.dur) >= Number(cold.pf_runtime_wait.dur));
    assert.ok(Number(cold.pf_runtime_wait.dur) > 0);

    for (const path of ["/api/health", "/api/nothing", "/api/collections/users/records"]) {
      const warm = await fetch(target.url + path);
      assert.equal(warm.headers.get("X-Pocketflare-Runtime"), "warm", path);
      const costs = timings(warm);
      assert.ok(!BOOT.some((name) => name in costs));
      assert.match(costs.pf_d1.desc, /^"calls=\d+ statements=\d+"$/);
    }
    const list = timings(await fetch(`${target.url}/api/collections/users/records`));
    assert.match(list.pf_d1.desc, /^"calls=[123] statements=3"$/);
    assert.equal(timings(await fetch(`${target.url}/api/health`)).pf_d1.desc, '"calls=0 statements=0"');
  }),
);

test("what requests have cost is in PocketBase's logs", { timeout: 60_000 }, () =>
  withWorker({}, async (target) => {
    const admin = await target.admin();
    await admin.settings.update({ logs: { minLevel: 0, maxDays: 5 } });
    await admin.collections.create({ name: "posts", type: "base", fields: [{ name: "title", type: "text" }] });
    await target.client().health.check();
    const logged = async (filter) => {
      const { items } = await eventually(() => admin.logs.getList(1, 1, { filter }), ({ totalItems }) => totalItems > 0, { within: 15_000 });
      return items[0].data.meta;
    };
    const { d1 } = await logged("data.method = 'POST' && data.url = '/api/collections'");
    assert.ok(d1.calls > 1 && d1.statements > d1.calls, JSON.stringify(d1));
    assert.equal(d1.mode, "scratch");
    assert.equal(d1.runs, undefined);
    assert.equal(await logged("data.url = '/api/health'"), undefined);
  }),
);
