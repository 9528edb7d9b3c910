// SQLite in the isolate, in memory: where the driver tries out what a transaction does. scratch.go tells what for; scratch_js.go has the
// layout of a call and its answer.

import { Reader, Writer } from "../wire/wire.mjs";
import { readParams } from "./packed.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const RUN = 1;
const TEXT = 2;
const READ = 3;
const TOUCHES = 4;
const LOAD = 5;
const KEEPS = 6;
const RELEASE = 7;
const EMPTY = 8;

/** Bytes of linear memory that it takes at least. */
export const SCRATCH_MEMORY = 17.5 * 1024 * 1024;

/** How long the database is kept for the next transaction, in milliseconds. */
const IDLE_LIMIT = 30_000;

/** Prepared statements that are kept, and the longest text of one: most of what a small query takes is to prepare it. */
const MAX_STATEMENTS = 64;
const MAX_KEPT_TEXT = 8192;

// https://sqlite.org/c3ref/c_abort.html and https://sqlite.org/c3ref/open.html
const SQLITE_OK = 0;
const SQLITE_ROW = 100;
const SQLITE_DONE = 101;
// https://sqlite.org/c3ref/c_dbconfig_defensive.html
const ENABLE_FOREIGN_KEYS = 1002;
const ENABLE_TRIGGERS = 1003;
const OPEN_MEMORY = 0x2 | 0x4 | 0x80;
const TRANSIENT = -1;

/** D1's limits, as limits.go has them, by the numbers of https://sqlite.org/c3ref/c_limit_attached.html. */
const LIMITS = [
  [0, 2_000_000], // bytes of a string, blob or row
  [1, 100_000], // bytes of a statement
  [2, 100], // columns
  [3, 100], // depth of an expression
  [4, 5], // terms of a compound SELECT
  [6, 32], // arguments of a function
  [8, 50], // bytes of a pattern of LIKE
  [9, 100], // the highest number of a parameter
];

/** The text of a NULL among rows. */
const NULL_CELL = encoder.encode("n");

/** What names its table by the number of its root page in p2. */
const OPENS = { OpenRead: "r", OpenDup: "r", ReopenIdx: "r", OpenWrite: "w" };

// https://sqlite.org/c3ref/c_deterministic.html and https://sqlite.org/c3ref/c_blob.html
const UTF8_DETERMINISTIC = 1 | 0x800;
const SQLITE_INTEGER = 1;
const SQLITE_FLOAT = 2;
const SQLITE_TEXT = 3;
const SQLITE_BLOB = 4;
const SQLITE_NULL = 5;

/** The arguments of each, and what it gives: https://sqlite.org/lang_mathfunc.html. */
const FUNCTIONS = {
  acos: [1, Math.acos],
  asin: [1, Math.asin],
  atan: [1, Math.atan],
  atan2: [2, Math.atan2],
  ceil: [1, Math.ceil],
  cos: [1, Math.cos],
  degrees: [1, (x) => (x * 180) / Math.PI],
  exp: [1, Math.exp],
  floor: [1, Math.floor],
  ln: [1, Math.log],
  mod: [2, (x, y) => x % y],
  pi: [0, () => Math.PI],
  pow: [2, Math.pow],
  radians: [1, (x) => (x * Math.PI) / 180],
  sin: [1, Math.sin],
  sqrt: [1, Math.sqrt],
  tan: [1, Math.tan],
};

/** An error of SQLite. */
class SQLiteError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** One database in memory. */
class Scratch {
  #sqlite;
  #db = 0;
  #cell;
  /** What is known under the schema as it is: tables by their root pages, what statements open, and prepared statements. */
  #tables = new Map();
  #opened = new Map();
  #statements = new Map();

