// The Worker's side of the D1 driver; packed.go has the layout of a call and its answer.

import { Reader, Writer } from "../wire/wire.mjs";
import { Memory, noteWrite } from "./memory.mjs";
import { ReadQueue, timed } from "./reads.mjs";
import { openSession } from "./session.mjs";

const MODE_QUERY = 0;
const MODE_BATCH = 1;
const MODE_PAIR = 2;

const FLAG_FRESH = 1;
const FLAG_PRIMARY = 2;
const FLAG_PINS = 4;

const TAG_NULL = 0;
const TAG_SMALL = 1;
const TAG_INTEGER = 2;
const TAG_REAL = 3;
const TAG_TEXT = 4;
const TAG_BLOB = 5;

// Bytes to reserve for a cell, so that most answers are written without growing.
const CELL_ESTIMATE = 24;

/**
 * Runs one call of the driver against a D1 binding: a query, which travels with the others of the same turn, or a batch in one
 * transaction.
 *
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {Uint8Array} payload read before the first await
 * @returns {Promise<Uint8Array>} rows, or what each statement changed
 * @throws what D1 reports, or an Error that names the missing binding
 */
export async function d1Batch(scope, payload) {
  const call = new Reader(payload);
  const name = call.string();
  const database = scope.env[name];
  if (!database?.prepare) throw new Error(missingBinding(name));
  const mode = call.u8();
  let [shape, flags, secondShape] = [0, 0, 0];
  if (mode !== MODE_BATCH) [shape, flags] = [call.f64(), call.u8()];
  if (mode === MODE_PAIR) [secondShape, flags] = [call.f64(), flags | call.u8()];
  const statements = readStatements(call);
  const { memory, session } = event(scope, name);
  if (session && (shape === 0 || flags & FLAG_PRIMARY)) session.usePrimary();
  if (mode === MODE_PAIR) return readPair(scope, name, statements, [shape, secondShape]);
  if (shape > 0) {
    const ask = () => read(scope, name, statements[0], shape);
    const anew = flags & FLAG_FRESH || (session && flags & FLAG_PRIMARY);
    const reply = anew ? ask() : memory.answer(statements[0], ask);
    return flags & FLAG_PINS ? pinned(session, reply) : reply;
  }
  noteWrite(name);
  try {
    return await write(scope, name, mode, statements);
  } finally {
    noteWrite(name);
  }
}

/** What is read to be kept in memory: no later event is to see an older database. */
async function pinned(session, reply) {
  const bytes = await reply;
  session?.pin();
  return bytes;
}

async function read(scope, name, statement, shape) {
  const { database, reads } = event(scope, name);
  scope.realtime?.join(name, database, reads);
  const prefetch = scope.runtime.prefetched?.[name];
  const foreseen = prefetch && (await prefetch.query(scope, statement));
  return packRows(foreseen ?? (await reads.add(prepare(database, statement), shape)));
}

/** Answers a read, after the text that a second one gives. What is read later is never older than the text. */
function readPair(scope, name, statements, shapes) {
  const reply = askPair(scope, name, statements, shapes);
  event(scope, name).memory.keep(statements[0], reply.then(withoutText));
  return reply;
}

async function askPair(scope, name, [statement, second], [shape, secondShape]) {
  const { database, reads } = event(scope, name);
  scope.realtime?.join(name, database, reads);
  const prefetch = scope.runtime.prefetched?.[name];
  const foreseen = prefetch && (await prefetch.query(scope, second));
  if (!foreseen) prefetch?.forget();
  const text = foreseen ?? reads.add(prepare(database, second), secondShape).catch(() => ({ rows: [] }));
  const answer = (foreseen && (await prefetch.query(scope, statement))) ?? reads.add(prepare(database, statement), shape);
  return packRows(await answer, (await text).rows[0]?.[0] ?? "");
}

function withoutText(reply) {
  return reply.subarray(4 + new DataView(reply.buffer, reply.byteOffset).getUint32(0, true));
}

