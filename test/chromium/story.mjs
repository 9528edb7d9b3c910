/** Tests that are steps of one story: each goes on where the one before it left the page. */
import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { after, before } from "node:test";

import { ROOT } from "../harness.mjs";
import { launchBrowser } from "./browser.mjs";
import { newPage, photograph } from "./page.mjs";
import { watch } from "./watch.mjs";

const ARTIFACTS = path.join(ROOT, "test", "artifacts");

/**
 * @typedef {object} Scene what a step is given
 * @property {object} target the server, see the harness
 * @property {import("puppeteer-core").Page} page
 * @property {import("./watch.mjs").Seen[]} responses all that the page got since the story began
 * @property {(name: string) => Promise<void>} shoot leaves a numbered screenshot in test/artifacts/<title>/<carrier>
 */

/**
 * Opens a browser for the tests of one carrier and tells how to define their steps. A step fails, too, when the page
 * met a problem (see watch.mjs) that it does not expect, and the steps after one that failed are not tried.
 *
 * @param {object} on what suite() gives
 * @param {string} title name of the directory for the screenshots
 * @returns {(name: string, run: (scene: Scene) => Promise<void>, options?: { expected?: string[] }) => void}
 */
export function story(on, title) {
  const directory = path.join(ARTIFACTS, title, on.kind);
  let browser;
  let page;
  let seen;
  let shots = 0;
  let failed;

  before(async () => {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    browser = await launchBrowser();
    page = await newPage(browser);
    seen = watch(page);
  });
  after(() => browser?.close());

  async function shoot(name) {
    await photograph(page, path.join(directory, `${String(++shots).padStart(2, "0")}-${name}.png`));
  }

  return function step(name, run, { expected = [] } = {}) {
    on.test(name, async (target) => {
      if (failed) assert.fail(`not reached: "${failed}" failed`);
      failed = name;
      try {
        await run({ target, page, responses: seen.responses, shoot });
      } catch (error) {
        await page.screenshot({ path: path.join(directory, "failed.png") });
        error.message += `\non the page: ${JSON.stringify(seen.takeProblems())}`;
        throw error;
      }
      assert.deepEqual(seen.takeProblems(), expected);
      failed = undefined;
    });
  };
}
