/** Reads that are sent ahead because they have followed before. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Course, Habits } from "../internal/d1/habits.mjs";

const id = (letter) => letter.repeat(15);
const USER = "SELECT user WHERE id=?";
const POST = "SELECT post WHERE id=?";
const RULE = "SELECT rule WHERE name=?";

describe("reads of requests of one kind", () => {
  let habits;
  beforeEach(() => (habits = new Habits()));

  /** Runs an event that asks for [sql, ...params] one after the other; what was sent along with its first read. */
  function run(reads, { url = "http://x/api/posts", shape = 7, fail = false } = {}) {
    const course = new Course(habits, { method: "GET", url });
    const sent = reads.map(([sql, ...params]) => course.take({ sql, params }, shape));
    course.end();
    if (fail) for (const { failed } of sent[0]) failed();
    assert.ok(sent.slice(1).every((list) => list.length === 0));
    return sent[0].map(({ query }) => [query.sql, ...query.params]);
  }

  const view = (user, post) => run([[USER, user], [POST, post]], { url: `http://x/api/posts/${post}?a=1` });

  test("are sent along once they were sure", () => {
    assert.deepEqual([view("u", id("a")), view("v", id("b")), view("w", id("c"))], [[], [], []]);
    assert.deepEqual(view("z", id("d")), [[POST, id("d")]]);
  });

  test("may use what the first read was given", () => {
    for (const user of ["a", "b", "c"]) run([[USER, user], [RULE, user]]);
    assert.deepEqual(run([[USER, "d"], [RULE, "d"]]), [[RULE, "d"]]);
  });

  test("are not sent if they depend on something else", () => {
    for (const [i, user] of ["a", "b", "c", "d"].entries()) assert.deepEqual(run([[USER, user], [RULE, `x${i}`]]), []);
  });

  test("are not sent if they come after one that is not", () => {
    for (const [i, user] of ["a", "b", "c", "d"].entries()) assert.deepEqual(run([[USER, user], [RULE, `x${i}`], [POST, "p"]]), []);
  });

  test("are not sent for a while after they were sent in vain", () => {
    for (let i = 0; i < 3; i++) run([[USER, "a"], [RULE, "b"]]);
    assert.deepEqual(run([[USER, "a"]]), [[RULE, "b"]]);
    assert.deepEqual(run([[USER, "a"], [RULE, "b"]]), []);
    run([[USER, "a"], [RULE, "b"]]);
    assert.deepEqual(run([[USER, "a"], [RULE, "b"]]), [[RULE, "b"]]);
  });

  test("are never sent again after they have failed", () => {
    for (let i = 0; i < 3; i++) run([[USER, "a"], [RULE, "b"]]);
    run([[USER, "a"], [RULE, "b"]], { fail: true });
    for (let i = 0; i < 5; i++) assert.deepEqual(run([[USER, "a"], [RULE, "b"]]), []);
  });

  test("are told apart by path, query and first read, not by ids", () => {
    for (let i = 0; i < 3; i++) view("u", id("a"));
    assert.deepEqual(run([[USER, "u"]], { url: `http://x/api/posts/${id("b")}?a=2` }), []);
    assert.deepEqual(run([[RULE, "u"]], { url: `http://x/api/posts/${id("b")}?a=1` }), []);
    assert.deepEqual(run([[USER, "u"]], { url: `http://x/api/posts/${id("b")}?a=1` }), [[POST, id("b")]]);
  });

  test("are forgotten when the schema changes", () => {
    for (let i = 0; i < 3; i++) run([[USER, "a"], [RULE, "b"]]);
    assert.deepEqual(run([[USER, "a"]], { shape: 9 }), []);
  });

  test("count once if they are repeated", () => {
    for (let i = 0; i < 3; i++) run([[USER, "a"], [USER, "a"], [RULE, "b"], [USER, "a"]]);
    assert.deepEqual(run([[USER, "a"]]), [[RULE, "b"]]);
  });

  test("are not learned of events without a request", () => {
    const course = new Course(habits, undefined);
    assert.deepEqual(course.take({ sql: USER, params: [] }, 1), []);
    course.end();
  });
});
