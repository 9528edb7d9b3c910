import PocketBase from "pocketbase";

/** The superuser that both targets have from their start. */
export const ADMIN = { email: "admin@example.com", password: "admin12345678" };

/** What a server has printed, for the report of a test that failed. */
export class Output {
  #lines = [];

  add(text) {
    this.#lines.push(...text.split("\n").filter((line) => line.trim() !== ""));
  }

  /** The number of lines so far, to be given to since(). */
  mark() {
    return this.#lines.length;
  }

  since(mark = 0) {
    return this.#lines.slice(mark).join("\n");
  }
}

/**
 * A running PocketBase, whatever carries it: `kind` is "stock" or "worker", `url` its origin, `urls` one origin for each
 * isolate, `output` what it printed, and stop() ends it with all it has started.
 */
export class Target {
  kind;
  urls = [];
  output;
  #admin;

  constructor(output) {
    this.output = output;
  }

  get url() {
    return this.urls[0];
  }

  /** A client of its own auth store, on the isolate of that number. */
  client(isolate = 0) {
    const client = new PocketBase(this.urls[isolate]);
    client.autoCancellation(false);
    return client;
  }

  /** A client that is signed in as the superuser; the sign-in is done once. */
  async admin(isolate = 0) {
    this.#admin ??= this.#signIn();
    const { token, record } = await this.#admin;
    const client = this.client(isolate);
    client.authStore.save(token, record);
    return client;
  }

  async #signIn() {
    return this.client().collection("_superusers").authWithPassword(ADMIN.email, ADMIN.password);
  }
}
