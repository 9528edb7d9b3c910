// What a client of realtime is told where there is no hub, and what a browser asks before it connects.

import { errorResponse } from "../host/errors.mjs";

const METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE";

/** What PocketBase sends with every answer. */
export const SECURITY_HEADERS = {
  "X-XSS-Protection": "1; mode=block",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Cross-Origin-Opener-Policy": "same-origin",
};

const MESSAGE = `Realtime is not available: the binding REALTIME_DO (a Durable Object) is missing. Add these lines to wrangler.toml and deploy again:

[[durable_objects.bindings]]
name = "REALTIME_DO"
class_name = "RealtimeHub"

[[migrations]]
tag = "realtime"
new_sqlite_classes = ["RealtimeHub"]`;

/**
 * Answers a request to /api/realtime without a hub: a browser's preflight as PocketBase does, anything else with an error.
 * An EventSource that gets it fails at once instead of waiting.
 * @param {Request} request
 * @returns {Response}
 */
export function realtimeUnavailable(request) {
  if (request.method === "OPTIONS") return preflight(request);
  return errorResponse(501, MESSAGE, { Vary: "Origin", ...SECURITY_HEADERS });
}

/** @param {Request} request an OPTIONS request */
export function preflight(request) {
  const headers = new Headers({ Vary: "Origin" });
  if (request.headers.has("Origin")) {
    headers.append("Vary", "Access-Control-Request-Method");
    headers.append("Vary", "Access-Control-Request-Headers");
    headers.set("Access-Control-Allow-Origin", "*");
    headers.set("Access-Control-Allow-Methods", METHODS);
    const asked = request.headers.get("Access-Control-Request-Headers");
    if (asked) headers.set("Access-Control-Allow-Headers", asked);
  }
  return new Response(null, { status: 204, headers });
}
