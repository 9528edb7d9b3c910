/** Random sequences of API calls. What a call made of the collections is known once stock PocketBase has accepted it. */
import { change, collectionOf, comparable, newCollection, newView } from "./collections.mjs";
import { body, query, recordId, text } from "./records.mjs";
import { authRequest, credentials } from "./users.mjs";

/** What the sequence knows of the servers. */
class Model {
  collections = [];
  #names = 0;

  name(prefix) {
    return `${prefix}${++this.#names}`;
  }

  /** An id of 15 characters, as PocketBase's own. */
  recordId() {
    return `rec${String(++this.#names).padStart(12, "0")}`;
  }
}

/** One sequence: next() gives requests for ever, content() those that read everything at its end. */
export class Sequence {
  #dice;
  #model = new Model();

  /** @param {import("./dice.mjs").Dice} dice */
  constructor(dice) {
    this.#dice = dice;
  }

  next() {
    const dice = this.#dice;
    if (this.#model.collections.length < 2) return this.#createCollection();
    const tables = this.#model.collections.filter(({ type }) => type !== "view");
    const collection = dice.oneIn(6) || tables.length === 0 ? dice.pick(...this.#model.collections) : dice.pick(...tables);
    return dice.choose([
      [3, () => (this.#model.collections.length < 7 ? this.#createCollection() : this.#list(collection))],
      [6, () => this.#changeCollection(collection)],
      [2, () => this.#createView(collection)],
      [1, () => this.#import(collection)],
      [1, () => this.#deleteCollection(collection)],
      [1, () => ({ method: "DELETE", path: `/api/collections/${collection.name}/truncate`, as: "admin", applied: () => this.#emptied(collection) })],
      [30, () => this.#create(collection)],
      [12, () => this.#update(collection)],
      [5, () => this.#delete(collection)],
      [12, () => ({ path: `/api/collections/${collection.name}/records/${recordId(dice, collection)}?${query(dice, this.#model, collection, true)}`, as: this.#someone() })],
      [30, () => this.#list(collection)],
      [8, () => this.#batch()],
      [14, () => this.#auth()],
      [5, () => this.#sql(tables.includes(collection) ? collection : (tables[0] ?? collection))], // what a view computes has other declared types
      [2, () => this.#settings()],
      [2, () => this.#superusers()],
      [2, () => ({ path: `/api/collections?sort=${dice.pick("name", "-id", "type,id", "nothing")}&filter=${encodeURIComponent(dice.pick("", "type = 'base'", "name ~ 'c'"))}&fields=items.name,items.type,totalItems`, as: this.#someone() })],
      [2, () => ({ path: `/api/collections/${dice.pick(collection.name, collection.id, "missing")}`, as: "admin" })],
    ]);
  }

  /** What the superuser reads at the end: every collection and every record. */
  content() {
    const lists = this.#model.collections.map(({ name }) => ({ path: `/api/collections/${name}/records?perPage=1000&sort=id`, as: "admin" }));
    return [{ path: "/api/collections?perPage=500&sort=id&filter=system%3Dfalse", as: "admin" }, { path: "/api/settings", as: "admin" }, ...lists];
  }

  /** A name of a token, mostly the superuser's. */
  #someone() {
    const users = this.#model.collections.flatMap((collection) => collection.users.filter(({ isSignedIn }) => isSignedIn)).map(({ id }) => id);
    return this.#dice.pick("admin", "admin", undefined, undefined, ...users.slice(-3));
  }

  #createCollection() {
    const definition = newCollection(this.#dice, this.#model);
    return { method: "POST", path: "/api/collections", as: "admin", body: definition, applied: () => this.#model.collections.push(collectionOf(definition)) };
  }

  #createView(source) {
    const definition = newView(this.#dice, this.#model, source.type === "view" ? this.#model.collections[0] : source);
    if (this.#dice.oneIn(3)) return { method: "POST", path: "/api/collections/meta/dry-run-view", as: "admin", body: { query: definition.viewQuery } };
    return {
      method: "POST", path: "/api/collections", as: "admin", body: definition,
      applied: (answer) => this.#model.collections.push(collectionOf({ ...definition, fields: answer.fields })),
    };
  }

  #changeCollection(collection) {
    const patch = change(this.#dice, this.#model, collection);
    const applied = (answer) => Object.assign(collection, patch, answer.indexes ? { indexes: answer.indexes } : {});
    return { method: "PATCH", path: `/api/collections/${this.#dice.pick(collection.name, collection.id)}`, as: "admin", body: patch, applied };
  }

  #import(collection) {
    const { ids: _, users: __, ...definition } = collection;
    const added = newCollection(this.#dice, this.#model);
    const changed = { ...definition, ...change(this.#dice, this.#model, collection) };
    const collections = this.#dice.pick([changed], [added], [changed, added]);
    const deleteMissing = this.#dice.oneIn(6);
    return {
      method: "PUT", path: "/api/collections/import", as: "admin", body: { collections, deleteMissing },
      applied: () => {
        if (deleteMissing) this.#model.collections = collections.includes(changed) ? [collection] : [];
        if (collections.includes(added)) this.#model.collections.push(collectionOf(added));
        if (collections.includes(changed)) Object.assign(collection, changed);
      },
    };
  }

  #deleteCollection(collection) {
    return {
      method: "DELETE", path: `/api/collections/${collection.name}`, as: "admin",
      applied: () => (this.#model.collections = this.#model.collections.filter((other) => other !== collection)),
    };
  }

  #emptied(collection) {
    collection.ids = [];
    collection.users = [];
  }

  #newRecord(collection, odd) {
    const dice = this.#dice;
    const id = dice.oneIn(odd ?? 20) ? recordId(dice, collection) || "short" : this.#model.recordId();
    const user = collection.type === "auth" ? credentials(dice, this.#model.name("")) : {};
    const content = { ...body(dice, this.#model, { fields: [], ...collection }, false, odd), ...user, id };
    const applied = () => {
      collection.ids.push(id);
      if (collection.type === "auth") collection.users.push({ ...user, id, collectionId: collection.id });
    };
    return { method: "POST", path: `/api/collections/${collection.name}/records`, body: content, applied };
  }

  #create(collection) {
    const { path: url, ...request } = this.#newRecord(collection);
    return { ...request, path: `${url}?${query(this.#dice, this.#model, collection, true)}`, as: this.#dice.oneIn(2) ? "admin" : this.#someone() };
  }

  #update(collection) {
    const content = body(this.#dice, this.#model, { fields: [], ...collection }, true);
    return { method: "PATCH", path: `/api/collections/${collection.name}/records/${recordId(this.#dice, collection)}`, as: this.#someone(), body: content };
  }

  #delete(collection) {
    const id = recordId(this.#dice, collection);
    const applied = () => {
      collection.ids = collection.ids.filter((other) => other !== id);
      collection.users = collection.users.filter((user) => user.id !== id);
    };
    return { method: "DELETE", path: `/api/collections/${collection.name}/records/${id}`, as: this.#someone(), applied };
  }

  #list(collection) {
    return { path: `/api/collections/${collection.name}/records?${query(this.#dice, this.#model, collection)}`, as: this.#someone() };
  }

  #batch() {
    const dice = this.#dice;
    const parts = Array.from({ length: 1 + dice.below(6) }, () => {
      const collection = dice.pick(...this.#model.collections.filter(({ type }) => type !== "view"));
      if (!collection) return { method: "GET", path: "/api/nothing" };
      const part = dice.choose([
        [6, () => this.#newRecord(collection, 100)],
        [2, () => this.#update(collection)],
        [1, () => this.#delete(collection)],
        [1, () => ({ ...this.#newRecord(collection, 10), method: "PUT" })], // creates, or updates what has the id
      ]);
      return part;
    });
    const requests = parts.map(({ method, path: url, body: content }) => ({ method, url, body: content }));
    return { method: "POST", path: "/api/batch", as: dice.oneIn(3) ? this.#someone() : "admin", body: { requests }, applied: () => parts.forEach((part) => part.applied?.()) };
  }

  #auth() {
    const auths = this.#model.collections.filter(({ type }) => type === "auth");
    if (auths.length === 0) return this.#createCollection();
    return authRequest(this.#dice, this.#model, this.#dice.pick(...auths));
  }

  #sql(collection) {
    const columns = comparable(collection).map(({ name }) => name);
    const column = this.#dice.pick(...columns);
    const value = `'${text(this.#dice).replaceAll("'", "''").replaceAll("\u0000", "").toWellFormed()}'`;
    const sql = this.#dice.pick(
      `SELECT id, ${column}, id FROM ${collection.name} ORDER BY id LIMIT 5`,
      `SELECT count(*), max(${column}), typeof(min(${column})) FROM ${collection.name}`,
      `SELECT ${columns} FROM ${collection.name} WHERE ${column} = ${value} ORDER BY id`,
      `UPDATE ${collection.name} SET ${column} = ${column} WHERE ${column} >= ${value}`,
      `SELECT ${column} AS x, count(*) AS n FROM ${collection.name} GROUP BY ${column} ORDER BY 1`,
      `SELECT name, type FROM pragma_table_info('${collection.name}')`,
      `SELECT nothing FROM ${collection.name}`,
      `INSERT INTO ${collection.name} (id) VALUES ('${(recordId(this.#dice, collection) || "by SQL").replaceAll("'", "''")}')`,
      `DELETE FROM ${collection.name} WHERE ${column} = ${value} AND 0`,
    );
    return { method: "POST", path: "/api/sql", as: "admin", name: `SQL ${sql}`, body: { query: sql } };
  }

  #superusers() {
    const path = "/api/collections/_superusers/records";
    const id = this.#dice.pick("rec999999999901", "rec999999999902");
    const password = this.#dice.pick("password1234", "short");
    const as = this.#someone();
    return this.#dice.choose([
      [3, () => ({ method: "POST", path, as, body: { id, email: `${id}@example.com`, password, passwordConfirm: password } })],
      [2, () => ({ method: "POST", path: "/api/collections/_superusers/auth-with-password", body: { identity: `${id}@example.com`, password }, saveToken: id })],
      [2, () => ({ path: `${path}?sort=email&filter=email~'rec'`, as: this.#dice.pick(as, id) })],
      [2, () => ({ method: "DELETE", path: `${path}/${id}`, as: this.#dice.pick(as, id) })],
      [1, () => ({ method: "PATCH", path: `${path}/${id}`, as: this.#dice.pick(as, id), body: { password: "password4321", passwordConfirm: "password4321" } })],
    ]);
  }

  #settings() {
    const patch = this.#dice.pick(
      { meta: { appName: text(this.#dice).toWellFormed() } },
      { meta: { hideControls: this.#dice.oneIn(2) } },
      { batch: { enabled: true, maxRequests: this.#dice.pick(3, 50) } },
      { logs: { maxDays: this.#dice.pick(5, -1) } },
      { trustedProxy: { headers: ["X-Real-IP"] } },
      { smtp: { enabled: true, host: "" } },
      { nothing: 1 },
    );
    return { method: "PATCH", path: "/api/settings", as: this.#dice.oneIn(5) ? this.#someone() : "admin", body: patch };
  }
}