  /** @returns {Promise<Scratch>} one without a database */
  static async create() {
    const scratch = new Scratch();
    // Not before it is needed: a Worker that starts does not wait for it.
    const { default: createSQLite } = await import("../../build/wa-sqlite.mjs");
    const { default: sqliteWasm } = await import("../../build/wa-sqlite.wasm");
    scratch.#sqlite = await createSQLite({
      instantiateWasm(imports, loaded) {
        const instance = new WebAssembly.Instance(sqliteWasm, imports);
        loaded(instance, sqliteWasm);
        return instance.exports;
      },
    });
    scratch.#cell = scratch.#sqlite._malloc(8);
    return scratch;
  }

  /** Bytes of linear memory. */
  get memory() {
    return this.#sqlite.HEAPU8.length;
  }

  /**
   * Begins an empty database; the one before is gone.
   *
   * @param {string[]} schema statements that are run in it; one that fails is left out
   */
  open(schema) {
    const { _sqlite3_close_v2, _sqlite3_open_v2, _sqlite3_limit, _free } = this.#sqlite;
    this.#forgetSchema();
    if (this.#db) _sqlite3_close_v2(this.#db);
    const name = this.#copyText(":memory:");
    const code = _sqlite3_open_v2(name, this.#cell, OPEN_MEMORY, 0);
    _free(name);
    this.#db = this.#sqlite.HEAP32[this.#cell >> 2];
    if (code !== SQLITE_OK) throw new Error(`SQLite could not open a database in memory: ${code}`);
    for (const [limit, value] of LIMITS) _sqlite3_limit(this.#db, limit, value);
    this.#addFunctions();
    this.#configure(ENABLE_FOREIGN_KEYS, true);
    for (const sql of schema) {
      try {
        this.#run(sql);
      } catch (error) {
        if (!(error instanceof SQLiteError)) throw error;
      }
    }
    this.#forgetSchema();
  }

  /** The mathematical functions of D1 that this SQLite was built without. */
  #addFunctions() {
    const { _sqlite3_value_double, _sqlite3_value_type, _sqlite3_result_double, _sqlite3_result_null } = this.#sqlite;
    for (const [name, [count, compute]] of Object.entries(FUNCTIONS)) {
      this.#sqlite.create_function(this.#db, name, count, UTF8_DETERMINISTIC, 0, (context, n, values) => {
        const cells = Array.from({ length: n }, (_, i) => this.#sqlite.HEAP32[(values >> 2) + i]);
        const isNull = cells.some((cell) => _sqlite3_value_type(cell) === SQLITE_NULL);
        const result = isNull ? NaN : compute(...cells.map((cell) => _sqlite3_value_double(cell)));
        if (Number.isNaN(result)) _sqlite3_result_null(context);
        else _sqlite3_result_double(context, result);
      }, null, null);
    }
  }

  /**
   * Runs a packed call.
   *
   * @param {Uint8Array} payload
   * @returns {Uint8Array} the packed answer
   */
  call(payload) {
    const call = new Reader(payload);
    const out = new Writer(1024);
    try {
      this.#answer(call.u8(), call.string(), readParams(call), out);
      return out.done();
    } catch (error) {
      if (!(error instanceof SQLiteError)) throw error;
      const failed = new Writer(256);
      failed.u32(error.code);
      failed.string(error.message);
      return failed.done();
    }
  }

  #answer(what, sql, params, out) {
    out.u32(SQLITE_OK);
    switch (what) {
      case RUN:
        this.#run(sql, params);
        this.#noteSchema(sql);
        out.string(this.#scalar("SELECT changes()||','||last_insert_rowid()", []));
        return;
      case TEXT:
        out.string(this.#scalar(sql, params));
        return;
      case READ:
        this.#read(sql, params, out);
        return;
      case TOUCHES: {
        const touches = this.#touches(sql);
        out.u32(touches.size);
        for (const touch of touches) out.string(touch);
        return;
      }
      case LOAD:
        this.#quietly(() => this.#run(sql, params));
        return;
      case EMPTY:
        this.#empty(params);
        return;
      default:
        throw new Error(`no call ${what} of the scratch`);
    }
  }

  /** Writes the columns of a query, and the text of its rows; frame.go has its form. */
  #read(sql, params, out) {
    const { _sqlite3_column_count, _sqlite3_column_name, UTF8ToString } = this.#sqlite;
    const rows = new Writer(1024);
    let count = 0;
    this.#each(
      sql,
      params,
      (statement) => {
        for (let i = 0; i < count; i++) this.#writeCell(statement, i, rows);
      },
      (statement) => {
        count = _sqlite3_column_count(statement);
        out.u32(count);
        for (let i = 0; i < count; i++) out.string(UTF8ToString(_sqlite3_column_name(statement, i)));
      },
    );
    out.bytes(rows.done());
  }

  #writeCell(statement, i, rows) {
    switch (this.#sqlite._sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        return rows.raw(encoder.encode(`i${this.#column(statement, i)};`));
      case SQLITE_FLOAT: {
        const value = this.#sqlite._sqlite3_column_double(statement, i);
        return rows.raw(encoder.encode(Object.is(value, -0) ? "r-0;" : this.#scalar("SELECT printf('r%!.17g;',?)", [value])));
      }
      case SQLITE_TEXT: {
        const bytes = this.#bytes(statement, i);
        rows.raw(encoder.encode(`t${bytes.length}:`));
        return rows.raw(bytes);
      }
      case SQLITE_BLOB: {
        const bytes = this.#bytes(statement, i);
        return rows.raw(encoder.encode(`b${bytes.length}:${bytes.toHex().toUpperCase()}`));
      }
      default:
        return rows.raw(NULL_CELL);
    }
  }

  /** Removes the rows of tables, of all if none is named. */
  #empty(names) {
    const tables = [...names];
    const which = names.length > 0 ? "name='sqlite_sequence'" : "type='table'";
    this.#each(`SELECT name FROM sqlite_schema WHERE ${which}`, [], (statement) => tables.push(this.#column(statement, 0)));
    this.#quietly(() => {
      for (const name of tables) this.#run(`DELETE FROM "${name.replaceAll('"', '""')}"`);
    });
  }

  /** Has no trigger fire, and no foreign key be checked, by what is run. */
  #quietly(run) {
    this.#configure(ENABLE_TRIGGERS, false);
    this.#configure(ENABLE_FOREIGN_KEYS, false);
    try {
      run();
    } finally {
      this.#configure(ENABLE_TRIGGERS, true);
      this.#configure(ENABLE_FOREIGN_KEYS, true);
    }
  }

  /** Sets a switch of the database. What C takes as further arguments lies in memory: a number, and where to put what it is then, nowhere. */
  #configure(option, on) {
    const { _sqlite3_db_config, _malloc, _free } = this.#sqlite;
    const more = _malloc(8);
    this.#sqlite.HEAP32.set([on ? 1 : 0, 0], more >> 2);
    const code = _sqlite3_db_config(this.#db, option, more);
    _free(more);
    if (code !== SQLITE_OK) throw new Error(`SQLite could not be configured: ${code}`);
  }

  #run(sql, params = []) {
    this.#each(sql, params, () => {});
  }

  /** What a statement opens: "r" or "w" and the name of a table, "r" alone for a virtual one. */
  #touches(sql) {
    const known = this.#opened.get(sql);
    if (known) return known;
    const touches = new Set();
    this.#each(`EXPLAIN ${sql}`, [], (statement) => {
      const opcode = this.#column(statement, 1);
      if (opcode === "VOpen") touches.add("r");
      const mode = OPENS[opcode] ?? (opcode === "Clear" ? "w" : undefined);
      if (!mode) return;
      const root = Number(this.#column(statement, opcode === "Clear" ? 2 : 3));
      const table = this.#tableAt(root);
      if (table) touches.add(mode + table);
    });
    if (this.#opened.size >= MAX_STATEMENTS) this.#opened.clear();
    if (sql.length <= MAX_KEPT_TEXT) this.#opened.set(sql, touches);
    return touches;
  }

  #tableAt(root) {
    if (root === 1) return "sqlite_schema";
    if (this.#tables.size === 0) {
      this.#each("SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0", [], (statement) => {
        this.#tables.set(Number(this.#column(statement, 0)), this.#column(statement, 1));
      });
    }
    return this.#tables.get(root);
  }

  #noteSchema(sql) {
    if (!/^\s*(?:INSERT|UPDATE|DELETE|REPLACE|SAVEPOINT|RELEASE|BEGIN|COMMIT|SELECT)\b/i.test(sql)) this.#forgetSchema();
  }

  /** Forgets what may be another under another schema: a statement that is prepared keeps its columns until it runs. */
  #forgetSchema() {
    this.#tables.clear();
    this.#opened.clear();
    for (const statement of this.#statements.values()) this.#sqlite._sqlite3_finalize(statement);
    this.#statements.clear();
  }

  #scalar(sql, params) {
    let text;
    this.#each(sql, params, (statement) => (text ??= this.#column(statement, 0)));
    return text ?? "";
  }

  #column(statement, index) {
    const { _sqlite3_column_text, _sqlite3_column_bytes } = this.#sqlite;
    const at = _sqlite3_column_text(statement, index);
    if (at === 0) return "";
    return decoder.decode(this.#sqlite.HEAPU8.subarray(at, at + _sqlite3_column_bytes(statement, index)));
  }

  /** The bytes of a text or a blob, good until SQLite does something else. */
  #bytes(statement, index) {
    const { _sqlite3_column_blob, _sqlite3_column_bytes } = this.#sqlite;
    const at = _sqlite3_column_blob(statement, index);
    return this.#sqlite.HEAPU8.subarray(at, at + _sqlite3_column_bytes(statement, index));
  }

  #each(sql, params, row, begin) {
    this.#prepared(sql, (statement) => {
      begin?.(statement);
      params.forEach((value, i) => this.#bind(statement, i + 1, value));
      let code;
      while ((code = this.#sqlite._sqlite3_step(statement)) === SQLITE_ROW) row(statement);
      if (code !== SQLITE_DONE) throw this.#error();
    });
  }

  #prepared(sql, use) {
    const { _sqlite3_reset, _sqlite3_clear_bindings } = this.#sqlite;
    const statement = this.#statements.get(sql) ?? this.#prepare(sql);
    this.#statements.delete(sql); // while it is used
    try {
      use(statement);
    } finally {
      _sqlite3_reset(statement);
      _sqlite3_clear_bindings(statement);
      this.#keep(sql, statement);
    }
  }

  #prepare(sql) {
    const { _sqlite3_prepare_v2, _free } = this.#sqlite;
    const text = this.#copyText(sql);
    const code = _sqlite3_prepare_v2(this.#db, text, -1, this.#cell, 0);
    _free(text);
    const statement = this.#sqlite.HEAP32[this.#cell >> 2];
    if (code !== SQLITE_OK) throw this.#error();
    if (statement === 0) throw new SQLiteError(1, "no statement");
    return statement;
  }

  /** Keeps a statement for the next time, behind those that were used before it. */
  #keep(sql, statement) {
    const { _sqlite3_finalize } = this.#sqlite;
    if (sql.length > MAX_KEPT_TEXT) return void _sqlite3_finalize(statement);
    this.#statements.set(sql, statement);
    if (this.#statements.size <= MAX_STATEMENTS) return;
    const [oldest] = this.#statements;
    _sqlite3_finalize(oldest[1]);
    this.#statements.delete(oldest[0]);
  }

  #bind(statement, index, value) {
    const { _sqlite3_bind_null, _sqlite3_bind_double, _sqlite3_bind_text, _sqlite3_bind_blob, _free } = this.#sqlite;
    if (value === null) return _sqlite3_bind_null(statement, index);
    if (typeof value === "number") return _sqlite3_bind_double(statement, index, value); // as D1 binds each number
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    const at = this.#copy(bytes);
    const bind = typeof value === "string" ? _sqlite3_bind_text : _sqlite3_bind_blob;
    const code = bind(statement, index, at, bytes.length, TRANSIENT);
    _free(at);
    if (code !== SQLITE_OK) throw this.#error();
  }

  #copy(bytes) {
    const at = this.#sqlite._malloc(bytes.length + 1);
    this.#sqlite.HEAPU8.set(bytes, at);
    this.#sqlite.HEAPU8[at + bytes.length] = 0;
    return at;
  }

  #copyText(text) {
    return this.#copy(encoder.encode(text));
  }

  #error() {
    const { _sqlite3_extended_errcode, _sqlite3_errmsg, UTF8ToString } = this.#sqlite;
    return new SQLiteError(_sqlite3_extended_errcode(this.#db), UTF8ToString(_sqlite3_errmsg(this.#db)));
  }
}

