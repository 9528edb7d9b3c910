/** Thumbs: the dimensions that stock PocketBase makes, made once, and never of an image that would not fit into memory. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";

import { startBoth } from "../harness.mjs";
import { createDocuments, file, keys, memory } from "../support/files.mjs";

/** A picture of one byte for each pixel. `claim` is the height that its header tells. */
function png(width, height, claim = height) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(claim, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height, 90);
  for (let y = 0; y < height; y++) rows[y * (width + 1)] = 0;
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

const SIZES = ["100x100", "10x20", "20x10t", "20x10b", "15x15f", "0x12", "12x0"];

describe("thumbs", () => {
  let stock;
  let worker;
  before(async () => {
    [stock, worker] = await startBoth();
    for (const target of [stock, worker]) await createDocuments(await target.admin());
  });
  after(() => Promise.all([stock?.stop(), worker?.stop()]));

  const create = (target, content) => target.client().collection("documents").create({ one: file("picture.png", content) });
  const thumb = async (target, record, size) => {
    const response = await fetch(target.client().files.getURL(record, record.one, { thumb: size }));
    const body = Buffer.from(await response.arrayBuffer());
    return { status: response.status, type: response.headers.get("content-type"), width: body.readUInt32BE(16), height: body.readUInt32BE(20), body };
  };

  test("all forms have the same dimensions and bytes", async () => {
    const records = [await create(stock, png(90, 60)), await create(worker, png(90, 60))];
    for (const size of SIZES) assert.deepEqual(await thumb(worker, records[1], size), await thumb(stock, records[0], size), size);
    assert.deepEqual((await keys(worker)).filter((key) => key.includes("/thumbs_")).length, SIZES.length);
    await worker.client().collection("documents").delete(records[1].id);
  });

  test("fifty clients at once get one thumb", async () => {
    const record = await create(worker, png(1000, 800));
    const answers = await Promise.all(Array.from({ length: 50 }, () => thumb(worker, record, "10x20")));
    for (const { status, width, height } of answers) assert.deepEqual([status, width, height], [200, 10, 20]);
  });

  test("an image that is too large is served whole", async () => {
    const bomb = png(30000, 10, 30000);
    const record = await create(worker, bomb);
    const { status, body } = await thumb(worker, record, "100x100");
    assert.equal(status, 200);
    assert.ok(body.equals(bomb));
    assert.ok((await memory(worker)) < 60);
  });
});
