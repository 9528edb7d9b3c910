/**
 * Random API calls to stock PocketBase and to the Worker, with the same answers and the same content at the end. API_DIFF_STEPS
 * and DIFF_SEED ask for more calls, and others; what differs is told with its seed and the fewest calls that show it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBoth } from "./harness.mjs";
import { playRandom } from "./differential/random/play.mjs";

const STEPS = Number(process.env.API_DIFF_STEPS ?? 2400);
const SEED = Number(process.env.DIFF_SEED ?? 1);
const STEPS_OF_SEQUENCE = 120;

let targets;
before(async () => {
  targets = await startBoth();
});
after(async () => Promise.all((targets ?? []).map((target) => target.stop())));

test(`${STEPS} random API calls`, { timeout: 600_000 + STEPS * 100 }, async (t) => {
  const differences = [];
  for (let i = 0; i < STEPS / STEPS_OF_SEQUENCE && differences.length < 5; i++) {
    const difference = await playRandom(targets, SEED + i, STEPS_OF_SEQUENCE, (text) => t.diagnostic(text));
    if (difference) differences.push(difference);
  }
  assert.equal(differences.length, 0, differences.join("\n\n"));
});