/**
 * A runtime's SQLite. Its 17 MB of linear memory are there only while transactions need it: an isolate has 128 MB for everything.
 */
export class ScratchKeeper {
  #scratch;
  #released = -Infinity;

  /** Bytes of linear memory. */
  get memory() {
    return this.#scratch?.memory ?? 0;
  }

  /** Operation: an empty database with the schema that the payload holds. */
  async open(payload) {
    const call = new Reader(payload);
    const schema = Array.from({ length: call.u32() }, () => call.string());
    this.#released = Infinity;
    this.#scratch ??= await Scratch.create();
    this.#scratch.open(schema);
  }

  /** Runs a packed call. */
  call(payload) {
    const what = payload[0];
    if (what !== KEEPS && what !== RELEASE) return this.#ask(payload);
    this.#released = what === KEEPS && this.#scratch ? Infinity : performance.now();
    const out = new Writer(16);
    out.u32(SQLITE_OK);
    out.string(this.#scratch ? "1" : "");
    return out.done();
  }

  #ask(payload) {
    try {
      return this.#scratch.call(payload);
    } catch (error) {
      this.#scratch = undefined; // SQLite's own memory may be in disorder
      throw error;
    }
  }

  /**
   * Gives the database up if no transaction uses it and none has for long.
   *
   * @param {boolean} short whether memory is: then it is given up at once
   */
  tidy(short) {
    if (this.#scratch && performance.now() - this.#released > (short ? -1 : IDLE_LIMIT)) this.#scratch = undefined;
  }
}
