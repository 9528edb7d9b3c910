// A new deployment: /_pf, the root, the superuser and the settings from variables; what is not there yet; the request logs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { withWorker } from "./harness.mjs";
import { eventually } from "./support/http.mjs";

const SETUP_PAGE = /^\/_\/#\/pbinstall\/([\w-]+\.[\w-]+\.[\w-]+)$/;

async function open(url) {
  const response = await fetch(url, { redirect: "manual" });
  return { status: response.status, location: response.headers.get("Location"), body: await response.text() };
}

describe("the first run", () => {
  test("many at once on a cold isolate with an empty database", async () => {
    await withWorker({ admin: false }, async (target) => {
      const answers = await Promise.all(Array.from({ length: 16 }, () => open(`${target.url}/_pf`)));
      for (const { status, location, body } of answers) assert.match(location ?? "", SETUP_PAGE, `${status} ${body}`);

      const client = target.client();
      client.authStore.save(SETUP_PAGE.exec(answers[0].location)[1], null);
      const owner = { email: "owner@example.com", password: "1234567890", passwordConfirm: "1234567890" };
      await client.collection("_superusers").create(owner);
      await client.collection("_superusers").authWithPassword(owner.email, owner.password);
      assert.deepEqual((await client.collection("_superusers").getFullList()).map((record) => record.email), [owner.email]);
      assert.equal((await open(`${target.url}/_pf`)).location, "/_/");
    });
  });

  test("in two isolates at the same moment", async () => {
    await withWorker({ admin: false, isolates: 2 }, async (target) => {
      const answers = await Promise.all(target.urls.flatMap((url) => [open(`${url}/_pf`), open(`${url}/_pf`)]));
      for (const { status, location, body } of answers) assert.match(location ?? "", SETUP_PAGE, `${status} ${body}`);
    });
  });

  test("with a setup key", async () => {
    await withWorker({ admin: false, vars: { POCKETFLARE_SETUP_KEY: "secret" } }, async (target) => {
      const refused = await open(`${target.url}/_pf`);
      assert.equal(refused.status, 403);
      assert.match(JSON.parse(refused.body).message, /POCKETFLARE_SETUP_KEY/);
      assert.match((await open(`${target.url}/_pf?key=secret`)).location, SETUP_PAGE);
    });
  });

  test("with variables, on a new database and on one that exists", async () => {
    await withWorker({ vars: { POCKETFLARE_APP_URL: "https://example.com/" } }, async (target) => {
      assert.equal((await open(`${target.url}/_pf`)).location, "/_/");
      assert.equal((await open(`${target.url}/`)).location, "/_/");
      const admin = await target.admin();
      const settings = await admin.settings.getAll();
      assert.equal(settings.meta.appURL, "https://example.com");
      assert.deepEqual(settings.trustedProxy, { headers: ["CF-Connecting-IP"], useLeftmostIP: false });

      await admin.settings.update({ meta: { appURL: "https://other.example.com" }, trustedProxy: { headers: [] } });
      await target.restart();
      const client = target.client();
      client.authStore.save(admin.authStore.token, null);
      const kept = await client.settings.getAll();
      assert.equal(kept.meta.appURL, "https://other.example.com");
      assert.deepEqual(kept.trustedProxy.headers, []);
    });
  });

  test("with an invalid variable", async () => {
    await withWorker({ admin: false, vars: { POCKETFLARE_ADMIN_EMAIL: "a@example.com", POCKETFLARE_ADMIN_PASSWORD: "short" } }, async (target) => {
      const { status, body } = await open(`${target.url}/_pf`);
      assert.equal(status, 500);
      assert.match(JSON.parse(body).message, /POCKETFLARE_ADMIN_PASSWORD/);
      assert.match(target.output.since(), /POCKETFLARE_ADMIN_PASSWORD/);
    });
  });
});

test("what is not available says so at once", async () => {
  await withWorker({}, async (target) => {
    const admin = await target.admin();
    await assert.rejects(admin.backups.getFullList(), { status: 501 });
    await assert.rejects(admin.backups.create("a.zip"), { status: 501 });
    await assert.rejects(admin.settings.testEmail("_superusers", "a@example.com", "verification"), /no mail provider is configured/);
    await admin.crons.run("__pbLogsCleanup__");
  });
});

test("each request is in the logs soon after its response", async () => {
  await withWorker({}, async (target) => {
    const admin = await target.admin();
    const urls = Array.from({ length: 100 }, (_, index) => `/api/health?n=${index}`);
    await Promise.all(urls.map(async (url) => assert.equal((await fetch(target.url + url)).status, 200)));
    const filter = "data.url ~ '/api/health'";
    const ask = async () => (await admin.logs.getList(1, 500, { filter })).items.map((item) => item.data.url);
    const logged = await eventually(ask, (found) => found.length >= urls.length, { within: 15_000 });
    assert.deepEqual(logged.sort(), urls.sort());
  });
});

test("logs are written although no request follows", async () => {
  await withWorker({}, async (target) => {
    const admin = await target.admin();
    await (await fetch(`${target.url}/api/health?last`)).text();
    const database = await target.mf.getD1Database("LOGS_DB", "pocketflare-0");
    const stored = () => database.prepare("SELECT count(*) n FROM _logs WHERE data ->> 'url' = '/api/health?last'").first("n");
    assert.equal(await eventually(stored, (n) => n > 0, { within: 15_000 }), 1);
    await target.restart();
    const client = target.client();
    client.authStore.save(admin.authStore.token, null);
    const { totalItems } = await client.logs.getList(1, 1, { filter: "data.url = '/api/health?last'" });
    assert.equal(totalItems, 1);
  });
});