/** Runs what is, or may be, a write. */
async function write(scope, name, mode, statements) {
  const prefetch = scope.runtime.prefetched?.[name];
  const idle = prefetch && (await prefetch.idle(scope, statements));
  const { database, reads } = event(scope, name);
  const prepared = statements.map((statement) => prepare(database, statement));
  if (mode === MODE_QUERY) return packRows(await reads.add(prepared[0], 0));
  if (idle) return packResults(statements.map(() => ({ meta: {} })));
  const store = () => scope.realtime?.store(name, database, prepared) ?? database.batch(prepared);
  return packResults(await timed(scope.stats, prepared.length, store));
}

/**
 * What an event has to do with a database: `database` runs its statements, which is its `session` where it reads from replicas; `reads` is the
 * queue by which what it reads travels together, and `memory` what it has read.
 *
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {string} name the binding
 * @returns {{ database: D1Database | ReplicaSession, session: ReplicaSession | null, reads: ReadQueue, memory: Memory }}
 */
export function event(scope, name) {
  let known = scope.databases.get(name);
  if (!known) {
    const binding = scope.env[name];
    const session = openSession(scope, name);
    const database = session ?? binding;
    known = { database, session, reads: new ReadQueue(database, scope.stats, binding), memory: new Memory(name) };
    scope.databases.set(name, known);
  }
  return known;
}

function missingBinding(name) {
  return `The D1 binding ${name} is missing. Add to wrangler.toml:

[[d1_databases]]
binding = "${name}"
database_name = "..."
database_id = "..."`;
}

/** @returns {{ sql: string, params: unknown[] }[]} */
function readStatements(call) {
  const statements = new Array(call.u32());
  for (let i = 0; i < statements.length; i++) {
    const sql = call.string();
    const params = new Array(call.u32());
    for (let j = 0; j < params.length; j++) params[j] = readValue(call);
    statements[i] = { sql, params };
  }
  return statements;
}

function prepare(database, { sql, params }) {
  const statement = database.prepare(sql);
  return params.length > 0 ? statement.bind(...params) : statement;
}

function readValue(call) {
  switch (call.u8()) {
    case TAG_REAL:
      return call.f64();
    case TAG_TEXT:
      return call.string();
    case TAG_BLOB:
      return call.bytes().slice();
    default:
      return null;
  }
}

/**
 * @param {{ columns: string[], rows: unknown[][] }} answer
 * @param {string} [text] what a second query gave; it comes first
 */
function packRows({ columns, rows }, text) {
  const out = new Writer(128 + CELL_ESTIMATE * columns.length * (rows.length + 1));
  if (text !== undefined) out.string(text);
  out.u8(hasInexact(rows) ? 1 : 0);
  out.u32(columns.length);
  for (const name of columns) out.string(name);
  out.u32(rows.length);
  for (const row of rows) {
    for (let j = 0; j < columns.length; j++) packValue(out, row[j]);
  }
  return out.done();
}

// A value that JavaScript cannot tell from another: an integer that may have lost digits, or U+FFFD, which may stand for
// bytes that are not UTF-8. The driver then reads again, exactly.
function hasInexact(rows) {
  for (const row of rows) {
    for (const value of row) {
      if (typeof value === "string" ? value.includes("\ufffd") : isLargeInteger(value)) return true;
    }
  }
  return false;
}

function isLargeInteger(value) {
  return typeof value === "number" && !Number.isSafeInteger(value) && Number.isInteger(value);
}

function packValue(out, value) {
  switch (typeof value) {
    case "string":
      out.u8(TAG_TEXT);
      out.string(value);
      return;
    case "number":
      packNumber(out, value);
      return;
    case "object":
      if (value !== null) {
        out.u8(TAG_BLOB);
        out.bytes(value instanceof ArrayBuffer ? new Uint8Array(value) : Uint8Array.from(value));
        return;
      }
  }
  out.u8(TAG_NULL);
}

function packNumber(out, value) {
  if ((value | 0) === value) {
    out.u8(TAG_SMALL);
    out.u32(value);
  } else {
    out.u8(Number.isSafeInteger(value) ? TAG_INTEGER : TAG_REAL);
    out.f64(value);
  }
}

function packResults(results) {
  const out = new Writer(4 + 24 * results.length);
  out.u32(results.length);
  for (const { meta, results: rows } of results) {
    out.f64(meta.changes ?? 0);
    out.f64(meta.last_row_id ?? 0);
    out.string(rows?.[0]?.pf_told ?? "");
  }
  return out.done();
}
