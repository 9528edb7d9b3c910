/** One long story through the API: what a project's first day does, in fixed order. */

const admin = (request) => ({ as: "admin", ...request });
const get = (path) => ({ path });
const send = (method, path, body) => ({ method, path, body });

const list = (collection, query) => get(`/api/collections/${collection}/records?${query}`);

/**
 * @param {object[]} collections of the blog
 * @param {Array<[string, object]>} records of the blog
 */
export function walk(collections, records) {
  return [
    ...collections.map((collection) => (state) =>
      admin({
        ...send("POST", "/api/collections", {
          ...collection,
          fields: collection.fields.map((field) => (field.collectionId ? { ...field, collectionId: state.ids[field.collectionId] } : field)),
        }),
        save: (answer) => (state.ids[collection.name] = answer?.id),
      }),
    ),
    ...records.map(([collection, body]) => send("POST", `/api/collections/${collection}/records`, body)),
    admin(get("/api/collections?sort=name&perPage=50")),
    admin(get("/api/collections/posts")),
    admin(get("/api/collections/meta/scaffolds")),
    list("posts", "sort=-views&perPage=5&expand=author,editors,comments_via_post&fields=*,expand.author.name,expand.comments_via_post.text,body:excerpt(12,true)"),
    list("comments", "sort=id&expand=post.author,post.editors&perPage=3&page=2"),
    list("posts", `sort=views&filter=${encodeURIComponent("author.name ~ 'a' && comments_via_post.rating ?> 2 && labels:length > 0")}`),
    list("posts", `filter=${encodeURIComponent("missing = 1")}`),
    list("posts", `filter=${encodeURIComponent("title = 'unfinished")}`),
    list("posts", "sort=missing"),
    list("missing", ""),
    get("/api/collections/posts/records/missing"),
    send("PATCH", "/api/collections/authors/records/missing", { name: "x" }),
    send("DELETE", "/api/collections/authors/records/missing"),
    send("POST", "/api/collections/authors/records", { name: "Ada" }),
    send("POST", "/api/collections/comments/records", { text: "no post" }),
    send("POST", "/api/collections/comments/records", { text: "no post", post: "missing00000000" }),
    ...batches(),
    ...views(),
    ...schemaChanges(),
    ...users(),
    ...sql(),
    admin(get("/api/settings")),
    admin(send("PATCH", "/api/settings", { meta: { appName: "" } })),
    admin(send("PATCH", "/api/settings", { meta: { appName: "Walked", hideControls: true } })),
    admin(get("/api/crons")),
    admin(send("POST", "/api/crons/missing")),
    admin(get("/api/logs?filter=" + encodeURIComponent("missing.field = 1"))),
    admin(get("/api/logs/missing")),
    send("DELETE", `/api/collections/authors/records/${records[0][1].id}`),
    list("posts", "sort=id&fields=id,author,editors"),
    list("comments", "sort=id&fields=id,post"),
    admin(send("DELETE", "/api/collections/authors")),
    admin(send("DELETE", "/api/collections/comments/truncate")),
    admin(send("DELETE", "/api/collections/comments")),
    admin(send("DELETE", "/api/collections/comments")),
  ];
}

function batches() {
  const batch = (requests) => send("POST", "/api/batch", { requests });
  const create = (collection, body) => send("POST", `/api/collections/${collection}/records`, body);
  const rename = ({ path, ...request }) => ({ url: path, ...request });
  const dependent = [
    rename(create("posts", { id: "walkpost0000001", title: "walk" })),
    rename(send("PATCH", "/api/collections/posts/records/walkpost0000001", { "views+": 3 })),
    rename(create("comments", { id: "walkcomment0001", text: "child", post: "walkpost0000001" })),
  ];
  return [
    batch([...dependent, rename(create("comments", { text: "fails" }))]),
    get("/api/collections/posts/records/walkpost0000001"),
    batch(dependent),
    get("/api/collections/posts/records/walkpost0000001?expand=comments_via_post"),
    batch(dependent),
    batch([rename(create("authors", { name: "Ada" }))]),
    batch([rename(create("authors", { name: "Twice" })), rename(create("authors", { name: "Twice" }))]),
    batch([rename(send("PUT", "/api/collections/authors/records", { id: "walkauthor00001", name: "Put" }))]),
    batch([rename(send("PUT", "/api/collections/authors/records", { id: "walkauthor00001", name: "Put again" }))]),
    batch([rename(send("DELETE", "/api/collections/posts/records/walkpost0000001")), rename(send("DELETE", "/api/collections/authors/records/walkauthor00001"))]),
    batch([]),
    batch([{ method: "GET", url: "/api/collections/posts/records" }]),
    batch([{ method: "POST", url: "/api/nothing" }]),
    batch("text"),
  ];
}

