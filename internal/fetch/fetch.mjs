// Outgoing requests: fetch.go has the layout of the packets.

import { Reader, Writer } from "../wire/wire.mjs";

/** Response bodies of a known length up to this many bytes enter Go with their head. */
const WHOLE_BODY_LIMIT = 64 * 1024;

/** How much of a response's body is read at a time. */
const PART_SIZE = 64 * 1024;

const BODY_WHOLE = 1;
const BODY_SIZED = 2;
const BODY_CHUNKED = 3;

const FLAG_DECODED = 1;
const FLAG_STREAM = 2;

/** The encodings that workerd undoes. */
const DECODED = ["gzip", "br"];

/** How often, in milliseconds, a scope that waits for another looks whether that one still lives. */
const WATCH_INTERVAL = 1000;

function lostError() {
  return new Error("the event that sent the request has ended");
}

/** One request and its response. What it does runs in the scope that began it: workerd ties the streams to that event. */
class Exchange {
  #controller = new AbortController();
  #scope;
  #decode;
  #response;
  #writer;
  #reader;

  /**
   * Sends the request.
   * @param {import("../host/scope.mjs").Scope} scope
   * @param {Reader} request the packet after its number
   */
  constructor(scope, request) {
    this.#scope = scope;
    const method = request.string();
    const url = request.string();
    this.#decode = request.u8() === 1;
    const headers = new Headers();
    for (let count = request.u32(); count > 0; count--) headers.append(request.string(), request.string());
    this.#response = fetch(url, {
      method,
      headers,
      body: this.#body(request),
      redirect: "manual", // Go's client follows them, with its own rules
      cache: "no-store", // Go's client keeps no cache
      encodeResponseBody: this.#decode ? "automatic" : "manual",
      signal: this.#controller.signal,
    });
    this.#response.catch(() => {}); // head() reports it
  }

  #body(request) {
    const kind = request.u8();
    if (kind === BODY_WHOLE) return request.rest().slice();
    if (kind !== BODY_SIZED && kind !== BODY_CHUNKED) return null;
    const stream = kind === BODY_SIZED ? new FixedLengthStream(request.f64()) : new IdentityTransformStream();
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => {}); // the write that is under way reports it
    return stream.readable;
  }

  /** Whether the body is still to be written. */
  get uploads() {
    return this.#writer !== undefined;
  }

  get lost() {
    return this.#scope.ended;
  }

  /**
   * Runs a step in the scope that the exchange belongs to.
   * @template T
   * @param {import("../host/scope.mjs").Scope} scope whose turn it is
   * @param {() => Promise<T>} step
   * @returns {Promise<T>}
   */
  async run(scope, step) {
    if (scope === this.#scope) return step();
    if (this.lost) throw lostError();
    return this.#runElsewhere(step);
  }

  /** Has the exchange's own scope run a step for another, and gives up when it ends over it. */
  #runElsewhere(step) {
    const owner = this.#scope;
    const { promise, resolve, reject } = Promise.withResolvers();
    owner.inFlight++;
    owner.enqueue(() => step().then(resolve, reject));
    const watch = setInterval(() => this.lost && reject(lostError()), WATCH_INTERVAL);
    return promise.finally(() => {
      owner.inFlight--;
      clearInterval(watch);
    });
  }

  /** @returns {Promise<Uint8Array>} the response's head, with its body if that is short */
  async head() {
    const response = await this.#response;
    this.#response = null;
    const { headers } = response;
    const encoding = headers.get("content-encoding")?.toLowerCase();
    const decoded = this.#decode && DECODED.includes(encoding);
    let whole = null;
    if (response.body !== null) {
      const length = decoded ? null : headers.get("content-length");
      if (length !== null && Number(length) <= WHOLE_BODY_LIMIT) whole = await response.bytes();
      else this.#reader = response.body.getReader({ mode: "byob" });
    }

    const packet = new Writer(1024 + (whole?.length ?? 0));
    packet.u32(response.status);
    packet.string(response.statusText);
    packet.u8((decoded ? FLAG_DECODED : 0) | (this.#reader ? FLAG_STREAM : 0));
    const fields = [...headers];
    packet.u32(fields.length);
    for (const [name, value] of fields) {
      packet.string(name);
      packet.string(value);
    }
    if (whole) packet.raw(whole);
    return packet.done();
  }

  /** @returns {Promise<Uint8Array | undefined>} the head where Go has not had it, else a part of the body; undefined at its end */
  async read() {
    if (this.#response) return this.head();
    const { done, value } = await this.#reader.read(new Uint8Array(PART_SIZE));
    return done ? undefined : value;
  }

  /** Writes a part of the request's body, or ends it where the part is empty. */
  async write(part) {
    if (part.length > 0) return this.#writer.write(part);
    await this.#writer.close();
  }

  /** Whether Go has read all that there is to read. */
  get finished() {
    return this.#response === null && this.#reader === undefined;
  }

  /** Ends what is left of the request's body: nobody reads it any more, as its response has come to its end. */
  settle() {
    this.#writer?.abort().catch(() => {});
  }

  async abort() {
    this.#controller.abort();
    await this.#reader?.cancel().catch(() => {});
  }
}

/** The exchanges of each runtime that Go has not finished, by their numbers in it. */
const exchanges = new WeakMap();

function exchangesOf(scope) {
  let open = exchanges.get(scope.runtime);
  if (!open) exchanges.set(scope.runtime, (open = new Map()));
  return open;
}

function find(scope, number) {
  const exchange = exchangesOf(scope).get(number);
  if (!exchange) throw new Error("the request has ended");
  return exchange;
}

/**
 * Operation: sends a request.
 * @returns {Promise<Uint8Array | undefined>} the response's head; undefined where the request's body is to be written first
 */
export async function fetchStart(scope, payload) {
  const request = new Reader(payload);
  const number = request.u32();
  const open = exchangesOf(scope);
  for (const [old, exchange] of open) if (exchange.lost) open.delete(old);
  const exchange = new Exchange(scope, request);
  open.set(number, exchange);
  return exchange.uploads ? undefined : step(scope, number, exchange, () => exchange.head());
}

/**
 * Operation: reads on in a response: its head where fetchStart has not given it, then its body.
 * @returns {Promise<Uint8Array | undefined>} undefined at the body's end
 */
export async function fetchBody(scope, payload) {
  const number = new Reader(payload).u32();
  const exchange = find(scope, number);
  return step(scope, number, exchange, () => exchange.read());
}

/** Runs a step that reads, and forgets the exchange when that was its last. */
async function step(scope, number, exchange, read) {
  let reply;
  try {
    reply = await exchange.run(scope, async () => {
      const given = await read();
      if (given === undefined || exchange.finished) exchange.settle();
      return given;
    });
  } catch (error) {
    exchangesOf(scope).delete(number);
    throw error;
  }
  if (reply === undefined || exchange.finished) exchangesOf(scope).delete(number);
  return reply;
}

/** Operation: writes the next part of a request's body once the one before it has been taken; an empty part ends it. */
export async function fetchWrite(scope, payload) {
  const packet = new Reader(payload);
  const exchange = find(scope, packet.u32());
  const part = packet.rest().slice();
  await exchange.run(scope, () => exchange.write(part));
}

/** Operation: gives up a request, or the rest of its response. */
export async function fetchClose(scope, payload) {
  const number = new Reader(payload).u32();
  const exchange = exchangesOf(scope).get(number);
  if (!exchange) return;
  exchangesOf(scope).delete(number);
  if (!exchange.lost) await exchange.run(scope, () => exchange.abort());
}
