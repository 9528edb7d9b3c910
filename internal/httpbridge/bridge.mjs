// Fetch events in, responses out; bridge.go has the layout of the packets.

import { Reader, Writer } from "../wire/wire.mjs";

/** Bodies up to this many bytes enter Go with their request; larger ones, and those of unknown length, are read part by part. */
const WHOLE_BODY_LIMIT = 64 * 1024;

/** How much of a streamed body is read at a time. */
const PART_SIZE = 64 * 1024;

const BODY_NONE = 0;
const BODY_WHOLE = 1;
const BODY_STREAM = 2;

const STREAM = 1;
const OBJECT = 2;

/** Where the headers begin in a response head. */
const HEAD_START = 5;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads the request's body if it is small enough to enter Go with the request.
 * @param {Request} request
 * @returns {Promise<Uint8Array> | undefined} undefined where there is no body, or one that is to be streamed
 */
export function readWholeBody(request) {
  if (request.body === null) return undefined;
  const length = request.headers.get("content-length");
  if (length === null || Number(length) > WHOLE_BODY_LIMIT) return undefined;
  return request.bytes();
}

/**
 * @param {Request} request
 * @param {Uint8Array | undefined} whole what readWholeBody read
 * @returns {Uint8Array} the request packet
 */
export function packRequest(request, whole) {
  const { url, headers } = request;
  const authority = url.indexOf("//") + 2;
  const target = url.indexOf("/", authority);
  const fragment = url.indexOf("#", target);
  let head = `${request.method}\n${url.slice(0, authority - 3)}\n${headers.get("host") ?? url.slice(authority, target)}\n`;
  head += `${headers.get("cf-connecting-ip") ?? "127.0.0.1"}\n${fragment < 0 ? url.slice(target) : url.slice(target, fragment)}`;
  for (const [name, value] of headers) head += `\n${name}\n${value}`;

  const packet = new Writer(head.length + 64 + (whole?.length ?? 0));
  packet.string(head);
  if (whole) {
    packet.u8(BODY_WHOLE);
    packet.raw(whole);
  } else {
    packet.u8(request.body === null ? BODY_NONE : BODY_STREAM);
  }
  return packet.done();
}

/**
 * What Go answered.
 * @typedef {{ status: number, stream: boolean, headers: [string, string][], body: Uint8Array | null,
 *   object: Segment[] | null }} Answer object: the body is made of what the scope has opened
 * @typedef {{ text: Uint8Array, offset: number, length: number }} Segment the text, then bytes of the object
 */

/**
 * @param {Uint8Array} head a response head; a view on Go's memory will do
 * @param {Uint8Array} body the whole body or its first part; it is copied
 * @returns {Answer}
 */
export function unpackAnswer(head, body) {
  const headers = [];
  if (head.length > HEAD_START) {
    const fields = decoder.decode(head.subarray(HEAD_START)).split("\n");
    for (let i = 0; i + 1 < fields.length; i += 2) headers.push([fields[i], fields[i + 1]]);
  }
  const answer = { status: head[0] | (head[1] << 8), stream: head[4] === STREAM, headers, body: null, object: null };
  if (head[4] === OBJECT) answer.object = unpackSegments(body);
  else if (body.length > 0) answer.body = body.slice();
  return answer;
}

/** @returns {Segment[] | null} null if there is nothing in them */
function unpackSegments(packed) {
  const reader = new Reader(packed);
  const segments = [];
  for (let count = reader.u32(); count > 0; count--) {
    segments.push({ text: reader.bytes().slice(), offset: reader.f64(), length: reader.f64() });
  }
  return segments.some(({ text, length }) => text.length + length > 0) ? segments : null;
}

/**
 * Makes the Response in the scope's own context and, for a stream, opens the writer that bodyWrite and bodyClose use.
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {Answer} answer
 * @param {[string, string][]} extra headers to add
 * @returns {Response | Promise<Response>}
 */
export function toResponse(scope, answer, extra) {
  if (!answer.object) return makeResponse(answer, extra, answer.stream ? openStream(scope, answer) : answer.body);
  return scope.opened.stream(scope, answer.object).then((stream) => makeResponse(answer, extra, stream));
}

function makeResponse(answer, extra, body) {
  const encoded = answer.headers.some(([name]) => name === "Content-Encoding"); // what the handler has encoded stays as it is
  const response = new Response(body, { status: answer.status, encodeBody: encoded ? "manual" : "automatic" });
  // One by one: a Response that is given Headers copies them, at twice the cost.
  for (const [name, value] of answer.headers) response.headers.append(name, value);
  for (const [name, value] of extra) response.headers.append(name, value);
  return response;
}

function openStream(scope, { body: first, headers }) {
  if (isHead(scope)) {
    scope.runtime.cancel(scope); // its client has got all that it will
    return null; // workerd would send the head when the stream ends
  }
  const length = headers.find(([name]) => name === "Content-Length")?.[1];
  const { readable, writable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const writer = writable.getWriter();
  writer.closed.catch(() => scope.runtime.cancel(scope));
  scope.onFailure = (error) => writer.abort(error).catch(() => {});
  streamWriter(scope).resolve(writer);
  scope.written = first ? writer.write(first) : Promise.resolve();
  scope.written.catch(() => {}); // the next part's write, or the close, reports it
  return readable;
}

function isHead(scope) {
  return scope.request.method === "HEAD";
}

/** The writer of the response's stream, which exists once the Response does. Its promise must be made in the scope's own context. */
function streamWriter(scope) {
  return (scope.writer ??= Promise.withResolvers());
}

/**
 * Operation: reads the next part of the request's body.
 * @returns {Promise<Uint8Array | undefined>} undefined at its end
 */
export async function bodyRead(scope) {
  scope.reader ??= scope.request.body.getReader({ mode: "byob" });
  const { done, value } = await scope.reader.read(new Uint8Array(PART_SIZE));
  return done ? undefined : value;
}

/** Operation: writes a part of the response's body once the one before it has been taken. */
export async function bodyWrite(scope, payload) {
  const part = payload.slice();
  const writer = await streamWriter(scope).promise;
  await scope.written;
  scope.written = writer.write(part);
  scope.written.catch(() => {});
}

/** Operation: ends the response's body, with an error where the payload tells one. */
export async function bodyClose(scope, payload) {
  const message = decoder.decode(payload.subarray(4));
  try {
    if (isHead(scope)) return;
    const writer = await streamWriter(scope).promise;
    if (message !== "") {
      await writer.abort(new Error(message));
    } else {
      await scope.written;
      await writer.close();
    }
  } finally {
    scope.handled = true;
  }
}
