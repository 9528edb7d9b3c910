/** Comparing what two carriers of the same program answer to the same requests. */
import { exchange } from "./http.mjs";

/** Headers whose values say nothing about the program, or that only one carrier can have. */
const IGNORED_HEADERS = new Set([
  "date", "connection", "keep-alive", "transfer-encoding", "server-timing", "x-pocketflare-runtime", "content-length", "x-pocketflare-memory",
]);

/** A header's values in one line; the order of the values of Vary has no meaning, nor has their number. */
function headerLine(name, values) {
  if (name !== "vary") return values.join(", ");
  return [...new Set(values.flatMap((value) => value.split(",").map((part) => part.trim())))].sort().join(", ");
}

/**
 * Replaces what differs with every run (ids that the server chose, moments, tokens) by a name, the same for the same value.
 */
export class Normalizer {
  #names = new Map();
  #isKept;

  /** @param {Iterable<string> | ((id: string) => boolean)} kept ids that the client chose */
  constructor(kept = []) {
    const ids = typeof kept === "function" ? undefined : new Set(kept);
    this.#isKept = ids ? (id) => ids.has(id) : kept;
  }

  text(text) {
    return text
      .replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, "<token>")
      .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z\b/g, (moment) => (this.#isNow(moment) ? "<now>" : moment))
      .replaceAll(/\b(idx_\w+_)[a-z0-9]{10}\b/g, "$1<random>")
      .replaceAll(/\b_clone_\w{4}\b/g, "_clone_<random>")
      .replaceAll(/(?<=existing reference in )[\w, ]+/g, (names) => names.split(", ").sort().join(", ")) // the order of a Go map
      .replaceAll(/\btemp_view_\w{5}\b/g, "temp_view_<random>")
      .replaceAll(/\bpbc_\d+\b/g, (id) => this.#name(id, "collection"))
      .replaceAll(/\b[a-z0-9]{15}\b/g, (id) => (this.#isKept(id) ? id : this.#name(id, "id")))
      .replaceAll(/127\.0\.0\.1:\d+/g, "<host>");
  }

  /** A copy of what JSON.parse gave, its keys in order: Go's order differs from run to run. */
  value(value, key) {
    if (typeof value === "string") return this.text(value);
    if (key === "execTime") return 0;
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    const keys = Object.keys(value).sort();
    return Object.fromEntries(keys.map((name) => [this.text(name), this.value(value[name], name)]));
  }

  #isNow(moment) {
    return Math.abs(Date.parse(moment.replace(" ", "T")) - Date.now()) < 3_600_000;
  }

  #name(value, kind) {
    if (!this.#names.has(value)) this.#names.set(value, `<${kind} ${this.#names.size + 1}>`);
    return this.#names.get(value);
  }
}

/**
 * One carrier's part in a series of requests.
 *
 * A request has `name`, `method`, `path`, `headers`, `body` (a string or Buffer as it is, anything else as JSON), `as` (the name of
 * a token), `ignore` (names of headers that may differ), `save` (a function that is given the answer's JSON and `state`),
 * `saveToken` (the name for the token in the answer), `prepare` (a function of the carrier that makes the body), and may be
 * a function of `state` that returns one.
 */
export class Conversation {
  #target;
  #tokens;
  #normalizer;
  #state = { ids: {} };

  /**
   * @param {import("./target.mjs").Target} target
   * @param {object} options `tokens` by name; `kept` ids that are the client's, or a function that tells them
   */
  constructor(target, { tokens = {}, kept = [] } = {}) {
    this.#target = target;
    this.#tokens = { ...tokens };
    this.#normalizer = new Normalizer(kept);
  }

  /** Sends a request. @returns {Promise<{request: string, status: number, headers?: object, body: unknown}>} */
  async ask(request) {
    const made = typeof request === "function" ? request(this.#state) : request;
    const spec = made.prepare ? { ...made, body: await made.prepare(this.#target) } : made;
    const answer = await ask(this.#target, spec, this.#tokens);
    const value = parse(answer.text);
    spec.save?.(value, this.#state);
    if (spec.saveToken && value?.token) this.#tokens[spec.saveToken] = value.token;
    return describe(spec, answer, this.#normalizer);
  }
}

/** Sends the requests one after another to one carrier; see Conversation. */
export async function answers(target, requests, options) {
  const conversation = new Conversation(target, options);
  const seen = [];
  for (const request of requests) seen.push(await conversation.ask(request));
  return seen;
}

async function ask(target, { method = "GET", path, headers = {}, body, as }, tokens) {
  const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
  const sent = {
    ...(isRaw ? {} : { "Content-Type": "application/json" }),
    ...(tokens[as] ? { Authorization: tokens[as] } : {}),
    ...headers,
  };
  const payload = isRaw ? body : JSON.stringify(body);
  return exchange(target.url, { method, path, headers: sent, body: payload }).catch((error) => ({ error: error.code ?? error.message }));
}

function describe({ name, method = "GET", path, ignore = [] }, answer, normalizer) {
  const shown = name ?? `${method} ${path.length > 120 ? `${path.slice(0, 120)}…` : path}`;
  if (answer.error) return { request: shown, error: answer.error };
  return {
    request: shown,
    status: answer.status,
    headers: headersOf(answer, normalizer, ignore),
    body: bodyOf(answer.text, normalizer),
  };
}

function headersOf(answer, normalizer, ignore) {
  const names = [...new Set(answer.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()))];
  const shown = names.filter((name) => !IGNORED_HEADERS.has(name) && !ignore.includes(name)).sort();
  return Object.fromEntries(shown.map((name) => [name, normalizer.text(headerLine(name, answer.all(name)))]));
}

function bodyOf(text, normalizer) {
  const value = parse(text);
  return value === undefined ? normalizer.text(text) : normalizer.value(value);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The answers in which two carriers differ.
 *
 * @returns {Array<{request: string, differences: string[]}>} each difference as "path: the stock one's <> the Worker's"
 */
export function differences(stock, worker) {
  return stock
    .map((answer, index) => ({ request: answer.request, differences: unlike(answer, worker[index]) }))
    .filter((answer) => answer.differences.length > 0);
}

/** The places where two answers differ, as differences() tells them. */
export function unlike(left, right, path = "") {
  const isBranch = [left, right].every((value) => value !== null && typeof value === "object");
  if (isBranch) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].flatMap((key) => unlike(left[key], right[key], path ? `${path}.${key}` : key));
  }
  return left === right ? [] : [`${path}: ${shown(left)} <> ${shown(right)}`];
}

function shown(value) {
  return JSON.stringify(value)?.slice(0, 200) ?? "nothing";
}