function views() {
  const create = (name, viewQuery) => admin(send("POST", "/api/collections", { name, type: "view", listRule: "", viewQuery }));
  return [
    create("totals", "SELECT (ROW_NUMBER() OVER ()) AS id, author, COUNT(*) AS n, SUM(views) AS total, AVG(views) mean, group_concat(title) titles FROM posts GROUP BY author"),
    list("totals", "sort=author&filter=" + encodeURIComponent("n > 1")),
    create("joined", "SELECT p.id, p.title, a.name AS author, a.home, a.born, p.labels, p.author AS rel, cast(p.views AS int) whole, cast(p.views AS text) said FROM posts p JOIN authors a ON a.id = p.author"),
    list("joined", "sort=title&expand=rel&perPage=4"),
    create("wrong", "SELECT id FROM nothing"),
    create("wrong", "SELECT 1 AS one"),
    create("wrong", "UPDATE posts SET title = 'x'"),
    create("wrong", ""),
    create("wrong", "SELECT id, id FROM posts"),
    create("wrong", "SELECT * FROM posts"),
    admin(send("POST", "/api/collections/meta/dry-run-view", { query: "SELECT id, views * 2 AS twice FROM posts ORDER BY id LIMIT 2" })),
    admin(send("POST", "/api/collections/totals/records", {})),
    admin(send("DELETE", "/api/collections/totals")),
    admin(send("DELETE", "/api/collections/joined")),
  ];
}

function schemaChanges() {
  const patch = (name, change) => (state) => admin(send("PATCH", `/api/collections/${name}`, change(state)));
  const remember = (name) => admin({ ...get(`/api/collections/${name}`), save: (answer, state) => (state[name] = answer) });
  return [
    admin(send("POST", "/api/collections", { name: "shifting", type: "base", listRule: "", createRule: "", fields: [{ name: "a", type: "text" }, { name: "s", type: "select", values: ["x", "y"], maxSelect: 1 }] })),
    send("POST", "/api/collections/shifting/records", { a: "1", s: "x" }),
    send("POST", "/api/collections/shifting/records", { a: "1", s: "" }),
    remember("shifting"),
    patch("shifting", ({ shifting }) => ({ fields: shifting.fields.map((field) => (field.name === "s" ? { ...field, maxSelect: 2 } : field)) })),
    list("shifting", "sort=s&fields=a,s"),
    patch("shifting", ({ shifting }) => ({ fields: shifting.fields.map((field) => (field.name === "a" ? { ...field, name: "b" } : field)) })),
    list("shifting", "sort=b&fields=b,s"),
    patch("shifting", () => ({ indexes: ["CREATE UNIQUE INDEX idx_shifting ON shifting (b)"] })),
    patch("shifting", () => ({ indexes: ["CREATE INDEX idx_shifting ON shifting (nothing)"] })),
    patch("shifting", () => ({ indexes: ["no index"] })),
    patch("shifting", () => ({ indexes: ["CREATE INDEX `idx_shifting` ON `shifting` (`b` COLLATE NOCASE DESC) WHERE `b` IS NOT NULL"] })),
    patch("shifting", () => ({ name: "Shifted", listRule: "b != ''" })),
    list("Shifted", "fields=b"),
    list("shifting", "fields=b"),
    patch("Shifted", () => ({ type: "auth" })),
    patch("Shifted", () => ({ listRule: "@request.auth.nothing = 1" })),
    patch("Shifted", () => ({ name: "posts" })),
    patch("Shifted", () => ({ fields: [] })),
    patch("missing", () => ({ name: "x" })),
    admin(send("PUT", "/api/collections/import", { collections: [] })),
    admin(send("PUT", "/api/collections/import", { collections: [{ name: "brought", type: "base", fields: [{ name: "x", type: "number" }] }, { name: "bad", type: "base", listRule: "q = 1" }] })),
    admin(send("PUT", "/api/collections/import", { collections: [{ name: "brought", type: "base", fields: [{ name: "x", type: "number" }] }] })),
    admin(get("/api/collections/brought")),
    admin(send("DELETE", "/api/collections/Shifted")),
  ];
}

