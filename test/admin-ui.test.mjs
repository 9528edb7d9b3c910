/**
 * The admin UI in a real Chromium, as a superuser meets it: the first superuser, a collection with every type of field
 * but files, records, an API rule, logs, settings. Every step asserts on what the page shows and on what the API then
 * says, and leaves a screenshot in test/artifacts/admin-ui.
 */
import assert from "node:assert/strict";

import * as ui from "./chromium/admin-ui.mjs";
import { click, eventually, expectToast, fill, part, press, textOf, toggle, write } from "./chromium/page.mjs";
import { story } from "./chromium/story.mjs";
import { ADMIN, suite } from "./harness.mjs";

/** What PocketBase sends with every file of its UI (apis/serve.go and apis/middlewares.go). */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' http://127.0.0.1:* https://tile.openstreetmap.org data: blob:; connect-src 'self' http://127.0.0.1:* https://nominatim.openstreetmap.org; script-src 'self' http://127.0.0.1:*; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "SAMEORIGIN",
  "x-xss-protection": "1; mode=block",
};

/** What it sends with all of them but the page itself. */
const CACHE_CONTROL = "max-age=1209600, stale-while-revalidate=86400";

/** The pages of the settings that the story has not come by, with their headings. */
const SETTINGS_PAGES = {
  mail: /Mail settings/,
  storage: /File storage/,
  backups: /Backups/,
  crons: /Crons/,
  "export-collections": /Export collections/,
  "import-collections": /Import collections/,
};

/** What is known to fail, by carrier and page, and what the page says about it: the Worker has no backups yet. */
const KNOWN_PROBLEMS = {
  stock: {},
  worker: { backups: { problem: "GET /api/backups answered 501", notice: "Backups are not available." } },
};

const READER = { email: "reader@example.com", password: "reader12345678" };

/** Every type of field that the UI offers, but files. */
const FIELDS = [
  { type: "Plain text", name: "title", required: true },
  { type: "Rich editor", name: "body" },
  { type: "Number", name: "rating" },
  { type: "Bool", name: "published" },
  { type: "Email", name: "contact" },
  { type: "URL", name: "link" },
  { type: "Datetime", name: "due" },
  { type: "Select", name: "kind", choices: ["essay", "news"] },
  { type: "Select", name: "tags", choices: ["red", "green", "blue"], multiple: true },
  { type: "Relation", name: "author", collection: "users" },
  { type: "JSON", name: "details" },
  { type: "Geo Point", name: "place" },
  { type: "Autodate", name: "seen" },
];

