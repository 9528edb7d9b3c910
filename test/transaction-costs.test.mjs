/** What transactions cost in D1 calls and statements: docs/transactions.md has the table, and says why. */
import assert from "node:assert/strict";

import { suite, ADMIN } from "./harness.mjs";
import { numbers } from "./support/blog.mjs";

/** At most so many calls and statements. */
const COSTS = {
  "first boot": [9, 80],
  "create a collection": [5, 12],
  "change a collection's rule": [5, 12],
  "add a field": [5, 15],
  "rename a collection": [5, 14],
  "create a view": [12, 50],
  "delete a collection": [5, 15],
  "import of 1": [5, 20],
  "import of 10": [5, 120],
  "import of 40": [5, 270],
  "import of 100": [5, 640],
  "batch of 50 creates in 100,000 rows": [4, 60],
  "batch of 50 updates in 100,000 rows": [60, 130],
  "batch of 50 upserts in 100,000 rows": [60, 130],
  "batch of 50 deletes in 100,000 rows": [110, 220],
  "delete with a cascade of 5,000": [10, 30],
  "truncation of 3,000": [15, 60],
};

const ROWS = 100_000;
const FIELDS = [{ name: "title", type: "text" }, { name: "n", type: "number" }];
const definition = (name) => ({ name, type: "base", fields: FIELDS, createRule: "", indexes: [`CREATE UNIQUE INDEX idx_${name} ON ${name} (title)`] });
const row = (n) => `r${String(n).padStart(14, "0")}`;

suite("costs of transactions", { on: ["worker"], admin: true }, (on) => {
  let token;

  const figures = [];

  async function call(target, method, path, body) {
    const started = performance.now();
    const response = await fetch(target.url + path, {
      method,
      headers: { "Content-Type": "application/json", ...(token && { Authorization: token }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return { body: text && JSON.parse(text), timing: response.headers.get("Server-Timing"), took: performance.now() - started };
  }

  /** Makes a request, and compares what it cost and how its transactions were answered. */
  async function costs(target, name, method, path, body) {
    await call(target, "GET", "/api/collections?perPage=1"); // after which the isolate knows the schema
    const answer = await call(target, method, path, body);
    check(name, answer);
    assert.match(answer.timing, /pf_tx;desc="mode=scratch runs=1"/, name);
    return answer.body;
  }

  function check(name, { timing, took }) {
    const [calls, statements] = /pf_d1;.*?desc="calls=(\d+) statements=(\d+)"/.exec(timing).slice(1).map(Number);
    figures.push(`${name}: ${calls} calls, ${statements} statements, ${Math.round(took)} ms`);
    const [mostCalls, mostStatements] = COSTS[name];
    assert.ok(calls <= mostCalls && statements <= mostStatements, `${name}: ${calls} calls, ${statements} statements`);
  }

  const batch = (target, name, request) =>
    costs(target, `batch of 50 ${name} in 100,000 rows`, "POST", "/api/batch", { requests: numbers(50).map(request) });

  on.test("first boot", async (target) => {
    check("first boot", await call(target, "GET", "/api/health"));
    token = (await call(target, "POST", "/api/collections/_superusers/auth-with-password", { identity: ADMIN.email, password: ADMIN.password })).body.token;
    await call(target, "PATCH", "/api/settings", { batch: { enabled: true, maxRequests: 100 } });
  });

  on.test("collections", async (target) => {
    const posts = await costs(target, "create a collection", "POST", "/api/collections", definition("posts"));
    await costs(target, "change a collection's rule", "PATCH", "/api/collections/posts", { listRule: "" });
    await costs(target, "add a field", "PATCH", "/api/collections/posts", { fields: [...posts.fields, { name: "more", type: "text" }] });
    await call(target, "POST", "/api/collections", definition("old"));
    await costs(target, "rename a collection", "PATCH", "/api/collections/old", { name: "new" });
    await costs(target, "create a view", "POST", "/api/collections", { name: "titles", type: "view", viewQuery: "select id, title from posts" });
    await call(target, "DELETE", "/api/collections/titles"); // each view is made and dropped again for each collection that is saved
    await costs(target, "delete a collection", "DELETE", "/api/collections/new");
    const parent = { name: "parent", type: "relation", collectionId: posts.id, cascadeDelete: true };
    await call(target, "POST", "/api/collections", { name: "kids", type: "base", fields: [...FIELDS, parent] });
  });

  on.test("imports", async (target) => {
    for (const size of [1, 10, 40, 100]) {
      const collections = numbers(size).map((n) => definition(`import_${size}_${n}`));
      await costs(target, `import of ${size}`, "PUT", "/api/collections/import", { collections });
    }
  });

  on.test("a large table", async (target, t) => {
    const database = await target.mf.getD1Database("APP_DB", "pocketflare-0");
    const series = (count) => `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<${count})`;
    await database.prepare(`${series(ROWS)} INSERT INTO posts (id, title, n) SELECT printf('r%014d', i), 'title '||i, i FROM s`).run();
    await database.prepare(`${series(5000)} INSERT INTO kids (id, title, parent) SELECT printf('k%014d', i), 'kid '||i, ? FROM s`).bind(row(1)).run();
    const path = "/api/collections/posts/records";
    await batch(target, "creates", (n) => ({ method: "POST", url: path, body: { title: `new ${n}` } }));
    await batch(target, "updates", (n) => ({ method: "PATCH", url: `${path}/${row(n + 100)}`, body: { "n+": 1 } }));
    await batch(target, "upserts", (n) => ({ method: "PUT", url: path, body: { id: row(n + 200), n: -n } }));
    await batch(target, "deletes", (n) => ({ method: "DELETE", url: `${path}/${row(n + 300)}` }));
    await costs(target, "delete with a cascade of 5,000", "DELETE", `${path}/${row(1)}`);
    await database.prepare(`${series(3000)} INSERT INTO kids (id, title) SELECT printf('k%014d', i), 'kid '||i FROM s`).run();
    await costs(target, "truncation of 3,000", "DELETE", "/api/collections/kids/truncate");
    const { results } = await database.prepare("SELECT (SELECT count(*) FROM kids) AS kids, (SELECT count(*) FROM posts) AS posts, (SELECT sum(n) FROM posts WHERE id BETWEEN ? AND ?) AS n")
      .bind(row(101), row(250)).all();
    for (const figure of figures) t.diagnostic(figure);
    assert.deepEqual(results, [{ kids: 0, posts: ROWS - 1, n: sum(101, 150) + 50 + sum(151, 200) - sum(1, 50) }]);
  });
});

function sum(from, to) {
  return ((from + to) * (to - from + 1)) / 2;
}
