/** Collections as the admin UI imports, converts, empties and deletes them, and what it shows when it is refused. */
import assert from "node:assert/strict";
import path from "node:path";

import { ADMIN, ROOT, suite } from "../harness.mjs";
import * as ui from "./admin-ui.mjs";
import { eventually, expectToast, part, press } from "./page.mjs";
import { story } from "./story.mjs";

const RECORD = part("recordUpsertModal");

const BOOKS = {
  id: "pbc_1234567890",
  name: "books",
  type: "base",
  fields: [
    {
      id: "text3208210256", name: "id", type: "text", system: true, primaryKey: true, required: true,
      min: 15, max: 15, pattern: "^[a-z0-9]+$", autogeneratePattern: "[a-z0-9]{15}",
    },
    { id: "text1000000001", name: "title", type: "text" },
    { id: "number10000001", name: "pages", type: "number" },
  ],
  indexes: ["CREATE UNIQUE INDEX idx_books_title ON books (title)"],
};

suite("admin UI: collections", {}, (on) => {
  const step = story(on, "admin-ui-collections");

  step("a collection is imported", async ({ target, page, shoot }) => {
    await page.goto(`${target.url}/_/`);
    await ui.login(page, ADMIN);
    await page.waitForSelector(part("pageCollections"));
    await ui.reviewImport(page, [BOOKS]);
    await shoot("review");
    await press(page, "Confirm and import");
    await expectToast(page, "Successfully imported collections configuration.");

    const admin = await target.admin();
    const { indexes, fields } = await admin.collections.getOne("books");
    assert.equal(indexes.length, 1);
    assert.deepEqual(fields.map(({ name }) => name), ["id", "title", "pages"]);
  });

  step("a value that must be unique is refused at its field", async ({ page, shoot }) => {
    await ui.openCollection(page, "books");
    for (const title of ["One", "Two"]) {
      await ui.fillNewRecord(page, { title: ["text", title], pages: ["number", 100] });
      await ui.saveRecord(page);
    }
    await ui.fillNewRecord(page, { title: ["text", "Two"] });
    await press(page, "Create", RECORD);
    await page.waitForSelector(`${RECORD} .field-type-text ::-p-text(Value must be unique)`);
    await expectToast(page, "Failed to create record.");
    await shoot("not-unique");
    await ui.fillRecord(page, { title: ["text", "Three"] });
    await ui.saveRecord(page);
    await eventually(async () => assert.equal((await ui.rows(page)).length, 3));
  }, { expected: ["POST /api/collections/books/records answered 400"] });

  step("a field is renamed and keeps its values", async ({ target, page, shoot }) => {
    await ui.renameField(page, "pages", "length");
    await ui.saveRiskyChanges(page, "books");
    await eventually(async () => assert.deepEqual((await ui.rows(page)).map(({ length }) => length), ["0", "100", "100"]));
    await shoot("renamed-field");

    const admin = await target.admin();
    assert.equal((await admin.collection("books").getFirstListItem('title = "One"')).length, 100);
  });

  step("a view collection shows what its query gives", async ({ target, page, shoot }) => {
    await ui.createView(page, "lengths", "SELECT id, title, (length * 2) AS twice FROM books WHERE length > 0");
    await eventually(async () => assert.deepEqual((await ui.rows(page)).map(({ twice }) => twice), ["200", "200"]));
    await shoot("view");

    const admin = await target.admin();
    const { items } = await admin.collection("lengths").getList(1, 10, { sort: "title", fields: "title,twice" });
    assert.deepEqual(items, [{ title: "One", twice: 200 }, { title: "Two", twice: 200 }]);
  });

  step("a collection is emptied, and deleted once no view needs it", async ({ target, page, shoot }) => {
    await ui.openCollection(page, "books");
    await ui.emptyOrDeleteCollection(page, "Truncate", "books");
    await page.waitForSelector("::-p-text(No records found.)");
    await ui.openCollection(page, "lengths");
    await ui.emptyOrDeleteCollection(page, "Delete", "lengths");
    await ui.openCollection(page, "books");
    await ui.emptyOrDeleteCollection(page, "Delete", "books");
    await eventually(async () => assert.equal(await page.$('.nav-item[title="books"]'), null));
    await shoot("deleted");

    const admin = await target.admin();
    await assert.rejects(admin.collections.getOne("books"), { status: 404 });
  });

  step("a scheduled job is run by hand", async ({ page }) => {
    await ui.visit(page, "#/settings/crons", part("cronsList"));
    await press(page, "Run", `${part("cronsList")} .list-item:has([title="__pbOTPCleanup__"])`);
    await expectToast(page, 'Successfully triggered "__pbOTPCleanup__".');
  });

  step("an image is uploaded and its thumb shown, replaced and deleted", async ({ target, page, shoot }) => {
    const image = (name) => path.join(ROOT, "admin-ui", "_", "images", name);
    const upload = async (name) => {
      const [chooser] = await Promise.all([page.waitForFileChooser(), press(page, "Upload or drop new file", RECORD)]);
      await chooser.accept([image(name)]);
    };
    const users = (await target.admin()).collection("users");
    const avatar = async () => (await users.getFirstListItem('email = "reader@example.com"')).avatar;
    const thumb = async (name) => {
      const selector = `img[src*="${name}"]`;
      await page.waitForSelector(selector);
      await page.waitForFunction((s) => [...document.querySelectorAll(s)].some((img) => img.complete && img.naturalWidth > 0), {}, selector);
    };
    await ui.openCollection(page, "users");
    await ui.fillNewRecord(page, {
      email: ["email", "reader@example.com"],
      password: ["password", "reader12345678"],
      passwordConfirm: ["password", "reader12345678"],
    });
    await upload("favicon.png");
    await ui.saveRecord(page);
    const first = await avatar();
    assert.match(first, /^favicon_\w+\.png$/);
    await thumb(first);
    await shoot("thumb");

    await ui.openRecord(page, "reader@example.com");
    await thumb(first);
    await press(page, "Remove file", RECORD);
    await upload("favicon.png");
    await ui.saveRecord(page);
    const second = await avatar();
    assert.notEqual(second, first);
    await thumb(second);

    await ui.openRecord(page, "reader@example.com");
    await ui.deleteOpenRecord(page);
    assert.equal((await fetch(`${target.url}/api/files/users/x/${second}`)).status, 404);
  });
});
