/** The collections and records that the operations work on, made through the API of whatever is measured. */
import { ADMIN } from "../../test/harness.mjs";
import { Api, load } from "./load.mjs";

export const POSTS = 1000;
const USER = { email: "reader@example.com", password: "reader12345678" };
const TEXT = "The quick brown fox jumps over the lazy dog and runs on through the fields. ";

const PUBLIC = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
const DATES = [
  { name: "created", type: "autodate", onCreate: true },
  { name: "updated", type: "autodate", onCreate: true, onUpdate: true },
];
const POST_FIELDS = [
  { name: "title", type: "text", required: true },
  { name: "body", type: "text" },
  { name: "n", type: "number" },
  { name: "active", type: "bool" },
  ...DATES,
];

/** A post's data: about 300 bytes of JSON. */
export function post(n) {
  return { title: `Post number ${n}`, body: TEXT.repeat(3), n, active: n % 2 === 0 };
}

/** The definition of a collection like posts, by another name. */
export function collection(name) {
  return { name, type: "base", ...PUBLIC, fields: POST_FIELDS };
}

/** The body of a sign-in of the seeded user. */
export const SIGN_IN = { identity: USER.email, password: USER.password };

/**
 * Signs in as the superuser and makes everything that the operations need.
 *
 * @param {string} origin
 * @param {{floor?: boolean}} [options] the floor has no users collection of its own
 * @returns {Promise<Fixtures>}
 */
export async function seed(origin, { floor = false } = {}) {
  if (floor) await createUsersOfFloor(origin);
  const api = await signIn(origin);
  await api.call("PATCH", "/api/settings", { batch: { enabled: true, maxRequests: 200, timeout: 120 } });
  for (const name of ["posts", "items"]) await api.call("POST", "/api/collections", collection(name));
  const parents = { name: "parents", type: "base", ...PUBLIC, fields: [{ name: "name", type: "text" }, ...DATES] };
  const { id } = await api.call("POST", "/api/collections", parents);
  const relation = { name: "parent", type: "relation", collectionId: id, cascadeDelete: true, maxSelect: 1 };
  const fields = [{ name: "name", type: "text" }, relation, ...DATES];
  await api.call("POST", "/api/collections", { name: "children", type: "base", ...PUBLIC, fields });
  await api.call("POST", "/api/collections/users/records", { ...USER, passwordConfirm: USER.password, name: "Reader" });
  const signedIn = await api.call("POST", "/api/collections/users/auth-with-password", SIGN_IN);
  const posts = await create(origin, "posts", POSTS, post);
  return new Fixtures(api, posts, signedIn.token);
}

async function createUsersOfFloor(origin) {
  const api = new Api(origin);
  const fields = ["email", "name"].map((name) => ({ name, type: "text" }));
  await api.call("POST", "/api/collections", { name: "users", fields });
  await api.close();
}

/** An Api that is signed in as the superuser. */
export async function signIn(origin) {
  const api = new Api(origin);
  const path = "/api/collections/_superusers/auth-with-password";
  const { token } = await api.call("POST", path, { identity: ADMIN.email, password: ADMIN.password });
  api.authorize(token);
  return api;
}

/** What seed has made. */
export class Fixtures {
  #names = 0;

  /**
   * @param {Api} api signed in as the superuser
   * @param {string[]} posts the ids of the posts
   * @param {string} token the seeded user's
   */
  constructor(api, posts, token) {
    this.api = api;
    this.posts = posts;
    this.token = token;
  }

  /** A name that was not given out before. */
  name(prefix) {
    return `${prefix}_${(this.#names++).toString(36).padStart(4, "0")}`;
  }
}

/**
 * Creates records over eight connections.
 *
 * @returns {Promise<string[]>} their ids
 */
export async function create(origin, table, count, data) {
  const path = `/api/collections/${table}/records`;
  const requests = Array.from({ length: count }, (_, n) => ({ method: "POST", path, body: JSON.stringify(data(n)), status: 200 }));
  const ids = [];
  const { failures } = await load(origin, 8, requests, ({ text }) => ids.push(JSON.parse(text).id));
  if (failures.length > 0) throw new Error(`${failures.length} of ${count} creates failed: ${failures[0]}`);
  return ids;
}
