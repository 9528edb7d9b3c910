/**
 * What is measured. Each operation makes its requests from a contender's fixtures, and takes away again what they have
 * left, both off the clock.
 */
import { SIGN_IN, collection, create, post } from "./fixtures.mjs";

const CASCADE = 100;
const BATCH = 50;
const IMPORT = 40;

/**
 * @typedef {object} Operation
 * @property {string} name its name in BENCH_ONLY
 * @property {string} title
 * @property {number} sequential requests over one connection in a round
 * @property {number} parallel requests over 16 connections in a round; 0 for none
 * @property {number} rounds at most this many rounds (default: as many as the run has)
 * @property {{above?: number, share?: number}} [aim] p50 above the floor in ms, share of the floor's requests a second
 * @property {(fixtures: Fixtures, count: number) => Promise<Request[]>} requests
 * @property {(fixtures: Fixtures, requests: Request[]) => Promise<void>} [clean]
 */

/** @type {Operation[]} */
export const OPERATIONS = [
  {
    name: "health",
    title: "health",
    sequential: 60,
    parallel: 640,
    aim: { above: 0.3, share: 0.7 },
    requests: async (_, count) => times(count, () => get("/api/health")),
  },
  {
    name: "view",
    title: "view a record",
    sequential: 60,
    parallel: 480,
    aim: { above: 0.5, share: 0.7 },
    requests: async ({ posts }, count) => times(count, (n) => get(`/api/collections/posts/records/${at(posts, n)}`)),
  },
  {
    name: "viewauth",
    title: "view a record, signed in",
    sequential: 60,
    parallel: 480,
    requests: async ({ posts, token }, count) =>
      times(count, (n) => ({ ...get(`/api/collections/posts/records/${at(posts, n)}`), headers: { authorization: token } })),
  },
  {
    name: "list",
    title: "list 30 of 1,000, with total",
    sequential: 60,
    parallel: 320,
    aim: { above: 1.0, share: 0.6 },
    requests: async (_, count) => times(count, (n) => get(`/api/collections/posts/records?page=${1 + (n % 33)}&perPage=30`)),
  },
  {
    name: "create",
    title: "create a record",
    sequential: 60,
    parallel: 320,
    aim: { above: 1.0, share: 0.7 },
    requests: async (_, count) => times(count, (n) => send("POST", "/api/collections/items/records", post(n))),
  },
  {
    name: "update",
    title: "update a record",
    sequential: 60,
    parallel: 320,
    requests: async ({ posts }, count) =>
      times(count, (n) => send("PATCH", `/api/collections/posts/records/${at(posts, n)}`, { title: `Changed ${n}`, n })),
  },
  {
    name: "delete",
    title: "delete a record",
    sequential: 30,
    parallel: 160,
    async requests({ api }, count) {
      const ids = await create(api.origin, "items", count, post);
      return ids.map((id) => ({ method: "DELETE", path: `/api/collections/items/records/${id}`, status: 204 }));
    },
  },
  {
    name: "login",
    title: "log in (bcrypt)",
    sequential: 4,
    parallel: 32,
    rounds: 5,
    requests: async (_, count) => times(count, () => send("POST", "/api/collections/users/auth-with-password", SIGN_IN)),
  },
  {
    name: "batch",
    title: `batch of ${BATCH} creates`,
    sequential: 4,
    parallel: 0,
    rounds: 5,
    requests: async (_, count) => times(count, () => send("POST", "/api/batch", { requests: times(BATCH, createInBatch) })),
  },
  {
    name: "cascade",
    title: `delete with a cascade of ${CASCADE}`,
    sequential: 3,
    parallel: 0,
    rounds: 4,
    requests: parentsToDelete,
  },
  {
    name: "collection",
    title: "create a collection",
    sequential: 3,
    parallel: 0,
    rounds: 5,
    async requests(fixtures, count) {
      const { headers } = fixtures.api;
      return times(count, () => ({ ...send("POST", "/api/collections", collection(fixtures.name("made"))), headers }));
    },
    async clean({ api }, requests) {
      for (const { body } of requests) await api.call("DELETE", `/api/collections/${JSON.parse(body).name}`, undefined, 204);
    },
  },
  {
    name: "import",
    title: `import of ${IMPORT} collections`,
    sequential: 1,
    parallel: 0,
    rounds: 3,
    async requests(fixtures, count) {
      const { headers } = fixtures.api;
      const made = () => ({ collections: times(IMPORT, () => collection(fixtures.name("imported"))), deleteMissing: false });
      return times(count, () => ({ ...send("PUT", "/api/collections/import", made()), headers, status: 204 }));
    },
  },
];

async function parentsToDelete({ api }, count) {
  const ids = await create(api.origin, "parents", count, (n) => ({ name: `parent ${n}` }));
  for (const parent of ids) await create(api.origin, "children", CASCADE, (n) => ({ name: `child ${n}`, parent }));
  return ids.map((id) => ({ method: "DELETE", path: `/api/collections/parents/records/${id}`, status: 204 }));
}

function createInBatch(n) {
  return { method: "POST", url: "/api/collections/items/records", body: post(n) };
}

function get(path) {
  return { method: "GET", path, status: 200 };
}

function send(method, path, body) {
  return { method, path, body: JSON.stringify(body), status: 200 };
}

function times(count, make) {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** Walks over the ids in strides, so that neighbours in time are not neighbours in the table. */
function at(ids, n) {
  return ids[(n * 37) % ids.length];
}
