/** Direct transfer in a real Chromium: the helper with the browser's XMLHttpRequest, from a page of another origin than the Worker and R2. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { ROOT, startWorker } from "../harness.mjs";
import { CuttableWay } from "../support/cuttable.mjs";
import { MEBIBYTE, createDocuments, eventually, keys, named } from "../support/files.mjs";
import { Door, FakeS3 } from "../support/s3.mjs";
import { launchBrowser } from "./browser.mjs";
import { newPage } from "./page.mjs";

const SDK = path.join(ROOT, "node_modules/pocketbase/dist/pocketbase.umd.js");
const HELPER = readFileSync(path.join(ROOT, "docs/direct-upload.mjs"), "utf8");

describe("direct transfer in Chromium", () => {
  let s3;
  let target;
  let way;
  let browser;
  let page;
  before(async () => {
    s3 = await FakeS3.start();
    target = await startWorker({ entry: "test/entries/r2-door.mjs", vars: { ...s3.settings, POCKETFLARE_DIRECT_DOWNLOAD_MIN: "1000" } });
    s3.bucket = new Door(target.url);
    await createDocuments(await target.admin());
    browser = await launchBrowser();
    way = await CuttableWay.to(target.url);
    page = await newPage(browser);
    await page.goto(`${way.url}/api/health`);
    await page.addScriptTag({ path: SDK });
    await page.addScriptTag({ type: "module", content: `${HELPER}\nglobalThis.direct = { createRecord, updateRecord };` });
    await page.waitForFunction(() => globalThis.direct);
    await page.evaluate((url) => (globalThis.client = new PocketBase(url)), target.url);
  });
  after(async () => {
    await browser?.close();
    way?.stop();
    await target?.stop();
    await s3?.stop();
  });

  test("an upload in parts, its progress, and its download", { timeout: 60_000 }, async () => {
    const { record, progress, read } = await page.evaluate(async (size) => {
      const content = new Uint8Array(size).map((_, i) => i % 251);
      const progress = [];
      const data = { title: "from a browser", one: new File([content], "film.bin") };
      const record = await direct.createRecord(client, "documents", data, { min: 1, onProgress: ({ sent, total }) => progress.push(sent / total) });
      const response = await fetch(client.files.getURL(record, record.one), { headers: { Range: "bytes=1000000-1000002" } });
      const read = [response.status, response.redirected, [...new Uint8Array(await response.arrayBuffer())]];
      return { record, progress, read };
    }, 36 * MEBIBYTE);
    assert.equal(progress.at(-1), 1);
    assert.ok(progress.some((share) => share > 0 && share < 1));
    assert.deepEqual(read, [206, true, [1000000 % 251, 1000001 % 251, 1000002 % 251]]);
    assert.deepEqual(await eventually(() => keys(target), named(record)), named(record));
    assert.equal((await s3.bucket.head(named(record)[0])).size, 36 * MEBIBYTE);
  });

  test("aborted, it leaves nothing", { timeout: 60_000 }, async () => {
    const before = await keys(target);
    const error = await page.evaluate(async (size) => {
      const controller = new AbortController();
      const data = { one: new File([new Uint8Array(size)], "film.bin") };
      const options = { min: 1, atOnce: 2, signal: controller.signal, onProgress: ({ sent }) => sent > 0 && controller.abort() };
      return direct.createRecord(client, "documents", data, options).then(
        () => "not refused",
        ({ name }) => name,
      );
    }, 36 * MEBIBYTE);
    assert.equal(error, "AbortError");
    assert.deepEqual(await eventually(() => keys(target), before), before);
    assert.deepEqual(s3.incomplete, []);
  });
});
