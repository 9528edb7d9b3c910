// What requests of the same kind have asked one after the other is asked at once: with the first read of an event travel those that have
// followed it before, as far as they can be told in advance. The reader of a record is looked up, then the record: both are known from
// the token and the path.
//
// This is only about when a read is sent. It is answered to the program when it asks, under the rules of memory.mjs, and a guess that
// was wrong costs D1 a read.

import { isSame } from "./query.mjs";

/** Kinds of requests that are remembered, and reads of each, after the first. */
const MAX_KINDS = 512;
const MAX_READS = 4;

/** How often in a row a read must have been as it was told to be sent ahead, and how much of that is remembered. */
const SURE = 2;
const MAX_SCORE = 8;

/** Ids of PocketBase's records in a path. */
const ID = /\/[a-z0-9]{15}(?=[/?]|$)/g;

const MAX_PATH = 300;

/**
 * @typedef {import("./query.mjs").Query} Query
 * @typedef {{ sql: string, shape: number, sources: Source[], score: number }} Follower a read that came after the first
 * @typedef {{ of: "first" | "path", at: number } | { of: "constant", value: unknown }} Source where a parameter comes from
 */

/** What has been learned of one database. */
export class Habits {
  #kinds = new Map();

  /** @returns {{ shape: number, followers: Follower[] }} what follows a first read of that shape */
  of(kind, shape) {
    const known = this.#kinds.get(kind);
    if (known?.shape === shape) return known; // another shape: the schema has changed
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    const fresh = { shape, followers: [] };
    this.#kinds.set(kind, fresh);
    return fresh;
  }
}

/** The reads of one event, in their order, until its first write. */
export class Course {
  #habits;
  #path;
  #reads = [];
  #followers = [];
  #sent = [];
  #over = false;

  /**
   * @param {Habits} habits
   * @param {Request | undefined} request an event without one has no habits
   */
  constructor(habits, request) {
    this.#habits = habits;
    this.#over = !request || request.url.length > MAX_PATH;
    if (!this.#over) this.#path = `${request.method} ${request.url}`;
  }

  /**
   * To be told each read that the program asks for.
   *
   * @param {Query} query
   * @param {number} shape
   * @returns {{ query: Query, shape: number, failed: () => void }[]} what to send with it, and what to call if that fails: it is not
   *   sent ahead again, since its error costs the others of the batch another round trip
   */
  take(query, shape) {
    if (this.#over || this.#reads.some((read) => isSame(read, query))) return [];
    this.#reads.push(query);
    if (this.#reads.length === 1) return this.#begin(query, shape);
    this.#learn(query, shape);
    if (this.#reads.length > MAX_READS) this.end();
    return [];
  }

  #begin(query, shape) {
    this.#followers = this.#habits.of(`${this.#path.replace(ID, "/*")}\n${query.sql}`, shape).followers;
    const unsure = this.#followers.findIndex(({ score }) => score < SURE);
    this.#sent = this.#followers.slice(0, unsure < 0 ? undefined : unsure);
    return this.#sent.map((follower) => ({
      query: this.#expected(follower),
      shape: follower.shape,
      failed: () => (follower.score = -Infinity),
    }));
  }

  #learn(query, shape) {
    const at = this.#reads.length - 2;
    const known = this.#followers[at];
    this.#sent = this.#sent.filter((follower) => follower !== known);
    if (known && isSame(this.#expected(known), query)) {
      known.score = Math.min(known.score + 1, MAX_SCORE);
      return;
    }
    const follower = { sql: query.sql, shape, sources: query.params.map((value) => this.#sourceOf(value)), score: 0 };
    this.#followers.splice(at, known?.sql === query.sql ? 1 : Infinity, follower);
  }

  #sourceOf(value) {
    const first = this.#reads[0].params.indexOf(value);
    if (first >= 0) return { of: "first", at: first };
    const at = typeof value === "string" ? this.#segments.indexOf(value) : -1;
    return at >= 0 ? { of: "path", at } : { of: "constant", value };
  }

  #expected({ sql, sources }) {
    const value = ({ of, at, value }) => (of === "first" ? this.#reads[0].params[at] : of === "path" ? this.#segments[at] : value);
    return { sql, params: sources.map(value) };
  }

  get #segments() {
    return this.#path.split(/[/?]/);
  }

  /** To be told that what follows depends on more than reads: the event writes, or is over. */
  end() {
    this.#over = true;
    for (const follower of this.#sent) follower.score = Math.min(follower.score, 0);
    this.#sent = [];
  }
}