function users() {
  const credentials = { email: "walker@example.com", password: "walking along", passwordConfirm: "walking along" };
  const api = "/api/collections/users";
  const bearer = (state) => ({ Authorization: state.token ?? "" });
  return [
    send("POST", `${api}/records`, credentials),
    send("POST", `${api}/records`, credentials),
    send("POST", `${api}/records`, { ...credentials, email: "no", passwordConfirm: "x" }),
    send("POST", `${api}/records`, {}),
    get(`${api}/auth-methods`),
    get(`${api}/records`),
    send("POST", `${api}/auth-with-password`, { identity: credentials.email, password: "wrong" }),
    {
      ...send("POST", `${api}/auth-with-password?fields=*`, { identity: credentials.email, password: credentials.password }),
      save: (answer, state) => Object.assign(state, { token: answer?.token, user: answer?.record?.id }),
    },
    (state) => ({ ...send("POST", `${api}/auth-refresh`), headers: bearer(state) }),
    (state) => ({ ...get(`${api}/records`), headers: bearer(state) }),
    (state) => ({ ...get("/api/collections"), headers: bearer(state) }),
    (state) => ({ name: "a name", ...send("PATCH", `${api}/records/${state.user}`, { name: "Walker", verified: true }), headers: bearer(state) }),
    (state) => ({ name: "a password", ...send("PATCH", `${api}/records/${state.user}`, { password: "x", passwordConfirm: "y", oldPassword: "z" }), headers: bearer(state) }),
    (state) => ({ name: "another's password", ...send("PATCH", `${api}/records/${state.user}`, { password: "new password" }) }),
    (state) => ({ name: "impersonate", ...send("POST", `${api}/impersonate/${state.user}`, { duration: 10 }), as: "admin" }),
    (state) => ({ name: "impersonate too long", ...send("POST", `${api}/impersonate/${state.user}`, { duration: -1 }), as: "admin" }),
    send("POST", `${api}/auth-refresh`),
    send("POST", `${api}/request-otp`, { email: credentials.email }),
    send("POST", `${api}/auth-with-otp`, { otpId: "x", password: "y" }),
    send("POST", `${api}/confirm-verification`, { token: "x" }),
    send("POST", `${api}/confirm-password-reset`, { token: "x", password: "y", passwordConfirm: "z" }),
    send("POST", `${api}/confirm-email-change`, { token: "x", password: "y" }),
    send("POST", `${api}/request-email-change`, { newEmail: "x@example.com" }),
    send("POST", `${api}/auth-with-oauth2`, { provider: "google", code: "x", redirectURL: "http://localhost" }),
    (state) => ({ name: "delete oneself", ...send("DELETE", `${api}/records/${state.user}`), headers: bearer(state) }),
    (state) => ({ ...send("POST", `${api}/auth-refresh`), headers: bearer(state) }),
  ];
}

function sql() {
  return [
    "SELECT 1 AS a, 'x' AS b, NULL AS c, 1.5 AS d, x'00ff' AS e, 9007199254740993 AS f, 1e300 AS g, '' AS h, 0.1 + 0.2 AS i, 1e-300 AS j",
    "SELECT id, title, views, author FROM posts ORDER BY views LIMIT 3",
    "SELECT count(*), sum(views), avg(views), total(rating) FROM posts, comments",
    "SELECT id AS x, id AS x, id FROM authors ORDER BY 1",
    "SELECT typeof(views), typeof(labels), typeof(title) FROM posts LIMIT 1",
    "SELECT * FROM posts WHERE 0",
    "UPDATE posts SET views = views WHERE title LIKE 'Post 1%'",
    "INSERT INTO posts (id, title) VALUES ('sqlpost00000001', 'by SQL') RETURNING id, title",
    "DELETE FROM posts WHERE id = 'sqlpost00000001'",
    "INSERT INTO authors (id, name) VALUES ('sqlauthor000001', 'Ada')",
    "CREATE TABLE sql_made (a INTEGER PRIMARY KEY, b TEXT NOT NULL)",
    "INSERT INTO sql_made (b) VALUES ('one'), ('two')",
    "INSERT INTO sql_made (b) VALUES (NULL)",
    "SELECT * FROM sql_made",
    "SELECT name, type FROM pragma_table_info('sql_made')",
    "DROP TABLE sql_made",
    "SELECT * FROM sql_made",
    "SELECT 1; SELECT 2",
    "UPDATE posts SET views = 1 WHERE 0; DELETE FROM posts WHERE 0",
    "SELEC 1",
    "SELECT (",
    "",
    "-- a comment\nSELECT 1 AS commented",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20) SELECT n FROM c",
    "EXPLAIN QUERY PLAN SELECT id FROM posts WHERE id = 'x'",
    "SELECT json_extract('{\"a\":[1,2]}', '$.a[1]') AS j, strftime('%Y', '2020-01-01') AS y, hex(zeroblob(4)) AS z",
  ].map((query) => admin({ name: `SQL ${query.slice(0, 80)}`, ...send("POST", "/api/sql", { query }) }));
}
