/** Where an event's session with D1 begins, and what it leaves to later events. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bookmarkHeaders, openSession } from "../internal/d1/session.mjs";

const mark = (n) => `${n.toString(16).padStart(8, "0")}-00000001-00004c6d-${"a".repeat(32)}`;

/** A D1 whose sessions answer with the bookmark of moment 7, or a later one that they began with. */
class FakeD1 {
  starts = [];
  withSession(start) {
    this.starts.push(start);
    if (start === mark(99)) start = { refused: true };
    let bookmark = null;
    const answer = async () => {
      if (start.refused) throw new Error("D1_ERROR: unknown bookmark");
      bookmark = !start.startsWith("first-") && start > mark(7) ? start : mark(7);
      return [];
    };
    const statement = { bind: () => statement, raw: answer };
    return { prepare: () => statement, batch: answer, getBookmark: () => bookmark };
  }
}

function scopeOf({ method = "GET", headers = {}, state = "ready", pinned = null, on = "1" } = {}) {
  const database = new FakeD1();
  const scope = { env: { APP_DB: database, POCKETFLARE_D1_SESSIONS: on }, runtime: { state, pinned }, databases: new Map() };
  scope.request = new Request("https://example.com/api/records", { method, headers });
  const session = openSession(scope, "APP_DB");
  scope.databases.set("APP_DB", { session });
  return { scope, session, starts: database.starts };
}

const header = (text) => ({ "X-Pocketflare-Bookmark": text });

describe("a session", () => {
  for (const [what, options, start] of [
    ["anywhere", {}, "first-unconstrained"],
    ["at the primary of a request that may write", { method: "POST", headers: header(mark(3)) }, "first-primary"],
    ["at the primary during a boot", { state: "booting" }, "first-primary"],
    ["at the client's bookmark", { headers: header(mark(3)) }, mark(3)],
    ["at the cookie's", { headers: { Cookie: `a=1; pf_bookmark=${mark(4)}` } }, mark(4)],
    ["at the later of both", { headers: { ...header(mark(5)), Cookie: `pf_bookmark=${mark(4)}` } }, mark(5)],
    ["not before what is in memory", { headers: header(mark(3)), pinned: mark(6) }, mark(6)],
    ["after it if the client has seen more", { headers: header(mark(8)), pinned: mark(6) }, mark(8)],
    ["at the primary if the bookmark is none", { headers: header("nonsense"), pinned: mark(6) }, "first-primary"],
    ["at the primary if it names a constraint", { headers: header("first-unconstrained") }, "first-primary"],
  ]) {
    test(`begins ${what}`, () => assert.deepEqual(scopeOf(options).starts, [start]));
  }

  test("is not there where it is not asked for, and of no other database", () => {
    assert.equal(scopeOf({ on: "0" }).session, null);
    assert.equal(openSession({ env: { LOGS_DB: new FakeD1(), POCKETFLARE_D1_SESSIONS: "1" } }, "LOGS_DB"), null);
  });

  test("goes to the primary once", () => {
    const { session, starts } = scopeOf({ headers: header(mark(3)) });
    session.usePrimary();
    session.usePrimary();
    assert.deepEqual(starts, [mark(3), "first-primary"]);
  });

  test("asks the primary where D1 does not know the client's bookmark", async () => {
    const { session, starts } = scopeOf({ headers: header(mark(99)) });
    await session.prepare("SELECT 1").raw();
    assert.deepEqual(starts, [mark(99), "first-primary"]);
    assert.equal(session.bookmark, mark(7));
  });

  test("pins what the primary has said, not what a client claims", async () => {
    const { scope, session } = scopeOf({ headers: header(mark(50)), pinned: mark(2) });
    session.usePrimary();
    await session.batch([session.prepare("SELECT 1")]);
    session.pin();
    assert.equal(scope.runtime.pinned, mark(7));
  });

  test("tells its bookmark when it has one", async () => {
    const { scope, session } = scopeOf();
    assert.deepEqual(bookmarkHeaders(scope), []);
    await session.prepare("SELECT 1").raw();
    assert.deepEqual(bookmarkHeaders(scope), [
      ["X-Pocketflare-Bookmark", mark(7)],
      ["Access-Control-Expose-Headers", "X-Pocketflare-Bookmark"],
      ["Set-Cookie", `pf_bookmark=${mark(7)}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure`],
    ]);
  });
});