suite("admin UI", { admin: false }, (on) => {
  const step = story(on, "admin-ui");

  step("the first superuser is made on the installer's page", async ({ target, page, shoot }) => {
    await page.goto(installerUrl(target), { waitUntil: "networkidle2" });
    await page.waitForSelector(part("installerForm"));
    await shoot("first-superuser");
    await ui.createFirstSuperuser(page, ADMIN);
    await page.waitForSelector(part("pageCollections"));
    await page.waitForSelector('.nav-item[title="users"]');
    await shoot("signed-in");

    assert.equal(await textOf(page, ".superuser-name"), ADMIN.email);
    const admin = await target.admin();
    const { items } = await admin.collection("_superusers").getList(1, 10);
    assert.ok(items.some(({ email }) => email === ADMIN.email));
  });

  step("a superuser signs out and in again", async ({ page, shoot }) => {
    await ui.logout(page, ADMIN);
    await page.waitForSelector(part("authWithPasswordForm"));
    await ui.login(page, { ...ADMIN, password: "not the password" });
    await page.waitForSelector(".toast ::-p-text(Invalid login credentials.)");
    await shoot("login-refused");
    await ui.login(page, ADMIN);
    await page.waitForSelector(part("pageCollections"));
  }, { expected: ["POST /api/collections/_superusers/auth-with-password answered 400"] });

  step("a record of an auth collection is added", async ({ target, page, shoot }) => {
    await ui.openCollection(page, "users");
    await ui.fillNewRecord(page, {
      email: ["email", READER.email],
      password: ["password", READER.password],
      passwordConfirm: ["password", READER.password],
      name: ["text", "A Reader"],
    });
    await shoot("new-user");
    await ui.saveRecord(page);
    await eventually(async () => assert.deepEqual((await ui.rows(page)).map(({ name }) => name), ["A Reader"]));
    await shoot("users");

    const { record } = await target.client().collection("users").authWithPassword(READER.email, READER.password);
    assert.equal(record.name, "A Reader");
  });

  step("a collection with every type of field is created", async ({ target, page, shoot }) => {
    await ui.fillNewCollection(page, "articles", FIELDS);
    await shoot("new-collection");
    await ui.saveNewCollection(page, "articles");
    await page.waitForSelector('.breadcrumbs [title="articles"]');
    await page.waitForSelector("::-p-text(No records found.)");
    await shoot("empty-collection");

    const admin = await target.admin();
    const { fields } = await admin.collections.getOne("articles");
    assert.deepEqual(
      fields.map(({ name, type }) => `${name} ${type}`),
      [
        "id text", "title text", "body editor", "rating number", "published bool", "contact email", "link url",
        "due date", "kind select", "tags select", "author relation", "details json", "place geoPoint",
        "created autodate", "updated autodate", "seen autodate",
      ],
    );
    const users = await admin.collections.getOne("users");
    const byName = Object.fromEntries(fields.map((field) => [field.name, field]));
    assert.equal(byName.title.required, true);
    assert.deepEqual([byName.kind.values, byName.kind.maxSelect], [["essay", "news"], 0]);
    assert.deepEqual([byName.tags.values, byName.tags.maxSelect], [["red", "green", "blue"], 3]);
    assert.equal(byName.author.collectionId, users.id);
  });

  step("records are added", async ({ target, page, shoot }) => {
    await ui.fillNewRecord(page, {
      title: ["text", "Ünïcode & <b>tags</b>"],
      body: ["editor", "Rich words"],
      rating: ["number", 4.5],
      published: ["bool"],
      contact: ["email", "author@example.com"],
      link: ["url", "https://example.com/a?b=c"],
      due: ["date", "2030-05-06T07:08:09"],
      kind: ["select", "news"],
      tags: ["select", ["red", "blue"]],
      author: ["relation", "A Reader"],
      details: ["json", '{"deep":[1,{"two":null}]}'],
      place: ["geoPoint", { lon: 23.32, lat: 42.69 }],
    });
    await shoot("new-record");
    await ui.saveRecord(page);
    for (const [title, rating] of [["Second", 2], ["Third", 3]]) {
      await ui.fillNewRecord(page, { title: ["text", title], rating: ["number", rating] });
      await ui.saveRecord(page);
    }
    await eventually(async () =>
      assert.deepEqual(await titles(page), ["Third", "Second", "Ünïcode & <b>tags</b>"]),
    );
    await shoot("records");

    const admin = await target.admin();
    const record = await admin.collection("articles").getFirstListItem("rating = 4.5", { expand: "author" });
    const { title, body, published, contact, link, due, kind, tags, details, place, expand } = record;
    assert.deepEqual(
      { title, body, published, contact, link, due, kind, tags, details, place, author: expand.author.name },
      {
        title: "Ünïcode & <b>tags</b>",
        body: "<p>Rich words</p>",
        published: true,
        contact: "author@example.com",
        link: "https://example.com/a?b=c",
        due: "2030-05-06 07:08:09.000Z",
        kind: "news",
        tags: ["red", "blue"],
        details: { deep: [1, { two: null }] },
        place: { lon: 23.32, lat: 42.69 },
        author: "A Reader",
      },
    );
  });

  step("a record is edited", async ({ target, page, shoot }) => {
    await ui.openRecord(page, "Second");
    await ui.fillRecord(page, { title: ["text", "Second, revised"], published: ["bool"], rating: ["number", 5] });
    await shoot("edit-record");
    await ui.saveRecord(page);
    await eventually(async () =>
      assert.ok((await ui.rows(page)).some(({ title, rating }) => title === "Second, revised" && rating === "5")),
    );

    const admin = await target.admin();
    const record = await admin.collection("articles").getFirstListItem('title ~ "revised"');
    assert.deepEqual([record.title, record.published, record.rating], ["Second, revised", true, 5]);
    assert.ok(record.updated > record.created);
  });

  step("the list is filtered", async ({ page, shoot }) => {
    await ui.filterRecords(page, "rating >= 4");
    await eventually(async () => assert.deepEqual(await titles(page), ["Second, revised", "Ünïcode & <b>tags</b>"]));
    assert.match(await textOf(page, ".total-count"), /^Total: 2$/);
    await shoot("filtered");
    await ui.filterRecords(page, "Ünïcode");
    await eventually(async () => assert.deepEqual(await titles(page), ["Ünïcode & <b>tags</b>"]));
    await ui.filterRecords(page, 'tags:each = "green"');
    await page.waitForSelector("::-p-text(No records found.)");
    await ui.filterRecords(page, "");
    await eventually(async () => assert.equal((await titles(page)).length, 3));
  });

  step("an API rule is changed", async ({ target, page, shoot }) => {
    const guest = target.client().collection("articles");
    await assert.rejects(guest.getList(), { status: 403 });
    await ui.changeRule(page, "listRule", "published = true");
    await shoot("api-rule");
    await ui.saveCollection(page, "articles");

    const admin = await target.admin();
    const { listRule, viewRule } = await admin.collections.getOne("articles");
    assert.deepEqual([listRule, viewRule], ["published = true", null]);
    const { items } = await guest.getList(1, 10, { sort: "title" });
    assert.deepEqual(items.map(({ title }) => title), ["Second, revised", "Ünïcode & <b>tags</b>"]);
  });

  step("records are deleted", async ({ target, page, shoot }) => {
    await ui.selectRecords(page, "Third");
    await shoot("selected-record");
    await ui.deleteSelected(page);
    await eventually(async () => assert.equal((await titles(page)).length, 2));
    await ui.openRecord(page, "Second, revised");
    await ui.deleteOpenRecord(page);
    await eventually(async () => assert.deepEqual(await titles(page), ["Ünïcode & <b>tags</b>"]));
    await shoot("deleted-records");

    const admin = await target.admin();
    assert.equal((await admin.collection("articles").getList()).totalItems, 1);
  });

  step("the logs are read", async ({ target, page, shoot }) => {
    await ui.visit(page, "#/logs", part("pageLogs"));
    const request = "GET /api/collections/articles/records?page=1&perPage=10&sort=title";
    await eventually(async () => {
      await press(page, "Refresh", part("pageLogs"));
      assert.ok((await textOf(page, part("logsList"))).includes(request));
    });
    await toggle(page, "#logs_checkbox");
    await eventually(async () => assert.match(await textOf(page, part("logsList")), /auth: _superusers/));
    await shoot("logs");
    await click(page, `${part("logsList")} ::-p-text(${request})`);
    await eventually(async () => assert.match(await textOf(page, part("logPreviewTable")), /data\.status\s+200/));
    await shoot("log");
    await press(page, "Close", part("logPreviewModal"));

    const admin = await target.admin();
    const { items } = await admin.logs.getList(1, 5, { filter: `message = "${request}" && data.status = 200` });
    assert.equal(items.length, 1);
    assert.equal(items[0].data.auth, "");
  });

  step("settings are changed", async ({ target, page, shoot }) => {
    await ui.visit(page, "#/settings", part("applicationSettingsForm"));
    await fill(page, '[name="meta.appName"]', "Seen in Chromium");
    await click(page, `${part("batchApiAccordion")} summary`);
    await toggle(page, '[name="batch.enabled"]');
    await fill(page, '[name="batch.maxRequests"]', 7);
    await shoot("settings");
    await press(page, "Save changes", part("applicationSettingsForm"));
    await expectToast(page, "Successfully saved application settings.");
    await eventually(async () => assert.equal(await page.title(), "Application settings - Seen in Chromium"));

    const admin = await target.admin();
    const { meta, batch } = await admin.settings.getAll();
    assert.equal(meta.appName, "Seen in Chromium");
    assert.deepEqual([batch.enabled, batch.maxRequests], [true, 7]);
  });

  step("SQL is run in the console", async ({ page, shoot }) => {
    await ui.visit(page, "#/settings/sql", part("pageSQLConsole"));
    await write(page, part("pageSQLConsole"), "SELECT title, rating, json_extract(place, '$.lat') lat FROM articles");
    await press(page, "Execute");
    await page.waitForSelector(".sql-console-table [data-name=lat]");
    await shoot("sql");
    const cells = await page.$$eval(".sql-console-table td[data-name]", (all) => all.map(({ innerText }) => innerText));
    assert.deepEqual(cells, ["Ünïcode & <b>tags</b>", "4.5", "42.69"]);
  });

  for (const [name, heading] of Object.entries(SETTINGS_PAGES)) {
    const known = KNOWN_PROBLEMS[on.kind][name];
    step(`the settings page "${name}" opens`, async ({ page, shoot }) => {
      await ui.visit(page, `#/settings/${name}`, ".page-content");
      await eventually(async () => assert.match(await textOf(page, ".breadcrumbs"), heading));
      await page.waitForNetworkIdle({ idleTime: 200 });
      await shoot(`settings-${name}`);
      if (known) await expectToast(page, known.notice);
    }, { expected: known && [known.problem] });
  }

  step("links lead deep into the UI", async ({ target, page, shoot }) => {
    await page.goto("about:blank");
    await page.goto(`${target.url}/_/#/collections?collection=articles&filter=rating%3E4`);
    await eventually(async () => assert.deepEqual(await titles(page), ["Ünïcode & <b>tags</b>"]));
    await shoot("deep-link");
    await page.reload();
    await eventually(async () => assert.deepEqual(await titles(page), ["Ünïcode & <b>tags</b>"]));

    const response = await page.goto(`${target.url}/_`);
    assert.deepEqual(response.request().redirectChain().map((request) => request.response().status()), [307]);
    await page.waitForSelector(part("pageCollections"));
    assert.equal(new URL(page.url()).pathname, "/_/");
  });

  step("the UI's files carry PocketBase's headers and never wake the program", async ({ target, page, responses }) => {
    const files = responses.filter(({ url }) => url.startsWith(`${target.url}/_/`));
    const paths = new Set(files.map(({ url }) => new URL(url).pathname));
    assert.ok(paths.has("/_/") && paths.has("/_/extensions.js") && paths.size > 20, `few files: ${[...paths]}`);
    for (const { url, status, headers } of files) {
      const file = new URL(url).pathname;
      assert.ok([200, 304].includes(status), `${file}: ${status}`);
      assert.equal(headers["x-pocketflare-runtime"], undefined, file);
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(headers[name], value, `${file}: ${name}`);
      // A stock PocketBase sends it, or not, by the directory that its program is in.
      if (on.kind === "stock") continue;
      assert.equal(headers["cache-control"], file === "/_/" ? undefined : CACHE_CONTROL, `${file}: cache-control`);
    }
    const [extensions] = files.filter(({ url }) => url.endsWith("/extensions.js"));
    assert.match(extensions.headers["content-type"], /^text\/javascript/);
    const api = responses.filter(({ url }) => url.startsWith(`${target.url}/api/`));
    for (const { url, headers } of api) assert.equal("x-pocketflare-runtime" in headers, on.kind === "worker", url);
  });
});

async function titles(page) {
  return (await ui.rows(page)).map(({ title }) => title);
}

/** Where the page for the first superuser is: the Worker leads to it from /_pf, stock PocketBase prints its address. */
function installerUrl(target) {
  if (target.kind === "worker") return `${target.url}/_pf`;
  const [token] = target.output.since().match(/(?<=#\/pbinstall\/)\S+/) ?? assert.fail("no installer link was printed");
  return `${target.url}/_/#/pbinstall/${token}`;
}
