/** R2 that fails: a clear error, and the bucket holds exactly what the database names. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, keys, named } from "../support/files.mjs";

const STEPS = Number(process.env.FILES_STEPS ?? 60);
const SEED = Number(process.env.FILES_SEED ?? 1);
const METHODS = ["put", "get", "head", "list", "createMultipartUpload", "uploadPart", "complete"];

describe("R2 that fails", () => {
  let target;
  let documents;
  before(async () => {
    target = await startWorker({ entry: "test/entries/unreliable-r2.mjs" });
    await createDocuments(await target.admin());
    documents = target.client().collection("documents");
  });
  after(() => target?.stop());

  const faults = async (options) => (await fetch(`${target.url}/r2/faults`, { method: "POST", body: JSON.stringify(options) })).json();
  const stored = async () => {
    const records = await documents.getFullList();
    const expected = records.flatMap((record) => named(record)).sort();
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
    return records;
  };

  test("an upload is a 503 that says so, and stores nothing", async () => {
    await faults({ rate: 1, methods: ["put"] });
    await assert.rejects(documents.create({ one: file("a.txt") }), (error) => {
      assert.equal(error.status, 503);
      assert.match(error.response.message, /^The file storage cannot be reached/);
      return true;
    });
    assert.equal((await faults({ rate: 0, methods: [] })).failed, 3);
    assert.deepEqual(await stored(), []);
  });

  test("a download is a 503 that says so", async () => {
    const record = await documents.create({ one: file("a.txt") });
    await faults({ rate: 1, methods: ["get"] });
    const response = await fetch(target.client().files.getURL(record, record.one));
    assert.equal(response.status, 503);
    assert.match((await response.json()).message, /^The file storage cannot be reached/);
    await faults({ rate: 0, methods: [] });
    await documents.delete(record.id);
  });

  test(`${STEPS} random steps with faults and hang-ups (seed ${SEED})`, { timeout: 300_000 }, async () => {
    let state = SEED;
    const random = (n) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    const content = () => file(`f${random(1000)}.bin`, bytes([10, 3000, 300_000, 7 * MEBIBYTE, 14 * MEBIBYTE][random(5)], random(99) + 1));
    let records = [];
    let failures = 0;
    const hangUp = async () => {
      const outgoing = request(`${await target.directUrl()}/api/collections/documents/records`, {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=x", "content-length": 40 * MEBIBYTE },
      });
      const closed = new Promise((resolve) => outgoing.on("error", resolve));
      outgoing.write('--x\r\ncontent-disposition: form-data; name="one"; filename="a.bin"\r\n\r\n');
      outgoing.write(bytes((1 + random(15)) * MEBIBYTE));
      await new Promise((resolve) => setTimeout(resolve, random(100)));
      outgoing.socket.resetAndDestroy();
      await closed;
    };
    const steps = [
      () => documents.create({ title: `t${random(9)}`, one: content(), many: [content()] }),
      () => documents.create({ title: "x".repeat(51), one: content() }),
      (record) => record && documents.update(record.id, { one: content() }),
      (record) => record && documents.update(record.id, { "many+": content() }),
      (record) => record?.many.length && documents.update(record.id, { "many-": record.many[0] }),
      (record) => record && documents.update(record.id, { one: null }),
      (record) => record && documents.delete(record.id),
      hangUp,
    ];
    for (let i = 0; i < STEPS; i++) {
      await faults({ rate: random(3) === 0 ? 0.25 : 0, seed: random(1e6), methods: METHODS });
      const step = steps[random(steps.length)];
      try {
        await step(records[random(records.length || 1)]);
      } catch (error) {
        failures++;
        assert.ok([400, 503].includes(error.status), `step ${i}: ${error.status} ${JSON.stringify(error.response)}`);
      }
      await faults({ rate: 0, methods: [] });
      records = await stored();
    }
    assert.ok(failures > 0);
  });
});
