/** Linear memory: small at boot, and flat however many requests come. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";

/** Requests after the boot; MEMORY_REQUESTS=20000 for the long run. */
const REQUESTS = Number(process.env.MEMORY_REQUESTS ?? 3000);
const AT_BOOT = 28;
const GROWTH = 12;
const CONNECTIONS = 8;

/**
 * The most that it may grow, in MB, in half the requests after as many others; and in how many tries. A moment in which more is in use than
 * ever before makes it grow as well, but a leak does so each time.
 */
const LATER_GROWTH = 1;
const TRIES = 4;

/** Asks and gives the megabytes of linear memory that the answer tells of. */
async function memoryAfter(url, path, options) {
  const response = await fetch(url + path, options);
  const text = await response.text();
  assert.ok(response.ok, `${response.status} ${text}`);
  return Number(/pf_memory;desc="([\d.]+) MB"/.exec(response.headers.get("Server-Timing"))?.[1]);
}

function requestOf(n) {
  const records = "/api/collections/measured/records";
  const headers = { "Content-Type": "application/json" };
  if (n % 4 === 0) return [records, { method: "POST", headers, body: JSON.stringify({ title: `Measured ${n}`, text: "x".repeat(500) }) }];
  if (n % 4 === 1) return [`${records}?perPage=30&sort=-@rowid&filter=${encodeURIComponent("title ~ 'Measured'")}`];
  if (n % 4 === 2) return ["/api/health"];
  return [`${records}?perPage=1&skipTotal=1`];
}

test(`memory at boot and over ${REQUESTS} requests`, { timeout: 1_200_000 }, (t) =>
  withWorker({}, async (target) => {
    const empty = await memoryAfter(target.url, "/api/health");
    t.diagnostic(`boot on an empty database: ${empty} MB`);
    const admin = await target.admin();
    await admin.collections.create({
      name: "measured",
      type: "base",
      listRule: "",
      createRule: "",
      fields: [{ name: "title", type: "text" }, { name: "text", type: "text" }],
    });
    await target.restart();
    const boot = await memoryAfter(target.url, "/api/health");
    t.diagnostic(`boot on an existing database: ${boot} MB`);
    assert.ok(empty <= AT_BOOT && boot <= AT_BOOT, `${empty} and ${boot} MB at boot`);

    const sizes = [];
    const growth = () => sizes.at(-1) - sizes.at(-2);
    for (let half = 0; half < 2 || (growth() > LATER_GROWTH && half <= TRIES); half++) {
      sizes.push(await run(target.url, (half * REQUESTS) / 2, ((half + 1) * REQUESTS) / 2));
      t.diagnostic(`after ${((half + 1) * REQUESTS) / 2} requests: ${sizes.at(-1)} MB`);
      assert.ok(sizes.at(-1) <= boot + GROWTH, `${sizes} MB, ${boot} at boot`);
    }
    assert.ok(growth() <= LATER_GROWTH, `${sizes} MB, more each time`);
  }),
);

/** Sends the requests of those numbers and gives the largest memory that was told. */
async function run(url, from, to) {
  let next = from;
  let largest = 0;
  await Promise.all(
    numbers(CONNECTIONS).map(async () => {
      while (next < to) largest = Math.max(largest, await memoryAfter(url, ...requestOf(next++)));
    }),
  );
  return largest;
}
