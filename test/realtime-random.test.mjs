/**
 * Random scripts of realtime, played to stock PocketBase and to two Workers on one database and hub: after each step every listener has
 * heard exactly the same. REALTIME_SEEDS and REALTIME_TURNS ask for more, DIFF_SEED for others; a difference is told with its script.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBoth } from "./harness.mjs";
import { playRealtime } from "./realtime/random/play.mjs";

const SEEDS = Number(process.env.REALTIME_SEEDS ?? 3);
const TURNS = Number(process.env.REALTIME_TURNS ?? 60);
const FIRST = Number(process.env.DIFF_SEED ?? 1);

let targets;
before(async () => {
  targets = await startBoth({ isolates: 2 });
});
after(async () => Promise.all((targets ?? []).map((target) => target.stop())));

for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
  test(`random realtime, seed ${seed}`, { timeout: 60_000 + TURNS * 1000 }, async () => {
    const difference = await playRealtime(targets, seed, TURNS);
    assert.ok(!difference, difference);
  });
}
