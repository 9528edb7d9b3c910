// The packed form of calls of D1, of the scratch, and of their answers; packed.go and scratch_js.go have the layouts.

import { Writer } from "../wire/wire.mjs";

export const MODE_QUERY = 0;
export const MODE_BATCH = 1;
export const MODE_PAIR = 2;

export const FLAG_FRESH = 1;
export const FLAG_PRIMARY = 2;
export const FLAG_PINS = 4;

const TAG_NULL = 0;
const TAG_SMALL = 1;
const TAG_INTEGER = 2;
const TAG_REAL = 3;
const TAG_TEXT = 4;
const TAG_BLOB = 5;

/** Bytes to reserve for a cell, so that most answers are written without growing. */
const CELL_ESTIMATE = 24;

/** @param {import("../wire/wire.mjs").Reader} call @returns {import("./query.mjs").Query[]} the statements of a call */
export function readStatements(call) {
  const statements = new Array(call.u32());
  for (let i = 0; i < statements.length; i++) {
    const sql = call.string();
    statements[i] = { sql, params: readParams(call) };
  }
  return statements;
}

/** @param {import("../wire/wire.mjs").Reader} call @returns {unknown[]} the parameters of one statement */
export function readParams(call) {
  const params = new Array(call.u32());
  for (let i = 0; i < params.length; i++) params[i] = readValue(call);
  return params;
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
 * @returns {Uint8Array}
 */
export function packRows({ columns, rows }, text) {
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

/** @param {D1Result[]} results of a batch @returns {Uint8Array} */
export function packResults(results) {
  const out = new Writer(4 + 24 * results.length);
  out.u32(results.length);
  for (const { meta, results: rows } of results) {
    out.f64(meta.changes ?? 0);
    out.f64(meta.last_row_id ?? 0);
    out.string(rows?.[0]?.pf_told ?? "");
  }
  return out.done();
}
