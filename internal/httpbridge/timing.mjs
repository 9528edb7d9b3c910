/**
 * The headers by which anyone can see what a request cost: milliseconds, except for the counts in the description of pf_d1.
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {"cold" | "boot_wait" | "warm"} temperature what the request found: no runtime, one that was booting, one that serves
 * @param {{ started: number, handed: number }} times when the event began and when Go got it, in performance.now() milliseconds
 * @returns {[string, string][]}
 */
export function timingHeaders(scope, temperature, { started, handed }) {
  const now = performance.now();
  const { d1Calls, d1Statements, d1Milliseconds } = scope.stats;
  let timing = `pf_total;dur=${round(now - started)}, pf_runtime_wait;dur=${round(handed - started)}, pf_handler;dur=${round(now - handed)}`;
  timing += `, pf_d1;dur=${round(d1Milliseconds)};desc="calls=${d1Calls} statements=${d1Statements}"`;
  timing += `, pf_memory;desc="${(scope.runtime.memory / 1048576).toFixed(1)} MB"`;
  if (temperature === "cold") {
    for (const [phase, milliseconds] of Object.entries(scope.runtime.phases)) timing += `, pf_boot_${phase};dur=${round(milliseconds)}`;
  }
  return [
    ["X-Pocketflare-Runtime", temperature],
    ["Server-Timing", timing],
  ];
}

function round(milliseconds) {
  return Math.round(milliseconds * 100) / 100;
}
