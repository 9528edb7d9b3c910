/**
 * The few gestures that the admin UI's pages are made of. Elements are found by what a person goes by (role and name,
 * the field's name) and by `data-pb`, the name that the UI gives its parts for extensions.
 */
import { setTimeout as sleep } from "node:timers/promises";

const WAIT_MILLISECONDS = 10_000;

/**
 * @param {import("puppeteer-core").Browser} browser
 * @returns {Promise<import("puppeteer-core").Page>} an empty page on which movements take no time to speak of
 */
export async function newPage(browser) {
  const page = await browser.newPage();
  const session = await page.createCDPSession();
  await session.send("Animation.enable");
  await session.send("Animation.setPlaybackRate", { playbackRate: 20 });
  return page;
}

/** Photographs the page at rest: nothing is being loaded, and nothing moves but what moves for ever. */
export async function photograph(page, file) {
  await page.waitForFunction(() => {
    const loading = [...document.querySelectorAll(".loader, .skeleton-loader")].some((it) => it.checkVisibility());
    const moving = document
      .getAnimations()
      .some(({ playState, effect }) => playState === "running" && effect.getComputedTiming().endTime !== Infinity);
    return !loading && !moving && document.fonts.status === "loaded";
  });
  await page.screenshot({ path: file });
}

/** The parts of the UI, by the name they carry for extensions. */
export const part = (name) => `[data-pb="${name}"]`;

/** The modal that is open on top of the others, which asks for a yes or a no. */
export const CONFIRM = '.popup.manual[data-modal-state="open"]';

/**
 * @param {string} name accessible name, whole
 * @param {string} [within] CSS selector of the part of the page to look in
 * @param {string} [role]
 * @returns {string} a selector
 */
export function named(name, within = "", role = "button") {
  return `${within} ::-p-aria([name="${name}"][role="${role}"])`.trim();
}

/** Clicks the first element that matches, once it is there, enabled and at rest. */
export async function click(page, selector) {
  await onElement(page, selector, (locator) => locator.click());
}

/** Clicks the button of that name. */
export async function press(page, name, within) {
  await click(page, named(name, within));
}

/** Gives an input, a textarea or a select its value. */
export async function fill(page, selector, value) {
  await onElement(page, selector, (locator) => locator.fill(String(value)));
}

async function onElement(page, selector, act) {
  try {
    await act(page.locator(selector).setTimeout(WAIT_MILLISECONDS));
  } catch (cause) {
    throw new Error(`${selector} was not there to act on: ${cause.message}`, { cause });
  }
}

/** Switches a checkbox by its label; the box itself is drawn by CSS. */
export async function toggle(page, selector) {
  const id = await page.waitForSelector(selector).then((box) => box.evaluate((element) => element.id));
  await click(page, `label[for="${id}"]`);
}

/** Picks options of one of the UI's own drop-down lists. */
export async function choose(page, selector, ...options) {
  await click(page, `${selector} .selected-container`);
  for (const option of options) await press(page, option, `${selector} :popover-open`);
  // A list for several values stays open, over the fields below it.
  if (await page.$(`${selector} :popover-open`)) await click(page, `${selector} .selected-container`);
}

/** Replaces the text of a code editor (rules, filters, JSON, SQL), which is found by selector. */
export async function write(page, selector, text) {
  await click(page, `${selector} [role="textbox"]`);
  await page.keyboard.down("Control");
  await page.keyboard.press("KeyA");
  await page.keyboard.up("Control");
  await page.keyboard.press("Backspace");
  // At once, as pasted: the UI tries out what is half written.
  await page.keyboard.sendCharacter(text);
}

/** Waits until the UI says so in a notification, and closes it. */
export async function expectToast(page, text) {
  const toast = `.toast ::-p-text(${text})`;
  await page.waitForSelector(toast, { timeout: WAIT_MILLISECONDS });
  // A notification goes by itself while we look for its button, and sits over the buttons of the page's head.
  await page.$$eval(".toast .toast-remove", (buttons) => buttons.forEach((button) => button.click()));
  await page.waitForFunction(() => !document.querySelector(".toast"), { timeout: WAIT_MILLISECONDS });
}

/**
 * Runs check again and again until it no longer throws.
 *
 * @template T
 * @param {() => T | Promise<T>} check
 * @returns {Promise<T>} what the check returned
 * @throws what the last check threw, after ten seconds
 */
export async function eventually(check) {
  const deadline = Date.now() + WAIT_MILLISECONDS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** The visible text of the first element that matches, "" when there is none. */
export async function textOf(page, selector) {
  return (await page.$$eval(selector, ([element]) => element?.innerText ?? "")).trim();
}
