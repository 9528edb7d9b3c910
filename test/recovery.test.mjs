/** What goes wrong in one request or at boot is told to whom it concerns, and heals by itself. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { suite, withWorker } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";
import { eventually, exchange, open, pause } from "./support/http.mjs";

/** No call of D1 works until POST /_faults says otherwise. */
const DEAD = { before: 1, message: "Network connection lost." };
const OUTAGE = {
  entry: "test/entries/unreliable-d1.mjs",
  vars: { D1_FAULTS: JSON.stringify({ APP_DB: { read: DEAD, probe: DEAD, store: DEAD } }) },
};

const on = { example: true, on: ["worker"] };

/** Waits until so many requests have arrived at an isolate of unreliable-d1.mjs, or more. */
async function arrived(target, count) {
  const told = await eventually(() => exchange(`${target.url}/_arrived`), ({ text }) => Number(text) >= count);
  assert.ok(Number(told.text) >= count, `${told.text} requests have arrived`);
}

/** Asserts that an answer says to come back. */
function assertComeBack({ status, headers, text }) {
  assert.equal(status, 503, text);
  assert.match(headers["retry-after"] ?? "", /^\d+$/, "no Retry-After");
  assert.equal(JSON.parse(text).status, 503);
}

/** Asserts that the server serves again at once, with the data that it had. */
async function assertHealed(target) {
  const answer = await exchange(`${target.url}/api/health`);
  assert.equal(answer.status, 200, answer.text);
  await target.client().collection("notes").create({ title: "healed" });
  assert.ok((await target.client().collection("notes").getList(1, 1)).totalItems > 0);
}

function memoryOf(answer) {
  return Number(/pf_memory;desc="([\d.]+) MB"/.exec(answer.headers["server-timing"])?.[1]);
}

