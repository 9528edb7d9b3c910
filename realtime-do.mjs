// Realtime: the place of the hub that knows who listens to what. There is none yet, and that is what a client is told at once.

import { errorResponse } from "./internal/host/errors.mjs";

const METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE";

/** What PocketBase sends with every answer. */
const SECURITY_HEADERS = {
  "X-XSS-Protection": "1; mode=block",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/**
 * Answers a request to /api/realtime, without Go: a browser's preflight as PocketBase does, anything else with an error.
 * An EventSource that gets it fails at once instead of waiting.
 * @param {Request} request
 * @returns {Response}
 */
export function realtimeUnavailable(request) {
  if (request.method === "OPTIONS") return preflight(request);
  return errorResponse(501, "Realtime is not available.", { Vary: "Origin", ...SECURITY_HEADERS });
}

function preflight(request) {
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
