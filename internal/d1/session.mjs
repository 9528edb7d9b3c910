// Reads from D1's replicas, by its Sessions API, where POCKETFLARE_D1_SESSIONS is on. docs/isolates.md tells what that promises.
//
// A session sees a database that never goes back in time: its first call names where to begin, a bookmark or the primary, and each later
// one is answered by a replica that is at least as far. Bookmarks sort as texts in the order of time.

import { isOn } from "../host/settings.mjs";

/** The database that may have replicas: PocketBase's logs are hardly ever read. */
const REPLICATED = "APP_DB";

const FROM_ANY = "first-unconstrained";
const FROM_PRIMARY = "first-primary";

const BOOKMARK = /^[0-9a-f]+(?:-[0-9a-f]+)+$/;
const MAX_BOOKMARK = 128;

const HEADER = "X-Pocketflare-Bookmark";
const COOKIE = /(?:^|;\s*)pf_bookmark=([^;]*)/;

/** How long, in seconds, a browser carries a bookmark: every replica is further by then. */
const COOKIE_LIFE = 3600;

/**
 * The session of an event with a database.
 *
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {string} name the binding
 * @returns {ReplicaSession | null} null where it reads from the primary
 */
export function openSession(scope, name) {
  const { env } = scope;
  if (name !== REPLICATED || !isOn(env.POCKETFLARE_D1_SESSIONS) || !env[name].withSession) return null;
  return new ReplicaSession(env[name], scope.runtime, startOf(scope));
}

/** Whatever may write begins at the primary, since it may write what follows from what it read; so does what is kept in memory from a boot on. */
function startOf({ request, runtime }) {
  const reads = request?.method === "GET" || request?.method === "HEAD";
  if (!reads || runtime.state === "booting") return FROM_PRIMARY;
  const told = [request.headers.get(HEADER), COOKIE.exec(request.headers.get("Cookie") ?? "")?.[1]].filter(Boolean);
  if (!told.every((text) => text.length <= MAX_BOOKMARK && BOOKMARK.test(text))) return FROM_PRIMARY;
  return told.reduce(later, runtime.pinned) ?? FROM_ANY;
}

/** @returns the later one of two bookmarks; null is none */
function later(one, other) {
  return one === null || (other !== null && other > one) ? other : one;
}

/** An event's way to a database with replicas, with as much of a D1Database as the driver uses. */
export class ReplicaSession {
  #database;
  #runtime;
  #session;
  #start;

  constructor(database, runtime, start) {
    this.#database = database;
    this.#runtime = runtime;
    this.#begin(start);
  }

  #begin(start) {
    this.#start = start;
    this.#session = this.#database.withSession(start);
  }

  /** How far the event has seen the database, null before its first answer. */
  get bookmark() {
    return this.#session.getBookmark();
  }

  /** Has the next call go to the primary, unless one of the event has. */
  usePrimary() {
    if (this.#start !== FROM_PRIMARY) this.#begin(FROM_PRIMARY);
  }

  /** Has all events that begin from now on see the database at least as far as this one. */
  pin() {
    this.#runtime.pinned = later(this.#runtime.pinned, this.bookmark);
  }

  prepare(sql) {
    return new SessionStatement(this, sql, []);
  }

  /** @param {SessionStatement[]} statements */
  batch(statements) {
    return this.run((session) => session.batch(statements.map((statement) => statement.on(session))));
  }

  /** Makes a call. One that D1 refuses because it does not know the client's bookmark is made at the primary: it has not run. */
  async run(call) {
    try {
      return await call(this.#session);
    } catch (error) {
      if (this.#start === FROM_PRIMARY || this.#start === FROM_ANY || !/bookmark/i.test(error.message)) throw error;
      this.usePrimary();
      return call(this.#session);
    }
  }
}

class SessionStatement {
  constructor(session, sql, params) {
    this.session = session;
    this.sql = sql;
    this.params = params;
  }

  bind(...params) {
    return new SessionStatement(this.session, this.sql, params);
  }

  raw(options) {
    return this.session.run((session) => this.on(session).raw(options));
  }

  on(session) {
    return session.prepare(this.sql).bind(...this.params);
  }
}

/**
 * The headers by which a client carries what it has seen to its next request, whichever isolate and replica that meets.
 *
 * @param {import("../host/scope.mjs").Scope} scope
 * @returns {[string, string][]} none where there are no replicas, or nothing was asked of the database
 */
export function bookmarkHeaders(scope) {
  const bookmark = scope.databases.get(REPLICATED)?.session?.bookmark;
  if (!bookmark) return [];
  const secure = scope.request.url.startsWith("https:") ? "; Secure" : "";
  return [
    [HEADER, bookmark],
    ["Access-Control-Expose-Headers", HEADER],
    ["Set-Cookie", `pf_bookmark=${bookmark}; Path=/; Max-Age=${COOKIE_LIFE}; HttpOnly; SameSite=Lax${secure}`],
  ];
}