suite("recovery", { ...on, vars: { POCKETFLARE_STALL_SECONDS: "3" } }, ({ test }) => {
  for (const fault of ["panic", "exit"]) {
    test(`a program that dies (${fault}) answers what was in flight and boots again`, async (target) => {
      await target.client().collection("notes").create({ title: `before ${fault}` });
      const others = numbers(5).map(() => exchange(`${target.url}/example/sleep/30000`));
      const sleeping = await eventually(() => exchange(`${target.url}/example/sleeping`), ({ text }) => text === "5");
      assert.equal(sleeping.text, "5");
      assertComeBack(await exchange(`${target.url}/example/fault/${fault}`));
      for (const answer of await Promise.all(others)) assertComeBack(answer);
      await assertHealed(target);
      assert.equal((await target.client().collection("notes").getList(1, 1, { filter: `title = 'before ${fault}'` })).totalItems, 1);
    });
  }

  test("it dies many times in a row", async (target) => {
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(numbers(4).map((n) => exchange(`${target.url}/example/fault/${n % 2 ? "panic" : "exit"}`)));
      answers.forEach(assertComeBack);
    }
    await assertHealed(target);
  });

  test("a request that waits for ever is given up, and the others go on", async (target) => {
    const stuck = exchange(`${target.url}/example/fault/deadlock`);
    for (let i = 0; i < 10; i++) {
      assert.equal((await exchange(`${target.url}/api/health`)).status, 200);
      await pause(100);
    }
    assertComeBack(await stuck);
    await assertHealed(target);
  });

  test("a request that is slow, but moves, is not given up", async (target) => {
    const answers = await Promise.all([
      exchange(`${target.url}/example/sleep/5000`),
      exchange(`${target.url}/example/lock/hold?hold=5000`),
      exchange(`${target.url}/example/stream/controller?chunks=5&pause=1000`),
    ]);
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200]);
  });

  test("requests that wait long in a queue that moves are not given up", async (target) => {
    const answers = await Promise.all(numbers(12).map(() => exchange(`${target.url}/example/lock/hold?hold=500`)));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
    assert.notEqual((await exchange(`${target.url}/api/health`)).headers["x-pocketflare-runtime"], "cold");
  });

  test("a stream that is given up ends nobody else's", async (target) => {
    const holder = exchange(`${target.url}/example/lock/stream?hold=6000`);
    await pause(100);
    await assert.rejects(exchange(`${target.url}/example/lock/stream`));
    const { text } = await holder;
    assert.match(text, /^begun,.*,ended$/s);
  });

  test("memory that grows past its limit moves the work to a fresh instance", async (target) => {
    const statuses = [];
    for (let taken = 0; taken < 160; taken += 10) {
      const [{ status }, health] = await Promise.all([
        exchange(`${target.url}/example/fault/memory?take=10`),
        exchange(`${target.url}/api/health`),
      ]);
      statuses.push(status, health.status);
    }
    assert.deepEqual([...new Set(statuses)], [200]);
    await assertHealed(target);
  });

  test("memory that leaps past the isolate's is given up", async (target) => {
    assertComeBack(await exchange(`${target.url}/example/fault/memory?take=200`));
    await assertHealed(target);
    const fresh = await exchange(`${target.url}/api/health`);
    assert.ok(memoryOf(fresh) < 40, `${memoryOf(fresh)} MB`);
  });

  test("JSON that is nested too deep for the stack is refused, wherever it is, and hurts nobody", async (target) => {
    const neighbour = exchange(`${target.url}/example/sleep/3000`);
    const records = `${target.url}/api/collections/notes/records`;
    const confirm = `${target.url}/api/collections/users/confirm-verification`;
    const deep = "[".repeat(5000) + "]".repeat(5000);
    const token = [`{"alg":"HS256"}`, `{"a":${deep}}`, "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
    const post = (type, body) => ({ method: "POST", headers: { "Content-Type": type }, body });
    const json = (body) => post("application/json", body);
    const form = (name, value) => post("application/x-www-form-urlencoded", `${name}=${encodeURIComponent(value)}`);
    const parts = (name, value) => post("multipart/form-data; boundary=b", `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--b--\r\n`);
    for (const [url, request] of [
      [records, json(`{"title":${deep}}`)],
      [records, json(`{"title":${'{"a":'.repeat(9000)}1${"}".repeat(9000)}}`)],
      [records, json(JSON.stringify({ title: "a", data: deep }))],
      [confirm, json(JSON.stringify({ token }))],
      [records, form("@jsonPayload", `{"title":${deep}}`)],
      [records, parts("@jsonPayload", `{"title":${deep}}`)],
      [records, parts("@jsonPayload", JSON.stringify({ title: "a", data: deep }))],
      [`${target.url}/api/realtime`, parts("@jsonPayload", `{"clientId":${deep}}`)],
      ...["Bearer ", "bearer ", ""].map((scheme) => [records, { headers: { Authorization: scheme + token } }]),
      [`${target.url}/api/files/notes/aaaaaaaaaaaaaaa/a?token=${token}`, {}],
    ]) {
      const { status, text } = await exchange(url, request);
      assert.equal(status, 400, `${url}: ${text}`);
    }
    assert.equal((await neighbour).status, 200);
  });
});

test("an event that is cancelled when its turn for a lock has come gives it back", () =>
  withWorker({ wasm: "build/example.wasm", entry: "test/entries/short-lived.mjs", direct: true }, async (target) => {
    await exchange(`${target.url}/api/health`);
    const holder = exchange(`${target.url}/example/lock/hold?hold=1500`);
    await pause(100);
    const client = new AbortController();
    open(`${target.url}/example/lock/wait`, { signal: client.signal }).catch(() => {});
    await pause(300);
    const next = exchange(`${target.url}/example/lock/wait`);
    client.abort();
    assert.equal((await holder).status, 200);
    const { status, text } = await next;
    assert.equal(status, 200, text);
  }));

/** An event whose pump is late by more than five seconds, while others run, is taken for cancelled by the platform. */
test("an isolate that was kept from running for less than that takes none for cancelled", { timeout: 60_000 }, () =>
  withWorker({ wasm: "build/example.wasm", entry: "test/entries/jumping-clock.mjs", direct: true }, async (target) => {
    await exchange(`${target.url}/api/health`);
    const jump = (milliseconds) => exchange(`${target.url}/_jump?ms=${milliseconds}`, { method: "POST" });
    const sleepers = [];
    for (let i = 0; i < 12; i++) {
      sleepers.push(exchange(`${target.url}/example/sleep/120000`));
      await pause(83); // the pumps of all run once a second, at different moments
    }
    for (let i = 0; i < 8; i++) {
      await jump(4400);
      await pause(1200 + 83 * i);
    }
    await jump(120_000);
    for (const { status, text } of await Promise.all(sleepers)) assert.equal(status, 200, text);
  }),
);

