// What a client of realtime is told where there is no hub.

import { errorResponse } from "../host/errors.mjs";
import { SECURITY_HEADERS } from "./headers.mjs";

const MESSAGE = `Realtime is not available: the binding REALTIME_DO (a Durable Object) is missing. Add these lines to wrangler.toml and deploy again:

[[durable_objects.bindings]]
name = "REALTIME_DO"
class_name = "RealtimeHub"

[[migrations]]
tag = "realtime"
new_sqlite_classes = ["RealtimeHub"]`;

/**
 * Answers a request to /api/realtime without a hub. An EventSource that gets the error fails at once instead of waiting.
 * @returns {Response}
 */
export function realtimeUnavailable() {
  return errorResponse(501, MESSAGE, { Vary: "Origin", ...SECURITY_HEADERS });
}
