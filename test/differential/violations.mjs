/** Everything that the database refuses, through each part of the API that can run into it. */

const records = "/api/collections/uniques/records";
const admin = (method, path, body) => ({ method, path, body, as: "admin" });
const text = (name) => ({ name, type: "text" });
const everyone = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };

const uniques = {
  name: "uniques",
  type: "base",
  ...everyone,
  fields: [text("a"), text("b"), text("c"), { name: "n", type: "number" }],
  indexes: [
    "CREATE UNIQUE INDEX idx_uniques_a ON uniques (a) WHERE a != ''",
    "CREATE UNIQUE INDEX idx_uniques_bc ON uniques (b COLLATE NOCASE, c) WHERE b != ''",
    "CREATE UNIQUE INDEX idx_uniques_n ON uniques (n * 2) WHERE n > 0",
  ],
};

const first = "unique000000001";
const second = "unique000000002";
/** Ids of this part that the client chooses. */
export const ids = [first, second];

const taken = [{ a: "x" }, { b: "Y", c: "z" }, { a: "x", b: "y", c: "z" }, { n: 7 }, { id: first }, { id: first, a: "x" }];
const create = (body) => ({ method: "POST", url: records, body });

const indexes = [
  "CREATE INDEX idx_v1 ON uniques (missing)",
  "CREATE INDEX idx_v2 ON uniques (a",
  "CREATE INDEX idx_v3 ON other (a)",
  "CREATE INDEX idx_v4 ON uniques (nothing(a))",
  "CREATE INDEX idx_v5 ON uniques (random())",
  "CREATE UNIQUE INDEX idx_v6 ON uniques (length(a) = 500)",
  "CREATE UNIQUE INDEX idx_v7 ON uniques (c) WHERE id != 'none'",
  "CREATE INDEX idx_uniques_a ON uniques (c)",
  "CREATE INDEX `_collections` ON uniques (c)",
  "CREATE INDEX idx_v8 ON uniques (c COLLATE NOTHING)",
  "CREATE INDEX idx_v9 ON uniques ()",
  "SELECT 1",
  "",
];

const views = [
  "SELECT", "SELECT 1", "SELECT id FROM missing", "SELECT id, missing FROM uniques", "SELECT id, nothing(a) x FROM uniques", "SELECT id, a FROM uniques;",
  "SELECT id FROM uniques; DROP TABLE uniques", "SELECT id, id FROM uniques", "SELECT id, a AS `b c` FROM uniques", "SELECT * FROM uniques", "SELECT a AS id FROM uniques WHERE",
  "SELECT id, (SELECT a, b FROM uniques) x FROM uniques", "SELECT id, json_extract(a, '$[') x FROM uniques", "DELETE FROM uniques RETURNING id", "SELECT id, count(*) x, max(sum(n)) y FROM uniques",
  "SELECT id FROM uniques ORDER BY 7", "SELECT u.id, v.a FROM uniques u JOIN uniques v USING (nothing)", "SELECT id, 'unclosed FROM uniques", "SELECT id FROM uniques UNION SELECT id, a FROM uniques",
];

const console = [
  "SELECT * FROM missing", "SELECT missing FROM uniques", "SELEC 1", "SELECT nothing(1)", "SELECT abs()", "SELECT abs(-9223372036854775808)", "SELECT json('{')", "SELECT 'a' LIKE 'b' ESCAPE 'cd'",
  "INSERT INTO uniques (id, a) VALUES ('unique000000009', 'x')", "INSERT INTO uniques (id, b, c) VALUES ('unique000000009', 'y', 'z')", `INSERT INTO uniques (id) VALUES ('${first}')`,
  "INSERT INTO uniques (id, a) VALUES ('unique000000009', NULL)", "UPDATE uniques SET a = 'x'", "UPDATE uniques SET n = 4", "INSERT INTO uniques (id) VALUES (1, 2)", "INSERT INTO uniques VALUES (1)",
  "CREATE TABLE uniques (x)", "CREATE INDEX idx_uniques_a ON uniques (c)", "DROP TABLE missing", "DROP INDEX missing", "DROP VIEW uniques", "ALTER TABLE uniques ADD COLUMN a TEXT",
  "ALTER TABLE uniques DROP COLUMN missing", "ALTER TABLE missing RENAME TO other", "CREATE UNIQUE INDEX idx_v10 ON uniques (length(a) = 500)", "DELETE FROM uniques WHERE missing = 1", "PRAGMA table_info(missing)", "", ";", "--", "SELECT 1;; SELEC 2",
  "INSERT INTO checks VALUES (-1, 1, NULL)", "INSERT INTO checks VALUES (1, NULL, NULL)", "INSERT INTO checks VALUES (1, 1, 'nobody')",
  "UPDATE checks SET n = -1", "DROP TABLE checks", "SELECT (SELECT 1, 2)", "SELECT 1 UNION SELECT 1, 2", "SELECT * FROM uniques WHERE a MATCH 'x'", "SELECT max(sum(n)) FROM uniques", "SELECT 1 ORDER BY 3",
];