describe("a boot that fails", () => {
  for (const name of ["APP_DB", "LOGS_DB", "STORAGE", "BACKUPS"]) {
    test(`for want of ${name} says what to add to wrangler.toml`, () =>
      withWorker({ without: [name] }, async (target) => {
        for (const path of ["/api/health", "/", "/_pf", "/api/collections"]) {
          const { status, headers, text } = await exchange(target.url + path);
          assert.equal(status, 500);
          assert.match(headers["content-type"], /^application\/json/);
          const { message } = JSON.parse(text);
          assert.match(message, new RegExp(`\\b${name}\\b`));
          assert.match(message, new RegExp(`binding = "${name}"`));
          assert.match(message, /wrangler\.toml/);
        }
      }));
  }

  test("for a binding of the wrong kind says so", () => {
    const configure = (worker) => ({ ...worker, bindings: { ...worker.bindings, STORAGE: "a variable" }, r2Buckets: { BACKUPS: worker.r2Buckets.BACKUPS } });
    return withWorker({ configure }, async (target) => {
      const { status, text } = await exchange(`${target.url}/api/health`);
      assert.equal(status, 500);
      assert.match(JSON.parse(text).message, /STORAGE.*not a.*R2/s);
    });
  });

  test("for an unreachable database is tried again by the next request", () =>
    withWorker({ ...OUTAGE, direct: true }, async (target) => {
      const first = await exchange(`${target.url}/api/health`);
      assertComeBack(first);
      assert.match(JSON.parse(first.text).message, /Network connection lost/);
      await exchange(`${target.url}/_faults`, { method: "POST", body: "{}" });
      const answer = await eventually(() => exchange(`${target.url}/api/health`), ({ status }) => status === 200);
      assert.equal(answer.status, 200, answer.text);
      assert.equal((await (await target.admin()).collections.getFullList()).length, 6);
    }));

  test("for a database that is gone for good keeps saying so", () =>
    withWorker({ ...OUTAGE, direct: true }, async (target) => {
      for (const answer of await Promise.all(numbers(5).map(() => exchange(`${target.url}/api/health`)))) assertComeBack(answer);
      assertComeBack(await exchange(`${target.url}/api/health`));
    }));

  test("because its first request was cancelled still serves the others", () =>
    withWorker({ entry: "test/entries/unreliable-d1.mjs", direct: true, vars: { D1_DELAY_MS: 5 } }, async (target) => {
      const client = new AbortController();
      open(`${target.url}/api/health`, { signal: client.signal }).catch(() => {});
      await arrived(target, 1);
      const others = numbers(4).map(() => exchange(`${target.url}/api/health`));
      await arrived(target, 5);
      client.abort();
      for (const { status, text } of await Promise.all(others)) assert.equal(status, 200, text);
    }));

  test("slowly: clients that hung up meanwhile are not forgotten", () =>
    withWorker({ wasm: "build/example.wasm", entry: "test/entries/unreliable-d1.mjs", direct: true, vars: { D1_DELAY_MS: 300 } }, async (target) => {
      await exchange(`${target.url}/api/health`);
      await target.restart();
      const client = new AbortController();
      const ways = ["wait", "query", "stream"];
      for (const way of ways) open(`${target.url}/example/hangup/${way}/${way}`, { signal: client.signal }).catch(() => {});
      await arrived(target, ways.length);
      client.abort();
      for (const way of ways) {
        const { text } = await eventually(() => exchange(`${target.url}/example/hangup/seen/${way}`), (answer) => !answer.text.includes("null"), { within: 15_000 });
        assert.match(text, /"seen":"context canceled"/, way);
      }
    }));

  test("because every request of it was cancelled is made good by the next", () =>
    withWorker({ entry: "test/entries/unreliable-d1.mjs", direct: true, vars: { D1_DELAY_MS: 5 } }, async (target) => {
      for (let round = 0; round < 3; round++) {
        const client = new AbortController();
        numbers(3).forEach(() => open(`${target.url}/api/health`, { signal: client.signal }).catch(() => {}));
        await arrived(target, 3 * (round + 1));
        client.abort();
      }
      assert.equal((await exchange(`${target.url}/api/health`)).status, 200);
      assert.equal((await (await target.admin()).collections.getFullList()).length, 6);
    }));
});
