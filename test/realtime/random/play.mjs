/** Playing a random script of realtime to stock PocketBase and to Workers, and comparing what each listener has heard after each step. */
import { isDeepStrictEqual } from "node:util";

import { Stream } from "../stream.mjs";
import { Script } from "./script.mjs";
import { BARRIER, PASSWORD, emailOf } from "./world.mjs";

const KEPT = { id: "id_kept", name: "kept", type: "base", fields: [{ id: "id_kept_note", name: "note", type: "text" }] };

/** How long stock's goroutines may take to hand over what they send: nothing tells that they are done, but that the Worker has sent as much. */
const SETTLE_MILLISECONDS = 5;
const LATEST_MILLISECONDS = 5000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Plays so many turns.
 * @param {import("../../support/target.mjs").Target[]} targets stock and the Workers
 * @param {number} seed
 * @param {number} turns
 * @returns {Promise<string | undefined>} the first difference, with the script up to it
 */
export async function playRealtime(targets, seed, turns) {
  const script = new Script(seed);
  const players = targets.map((target) => new Player(target));
  const played = [];
  const play = async (step) => {
    played.push(step);
    const answers = await Promise.all(players.map((player) => player.play(step, played.length)));
    for (const end = Date.now() + LATEST_MILLISECONDS; isBehind(...players) && Date.now() < end; ) await pause(SETTLE_MILLISECONDS);
    const told = players.map((player, index) => ({ answer: answers[index], heard: player.heard() }));
    const differences = unlike(...told).concat(...players.map((player) => player.disorder()));
    return differences.length > 0 ? report(seed, played, differences) : undefined;
  };
  try {
    await Promise.all(players.map((player) => player.prepare(script.collections)));
    for (let turn = -1; turn < turns; turn++) {
      for (const step of turn < 0 ? script.preparation() : script.next()) {
        const difference = await play(step);
        if (difference) return difference;
      }
    }
  } finally {
    for (const player of players) player.end();
  }
}

/** One carrier's part. */
class Player {
  #target;
  #tokens = {};
  #streams = []; // by listener
  #highest = new Map(); // by listener, topic and record: the last n, which only grows
  #disorder = [];

  constructor(target) {
    this.#target = target;
  }

  async prepare(collections) {
    const admin = await this.#target.admin();
    this.#tokens.admin = admin.authStore.token;
    await admin.settings.update({ batch: { enabled: true, maxRequests: 50 } });
    await admin.collections.import([KEPT], true);
    await admin.collections.import(collections, true);
    await admin.collection(BARRIER.collection).create({ id: BARRIER.id, step: 0 });
  }

  /** @returns {Promise<unknown>} the answer, when all that the Worker has to say of it was heard */
  async play(step, number) {
    const answer = await this.#run(step);
    for (const id of step.logins ?? []) await this.#login(id, step.isolate);
    if (this.#target.kind === "stock") await pause(SETTLE_MILLISECONDS);
    const listening = this.#streams.filter((stream) => stream?.topics.includes(BARRIER.topic));
    await this.#ask("PATCH", `/api/collections/${BARRIER.collection}/records/${BARRIER.id}`, { as: "admin", body: { step: number }, isolate: number });
    await Promise.all(listening.map((stream) => stream.until((messages) => messages.some((message) => isBarrier(message) && message.data.record.step === number), 20_000)));
    return answer;
  }

  /** @returns {number[]} how much each listener has heard since the last step */
  get counts() {
    return this.#streams.map((stream) => stream?.messages.filter((message) => !isBarrier(message)).length ?? 0);
  }

  /** @returns {string[][]} what each listener has heard since the last step */
  heard() {
    return this.#streams.map((stream, listener) => this.#take(stream, listener));
  }

  async #run({ kind, isolate, as, request, listener, subscriptions }) {
    switch (kind) {
      case "request":
        return this.#ask(request.method, request.path, { as, body: request.body, isolate });
      case "login":
        return this.#login(as, isolate);
      case "connect":
        this.#streams[listener] = await Stream.open(this.#url(isolate));
        this.#streams[listener].topics = [];
        return "connected";
      case "disconnect":
        this.#streams[listener].close();
        this.#streams[listener] = null;
        return "disconnected";
      case "subscribe": {
        const { status } = await this.#streams[listener].subscribe(subscriptions, { token: this.#tokens[as], base: this.#url(isolate) });
        if (status === 204) this.#streams[listener].topics = subscriptions;
        return status;
      }
    }
  }

