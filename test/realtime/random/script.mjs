/** Random scripts of realtime: who listens to what, and what happens to records, users, rules. The same for the same seed. */
import { Dice } from "../../differential/random/dice.mjs";
import { BARRIER, NAMES, PASSWORD, USERS, collections, emailOf, rule, topic, values } from "./world.mjs";

const LISTENERS = 8;
const GUEST = "guest";
const ADMIN = "admin";

/**
 * @typedef {object} Step of a script; `isolate` is where its requests go
 * @property {"request" | "login" | "connect" | "subscribe" | "disconnect"} kind
 * @property {string} [as] the name of the token that goes with it
 * @property {{ method: string, path: string, body?: object }} [request]
 * @property {number} [listener]
 * @property {string[]} [subscriptions]
 */

/** A script, step by step. */
export class Script {
  #dice;
  #ids = Object.fromEntries(NAMES.map((name) => [name, []]));
  #owners = Array.from({ length: LISTENERS }, () => null); // who a listener has subscribed as, null if it is not connected
  #count = 0;
  #n = 0;

  /** @param {number} seed */
  constructor(seed) {
    this.#dice = new Dice(seed);
    this.collections = collections(this.#dice);
  }

  /** What there is before: users, listeners, some records. @returns {Step[]} */
  preparation() {
    const people = USERS.map((id) => this.#create("people", ADMIN, id));
    const logins = USERS.map((id) => ({ kind: "login", as: id, isolate: 0 }));
    const listeners = this.#owners.flatMap((_, listener) => [this.#connect(listener), this.#subscribe(listener)]);
    const records = ["parents", "children", "leaves", "parents", "children"].map((name) => this.#create(name, ADMIN));
    return [...people, ...logins, ...listeners, ...records];
  }

  /** @returns {Step[]} those of one turn: what belongs together */
  next() {
    const dice = this.#dice;
    const listener = dice.below(LISTENERS);
    if (this.#owners[listener] === null) return [this.#connect(listener), this.#subscribe(listener)];
    return dice.choose([
      [8, () => [this.#create(dice.pick(...NAMES), this.#actor())]],
      [10, () => [this.#update(dice.pick(...NAMES), this.#actor())]],
      [4, () => [this.#delete(dice.pick(...NAMES), this.#actor())]],
      [5, () => [this.#batch()]],
      [7, () => [this.#subscribe(listener)]],
      [1, () => [{ ...this.#subscribe(listener), subscriptions: [] }]],
      [1, () => [this.#disconnect(listener)]],
      [2, () => [this.#changePassword()]],
      [2, () => [this.#restoreUser()]],
      [2, () => [this.#changeCollection()]],
      [1, () => [this.#patchCollection("people", { authToken: { secret: "x".repeat(40 + dice.below(20)) } }), ...this.#logins()]],
      [1, () => [this.#request("DELETE", `/api/collections/${dice.pick("leaves", "notes")}/truncate`, ADMIN)]],
    ]);
  }

  #step(step) {
    return { isolate: this.#dice.below(2), ...step };
  }

  #request(method, path, as, body) {
    return this.#step({ kind: "request", as, request: { method, path, body } });
  }

  #actor() {
    return this.#dice.pick(ADMIN, ADMIN, GUEST, ...USERS);
  }

  #path(name, id) {
    const path = `/api/collections/${this.#dice.oneIn(5) ? `id_${name}` : name}/records`;
    return id === undefined ? path : `${path}/${id}`;
  }

  #id(name) {
    return this.#dice.pick(...this.#ids[name], "missing00000000");
  }

  #values(name) {
    return { n: ++this.#n, ...values(this.#dice, name, this.#ids) };
  }

  #newRecord(name, id = `${name}${String(++this.#count).padStart(15 - name.length, "0")}`) {
    if (!this.#ids[name].includes(id)) this.#ids[name].push(id);
    const auth = name === "people" && { email: emailOf(id), password: PASSWORD, passwordConfirm: PASSWORD, emailVisibility: this.#dice.oneIn(2), verified: this.#dice.oneIn(2) };
    return { id, ...this.#values(name), ...auth };
  }

  #create(name, as, id) {
    const body = this.#newRecord(name, id);
    return this.#request("POST", this.#path(name), as, body);
  }

  #update(name, as) {
    const auth = name === "people" && this.#dice.oneIn(3) && { emailVisibility: this.#dice.oneIn(2), verified: this.#dice.oneIn(2) };
    return this.#request("PATCH", this.#path(name, this.#id(name)), as, { ...this.#values(name), ...auth });
  }

  #delete(name, as) {
    return this.#request("DELETE", this.#path(name, this.#id(name)), as);
  }

  #batch() {
    const dice = this.#dice;
    const requests = Array.from({ length: 1 + dice.below(5) }, () => {
      const name = dice.pick(...NAMES.slice(1));
      const { request } = dice.choose([
        [4, () => this.#create(name, ADMIN)],
        [4, () => this.#update(name, ADMIN)],
        [1, () => this.#delete(name, ADMIN)],
        [1, () => this.#request("PUT", this.#path(name), ADMIN, { ...this.#newRecord(name), id: this.#id(name) })],
      ]);
      return { method: request.method, url: request.path, body: request.body };
    });
    if (dice.oneIn(3)) requests.push({ method: "DELETE", url: "/api/collections/notes/records/missing00000001" });
    return this.#request("POST", "/api/batch", this.#actor(), { requests });
  }

  #connect(listener) {
    this.#owners[listener] = GUEST;
    return this.#step({ kind: "connect", listener });
  }

  #disconnect(listener) {
    this.#owners[listener] = null;
    return this.#step({ kind: "disconnect", listener });
  }

  /** A client stays what it is, mostly; a guest may become someone. */
  #subscribe(listener) {
    const dice = this.#dice;
    const owner = this.#owners[listener];
    const as = owner === GUEST ? dice.pick(GUEST, ADMIN, ...USERS) : dice.oneIn(10) ? dice.pick(GUEST, ...USERS) : owner;
    if (owner === GUEST) this.#owners[listener] = as;
    return this.#step({ kind: "subscribe", listener, as, subscriptions: [BARRIER.topic, ...dice.some(7, () => topic(dice, this.#ids))] });
  }

  #changePassword() {
    const id = this.#dice.pick(...USERS);
    return this.#step({ ...this.#request("PATCH", `/api/collections/people/records/${id}`, ADMIN, { password: PASSWORD, passwordConfirm: PASSWORD, n: ++this.#n }), logins: [id] });
  }

  #restoreUser() {
    const id = this.#dice.pick(...USERS);
    return { ...this.#create("people", ADMIN, id), logins: [id] };
  }

  #logins() {
    return USERS.map((as) => this.#step({ kind: "login", as }));
  }

  #changeCollection() {
    const name = this.#dice.pick(...NAMES);
    return this.#patchCollection(name, { [this.#dice.pick("listRule", "viewRule")]: rule(this.#dice, name) });
  }

  #patchCollection(name, body) {
    return this.#request("PATCH", `/api/collections/id_${name}`, ADMIN, body);
  }
}
