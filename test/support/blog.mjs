/** A small blog, the same on every carrier: what the suites of the SDK query, expand and delete. */

const author = (number) => `author000000000${number}`.slice(-15).padStart(15, "a");
const post = (number) => `post${String(number).padStart(11, "0")}`;
const comment = (number) => `comment${String(number).padStart(8, "0")}`;

/** Ids of the blog's records, by their number from 1. */
export const ids = { author, post, comment };

const everyone = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };

/** The blog's collections, in the order of their creation. */
export const collections = [
  {
    name: "authors",
    type: "base",
    ...everyone,
    fields: [
      { name: "name", type: "text", required: true, max: 50 },
      { name: "email", type: "email" },
      { name: "age", type: "number", onlyInt: true, min: 0 },
      { name: "active", type: "bool" },
      { name: "meta", type: "json" },
      { name: "born", type: "date" },
      { name: "home", type: "geoPoint" },
      { name: "site", type: "url" },
      { name: "created", type: "autodate", onCreate: true },
      { name: "updated", type: "autodate", onCreate: true, onUpdate: true },
    ],
    indexes: ["CREATE UNIQUE INDEX idx_authors_name ON authors (name)"],
  },
  {
    name: "posts",
    type: "base",
    ...everyone,
    fields: [
      { name: "title", type: "text", required: true },
      { name: "body", type: "editor" },
      { name: "author", type: "relation", collectionId: "authors", cascadeDelete: true, maxSelect: 1 },
      { name: "editors", type: "relation", collectionId: "authors", maxSelect: 5 },
      { name: "views", type: "number" },
      { name: "labels", type: "select", maxSelect: 3, values: ["go", "js", "sql", "css"] },
      { name: "state", type: "select", maxSelect: 1, values: ["draft", "public"] },
      { name: "published", type: "date" },
      { name: "secret", type: "text", hidden: true },
    ],
    indexes: ["CREATE INDEX idx_posts_author ON posts (author)"],
  },
  {
    name: "comments",
    type: "base",
    ...everyone,
    fields: [
      { name: "text", type: "text" },
      { name: "post", type: "relation", collectionId: "posts", cascadeDelete: true, required: true, maxSelect: 1 },
      { name: "rating", type: "number" },
    ],
  },
];

const places = [
  { lon: 23.32, lat: 42.69 },
  { lon: 13.4, lat: 52.52 },
  { lon: -0.12, lat: 51.5 },
];

/** The blog's records: 3 authors, 12 posts and 24 comments. */
export const records = [
  ...[1, 2, 3].map((n) => [
    "authors",
    {
      id: author(n),
      name: ["Ada", "Bob_100%", "Çiğdem"][n - 1],
      email: n === 3 ? "" : `author${n}@example.com`,
      age: n * 20,
      active: n !== 2,
      meta: [{ rank: 1, tags: ["x", "y"] }, null, [1, "two", { three: 3 }]][n - 1],
      born: n === 3 ? "" : `19${n}0-05-0${n} 10:00:00.000Z`,
      home: places[n - 1],
      site: n === 1 ? "https://example.com/ada" : "",
    },
  ]),
  ...numbers(12).map((n) => [
    "posts",
    {
      id: post(n),
      title: `Post ${n}`,
      body: `<p>Body of <b>post ${n}</b> with a rather long text &amp; entities, so that an excerpt cuts it.</p>`,
      author: author(1 + (n % 3)),
      editors: n % 2 ? [author(1), author(2)] : [],
      views: n * 10.5,
      labels: [["go"], ["js", "sql"], []][n % 3],
      state: n % 4 ? "public" : "draft",
      published: `2026-0${1 + (n % 9)}-15 08:30:00.000Z`,
      secret: `secret ${n}`,
    },
  ]),
  ...numbers(24).map((n) => ["comments", { id: comment(n), text: `Comment ${n}`, post: post(1 + (n % 6)), rating: n % 5 }]),
];

/**
 * Creates the blog.
 *
 * @param {import("pocketbase").default} admin a superuser's client
 */
export async function createBlog(admin) {
  await admin.settings.update({ batch: { enabled: true, maxRequests: 100, timeout: 30 } });
  const created = {};
  for (const collection of collections) {
    const fields = collection.fields.map((field) =>
      field.collectionId ? { ...field, collectionId: created[field.collectionId] } : field,
    );
    created[collection.name] = (await admin.collections.create({ ...collection, fields })).id;
  }
  const batch = admin.createBatch();
  records.forEach(([collection, body]) => batch.collection(collection).create(body));
  await batch.send();
}

/** 1 to count. */
export function numbers(count) {
  return Array.from({ length: count }, (_, index) => index + 1);
}
