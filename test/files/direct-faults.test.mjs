/** Direct uploads and copies while R2's S3 API fails, before or after it has done what it was asked: the bucket holds what the database names. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { createRecord, updateRecord } from "../../docs/direct-upload.mjs";
import { startWorker } from "../harness.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, keys, named } from "../support/files.mjs";
import { Door, FakeS3 } from "../support/s3.mjs";

const STEPS = Number(process.env.FILES_STEPS ?? 30);
const SEED = Number(process.env.FILES_SEED ?? 1);

describe("direct uploads with faults", () => {
  let s3;
  let target;
  let documents;
  before(async () => {
    s3 = await FakeS3.start();
    target = await startWorker({ entry: "test/entries/r2-door.mjs", vars: s3.settings });
    s3.bucket = new Door(target.url);
    await createDocuments(await target.admin());
    documents = target.client().collection("documents");
  });
  after(async () => {
    await target?.stop();
    await s3.stop();
  });

  test(`${STEPS} random steps (seed ${SEED})`, { timeout: 300_000 }, async () => {
    let state = SEED;
    const random = (n) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    const content = () => file(`f${random(1000)}.bin`, bytes([10, 70_000, 9 * MEBIBYTE, 17 * MEBIBYTE][random(4)], random(99) + 1));
    const client = target.client();
    const options = { min: 1, attempts: 2 };
    const steps = [
      () => createRecord(client, "documents", { title: `t${random(9)}`, one: content(), many: [content(), content()] }, options),
      () => createRecord(client, "documents", { title: "x".repeat(51), one: content() }, options),
      () => createRecord(client, "documents", { one: content() }, { ...options, signal: AbortSignal.timeout(random(300)) }),
      (record) => record && updateRecord(client, "documents", record.id, { one: content() }, options),
      (record) => record && updateRecord(client, "documents", record.id, { "many+": [content()] }, options),
      (record) => record && documents.update(record.id, { one: null }),
      (record) => record && documents.delete(record.id),
    ];
    let records = [];
    let failures = 0;
    for (let i = 0; i < STEPS; i++) {
      const rate = random(2) === 0 ? 5 : 0;
      s3.fault = () => (rate > 0 && random(rate) === 0 ? 500 : undefined);
      s3.lose = () => rate > 0 && random(2 * rate) === 0;
      try {
        await steps[random(steps.length)](records[random(records.length || 1)]);
      } catch (error) {
        failures++;
        const told = [0, 400, 500, 503].includes(error.status) || ["AbortError", "TimeoutError"].includes(error.name);
        assert.ok(told, `step ${i}: ${error.stack} ${JSON.stringify(error.response)}`);
      }
      s3.fault = () => undefined;
      s3.lose = () => false;
      const difference = async () => {
        records = await documents.getFullList(); // what a client has hung up on may still be stored
        const stored = (await keys(target)).filter((key) => !key.startsWith(".pocketflare/staging/"));
        const expected = new Set(records.flatMap((record) => named(record)));
        return [...new Set(stored).symmetricDifference(expected)];
      };
      assert.deepEqual(await eventually(difference, []), [], `step ${i}`);
    }
    assert.ok(failures > 0);
    for (const record of records) {
      for (const name of [record.one, ...record.many].filter(Boolean)) {
        const { size } = await s3.bucket.head(`${record.collectionId}/${record.id}/${name}`);
        assert.ok([10, 70_000, 9 * MEBIBYTE, 17 * MEBIBYTE].includes(size));
      }
    }
    // What is incomplete is staged, and swept one day: nothing of a record's.
    assert.ok(s3.incomplete.every((key) => key.startsWith(".pocketflare/staging/")), String(s3.incomplete));
  });
});
