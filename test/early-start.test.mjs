/** Go begins its start in the Worker's global scope, where there is no I/O, no time and nothing random, and nobody can tell. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";

import { withWorker } from "./harness.mjs";
import { exchange, pause } from "./support/http.mjs";

const TIMEOUT = { timeout: 60_000 };

/** How long a phase of the boot took in milliseconds, as the answer to the first request tells. */
function phase({ headers }, name) {
  assert.equal(headers["x-pocketflare-runtime"], "cold");
  return Number(new RegExp(`pf_boot_${name};dur=([\\d.]+)`).exec(headers["server-timing"])[1]);
}

/** Whether Go was started before the first request, which got this answer. */
function early(answer) {
  return phase(answer, "go") === 0;
}

function withExample(vars, run, options) {
  return withWorker({ wasm: "build/example.wasm", vars, ...options }, run);
}

/** The first answer of an app that has done something before its start. */
async function startedWith(target) {
  const answer = await exchange(`${target.url}/example/started`);
  assert.equal(answer.status, 200, answer.text);
  return { answer, ...JSON.parse(answer.text) };
}

/** Runs with a server that the app can ask. */
async function outside(run) {
  const server = createServer((_, response) => response.end("from outside"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.close();
  }
}

function secondsSince(time) {
  return (Date.now() - Date.parse(time)) / 1000;
}

describe("early start", () => {
  test("of PocketBase as it is", TIMEOUT, () =>
    withWorker({}, async (target) => {
      await pause(1500); // the clock that Go has had until then stood still
      const answer = await exchange(`${target.url}/api/health`);
      assert.equal(answer.status, 200, answer.text);
      assert.ok(early(answer), answer.headers["server-timing"]);
      assert.ok(phase(answer, "bootstrap") < 30_000);
      const second = { email: "second@example.com", password: "second12345678", passwordConfirm: "second12345678" };
      const { created } = await (await target.admin()).collection("_superusers").create(second);
      assert.ok(Math.abs(secondsSince(created)) < 5, created);
    }));

  test("of an app", TIMEOUT, () =>
    withExample({}, async (target) => {
      const { answer, now } = await startedWith(target);
      assert.ok(early(answer), answer.headers["server-timing"]);
      assert.ok(Math.abs(secondsSince(now)) < 5, now);
    }));

  test("is off where the environment says so", TIMEOUT, () =>
    withExample({ POCKETFLARE_EARLY_START: "0" }, async (target) => {
      assert.ok(!early((await startedWith(target)).answer));
    }));

  test("each isolate has random numbers of its own", TIMEOUT, () =>
    withExample({}, async (target) => {
      const numbers = await Promise.all(target.urls.map(async (url) => (await exchange(`${url}/example/started`)).text.match(/"number":(\d+)/)[1]));
      assert.equal(new Set(numbers).size, target.urls.length, numbers.join());
    }, { isolates: 3 }));

  test("an app that asks for the time first gets the right one", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "time" }, async (target) => {
      const { answer, started } = await startedWith(target);
      assert.ok(!early(answer));
      assert.ok(Math.abs(secondsSince(started.began)) < 5, started.began);
    }));

  test("an app that asks for random numbers first gets them", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "random" }, async (target) => {
      const secrets = await Promise.all(target.urls.map(async (url) => JSON.parse((await exchange(`${url}/example/started`)).text).started.secret));
      for (const secret of secrets) assert.match(secret, /^[0-9a-f]{32}$/);
      assert.equal(new Set(secrets).size, 2);
    }, { isolates: 2 }));

  test("an app that allocates much first keeps its head start", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "allocate" }, async (target) => {
      assert.ok(early((await startedWith(target)).answer));
    }));

  test("an app that sleeps first starts when it has slept", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "sleep" }, async (target) => {
      const { answer, started } = await startedWith(target);
      assert.equal(started.slept, 50);
      assert.ok(phase(answer, "go") >= 50);
    }));

  test("an app's timer counts from the first event", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "timer" }, async (target) => {
      await pause(1000);
      const before = Date.now();
      const { answer, fired } = await startedWith(target);
      assert.ok(early(answer));
      assert.ok(Date.parse(fired) - before >= 300, `after ${Date.parse(fired) - before} ms`);
    }));

  test("an app that sends a request first starts with its answer", TIMEOUT, () =>
    outside((url) =>
      withExample({ EXAMPLE_AT_START: "request", EXAMPLE_START_URL: url }, async (target) => {
        assert.equal((await startedWith(target)).started.body, "from outside");
      })));

  test("an app that sends a request while it boots on an empty database loses nothing", TIMEOUT, () =>
    outside((url) =>
      withExample({ EXAMPLE_AT_START: "boot", EXAMPLE_START_URL: url }, async (target) => {
        assert.equal((await startedWith(target)).started.body, "from outside");
        const admin = await target.admin();
        await admin.collection("notes").create({ title: "kept" });
        await target.restart();
        const notes = (await target.admin()).collection("notes"); // with the token of before: the secrets are those that were stored
        assert.equal((await notes.getFullList({ filter: "title = 'kept'" })).length, 1);
      })));

  test("an app that panics first is answered with the reason", TIMEOUT, () =>
    withExample({ EXAMPLE_AT_START: "panic" }, async (target) => {
      for (let i = 0; i < 2; i++) {
        const answer = await exchange(`${target.url}/example/started`);
        assert.equal(answer.status, 503, answer.text);
        assert.equal(answer.headers["retry-after"], "1");
      }
      assert.match(target.output.since(0), /the app does not like to start/);
    }));
});
