// The Worker's side of the D1 driver; packed.go has the layout of a call and its answer.

import { Reader, Writer } from "../wire/wire.mjs";
import { Course, Habits } from "./habits.mjs";
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
  const own = event(scope, name);
  const { session } = own;
  if (session && (shape === 0 || flags & FLAG_PRIMARY)) session.usePrimary();
  if (mode === MODE_PAIR) return own.answerPair(statements, [shape, secondShape]);
  if (shape > 0) {
    const anew = flags & FLAG_FRESH || (session && flags & FLAG_PRIMARY);
    const reply = anew ? read(scope, name, statements[0], shape) : own.answer(statements[0], shape);
    return flags & FLAG_PINS ? pinned(session, reply) : reply;
  }
  own.course.end();
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

/** Asks for a read, after the text that a second one gives. */
async function readPair(scope, name, [statement, second], [shape, secondShape]) {
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

/** What an event has to do with a database. */
class EventDatabase {
  #scope;
  #name;

  /**
   * @param {import("../host/scope.mjs").Scope} scope
   * @param {string} name the binding
   */
  constructor(scope, name) {
    const binding = scope.env[name];
    this.#scope = scope;
    this.#name = name;
    /** Where it reads from replicas, by what: a ReplicaSession or null. */
    this.session = openSession(scope, name);
    /** What runs its statements. */
    this.database = this.session ?? binding;
    /** The queue by which its reads travel together. */
    this.reads = new ReadQueue(this.database, scope.stats, binding);
    /** What it has read. */
    this.memory = new Memory(name);
    /** In which order. */
    this.course = new Course(habitsOf(binding), scope.request);
  }

  /** @returns {Promise<Uint8Array>} the rows of a read */
  answer(query, shape) {
    const reply = this.memory.answer(query, () => this.#read(query, shape));
    this.#sendAhead(query, shape);
    return reply;
  }

  /** @returns {Promise<Uint8Array>} the text that a second read gives, and the rows of the first. What is read later is never older than the text. */
  answerPair(queries, shapes) {
    const reply = readPair(this.#scope, this.#name, queries, shapes);
    this.memory.keep(queries[0], reply.then(withoutText));
    this.#sendAhead(queries[0], shapes[0]);
    return reply;
  }

  /** Sends what has followed a read in other events along with it, for the program to ask for. */
  #sendAhead(query, shape) {
    if (this.#scope.runtime.prefetched) return;
    for (const ahead of this.course.take(query, shape)) {
      this.memory.answer(ahead.query, () => this.#read(ahead.query, ahead.shape), true).catch(ahead.failed);
    }
  }

  #read(query, shape) {
    return read(this.#scope, this.#name, query, shape);
  }

  /** To be called when the event is over. */
  end() {
    this.course.end();
  }
}

/**
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {string} name the binding
 * @returns {EventDatabase}
 */
export function event(scope, name) {
  let known = scope.databases.get(name);
  if (!known) scope.databases.set(name, (known = new EventDatabase(scope, name)));
  return known;
}

const habits = new WeakMap();

function habitsOf(database) {
  let known = habits.get(database);
  if (!known) habits.set(database, (known = new Habits()));
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
