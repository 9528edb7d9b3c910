// A client's connection: server-sent events, held in the Worker, and a WebSocket that joins them to the hub. Go has no part in it.

import { errorResponse } from "../host/errors.mjs";
import { hub, newClientId, shardOf } from "./hubs.mjs";
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
 * Answers GET /api/realtime.
 * @param {Request} request
 * @param {object} env the event's bindings
 * @returns {Promise<Response>}
 */
export async function connect(request, env) {
  const id = newClientId();
  let socket;
  try {
    socket = await join(env, id, originOf(request));
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
 * @returns {Promise<WebSocket>} on which the hub's messages arrive, not yet accepted
 */
export async function join(env, id, origin) {
  const shard = shardOf(env, id);
  const headers = { Upgrade: "websocket", "X-Client": JSON.stringify({ id, origin, shard }) };
  const response = await hub(env, shard).fetch("https://hub/", { headers });
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

/** @param {string} frame the hub's: the length of the name, ":", the name, the data @returns {[string, string]} name and data */
export function parseFrame(frame) {
  const colon = frame.indexOf(":");
  const end = colon + 1 + Number(frame.slice(0, colon));
  return [frame.slice(colon + 1, end), frame.slice(end)];
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
