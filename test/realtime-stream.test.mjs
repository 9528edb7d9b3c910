// The events of one client, with a socket and a clock of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { messageFrame } from "../internal/realtime/frames.mjs";
import { eventStream } from "../internal/realtime/stream.mjs";

const MINUTE = 60_000;

class Socket extends EventTarget {
  closed = false;
  accept() {}
  close() {
    this.closed = true;
  }
  send(frame) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: frame }));
  }
}

/** An open stream: what it has told and whether it has ended, as of now. */
function open(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const socket = new Socket();
  const gone = new AbortController();
  const seen = { text: "", ended: false, failed: null };
  const reader = eventStream(gone.signal, "me", socket).getReader();
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) seen.text += Buffer.from(part.value);
    seen.ended = true;
  };
  const reading = () => read().catch((error) => (seen.failed = error));
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const after = async (milliseconds) => {
    t.mock.timers.tick(milliseconds);
    await settled();
  };
  return { socket, gone, seen, reading, settled, after, reader };
}

test("it begins with the client's id, passes on messages, and comments every 30 seconds", async (t) => {
  const { socket, seen, reading, settled, after } = open(t);
  reading();
  await settled();
  assert.equal(seen.text, 'id:me\nevent:PB_CONNECT\ndata:{"clientId":"me"}\n\n');
  seen.text = "";
  socket.send(messageFrame("a/*", '{"x":1}'));
  await settled();
  assert.equal(seen.text, 'id:me\nevent:a/*\ndata:{"x":1}\n\n');
  seen.text = "";
  await after(MINUTE / 2);
  await after(MINUTE / 2);
  assert.equal(seen.text, ":\n\n:\n\n");
});

test("it ends after 5 minutes without a message", async (t) => {
  const { socket, seen, reading, after } = open(t);
  reading();
  await after(4 * MINUTE);
  socket.send(messageFrame("a", "1"));
  await after(5 * MINUTE - 1);
  assert.equal(seen.ended, false);
  await after(1);
  assert.deepEqual([seen.ended, socket.closed], [true, true]);
});

test("it ends after 30 minutes in any case", async (t) => {
  const { socket, seen, reading, after } = open(t);
  reading();
  for (let minute = 1; minute < 30; minute++) {
    await after(MINUTE);
    socket.send(messageFrame("a", "1"));
  }
  assert.equal(seen.ended, false);
  await after(MINUTE);
  assert.deepEqual([seen.ended, socket.closed], [true, true]);
});

for (const [how, end] of [["goes", ({ gone }) => gone.abort()], ["cancels", ({ reader }) => reader.cancel()]]) {
  test(`the socket is closed at once when the client ${how}`, async (t) => {
    const opened = open(t);
    await end(opened);
    assert.equal(opened.socket.closed, true);
    opened.socket.send(messageFrame("a", "1")); // and nothing happens
  });
}

test("it ends when the hub does", async (t) => {
  const { socket, seen, reading, settled } = open(t);
  reading();
  socket.dispatchEvent(new Event("close"));
  await settled();
  assert.deepEqual([seen.ended, seen.failed], [true, null]);
});

test("it fails when more than a megabyte waits for the client", async (t) => {
  const { socket, seen, reading, settled } = open(t);
  for (let i = 0; i < 10; i++) socket.send(messageFrame("a", "x".repeat(100_000)));
  assert.equal(socket.closed, false);
  socket.send(messageFrame("a", "x".repeat(100_000)));
  assert.equal(socket.closed, true);
  reading();
  await settled();
  assert.match(seen.failed.message, /too slowly/);
});
