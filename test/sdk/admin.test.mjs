/** What a superuser does besides collections: settings, SQL, logs, jobs, health. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { eventually } from "../support/http.mjs";

suite("administration", {}, (on) => {
  on.test("health, for guests and superusers", async (target) => {
    assert.deepEqual(await target.client().health.check(), { message: "API is healthy.", code: 200, data: {} });
    const { data } = await (await target.admin()).health.check();
    assert.deepEqual(Object.keys(data).sort(), ["canBackup", "possibleProxyHeader", "realIP"]);
  });

  on.test("settings are read, changed and checked; secrets stay", async (target) => {
    const admin = await target.admin();
    const before = await admin.settings.getAll();
    assert.equal(before.meta.appName, "Acme");
    const changed = await admin.settings.update({ meta: { appName: "Tested" }, smtp: { password: "hidden" }, logs: { maxDays: 3 } });
    assert.equal(changed.meta.appName, "Tested");
    assert.equal(changed.smtp.password, undefined);
    assert.equal((await admin.settings.getAll()).logs.maxDays, 3);
    await refused(admin.settings.update({ meta: { appName: "", senderAddress: "no address" } }), 400);
    await refused(admin.settings.update({ batch: { enabled: true, maxRequests: 0 } }), 400);
    await refused(admin.settings.update({ rateLimits: { enabled: true, rules: [{ label: "bad label", maxRequests: 0, duration: 0 }] } }), 400);
    assert.equal((await admin.settings.getAll()).meta.appName, "Tested");
    await refused(target.client().settings.getAll(), 401);
  });

  on.test("the SQL console reads and writes", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({ name: "rows", type: "base", fields: [{ name: "n", type: "number" }, { name: "t", type: "text" }] });
    const selected = await admin.sql.run("SELECT 1 AS one, 'two' AS two, 3.5 AS three, NULL AS none, x'6162' AS blob");
    assert.deepEqual(selected.columns.map((column) => column.name), ["one", "two", "three", "none", "blob"]);
    assert.equal(selected.rows.length, 1);
    const inserted = await admin.sql.run("INSERT INTO rows (id, n, t) VALUES ('aaaaaaaaaaaaaaa', 1, 'x'), ('bbbbbbbbbbbbbbb', 2, 'y')");
    assert.equal(inserted.affectedRows, 2);
    assert.equal((await admin.sql.run("UPDATE rows SET n = n + 1")).affectedRows, 2);
    assert.deepEqual((await admin.sql.run("SELECT id, n FROM rows ORDER BY n DESC")).rows, [["bbbbbbbbbbbbbbb", "3"], ["aaaaaaaaaaaaaaa", "2"]]);
    assert.equal((await admin.collection("rows").getOne("aaaaaaaaaaaaaaa")).n, 2);
    assert.equal((await admin.sql.run("DELETE FROM rows WHERE n = 3")).affectedRows, 1);
    assert.deepEqual((await admin.sql.run("SELECT * FROM rows WHERE n > 100")).rows, []);
    await refused(admin.sql.run("SELECT * FROM nothing"), 400);
    await refused(admin.sql.run("INSERT INTO rows (id, n) VALUES ('aaaaaaaaaaaaaaa', 9)"), 400);
    await refused(admin.sql.run("SELEC"), 400);
    await refused(admin.sql.run(""), 400, { query: "validation_required" });
    await refused(target.client().sql.run("SELECT 1"), 401);
    const many = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500) SELECT n FROM c";
    assert.equal((await admin.sql.run(many)).rows.length, 500);
  });

  on.test("requests are in the logs, with their statistics", async (target) => {
    const admin = await target.admin();
    await admin.settings.update({ logs: { minLevel: 0, maxDays: 5, logIP: true, logAuthId: true } });
    const mark = `logged-${Date.now()}`;
    for (let i = 0; i < 3; i++) await refused(target.client().send(`/api/${mark}`, {}), 404);
    const filter = `data.url ~ '${mark}'`;
    const { items } = await eventually(() => admin.logs.getList(1, 10, { filter }), (list) => list.items.length >= 3, { within: 15_000 });
    assert.equal(items.length, 3);
    const [log] = items;
    assert.deepEqual([log.data.method, log.data.status, log.data.type, log.data.url], ["GET", 404, "request", `/api/${mark}`]);
    assert.equal(log.data.userIP, "127.0.0.1");
    assert.ok(log.data.execTime >= 0);
    assert.equal((await admin.logs.getOne(log.id)).message, log.message);
    await refused(admin.logs.getOne("missing"), 404);
    const stats = await admin.logs.getStats({ filter });
    assert.equal(stats.reduce((sum, hour) => sum + hour.total, 0), 3);
    assert.match(stats[0].date, /^\d{4}-\d\d-\d\d \d\d:00:00\.000Z$/);
    assert.equal((await admin.logs.getList(1, 10, { filter: `data.status >= 500 && ${filter}` })).totalItems, 0);
    await refused(target.client().logs.getList(1, 1), 401);
    assert.equal(await admin.logs.truncate(), true);
    assert.equal((await admin.logs.getList(1, 10, { filter })).totalItems, 0);
  });

  on.test("jobs are listed and run", async (target) => {
    const admin = await target.admin();
    const jobs = await admin.crons.getFullList();
    for (const id of ["__pbDBOptimize__", "__pbLogsCleanup__", "__pbMFACleanup__", "__pbOTPCleanup__"]) {
      assert.ok(jobs.some((job) => job.id === id && job.expression), id);
    }
    assert.equal(await admin.crons.run("__pbLogsCleanup__"), true);
    await refused(admin.crons.run("nothing"), 404);
    await refused(target.client().crons.getFullList(), 401);
  });
});

suite("the example app", { example: true }, (on) => {
  on.test("its migrations, hooks, jobs and routes work", async (target) => {
    const client = target.client();
    const admin = await target.admin();
    const note = await client.collection("notes").create({ title: "Hello World" });
    assert.equal(note.slug, "hello-world");
    assert.equal(note.shout, "HELLO WORLD");
    const events = await client.collection("audit").getFullList({ sort: "created", expand: "note" });
    assert.deepEqual(events.map((event) => [event.event, event.expand?.note?.title]), [["migrated", undefined], ["created", "Hello World"]]);
    const error = await refused(client.collection("notes").create({ title: "forbidden" }), 400);
    assert.equal(error.response.message, "This title is taken by a hook.");
    assert.ok((await admin.crons.getFullList()).some((job) => job.id === "exampleJob"));
    await admin.crons.run("exampleJob");
    const state = await eventually(() => client.send("/example/state", {}), ({ jobRuns }) => jobRuns === 1);
    assert.deepEqual(state, { bootstraps: 1, jobRuns: 1 });
    await refused(client.send("/example/echo/x", { headers: { "X-Example-Refuse": "1" } }), 418);
    await client.collection("notes").delete(note.id);
    assert.equal((await client.collection("audit").getFullList()).length, 1);
  });

  on.test("Go's own transactions and values", async (target) => {
    const client = target.client();
    const post = (path) => client.send(path, { method: "POST" });
    assert.deepEqual(await post("/example/transaction"), { seen: ["tx-one", "tx-two"] });
    const error = await refused(post("/example/transaction?fail"), 400);
    assert.equal(error.response.message, "The transaction's own failure.");
    assert.equal((await client.collection("notes").getList(1, 1, { filter: "title ~ 'Tx'" })).totalItems, 2);
    assert.deepEqual(await client.send("/example/values", {}), {
      large: true, small: 0.1, text: "é\u2028\"'", blob: "AAH/", truth: true, missing: true, time: true,
    });
  });
});
