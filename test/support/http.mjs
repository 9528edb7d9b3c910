import { request as httpRequest } from "node:http";
import { connect } from "node:net";

/**
 * One HTTP exchange with nothing added, joined or decoded on the way, as fetch would do.
 *
 * @param {string} url
 * @param {object} [options] `method`, `headers` (an object or a flat array), `body` (string, Buffer or an async iterable),
 *   `path` to send in place of the URL's
 * @returns {Promise<{status: number, headers: object, rawHeaders: string[], body: Buffer, text: string, all: (name) => string[]}>}
 */
export async function exchange(url, { body, ...options } = {}) {
  const response = await open(url, { body, ...options });
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return {
    status: response.statusCode,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body: bytes,
    get text() {
      return bytes.toString("utf8");
    },
    all: (name) => allOf(response.rawHeaders, name),
  };
}

/**
 * Sends a request and answers at the response's headers. `signal` hangs up with a reset: a connection that is merely closed
 * may still be read from the other side, so workerd does not take it for a client that has gone.
 *
 * @returns {Promise<import("node:http").IncomingMessage>}
 */
export function open(url, { method = "GET", headers, body, path, signal } = {}) {
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path: path ?? pathname + search, method, headers, agent: false });
    signal?.addEventListener("abort", () => (request.socket ? request.socket.resetAndDestroy() : request.destroy()));
    request.once("response", resolve);
    request.on("error", reject);
    if (body?.[Symbol.asyncIterator]) {
      sendAll(request, body).catch((error) => request.destroy(error));
    } else {
      request.end(body);
    }
  });
}

async function sendAll(request, chunks) {
  for await (const chunk of chunks) {
    if (request.destroyed) return;
    if (!request.write(chunk)) await new Promise((resume) => drained(request, resume));
  }
  request.end();
}

/** Calls back once, when there is room again or never will be. */
function drained(request, resume) {
  const events = ["drain", "close", "error"];
  const done = () => {
    events.forEach((event) => request.off(event, done));
    resume();
  };
  events.forEach((event) => request.on(event, done));
}

function allOf(rawHeaders, name) {
  const values = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].toLowerCase() === name.toLowerCase()) values.push(rawHeaders[i + 1]);
  }
  return values;
}

/**
 * Sends bytes as they are and gives back what the server says until it closes, or is silent for `quiet` milliseconds.
 *
 * @param {string} url
 * @param {string | Buffer} bytes
 * @returns {Promise<string>} latin1
 */
export function sendRaw(url, bytes, quiet = 1000) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const chunks = [];
    socket.setTimeout(quiet, () => socket.destroy());
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
}

/**
 * Asks again while the connection breaks: a server that answers before it has read the whole body closes it, and the rest of
 * the body may overtake the answer.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
export async function untilAnswered(ask, attempts = 20) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === attempts || !["EPIPE", "ECONNRESET"].includes(error.code)) throw error;
    }
  }
}

/** Resolves after so many milliseconds. */
export function pause(milliseconds) {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}

/**
 * Asks again and again until the answer is what is waited for.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => boolean} isThere
 * @returns {Promise<T>} the last answer, whether it is there or time is up
 */
export async function eventually(ask, isThere, { within = 10_000, every = 100 } = {}) {
  const deadline = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (isThere(answer) || Date.now() > deadline) return answer;
    await pause(every);
  }
}
