/**
 * The tests' way to both carriers of the same program: startWorker (workerd, through Miniflare) and startStock (built
 * natively). suite() runs the tests that it is given on each of them.
 */
import { after, before, describe, test } from "node:test";

import { startStock } from "./support/stock.mjs";
import { startWorker } from "./support/worker.mjs";

export { ADMIN } from "./support/target.mjs";
export { startStock } from "./support/stock.mjs";
export { ROOT, startWorker } from "./support/worker.mjs";

const TEST_MILLISECONDS = 60_000;

/** The carriers to test, all unless TARGETS names some ("stock", "worker"). */
const CARRIERS = (process.env.TARGETS ?? "stock,worker").split(",");

/**
 * Defines tests that run on every carrier, all of one carrier on one server.
 *
 * @param {string} title
 * @param {object} options `example` for the example app, `on` to run on some carriers only; the rest is startWorker's
 * @param {(on: {kind: string, test: (name: string, run: (target, t) => Promise<void>) => void}) => void} define
 */
export function suite(title, { example = false, on = ["stock", "worker"], ...options }, define) {
  for (const kind of CARRIERS.filter((name) => on.includes(name))) {
    describe(`${title} (${kind})`, () => {
      let target;
      before(async () => {
        target = kind === "stock" ? await startStock({ example, ...options }) : await startWorker({ wasm: wasm(example), ...options });
      });
      after(() => target?.stop());
      define({
        kind,
        test(name, run, { timeout = TEST_MILLISECONDS } = {}) {
          test(name, { timeout }, (t) => withOutput(target, () => run(target, t)));
        },
      });
    });
  }
}

/**
 * Runs a test on a server of its own, which ends with it.
 *
 * @param {object} options startWorker's
 * @param {(target) => Promise<void>} run
 */
export async function withWorker(options, run) {
  const target = await startWorker(options);
  try {
    await withOutput(target, () => run(target));
  } finally {
    await target.stop();
  }
}

/**
 * Starts both carriers. If one cannot be started the other is stopped: a server that is left behind keeps the tests from ending.
 *
 * @param {object} [options] startWorker's
 * @returns {Promise<[object, object]>} stock PocketBase and the Worker
 */
export async function startBoth(options) {
  const started = await Promise.allSettled([startStock(), startWorker(options)]);
  const failed = started.find(({ status }) => status === "rejected");
  if (!failed) return started.map(({ value }) => value);
  await Promise.all(started.map(({ value }) => value?.stop()));
  throw failed.reason;
}

/** The program for the Worker. */
export function wasm(example) {
  return example ? "build/example.wasm" : "build/app.wasm";
}

async function withOutput(target, run) {
  const mark = target.output.mark();
  try {
    await run();
  } catch (error) {
    const printed = target.output.since(mark);
    if (printed) console.error(`--- the ${target.kind}'s output ---\n${printed}\n---`);
    throw error;
  }
}