const collection = (body) => admin("PATCH", "/api/collections/uniques", body);
const view = (viewQuery) => ({ name: "views_diff", type: "view", viewQuery });

export const violations = [
  admin("POST", "/api/collections", uniques),
  { method: "POST", path: records, body: { id: first, a: "x", b: "y", c: "z", n: 7 } },
  { method: "POST", path: records, body: { id: second, a: "other" } },
  ...taken.map((body) => ({ name: `create ${JSON.stringify(body)}`, method: "POST", path: records, body })),
  ...taken.map((body) => ({ name: `update ${JSON.stringify(body)}`, method: "PATCH", path: `${records}/${second}`, body })),
  ...taken.map((body) => ({ name: `batch ${JSON.stringify(body)}`, ...admin("POST", "/api/batch", { requests: [create({ a: "new" }), create(body)] }) })),
  admin("POST", "/api/batch", { requests: [create({ a: "twice" }), create({ a: "twice" })] }),
  admin("POST", "/api/batch", { requests: [{ method: "PATCH", url: `${records}/${second}`, body: { a: "x" } }] }),
  admin("POST", "/api/batch", { requests: [{ method: "PUT", url: records, body: { id: second, a: "x" } }] }),
  admin("POST", "/api/batch", { requests: [{ method: "DELETE", url: `${records}/${first}` }, create({ a: "x" }), create({ a: "x" })] }),
  { path: `${records}?sort=@rowid` },
  admin("POST", "/api/collections", uniques),
  admin("POST", "/api/collections", { ...uniques, name: "uniques_other" }),
  admin("POST", "/api/collections", { ...uniques, name: "sqlite_x", indexes: [] }),
  admin("POST", "/api/collections", { ...uniques, name: "_params", indexes: [] }),
  ...indexes.flatMap((index) => [
    { name: `index ${index}`, ...collection({ indexes: [...uniques.indexes, index] }) },
    { name: `import of ${index}`, ...admin("PUT", "/api/collections/import", { collections: [{ ...uniques, indexes: [index] }] }) },
  ]),
  collection({ indexes: uniques.indexes }),
  collection({ name: "users" }),
  collection({ fields: [text("a"), text("A")] }),
  admin("PUT", "/api/collections/import", { collections: [{ name: "imported", type: "base", fields: [text("a")] }, { name: "imported", type: "base", fields: [text("b")] }] }),
  admin("PUT", "/api/collections/import", { collections: [{ name: "imported", type: "base", fields: [text("a")] }, view("SELECT id FROM missing")] }),
  admin("GET", "/api/collections/imported"),
  ...views.map((query) => ({ name: `view ${query}`, ...admin("POST", "/api/collections", { ...view(query), name: `views_${views.indexOf(query)}` }) })),
  admin("POST", "/api/collections", view("SELECT id, a FROM uniques")),
  ...views.map((query) => ({ name: `change to ${query}`, ...admin("PATCH", "/api/collections/views_diff", { viewQuery: query }) })),
  { name: "a view is not written", method: "POST", path: "/api/collections/views_diff/records", body: { a: 1 } },
  collection({ fields: [text("b")], indexes: [] }),
  // SQLite's connection tells how many rows its last write changed here as well, the driver none.
  admin("POST", "/api/sql?fields=columns,rows", { query: "CREATE TABLE checks (n CHECK (n > 0), m NOT NULL, p REFERENCES uniques (id))" }),
  ...console.map((query) => ({ name: `SQL ${query}`, ...admin("POST", "/api/sql", { query }) })),
  { path: `${records}?sort=@rowid` },
];
