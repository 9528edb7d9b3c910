/** Realtime in a real Chromium: the SDK with the browser's own EventSource, OAuth2 with its popup, and the admin UI. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before } from "node:test";

import { ADMIN, ROOT, suite } from "../harness.mjs";
import { CuttableWay } from "../support/cuttable.mjs";
import { Provider } from "../support/provider.mjs";
import { login, openCollection, rows } from "./admin-ui.mjs";
import { launchBrowser } from "./browser.mjs";
import { newPage, part, press } from "./page.mjs";
import { story } from "./story.mjs";

const SDK = path.join(ROOT, "node_modules/pocketbase/dist/pocketbase.umd.js");
const RULES = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
const OPTIONS = { isolates: 2, entry: "test/entries/watched-hub.mjs" };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A page with the SDK as `client` and what it hears in `heard`. It is of another origin than the server, as an app's own may be. */
async function openApp(browser, way, target) {
  const page = await newPage(browser);
  await page.goto(`${target.url}/api/health`);
  await page.addScriptTag({ path: SDK });
  await page.evaluate((url) => {
    globalThis.client = new PocketBase(url);
    client.autoCancellation(false);
    globalThis.heard = [];
    globalThis.note = (name) => ({ action, record }) => heard.push(`${name} ${action} ${JSON.stringify(record.title)} ${record.expand?.of?.title ?? ""}`.trim());
  }, way.url);
  return page;
}

function hears(page, ...messages) {
  return page.waitForFunction((expected) => expected.every((message) => heard.includes(message)), { timeout: 20_000 }, messages);
}

/** Waits for the client to connect with another id and to submit its subscriptions, after something has ended its connection. */
async function reconnects(page, how) {
  const id = await page.evaluate(() => client.realtime.clientId);
  const submitted = page.waitForResponse((response) => response.url().endsWith("/api/realtime") && response.request().method() === "POST", { timeout: 20_000 });
  await how();
  await submitted;
  assert.notEqual(await page.evaluate(() => client.realtime.clientId), id);
}

suite("realtime in Chromium", OPTIONS, (on) => {
  let browser;
  let provider;
  before(async () => {
    browser = await launchBrowser();
    provider = new Provider();
    await provider.start();
  });
  after(async () => {
    provider?.stop();
    await browser?.close();
  });

  on.test("subscribe to all, to single records, to several collections, with options; unsubscribe; connect again", async (target) => {
    const admin = await target.admin();
    const things = await admin.collections.create({ name: "things", type: "base", ...RULES, fields: [{ name: "title", type: "text" }] });
    await admin.collections.create({
      name: "parts", type: "base", ...RULES, fields: [{ name: "title", type: "text" }, { name: "of", type: "relation", collectionId: things.id, maxSelect: 1 }],
    });
    const writer = target.client(target.urls.length - 1);
    const one = await writer.collection("things").create({ title: "one" });
    const way = await CuttableWay.to(target.url);
    try {
      const page = await openApp(browser, way, target);
      await page.evaluate(async (id) => {
        globalThis.stop = await client.collection("things").subscribe("*", note("all"));
        await client.collection("things").subscribe(id, note("one"), { fields: "id" });
        await client.collection("parts").subscribe("*", note("parts"), { expand: "of", filter: "title != 'hidden'", headers: { "X-Test": "1" } });
      }, one.id);
      await writer.collection("things").update(one.id, { title: "first" });
      await writer.collection("parts").create({ title: "hidden", of: one.id });
      await writer.collection("parts").create({ title: "part", of: one.id });
      await hears(page, 'all update "first"', "one update undefined", 'parts create "part" first');

      await reconnects(page, () => way.cut());
      await writer.collection("things").create({ title: "after the cut" });
      await hears(page, 'all create "after the cut"');
      if (on.kind === "worker") {
        await reconnects(page, () => fetch(`${target.url}/hub/abort`));
        await writer.collection("things").create({ title: "after the end of the hub" });
        await hears(page, 'all create "after the end of the hub"');
      }

      await page.evaluate(() => stop());
      await writer.collection("things").create({ title: "not heard" });
      await writer.collection("parts").create({ title: "last" });
      await hears(page, 'parts create "last"');
      const heard = await page.evaluate(() => heard);
      assert.equal(new Set(heard).size, heard.length, `some twice: ${heard.join("; ")}`);
      assert.ok(!heard.some((message) => /hidden|not heard/.test(message)), heard.join("; "));
      await page.evaluate(() => client.realtime.unsubscribe());
      assert.equal(await page.evaluate(() => client.realtime.isConnected), false);
      await page.close();
    } finally {
      way.stop();
    }
  });

  on.test("OAuth2 with the SDK's popup", async (target) => {
    const admin = await target.admin();
    await admin.collections.create(provider.collection);
    const page = await openApp(browser, { url: target.url }, target);
    await page.evaluate(() => {
      const button = document.body.appendChild(document.createElement("button"));
      button.textContent = "Sign in";
      button.onclick = () => (globalThis.signedIn = client.collection("members").authWithOAuth2({ provider: "oidc" }));
    });
    const opened = new Promise((resolve) => page.once("popup", resolve));
    await page.click("button");
    await opened;
    const record = await page.evaluate(async () => (await signedIn).record);
    assert.equal(record.email, "ann@example.com");
    assert.equal(await page.evaluate(() => client.authStore.isValid && !client.realtime.isConnected), true);
    await page.close(); // the popup closes itself
  });
});

suite("realtime and the admin UI", OPTIONS, (on) => {
  const step = story(on, "realtime");
  const titles = async (page) => (await rows(page)).map(({ title }) => title).sort();

  step("the list of records is as it was read until it is refreshed, as the UI listens to nothing", async ({ target, page, shoot }) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "things", type: "base", ...RULES, fields: [{ name: "title", type: "text" }] });
    const records = target.client(target.urls.length - 1).collection("things");
    const one = await records.create({ title: "one" });
    await page.goto(`${target.url}/_/`);
    await login(page, ADMIN);
    await page.waitForSelector(part("pageCollections"));
    await openCollection(page, "things");
    await page.waitForSelector(`${part("recordsListTable")} tbody tr.handle`);
    assert.deepEqual(await titles(page), ["one"]);
    assert.equal(await page.evaluate(() => app.pb.realtime.isConnected), false);

    await page.evaluate(async () => {
      globalThis.heard = [];
      await app.pb.collection("things").subscribe("*", ({ action, record }) => heard.push(`${action} ${record.title}`));
    });
    await records.update(one.id, { title: "changed elsewhere" });
    await records.create({ title: "two" });
    await page.waitForFunction(() => heard.length === 2);
    assert.deepEqual(await page.evaluate(() => heard.sort()), ["create two", "update changed elsewhere"]);
    await pause(200);
    assert.deepEqual(await titles(page), ["one"]);
    await shoot("before-refresh");
    await press(page, "Refresh", part("pageCollections"));
    await page.waitForFunction((selector) => document.querySelectorAll(selector).length === 2, {}, `${part("recordsListTable")} tbody tr.handle`);
    assert.deepEqual(await titles(page), ["changed elsewhere", "two"]);
    await shoot("after-refresh");
    await page.evaluate(() => app.pb.realtime.unsubscribe());
  });
});
