// The hub of realtime: it knows who listens to what and hands messages to their connections. It sleeps between events; what it knows is
// kept beside the sockets and in its storage. docs/realtime.md tells why it is as it is.

import { DurableObject } from "cloudflare:workers";

import { Listeners } from "./internal/realtime/listeners.mjs";
import { Order } from "./internal/realtime/order.mjs";
import { STATE, messageFrame } from "./internal/realtime/frames.mjs";
import { isPublished, publish } from "./internal/realtime/table.mjs";

/** What a socket keeps is limited to 16 KB, and a character may take two; longer subscriptions and values are kept in the storage, in pieces. */
const ATTACHED_LENGTH = 6_000;
const PIECE_LENGTH = 500_000;
const PIECES = "client/";

/** Milliseconds from one look at what is published to the next, while there are calls that give a reason. */
const LOOK_MILLISECONDS = 5_000;

/** How many programs are remembered: during a deployment there are two. */
const MAX_PROGRAMS = 4;

export class RealtimeHub extends DurableObject {
  #listeners = new Listeners();
  #order = new Order((delivery) => this.#deliver(delivery));
  #sockets = new Map();
  #stored;
  #publishing = Promise.resolve();
  #waiting = null;
  #looked = 0;

  constructor(ctx, env) {
    super(ctx, env);
    this.#stored = ctx.storage.kv.get("state") ?? { shard: 0, version: 0, digest: "" };
    for (const socket of ctx.getWebSockets()) this.#restore(socket);
    this.#sweep();
    this.#listeners.resume(this.#stored.version);
    this.#order.begin(ctx.storage.kv.get("next") ?? 0);
    // Sockets that were lost while it slept have changed the sets unseen.
    if (this.#listeners.digest !== this.#stored.digest) this.#listeners.touch();
  }

  /** A Worker joins the connection of a client: a WebSocket upgrade whose header X-Client tells of it. */
  async fetch(request) {
    const { id, origin, shard, program, held } = JSON.parse(request.headers.get("X-Client"));
    if (this.#stored.shard !== shard) this.#store({ shard });
    if (held === undefined) {
      // The Worker does not know whether the program has handlers for connections; it joins only if it is known here that it has none.
      const known = this.#stored.programs?.find(([name]) => name === program);
      if (!known || known[1]) return new Response(null, { status: 204 });
    } else if (program !== null) {
      this.#learn(program, held);
    }
    const { 0: theirs, 1: ours } = new WebSocketPair();
    this.ctx.acceptWebSocket(ours);
    this.#listeners.connect(id, origin).held = held === true;
    this.#sockets.set(id, ours);
    this.#attach(this.#listeners.clients.get(id));
    return new Response(null, { status: 101, webSocket: theirs });
  }

  webSocketMessage() {}

  async webSocketClose(socket) {
    await this.#gone(socket);
  }

  async webSocketError(socket) {
    await this.#gone(socket);
  }

  // What the Workers ask.

  /** @returns {object | null} what is known of a client */
  client(id) {
    const client = this.#listeners.clients.get(id);
    return client ? { origin: client.origin, auth: client.auth, subscriptions: client.subscriptions, values: client.values } : null;
  }

  /** @returns {object[]} all clients, with their ids */
  clients() {
    return [...this.#listeners.clients.keys()].map((id) => ({ id, ...this.client(id) }));
  }

  /** Stores what a request has made of a client. Every write that begins later knows of it. @returns {Promise<boolean>} whether it is there */
  async update(id, { auth, subscriptions, values }) {
    const client = this.#listeners.clients.get(id);
    if (!client) return false;
    const changed = this.#listeners.update(client, { auth, subscriptions });
    client.auth = auth;
    client.subscriptions = subscriptions;
    client.values = values;
    this.#changed(client);
    if (changed) await this.#publish();
    else this.#lookAtTimes();
    return true;
  }

  /**
   * Drops or renews the auth of listeners.
   * @param {object[]} changes
   * @param {string} event the name of the one that makes them
   * @returns {Promise<number>} the version of the sets
   */
  async changeAuth(changes, event) {
    let any = false;
    for (const change of changes) {
      const { changed, clients } = this.#listeners.changeAuth(change, event);
      for (const client of clients) this.#changed(client);
      any ||= changed;
    }
    if (any) await this.#publish();
    return this.#listeners.version;
  }

  /**
   * What has changed in the sets since a version.
   * @param {number} since
   * @param {number} published the version that the database had when it was asked
   */
  async changes(since, published) {
    await this.#settled();
    if (published !== this.#stored.version) this.#lookAtTimes();
    return this.#listeners.changes(since);
  }

  /**
   * Hands out messages in the order of commits.
   * @param {{ event: string, data: string[], parts: { numbers: number[], messages: { set?: number, version: number, client?: string, name: string,
   *   data: number }[] }[] }} delivery
   */
  async deliver({ event, data, parts }) {
    for (const { numbers, messages } of parts) this.#order.add(numbers, { event, data, messages });
    if (parts.some(({ numbers }) => numbers.length > 0)) this.ctx.storage.kv.put("next", this.#order.next); // after the messages, which do not wait for it
    await this.#settled();
  }

  /**
   * Publishes again what the database has lost, because it was restored to an earlier state, say. The reasons to look are clients that subscribe,
   * which all do again from time to time, and isolates that see less than they know: it costs nothing while listeners only listen.
   */
  async look() {
    this.#looked = Date.now();
    await this.#publishing.catch(() => {});
    const { version, size: sets } = this.#listeners;
    if (await isPublished(this.env.APP_DB, { shard: this.#stored.shard, version, sets })) return;
    if (version !== this.#listeners.version) return; // it has changed meanwhile, and is published for that
    this.#order.reset();
    await this.#publish();
  }

  /** Ends connections. */
  async close(ids) {
    for (const id of ids) {
      const socket = this.#sockets.get(id);
      socket?.close(1000, "closed");
      if (socket) await this.#gone(socket);
    }
  }

  /** Remembers whether a program has handlers for connections, so that Go holds them. */
  #learn(program, held) {
    const { programs = [] } = this.#stored;
    if (programs.some(([name, known]) => name === program && known === held)) return;
    this.#store({ programs: [[program, held], ...programs.filter(([name]) => name !== program)].slice(0, MAX_PROGRAMS) });
  }

  #deliver({ event, data, messages }) {
    for (const { set, version, client, name, data: index } of messages) {
      const frame = messageFrame(name, data[index]);
      const ids = client === undefined ? this.#listeners.audience(set, name, version, event) : [client];
      for (const id of ids) this.#send(id, frame);
    }
  }

  #send(id, frame) {
    try {
      this.#sockets.get(id)?.send(frame);
    } catch {
      // It was closed, which webSocketClose is about to tell. The others get theirs.
    }
  }

  async #gone(socket) {
    const { id } = socket.deserializeAttachment() ?? {};
    if (this.#sockets.get(id) !== socket) return;
    this.#sockets.delete(id);
    const client = this.#listeners.clients.get(id);
    this.#drop(id, client.pieces);
    if (this.#listeners.disconnect(id)) await this.#publish();
  }

  #changed(client) {
    this.#attach(client);
    if (client.held) this.#send(client.id, STATE + JSON.stringify(this.client(client.id)));
  }

  // What outlives its sleep.

  #attach(client) {
    const { id, origin, auth, subscriptions, set, values, held, pieces = 0 } = client;
    const text = JSON.stringify({ subscriptions, values });
    client.pieces = text.length > ATTACHED_LENGTH ? Math.ceil(text.length / PIECE_LENGTH) : 0;
    this.#drop(id, pieces, client.pieces);
    for (let i = 0; i < client.pieces; i++) {
      this.ctx.storage.kv.put(`${PIECES}${id}/${i}`, text.slice(i * PIECE_LENGTH, (i + 1) * PIECE_LENGTH));
    }
    const attached = client.pieces > 0 ? {} : { subscriptions, values };
    this.#sockets.get(id)?.serializeAttachment({ id, origin, auth, set, held, pieces: client.pieces, ...attached });
  }

  #drop(id, pieces = 0, keep = 0) {
    for (let i = keep; i < pieces; i++) this.ctx.storage.kv.delete(`${PIECES}${id}/${i}`);
  }

  #restore(socket) {
    const client = socket.deserializeAttachment();
    if (!client) return;
    if (client.pieces > 0) {
      const pieces = Array.from({ length: client.pieces }, (_, i) => this.ctx.storage.kv.get(`${PIECES}${client.id}/${i}`));
      Object.assign(client, JSON.parse(pieces.join("")));
    }
    this.#sockets.set(client.id, socket);
    this.#listeners.restore(client);
  }

  /** Deletes the pieces of clients whose sockets were lost without a word, as all are when the Worker is deployed. */
  #sweep() {
    for (const [key] of this.ctx.storage.kv.list({ prefix: PIECES })) {
      const [id] = key.slice(PIECES.length).split("/");
      if (!this.#sockets.has(id)) this.ctx.storage.kv.delete(key);
    }
  }

  #store(change) {
    this.#stored = { ...this.#stored, ...change };
    this.ctx.storage.kv.put("state", this.#stored);
  }

  // The version is told in the database, where every write sees it.

  /** Resolves when the sets' present version stands in the database. Changes of one moment share a write. */
  #publish() {
    this.#waiting ??= this.#publishing.catch(() => {}).then(() => {
      this.#waiting = null;
      return (this.#publishing = this.#write());
    });
    return this.#waiting;
  }

  async #write() {
    const { version, digest, size } = this.#listeners;
    const last = await publish(this.env.APP_DB, { shard: this.#stored.shard, version, sets: size });
    this.#order.begin(last + 1);
    this.#store({ version, digest });
  }

  /** Looks beside what it does, unless it has a moment ago. */
  #lookAtTimes() {
    if (Date.now() - this.#looked < LOOK_MILLISECONDS) return;
    this.ctx.waitUntil(this.look().catch((error) => console.error(`pocketflare: the listeners could not be published: ${error.message}`)));
  }

  /** Publishes what was not, since it was found only on waking or could not be written. */
  async #settled() {
    if (this.#stored.version !== this.#listeners.version) await this.#publish();
  }
}
