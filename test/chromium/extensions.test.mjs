/** An app's own extensions of the admin UI (ServeEvent.UIExtensions), in a real Chromium. */
import assert from "node:assert/strict";
import { after, before } from "node:test";

import { suite } from "../harness.mjs";
import { launchBrowser } from "./browser.mjs";
import { newPage, part } from "./page.mjs";
import { watch } from "./watch.mjs";

/** What the line `run_worker_first = ["/_/extensions*"]` in wrangler.toml's [assets] comes to. */
const ROUTES = ["/_/extensions*"];

function routeExtensionsToWorker(worker) {
  const routerConfig = { ...worker.assets.routerConfig, static_routing: { user_worker: ROUTES, asset_worker: [] } };
  return { ...worker, assets: { ...worker.assets, run_worker_first: ROUTES, routerConfig } };
}

suite(
  "admin UI with an extension",
  { example: true, vars: { EXAMPLE_UI_EXTENSION: "1" }, configure: routeExtensionsToWorker },
  (on) => {
    let browser;
    before(async () => {
      browser = await launchBrowser();
    });
    after(() => browser?.close());

    on.test("the UI runs the extension before it shows its first page", async (target) => {
      const page = await newPage(browser);
      const seen = watch(page);
      await page.goto(`${target.url}/_/`);
      await page.waitForSelector(part("authWithPasswordForm"));
      assert.equal(await page.evaluate(() => globalThis.exampleExtension), true);
      assert.deepEqual(seen.takeProblems(), []);

      const script = seen.responses.find(({ url }) => url === `${target.url}/_/extensions.js`);
      assert.match(script.headers["content-type"], /^text\/javascript/);
      assert.match(script.headers["content-security-policy"], /^default-src 'self'/);
      assert.equal("x-pocketflare-runtime" in script.headers, on.kind === "worker");
    });

    on.test("the extension's files are served beside the UI's own", async (target) => {
      const file = await fetch(`${target.url}/_/extensions/example/main.js`);
      assert.equal(file.status, 200);
      assert.match(await file.text(), /exampleExtension/);
      const missing = await fetch(`${target.url}/_/extensions/example/missing.js`);
      assert.equal(missing.status, 404);
      assert.deepEqual(await missing.json(), { status: 404, message: "File not found.", data: {} });
    });
  },
);
