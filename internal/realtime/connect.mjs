// A client's connection: server-sent events, held in the Worker, and a WebSocket that joins them to the hub. Go has no part in it.

import { errorResponse } from "../host/errors.mjs";
import { SECURITY_HEADERS } from "./headers.mjs";
import { hub, newClientId, shardOf } from "./hubs.mjs";
import { programOf } from "./program.mjs";
import { eventStream } from "./stream.mjs";

/** Headers that may tell the client's address, if the settings trust them, and how many characters of them: a hub keeps them beside the socket. */
const ADDRESS_HEADER = /(^|-)(ip|forwarded|client|addr(ess)?|remote|for)(-|$)/i;
const ADDRESS_LENGTH = 1000;

/**
 * Answers GET /api/realtime, unless the app has handlers of its own for connections: then Go is to answer.
 * @param {Request} request
 * @param {object} env the event's bindings
 * @param {boolean} [held] whether it has, if the isolate knows
 * @returns {Promise<Response | null>} null if Go is to answer
 */
export async function connect(request, env, held) {
  if (held) return null;
  const id = newClientId();
  let socket;
  try {
    socket = await join(env, id, originOf(request), held);
    if (!socket) return null;
  } catch (error) {
    console.error(`pocketflare: the realtime hub cannot be reached: ${error.message}`);
    return errorResponse(503, "The realtime hub cannot be reached; try again in a moment.", { Vary: "Origin", "Retry-After": "1", ...SECURITY_HEADERS });
  }
  return new Response(eventStream(request.signal, id, socket), {
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
      "Access-Control-Allow-Origin": "*",
      Vary: "Origin",
      ...SECURITY_HEADERS,
    },
  });
}

/**
 * Joins a connection to its hub.
 * @param {object} env
 * @param {string} id the client's
 * @param {{ address: string, headers: [string, string][] }} origin
 * @param {boolean} [held] whether Go holds the connection; undefined if that is not known
 * @returns {Promise<WebSocket | null>} on which the hub's messages arrive, not yet accepted; null if Go has to be asked
 */
export async function join(env, id, origin, held) {
  const shard = shardOf(env, id);
  const client = JSON.stringify({ id, origin, shard, program: await programOf(env), held });
  const response = await hub(env, shard).fetch("https://hub/", { headers: { Upgrade: "websocket", "X-Client": client } });
  if (response.status === 204) return null;
  if (!response.webSocket) throw new Error(`the hub has answered ${response.status}`);
  return response.webSocket;
}

/** What tells where a request comes from, whatever the settings trust. */
export function originOf(request) {
  const headers = [];
  let length = 0;
  for (const [name, value] of request.headers) {
    const size = name.length + value.length;
    if (!ADDRESS_HEADER.test(name) || length + size > ADDRESS_LENGTH) continue;
    length += size;
    headers.push([name, value]);
  }
  return { address: request.headers.get("cf-connecting-ip") ?? "127.0.0.1", headers };
}
