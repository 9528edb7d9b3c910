/** Reads that an event does not send twice. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";

import { Memory, noteWrite } from "../internal/d1/memory.mjs";

const QUERY = { sql: "SELECT ?", params: ["a"] };

describe("an answer", () => {
  let memory, asked, clock;
  const ask = async (query = QUERY, size = 10) => {
    await memory.answer(query, async () => {
      asked++;
      return new Uint8Array(size);
    });
    return asked;
  };
  beforeEach(() => {
    clock = mock.method(performance, "now", () => 1000); // a moment that passes while a test runs would have an answer asked for again
    memory = new Memory("DB");
    asked = 0;
  });
  afterEach(() => clock.mock.restore());

  test("is used again", async () => {
    assert.deepEqual([await ask(), await ask(), await ask()], [1, 1, 1]);
  });

  test("is shared by those who ask at the same time", async () => {
    await Promise.all([ask(), ask()]);
    assert.equal(asked, 1);
  });

  test("is of its own parameters, and of their types", async () => {
    for (const params of [[], ["1"], [1], [null], [new Uint8Array([1])], ["1", "1"], ["1,1"]]) await ask({ sql: "SELECT ?", params });
    assert.equal(asked, 7);
  });

  for (const [what, happen] of [
    ["a write has started or ended", () => noteWrite("DB")],
    ["it is to be forgotten", () => memory.forget()],
  ]) {
    test(`is not used when ${what}`, async () => {
      await ask();
      happen();
      assert.equal(await ask(), 2);
    });
  }

  test("is used when another database was written to", async () => {
    await ask();
    noteWrite("OTHER");
    assert.equal(await ask(), 1);
  });

  test("that is on its way when a write starts is not used", async () => {
    const { promise, resolve } = Promise.withResolvers();
    const first = memory.answer(QUERY, () => promise);
    noteWrite("DB");
    assert.equal(await ask(), 1);
    resolve(new Uint8Array(1));
    await first;
    assert.equal(await ask(), 1);
  });

  test("is not used when a moment has passed", async () => {
    await ask();
    clock.mock.mockImplementation(() => 1249);
    assert.equal(await ask(), 1);
    clock.mock.mockImplementation(() => 1250);
    assert.equal(await ask(), 2);
  });

  test("is asked for again after some uses, though the clock stands still", async () => {
    for (let i = 0; i < 17; i++) assert.equal(await ask(), 1);
    assert.equal(await ask(), 2);
  });

  test("that is large is not kept", async () => {
    await ask(QUERY, 65_537);
    assert.equal(await ask(QUERY, 65_536), 2);
    assert.equal(await ask(), 2);
  });

  test("that failed is asked for again", async () => {
    await assert.rejects(memory.answer(QUERY, () => Promise.reject(new Error("lost"))), /lost/);
    assert.equal(await ask(), 1);
  });

  test("makes way when there are many", async () => {
    for (let i = 0; i < 33; i++) await ask({ sql: `SELECT ${i}`, params: [] });
    assert.equal(await ask({ sql: "SELECT 32", params: [] }), 33);
    assert.equal(await ask({ sql: "SELECT 0", params: [] }), 34);
  });
});
