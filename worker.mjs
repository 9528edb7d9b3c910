// Events in, responses out: what needs no Go is answered here, the rest goes to the runtime.

import { env } from "cloudflare:workers";

import { bookmarkHeaders } from "./internal/d1/session.mjs";
import { anticipate } from "./internal/files/download.mjs";
import { missingBinding } from "./internal/host/bindings.mjs";
import { errorResponse } from "./internal/host/errors.mjs";
import { Scope } from "./internal/host/scope.mjs";
import { switchSetting, tellUnknown } from "./internal/host/settings.mjs";
import { packRequest, readWholeBody, toResponse } from "./internal/httpbridge/bridge.mjs";
import { timingHeaders } from "./internal/httpbridge/timing.mjs";
import { connect } from "./internal/realtime/connect.mjs";
import { preflight } from "./internal/realtime/headers.mjs";
import { realtimeUnavailable } from "./internal/realtime/unavailable.mjs";
import { Runtime, RuntimeError } from "./runtime.mjs";

export { RealtimeHub } from "./realtime-do.mjs";

/** URLs of the realtime API. A match costs a tenth of a URL that is parsed. */
const REALTIME = /^[^/]+\/\/[^/]+\/api\/realtime(?:[?#]|$)/;

tellUnknown(env);

/**
 * The isolate's instance of the Go program. Its start begins here, in the global scope, which Cloudflare runs while the connection of the first
 * client is still being made.
 */
let runtime = new Runtime(env, false);
if (switchSetting(env, "POCKETFLARE_EARLY_START", true)) runtime.prepare();

export default {
  /**
   * @param {Request} request
   * @param {object} env
   * @param {ExecutionContext} ctx
   * @returns {Promise<Response>}
   */
  async fetch(request, env, ctx) {
    if (REALTIME.test(request.url)) {
      if (request.method === "OPTIONS") return preflight(request);
      if (!env.REALTIME_DO) return realtimeUnavailable();
      const answer = request.method === "GET" && (await connect(request, env, runtime.holdsConnections));
      if (answer) return answer;
    }
    const problem = missingBinding(env);
    if (problem) return errorResponse(500, problem);
    return serve(new Scope(env, ctx, request));
  },
};

/** Has Go answer the scope's request. */
async function serve(scope) {
  const { request } = scope;
  const times = { started: performance.now(), handed: 0 };
  // Before the scope is attached: a client that hangs up in the middle of its body leaves nothing behind.
  const body = await readWholeBody(request);
  const temperature = acquireRuntime(scope);
  const { runtime } = scope;
  try {
    if (temperature !== "warm") await runtime.ready();
    request.signal.addEventListener("abort", () => runtime.cancel(scope));
    times.handed = performance.now();
    anticipate(scope);
    runtime.begin(scope, packRequest(request, body));
    if (request.signal.aborted) runtime.cancel(scope); // before there was somebody to tell
    const answer = await scope.answer.promise;
    scope.take();
    const headers = [...timingHeaders(scope, temperature, times), ...bookmarkHeaders(scope)]; // before Go goes on with what comes after the answer
    if (scope.claims) await scope.claims.settle(scope, answer.status);
    return await toResponse(scope, answer, headers);
  } catch (error) {
    scope.take();
    if (error instanceof RuntimeError) return errorResponse(503, `${error.message}; try again in a moment.`, { "Retry-After": "1" });
    runtime.abandon(scope, error);
    throw error;
  }
}

/** Attaches the scope to the isolate's runtime. @returns {"cold" | "boot_wait" | "warm"} */
function acquireRuntime(scope) {
  if (!runtime.open) runtime = new Runtime(scope.env, true);
  if (runtime.state === "new") {
    runtime.boot(scope);
    return "cold";
  }
  runtime.attach(scope);
  if (runtime.state === "ready") return "warm";
  scope.keepAlive();
  return "boot_wait";
}
