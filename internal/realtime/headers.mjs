// The headers of what is answered without Go.

const METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE";

/** What PocketBase sends with every answer. */
export const SECURITY_HEADERS = {
  "X-XSS-Protection": "1; mode=block",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/**
 * Answers what a browser asks before it connects, as PocketBase does.
 * @param {Request} request an OPTIONS request
 * @returns {Response}
 */
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
