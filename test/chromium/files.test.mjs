/** Files of a record as the admin UI uploads, shows, replaces and deletes them; what is in the bucket after each step. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";

import { ADMIN, suite } from "../harness.mjs";
import { eventually as settled, keys } from "../support/files.mjs";
import { animation, picture } from "../support/images.mjs";
import * as ui from "./admin-ui.mjs";
import { click, eventually, part } from "./page.mjs";
import { story } from "./story.mjs";

const ROWS = part("recordsListTable");
const RECORD = part("recordUpsertModal");

const IMAGES = {
  "beach.jpg": () => picture(1200, 800).jpeg().toBuffer(),
  "upright.jpg": () => picture(600, 900).tint("#c04040").jpeg().toBuffer(),
  "drawing.png": () => picture(300, 300, { alpha: true }).png().toBuffer(),
  "modern.webp": () => picture(500, 200).webp().toBuffer(),
  "moving.gif": () => animation("gif", 200, 160),
};

suite("admin UI: files", {}, (on) => {
  const step = story(on, "admin-ui-files");
  let directory;
  before(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), "pictures-"));
    for (const [name, make] of Object.entries(IMAGES)) await writeFile(path.join(directory, name), await make());
  });
  after(() => rm(directory, { recursive: true, force: true }));
  const picturePath = (name) => path.join(directory, name);

  const records = async (target) => (await target.admin()).collection("album").getFullList({ sort: "created" });

  /** The bucket holds what the records name, and thumbs of that alone; those of `shown` were made. */
  async function checkBucket(target, shown) {
    if (target.kind !== "worker") return;
    const expected = (await records(target)).flatMap((record) =>
      [record.cover, ...record.gallery].filter(Boolean).flatMap((name) => {
        const place = `${record.collectionId}/${record.id}`;
        return shown.includes(name) ? [`${place}/${name}`, `${place}/thumbs_${name}/100x100_${name}`] : [`${place}/${name}`];
      }),
    );
    assert.deepEqual(await settled(async () => (await keys(target)).sort(), expected.sort()), expected.sort());
  }

  step("an image is uploaded and its thumb is shown", async ({ target, page, shoot }) => {
    await page.goto(`${target.url}/_/`);
    await ui.login(page, ADMIN);
    await page.waitForSelector(part("pageCollections"));
    await ui.openCollection(page, "users"); // once it is listed, the UI knows what new collections are made of
    await ui.fillNewCollection(page, "album", [
      { type: "Plain text", name: "title" },
      { type: "File", name: "cover" },
      { type: "File", name: "gallery", multiple: true },
    ]);
    await ui.saveNewCollection(page, "album");
    await ui.fillNewRecord(page, { title: ["text", "Holidays"], cover: ["file", picturePath("beach.jpg")] });
    await ui.thumbs(page, RECORD, 1); // the browser's own, before anything is uploaded
    await shoot("before-upload");
    await ui.saveRecord(page);

    const [{ url, width, height }] = await ui.thumbs(page, ROWS, 1);
    assert.match(url, /beach_\w+\.jpg\?(token=[^&]*&)?thumb=100x100/);
    assert.deepEqual([width, height], [100, 100]);
    await shoot("uploaded");
    const [record] = await records(target);
    assert.match(record.cover, /^beach_\w{10}\.jpg$/);
    await checkBucket(target, [record.cover]);
  });

  step("it is replaced by another", async ({ target, page, shoot }) => {
    const [{ cover: replaced }] = await records(target);
    await ui.openRecord(page, "Holidays");
    await ui.removeFile(page, "cover");
    await ui.fillRecord(page, { cover: ["file", picturePath("upright.jpg")] });
    await shoot("replacing");
    await ui.saveRecord(page);

    await eventually(async () => {
      const [{ url }] = await ui.thumbs(page, ROWS, 1);
      assert.match(url, /upright_/);
    });
    await shoot("replaced");
    const [record] = await records(target);
    assert.notEqual(record.cover, replaced);
    await checkBucket(target, [record.cover]);
  });

  step("images of all kinds are added, and one of them is removed", async ({ target, page, shoot }) => {
    await ui.openRecord(page, "Holidays");
    await ui.fillRecord(page, { gallery: ["file", ["drawing.png", "modern.webp", "moving.gif"].map(picturePath)] });
    await ui.saveRecord(page);
    assert.equal((await ui.thumbs(page, ROWS, 4)).length, 4);
    await shoot("all-kinds");
    let [record] = await records(target);
    await checkBucket(target, [record.cover, ...record.gallery]);

    await ui.openRecord(page, "Holidays");
    await ui.thumbs(page, RECORD, 4);
    await ui.removeFile(page, "gallery", 1);
    await shoot("removing");
    await ui.saveRecord(page);
    await ui.thumbs(page, ROWS, 3);
    [record] = await records(target);
    assert.deepEqual(record.gallery.map((name) => name.replace(/_\w+\./, ".")), ["drawing.png", "moving.gif"]);
    await checkBucket(target, [record.cover, ...record.gallery]);
  });

  step("a thumb opens the image", async ({ page, shoot }) => {
    await click(page, `${ROWS} td[data-name="cover"] .thumb`);
    await page.waitForFunction(() => [...document.querySelectorAll("img")].some((image) => image.naturalWidth === 600 && image.naturalHeight === 900));
    await shoot("preview");
    await page.keyboard.press("Escape");
  });

  step("the record is deleted with all of them", async ({ target, page, shoot }) => {
    await ui.openRecord(page, "Holidays");
    await ui.deleteOpenRecord(page);
    await eventually(async () => assert.deepEqual(await ui.rows(page), []));
    await shoot("deleted");
    assert.deepEqual(await records(target), []);
    await checkBucket(target, []);
  });
});
