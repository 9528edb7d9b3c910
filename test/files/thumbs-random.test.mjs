/**
 * Thumbs while their images are replaced and deleted in another isolate and R2 fails: in the end the bucket holds the images that the records
 * name and thumbs of these. THUMBS_STEPS and THUMBS_SEED ask for other steps.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startWorker } from "../harness.mjs";
import { createDocuments, eventually, file, keys, named } from "../support/files.mjs";
import { picture, sharp } from "../support/images.mjs";

const STEPS = Number(process.env.THUMBS_STEPS ?? 40);
const SEED = Number(process.env.THUMBS_SEED ?? 1);
const SIZES = { "100x100": [100, 100], "10x20": [10, 20], "15x15f": [15, 11], "0x12": [16, 12], "12x0": [12, 9] };

for (const binding of [false, true]) {
  describe(`random steps, thumbs by ${binding ? "IMAGES" : "Go"} (seed ${SEED})`, () => {
    let target;
    before(async () => {
      const configure = (options) => (binding ? { ...options, images: { binding: "IMAGES" } } : options);
      target = await startWorker({ entry: "test/entries/unreliable-r2.mjs", isolates: 2, configure });
      await createDocuments(await target.admin());
    });
    after(() => target?.stop());

    const faults = async (rate, seed) => {
      const body = JSON.stringify({ rate, seed, methods: ["put", "get", "head"] });
      for (const url of target.urls) await fetch(`${url}/r2/faults`, { method: "POST", body });
    };

    test(`${STEPS} steps`, { timeout: 240_000 }, async (t) => {
      let state = SEED;
      const random = (n) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return (state >>> 8) % n;
      };
      const images = [await picture(400, 300).jpeg().toBuffer(), await picture(400, 300).png().toBuffer(), await picture(400, 300).webp().toBuffer()];
      const content = () => file("image", images[random(images.length)]);
      const documents = () => target.client(random(2)).collection("documents");
      const seen = { thumbs: 0, others: 0, failures: 0 };

      const ask = async (record, size) => {
        const response = await fetch(`${target.urls[random(2)]}/api/files/documents/${record.id}/${record.one}?thumb=${size}`);
        const body = Buffer.from(await response.arrayBuffer());
        if (!response.ok) {
          assert.ok([404, 503].includes(response.status), `${response.status} ${body}`);
          seen.others++;
          return;
        }
        const { width, height } = await sharp(body).metadata();
        const whole = images.some((image) => image.equals(body)); // when R2 has failed
        if (!whole) assert.deepEqual([width, height], SIZES[size]);
        seen[whole ? "others" : "thumbs"]++;
      };
      const change = async (run) => {
        try {
          await run();
        } catch (error) {
          seen.failures++;
          assert.ok([400, 404, 503].includes(error.status), `${error.status} ${JSON.stringify(error.response)}`);
        }
      };

      for (let i = 0; i < STEPS; i++) {
        await faults(random(3) === 0 ? 0.15 : 0, random(1e6));
        const records = [];
        await change(async () => records.push(await documents().create({ one: content() })));
        for (const record of records) {
          const asked = Array.from({ length: 6 }, () => ask(record, Object.keys(SIZES)[random(5)]));
          await new Promise((resolve) => setTimeout(resolve, random(binding ? 400 : 80)));
          const changes = [
            () => documents().delete(record.id),
            () => documents().update(record.id, { one: content() }),
            () => documents().update(record.id, { one: null }),
          ];
          await change(changes[random(changes.length)]);
          await Promise.all(asked);
        }
      }
      await faults(0);
      t.diagnostic(JSON.stringify(seen));

      const records = await target.client().collection("documents").getFullList();
      const stored = records.flatMap((record) => named(record));
      const stray = async () => {
        const found = await keys(target);
        const missing = stored.filter((key) => !found.includes(key));
        const left = found.filter((key) => !stored.includes(key) && !stored.includes(key.replace(/thumbs_([^/]+)\/[^/]+$/, "$1")));
        return { missing, left };
      };
      assert.deepEqual(await eventually(stray, { missing: [], left: [] }), { missing: [], left: [] });
      assert.ok(seen.thumbs > STEPS / 2 && seen.others > 0, JSON.stringify(seen));
    });
  });
}