  #url(isolate) {
    const { urls } = this.#target;
    return urls[isolate % urls.length];
  }

  async #ask(method, path, { as, body, isolate }) {
    const response = await fetch(this.#url(isolate) + path, {
      method,
      headers: { ...(body && { "Content-Type": "application/json" }), ...(this.#tokens[as] && { Authorization: this.#tokens[as] }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (as === "admin" && path.includes(`/${BARRIER.collection}/`) && !response.ok) throw new Error(`barrier: ${response.status} ${text}`);
    return response.status < 300 ? response.status : text;
  }

  async #login(id, isolate) {
    const response = await fetch(`${this.#url(isolate)}/api/collections/people/auth-with-password`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ identity: emailOf(id), password: PASSWORD }),
    });
    const { token } = await response.json();
    this.#tokens[id] = token;
    return response.status;
  }

  /** What a listener has heard since the last step, in an order that says nothing: that of one record is looked at before. */
  #take(stream, listener) {
    if (!stream) return [];
    const messages = stream.messages.splice(0).filter((message) => !isBarrier(message));
    for (const { event, data } of messages) this.#follow(`listener ${listener}, ${event}, ${data.record.id}`, data.record);
    return messages.map(({ event, data }) => `${decodeURIComponent(event)} ${data.action} ${canonical(data.record)}`).sort();
  }

  /** A record's messages come in the order of its changes, each of which has given it a higher n. */
  #follow(key, { id, n }) {
    if (id === undefined || n === undefined) return;
    if (n < this.#highest.get(key)) this.#disorder.push(`${this.#target.kind}: ${key}: n ${n} after ${this.#highest.get(key)}`);
    this.#highest.set(key, n);
  }

  /** @returns {string[]} what has come in a wrong order; stock's goroutines give none for the changes of one batch */
  disorder() {
    const found = this.#disorder;
    this.#disorder = [];
    return this.#target.kind === "stock" ? [] : found;
  }

  end() {
    for (const stream of this.#streams) stream?.close();
  }
}

/** Whether a listener of stock's has heard less than the Worker's. */
function isBehind(stock, worker) {
  const { counts } = worker;
  return stock.counts.some((count, listener) => count < counts[listener]);
}

function isBarrier({ data }) {
  return data.record?.id === BARRIER.id;
}

/** JSON with its keys in order, and without what is random. */
function canonical(value) {
  return JSON.stringify(value, (key, part) => {
    if (key === "tokenKey") return "<random>";
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.keys(part).sort().map((name) => [name, part[name]]));
  });
}

function unlike(stock, worker) {
  const differences = [];
  if (!isDeepStrictEqual(stock.answer, worker.answer)) differences.push(`answer: ${stock.answer} <> ${worker.answer}`);
  stock.heard.forEach((messages, listener) => {
    const theirs = worker.heard[listener];
    if (isDeepStrictEqual(messages, theirs)) return;
    for (const message of without(messages, theirs)) differences.push(`listener ${listener}, stock alone: ${message}`);
    for (const message of without(theirs, messages)) differences.push(`listener ${listener}, Worker alone: ${message}`);
  });
  return differences;
}

/** What is in one list and not in the other, as often as it is. */
function without(messages, others) {
  const left = [...others];
  return messages.filter((message) => {
    const at = left.indexOf(message);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function report(seed, played, differences) {
  const lines = played.map((step, i) => `  ${i + 1} ${decodeURIComponent(JSON.stringify(step).replaceAll("%", "%25").replaceAll("%25", "%"))}`);
  return [`seed ${seed}:`, ...lines, "stock <> Worker:", ...differences.map((line) => `  ${line}`)].join("\n");
}
