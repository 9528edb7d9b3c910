// A client's connection: server-sent events, held in the Worker, and a WebSocket that joins them to the hub. Go has no part in it.

import { errorResponse } from "../host/errors.mjs";
import { parseFrame } from "./frames.mjs";
import { hub, newClientId, shardOf } from "./hubs.mjs";
import { programOf } from "./program.mjs";
import { SECURITY_HEADERS } from "./unavailable.mjs";

/** As PocketBase: a connection without a message ends after IDLE, any after LIFETIME, in milliseconds. */
const IDLE = 5 * 60_000;
const LIFETIME = 30 * 60_000;

/** Milliseconds between the comments by which a client that has gone is noticed. */
const KEEPALIVE = 30_000;

/** How many bytes may wait for a client that reads slowly before its connection is ended. */
const QUEUE_LIMIT = 1024 * 1024;

/** Headers that may tell the client's address, if the settings trust them. */
const ADDRESS_HEADER = /(^|-)(ip|forwarded|client|addr(ess)?|remote|for)(-|$)/i;
const ADDRESS_LENGTH = 1000;

const encoder = new TextEncoder();
const COMMENT = encoder.encode(":\n\n");

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
  return new Response(stream(request, id, socket), {
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
    if (!ADDRESS_HEADER.test(name) || (length += value.length) > ADDRESS_LENGTH) continue;
    headers.push([name, value]);
  }
  return { address: request.headers.get("cf-connecting-ip") ?? "127.0.0.1", headers };
}

/** The body of the response. It ends with the socket, and the socket with it. */
function stream(request, id, socket) {
  let controller;
  let idle;
  const timers = [];
  const end = (close) => {
    if (!controller) return;
    const ending = controller;
    controller = null;
    clearTimeout(idle);
    for (const timer of timers) clearTimeout(timer);
    try {
      socket.close(1000, "gone");
    } catch {
      // it was closed from the other side
    }
    close(ending);
  };
  const finish = () => end((ending) => ending.close());
  const write = (bytes) => {
    if (!controller) return;
    controller.enqueue(bytes);
    if (controller.desiredSize < 0) end((ending) => ending.error(new Error("the client reads too slowly")));
  };
  const message = (name, data) => write(encoder.encode(`id:${id}\nevent:${name}\ndata:${data}\n\n`));
  const touch = () => {
    clearTimeout(idle);
    idle = setTimeout(finish, IDLE);
  };

  const body = new ReadableStream(
    {
      start(made) {
        controller = made;
        socket.accept();
        socket.addEventListener("message", ({ data }) => {
          message(...parseFrame(data));
          touch();
        });
        socket.addEventListener("close", finish);
        socket.addEventListener("error", finish);
        timers.push(setTimeout(finish, LIFETIME), setInterval(() => write(COMMENT), KEEPALIVE));
        touch();
        message("PB_CONNECT", `{"clientId":"${id}"}`);
      },
      cancel: () => end(() => {}),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_LIMIT }),
  );
  request.signal.addEventListener("abort", () => end(() => {}));
  return body;
}
