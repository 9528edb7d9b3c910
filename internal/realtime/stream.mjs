// The server-sent events of one client, from what its hub sends.

import { parseFrame } from "./frames.mjs";

/** As PocketBase: a connection without a message ends after IDLE, any after LIFETIME, in milliseconds. */
const IDLE = 5 * 60_000;
const LIFETIME = 30 * 60_000;

/** Milliseconds between the comments by which a client that has gone is noticed. */
const KEEPALIVE = 30_000;

/** How many bytes may wait for a client that reads slowly before its connection is ended. */
const QUEUE_LIMIT = 1024 * 1024;

const encoder = new TextEncoder();
const COMMENT = encoder.encode(":\n\n");

/**
 * The body of a client's response. It ends with the socket, and the socket with it.
 * @param {AbortSignal} signal tells that the client has gone
 * @param {string} id the client's
 * @param {WebSocket} socket on which the hub's messages arrive, not yet accepted
 * @returns {ReadableStream<Uint8Array>}
 */
export function eventStream(signal, id, socket) {
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
  signal.addEventListener("abort", () => end(() => {}));
  return body;
}
