/**
 * The floor: a Worker of a few lines of JavaScript that answers the benchmark's requests with bodies of the same size
 * from the same local D1, with nothing of PocketBase in between. It checks nothing and knows no rules: what it costs
 * is what Miniflare, HTTP and D1 cost.
 *
 * The header `x-d1: <calls>/<statements>` says how many D1 calls the other Worker makes for the operation, and of how
 * many statements. The floor makes as many, of the operation's own statements with look-ups by primary key before them.
 */

import { files } from "./floor-files.mjs";

const COLUMNS = {
  posts: ["title", "body", "n", "active"],
  items: ["title", "body", "n", "active"],
  parents: ["name"],
  children: ["name", "parent"],
  users: ["email", "name"],
};
const HEADERS = {
  "content-type": "application/json",
  "cross-origin-opener-policy": "same-origin",
  vary: "Origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "SAMEORIGIN",
  "x-xss-protection": "1; mode=block",
};
const TOKEN = "t".repeat(220);
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const path = url.pathname.split("/").slice(2);
    const d1 = new D1(env.APP_DB, request.headers.get("x-d1"));
    if (path[0] === "health") {
      await d1.run([]);
      return answer({ message: "API is healthy.", code: 200, data: {} });
    }
    if (path[0] === "files") {
      if (request.headers.has("x-d1")) await d1.run([]);
      return files(env.STORAGE, request, path.at(-1));
    }
    if (path[0] === "touch") return touch(env);
    if (path[0] === "settings") return answer({});
    if (path[0] === "batch") return batch(d1, await request.json());
    if (path[0] !== "collections") return answer({ message: "Not found.", status: 404, data: {} }, 404);
    if (path[2] === "auth-with-password") return login(d1, await request.json());
    if (path[2] === "records") return records(d1, request, url, path[1], path[3]);
    return collections(d1, request, path[1]);
  },
};

/** A D1 database that is asked in a given number of calls and statements. */
class D1 {
  #db;
  #calls;
  #statements;

