/** Reads of one turn that travel as one batch, on a binding that tells what it was asked. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ReadQueue } from "../internal/d1/reads.mjs";

/** A binding that answers each text from a table and gives rows as D1 does: raw() as arrays, batch() as objects. */
class FakeD1 {
  calls = [];

  /** @param {Record<string, { columns: string[], rows: unknown[][] } | Error>} answers */
  constructor(answers) {
    this.answers = answers;
  }

  prepare(sql) {
    const raw = async () => {
      this.calls.push([sql]);
      const { columns, rows } = this.#answer(sql);
      return [columns, ...rows];
    };
    return { sql, raw };
  }

  async batch(statements) {
    this.calls.push(statements.map(({ sql }) => sql));
    return statements.map(({ sql }) => {
      const { columns, rows } = this.#answer(sql);
      return { results: rows.map((row) => Object.fromEntries(row.map((cell, i) => [columns[i], cell]))) };
    });
  }

  #answer(sql) {
    if (this.answers[sql] instanceof Error) throw this.answers[sql];
    return this.answers[sql];
  }
}

/** Asks for texts in one turn; the shape of each is its length, so that "a 1" and "a 2" have the same. */
function ask(queue, database, ...texts) {
  return Promise.allSettled(texts.map((sql) => queue.add(database.prepare(sql), sql.length)));
}

function queueOn(answers) {
  const database = new FakeD1(answers);
  const stats = { d1Calls: 0, d1Statements: 0, d1Milliseconds: 0 };
  return { database, stats, queue: new ReadQueue(database, stats) };
}

const ONE = { columns: ["id", "title"], rows: [["a", 1], ["b", null]] };
const COUNT = { columns: ["count(*)"], rows: [[2]] };
const NONE = { columns: ["id"], rows: [] };

describe("reads of one turn", () => {
  test("go together once their columns are known", async () => {
    const { database, stats, queue } = queueOn({ one: ONE, count: COUNT, nothing: NONE });
    const first = await ask(queue, database, "one", "count", "nothing");
    assert.deepEqual(database.calls, [["one"], ["count"], ["nothing"]]);
    const second = await ask(queue, database, "one", "count", "nothing");
    assert.deepEqual(database.calls.slice(3), [["one", "count", "nothing"]]);
    assert.deepEqual(second, first);
    assert.deepEqual(second.map(({ value }) => value), [ONE, COUNT, NONE]);
    assert.deepEqual([stats.d1Calls, stats.d1Statements], [4, 6]);
  });

  test("those of another turn go by themselves", async () => {
    const { database, queue } = queueOn({ one: ONE, count: COUNT });
    await ask(queue, database, "one", "count");
    await ask(queue, database, "one");
    await ask(queue, database, "count");
    assert.deepEqual(database.calls.slice(2), [["one"], ["count"]]);
  });

  test("one whose columns are not known goes beside the others", async () => {
    const { database, queue } = queueOn({ one: ONE, count: COUNT, another: NONE });
    await ask(queue, database, "one", "count");
    await ask(queue, database, "one", "another", "count");
    assert.deepEqual(database.calls.slice(2), [["one", "count"], ["another"]]);
  });

  test("names that an object loses keep a read apart", async () => {
    for (const columns of [["a", "a"], ["b", "1"], ["__proto__", "a"]]) {
      const odd = { columns, rows: [[1, 2]] };
      const { database, queue } = queueOn({ odd, one2: ONE, count: COUNT });
      await ask(queue, database, "odd", "one2", "count");
      const [{ value }] = await ask(queue, database, "odd", "one2", "count");
      assert.deepEqual(database.calls.slice(3), [["one2", "count"], ["odd"]]);
      assert.deepEqual(value, odd);
    }
  });

  test("an error stays at its own statement", async () => {
    const { database, queue } = queueOn({ one: ONE, count: COUNT, nothing: NONE });
    await ask(queue, database, "one", "count", "nothing");
    database.answers.count = new Error("D1_ERROR: malformed JSON: SQLITE_ERROR");
    const [one, count, nothing] = await ask(queue, database, "one", "count", "nothing");
    assert.deepEqual([one.value, nothing.value], [ONE, NONE]);
    assert.equal(count.reason, database.answers.count);
    assert.deepEqual(database.calls.slice(3), [["one", "count", "nothing"], ["one"], ["count"], ["nothing"]]);
  });

  test("an error of the platform is everyone's", async () => {
    const { database, queue } = queueOn({ one: ONE, count: COUNT });
    await ask(queue, database, "one", "count");
    database.answers.one = new Error("D1_ERROR: Network connection lost.");
    const both = await ask(queue, database, "one", "count");
    assert.deepEqual(both.map(({ reason }) => reason), [database.answers.one, database.answers.one]);
    assert.equal(database.calls.length, 3);
  });

  test("other columns than remembered are asked for again", async () => {
    const { database, queue } = queueOn({ one: ONE, count: COUNT });
    await ask(queue, database, "one", "count");
    database.answers.one = { columns: ["id", "title", "added"], rows: [["a", 1, 2]] };
    const [{ value }] = await ask(queue, database, "one", "count");
    assert.deepEqual(value, database.answers.one);
    const [again] = await ask(queue, database, "one", "count");
    assert.deepEqual(again.value, database.answers.one);
    assert.deepEqual(database.calls.slice(2), [["one", "count"], ["one"], ["one", "count"]]);
  });
});
