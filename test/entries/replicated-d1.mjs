/**
 * The Worker on an APP_DB that has a replica, REPLICA_DB, which is as old as the last request to /sync. Their versions count the writes to
 * the primary; a bookmark names one. X-D1-Where tells which of the two a request's calls went to, one request at a time.
 */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

const replicated = new WeakMap();
let where = [];

export default {
  ...worker,
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/sync") {
      await sync(env);
      return new Response(null, { status: 204 });
    }
    if (!replicated.has(env)) replicated.set(env, { ...env, APP_DB: wrap(env) });
    where = [];
    const response = await worker.fetch(request, replicated.get(env), ctx);
    const headers = new Headers(response.headers);
    headers.set("X-D1-Where", [...new Set(where)].join(" "));
    return new Response(response.body, { status: response.status, headers });
  },
};

function wrap(env) {
  const database = env.APP_DB;
  return {
    prepare: (sql) => database.prepare(sql),
    batch: (statements) => database.batch(statements),
    withSession(start) {
      if (env.POCKETFLARE_D1_SESSIONS !== "1") throw new Error("a session that was not asked for");
      return new Session(env, start);
    },
  };
}

class Session {
  #env;
  #start;
  #seen = -1;

  constructor(env, start) {
    this.#env = env;
    this.#start = start;
  }

  prepare(sql, params = []) {
    return { sql, params, bind: (...values) => this.prepare(sql, values), raw: (options) => this.#run([sql], (db) => db.prepare(sql).bind(...params).raw(options)) };
  }

  batch(statements) {
    const texts = statements.map(({ sql }) => sql);
    return this.#run(texts, (db) => db.batch(statements.map(({ sql, params }) => db.prepare(sql).bind(...params))));
  }

  getBookmark() {
    return this.#seen < 0 ? null : bookmarkOf(this.#seen);
  }

  async #run(texts, call) {
    const version = await versions(this.#env);
    const writes = texts.some((sql) => !/^\s*(SELECT|WITH|PRAGMA|EXPLAIN)\b/i.test(sql));
    let least = this.#seen;
    if (least < 0 && !this.#start.startsWith("first-")) {
      least = versionOf(this.#start);
      if (!(least <= version.primary)) throw new Error("D1_ERROR: the bookmark is of no moment of this database");
    }
    const primary = writes || version.replica < least || (this.#seen < 0 && this.#start === "first-primary");
    where.push(primary ? "primary" : "replica");
    const result = await call(primary ? this.#env.APP_DB : this.#env.REPLICA_DB);
    if (writes) await this.#env.REPLICA_DB.prepare("UPDATE versions SET primary_ = primary_ + 1").run();
    this.#seen = Math.max(least, primary ? version.primary + (writes ? 1 : 0) : version.replica);
    return result;
  }
}

function bookmarkOf(version) {
  return `${version.toString(16).padStart(8, "0")}-00000000-00000000-${"0".repeat(32)}`;
}

function versionOf(bookmark) {
  return /^[0-9a-f]{8}-0{8}-0{8}-0{32}$/.test(bookmark) ? parseInt(bookmark, 16) : NaN;
}

async function versions({ REPLICA_DB }) {
  await REPLICA_DB.prepare("CREATE TABLE IF NOT EXISTS versions (primary_ INTEGER, replica INTEGER)").run();
  await REPLICA_DB.prepare("INSERT INTO versions SELECT 0, -1 WHERE NOT EXISTS (SELECT 1 FROM versions)").run();
  const { primary_: primary, replica } = await REPLICA_DB.prepare("SELECT * FROM versions").first();
  return { primary, replica };
}

/** Makes the replica what the primary is. */
async function sync(env) {
  const { primary } = await versions(env);
  const schema = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name <> 'versions'";
  const old = (await env.REPLICA_DB.prepare(schema).all()).results;
  const items = (await env.APP_DB.prepare(schema).all()).results;
  const statements = ["view", "table"].flatMap((type) => old.filter((item) => item.type === type)).map(({ type, name }) => `DROP ${type} "${name}"`);
  statements.push(...items.filter(({ type }) => type === "table").map(({ sql }) => sql));
  const batch = statements.map((sql) => env.REPLICA_DB.prepare(sql));
  for (const { name } of items.filter(({ type }) => type === "table")) {
    const [columns, ...rows] = await env.APP_DB.prepare(`SELECT * FROM "${name}"`).raw({ columnNames: true });
    const insert = `INSERT INTO "${name}" VALUES (${columns.map(() => "?").join(", ")})`;
    batch.push(...rows.map((row) => env.REPLICA_DB.prepare(insert).bind(...row)));
  }
  for (const type of ["index", "view", "trigger"]) batch.push(...items.filter((item) => item.type === type).map(({ sql }) => env.REPLICA_DB.prepare(sql)));
  batch.push(env.REPLICA_DB.prepare("UPDATE versions SET replica = ?").bind(primary));
  await env.REPLICA_DB.batch(batch);
}