  constructor(db, plan) {
    this.#db = db;
    [this.#calls, this.#statements] = (plan ?? "0/0").split("/").map(Number);
  }

  prepare(sql, ...values) {
    return this.#db.prepare(sql).bind(...values);
  }

  /** Runs the operation's statements last, in the last of the calls, and returns their results. */
  async run(core) {
    const filling = Math.max(this.#statements, this.#calls, core.length) - core.length;
    const filler = Array.from({ length: filling }, (_, n) => this.prepare("SELECT * FROM users WHERE id = ?", `filler${n}`));
    const statements = [...filler, ...core];
    const calls = Math.min(Math.max(this.#calls, 1), statements.length);
    let results = [];
    for (let call = 0; call < calls; call++) {
      const from = Math.floor((call * statements.length) / calls);
      const part = statements.slice(from, Math.floor(((call + 1) * statements.length) / calls));
      const got = part.length === 1 ? [await part[0].all()] : await this.#db.batch(part);
      results = results.concat(got.map((result) => result.results));
    }
    return results.slice(filling);
  }
}

/** One statement on each database: the first request of an isolate that has nothing to boot. */
async function touch(env) {
  await Promise.all([env.APP_DB, env.LOGS_DB].map((db) => db.prepare("SELECT 1").all()));
  return answer({ message: "API is healthy.", code: 200, data: {} });
}

async function login(d1, { identity }) {
  const [[row]] = await d1.run([d1.prepare("SELECT * FROM users WHERE email = ?", identity)]);
  return answer({ record: row ? view("users", row) : {}, token: TOKEN });
}

async function records(d1, request, url, table, id) {
  if (request.method === "GET") return id ? viewRecord(d1, table, id) : listRecords(d1, table, url.searchParams);
  if (request.method === "DELETE") {
    const children = d1.prepare("DELETE FROM children WHERE parent = ?", id);
    const own = d1.prepare(`DELETE FROM ${table} WHERE id = ?`, id);
    await d1.run(table === "parents" ? [children, own] : [own]);
    return new Response(null, { status: 204, headers: HEADERS });
  }
  const [[row]] = await d1.run([save(d1, request.method, table, id, await request.json())]);
  return answer(view(table, row));
}

async function viewRecord(d1, table, id) {
  const [[row]] = await d1.run([d1.prepare(`SELECT * FROM ${table} WHERE id = ?`, id)]);
  return row ? answer(view(table, row)) : answer({ message: "Not found.", status: 404, data: {} }, 404);
}

async function listRecords(d1, table, query) {
  const perPage = Number(query.get("perPage") ?? 30);
  const page = Number(query.get("page") ?? 1);
  const [[{ total }], rows] = await d1.run([
    d1.prepare(`SELECT COUNT(*) AS total FROM ${table}`),
    d1.prepare(`SELECT * FROM ${table} LIMIT ? OFFSET ?`, perPage, (page - 1) * perPage),
  ]);
  const items = rows.map((row) => view(table, row));
  return answer({ items, page, perPage, totalItems: total, totalPages: Math.ceil(total / perPage) });
}

function save(d1, method, table, id, data) {
  const columns = COLUMNS[table].filter((name) => name in data);
  const values = columns.map((name) => (typeof data[name] === "boolean" ? Number(data[name]) : data[name]));
  if (method === "POST") {
    const places = columns.map(() => ", ?").join("");
    const sql = `INSERT INTO ${table} (id, created, updated${columns.map((name) => `, ${name}`).join("")})
      VALUES (?, ?, ?${places}) RETURNING *`;
    return d1.prepare(sql, newId(), now(), now(), ...values);
  }
  const changes = columns.map((name) => `${name} = ?`).join(", ");
  return d1.prepare(`UPDATE ${table} SET updated = ?, ${changes} WHERE id = ? RETURNING *`, now(), ...values, id);
}

async function batch(d1, { requests }) {
  const tables = requests.map(({ url }) => url.split("/")[3]);
  const results = await d1.run(requests.map(({ body }, n) => save(d1, "POST", tables[n], undefined, body)));
  return answer(results.map(([row], n) => ({ body: view(tables[n], row), status: 200 })));
}

async function collections(d1, request, name) {
  if (request.method === "DELETE") {
    await d1.run([d1.prepare(`DROP TABLE IF EXISTS ${name}`)]);
    return new Response(null, { status: 204, headers: HEADERS });
  }
  const body = await request.json();
  const made = name === "import" ? body.collections : [body];
  await d1.run(made.map((collection) => createTable(d1, collection)));
  return name === "import" ? new Response(null, { status: 204, headers: HEADERS }) : answer(describe(body));
}

function createTable(d1, { name, fields }) {
  const given = fields.filter(({ type }) => type !== "autodate");
  const columns = given.map((field) => `, ${field.name} ${field.type === "number" ? "NUMERIC" : "TEXT"} DEFAULT ''`);
  const own = "id TEXT PRIMARY KEY, created TEXT, updated TEXT";
  return d1.prepare(`CREATE TABLE IF NOT EXISTS ${name} (${own}${columns.join("")})`);
}

function describe({ name, fields }) {
  const settings = { hidden: false, presentable: false, required: false, system: false, max: 0, min: 0, pattern: "" };
  return { id: newId(), name, type: "base", fields: fields.map((field) => ({ id: newId(), ...settings, ...field })) };
}

function view(table, row) {
  return { collectionId: `pbc_${table}0000`, collectionName: table, ...row, active: Boolean(row.active) };
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(15)), (byte) => ALPHABET[byte % 36]).join("");
}

function now() {
  return new Date().toISOString().replace("T", " ");
}

function answer(body, status = 200) {
  return new Response(JSON.stringify(body), { status, headers: HEADERS });
}
