/**
 * The load generator: keep-alive connections of undici that read each answer, count its bytes and throw it away.
 * Latencies are in milliseconds, from handing the request over to the last byte of its answer.
 */
import { Client } from "undici";

// Long enough for the slowest operation measured (an import whose every step is a round trip).
const ANSWER_MILLISECONDS = 240_000;

/**
 * @typedef {{method: string, path: string, headers?: Record<string, string>, body?: string, status: number}} Request
 *   `status` is the only one that counts as success
 * @typedef {{status: number, bytes: number, headers: Record<string, string>, text?: string, milliseconds: number}} Answer
 */

/** One keep-alive connection, one request at a time. */
export class Connection {
  #client;

  /** @param {string} origin */
  constructor(origin) {
    this.#client = new Client(origin, {
      pipelining: 1,
      headersTimeout: ANSWER_MILLISECONDS,
      bodyTimeout: ANSWER_MILLISECONDS,
    });
  }

  /**
   * @param {Request} request
   * @param {boolean} [keep] keep the answer's text
   * @returns {Promise<Answer>} rejects when the connection fails, not on an unexpected status
   */
  send({ method, path, headers, body }, keep = false) {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const answer = { status: 0, bytes: 0, headers: undefined, text: undefined, milliseconds: 0 };
      const chunks = keep ? [] : undefined;
      const sent = body === undefined ? headers : { "content-type": "application/json", ...headers };
      this.#client.dispatch({ method, path, headers: sent, body }, {
        onRequestStart() {},
        onResponseStart(_, status, received) {
          answer.status = status;
          answer.headers = received;
        },
        onResponseData(_, chunk) {
          answer.bytes += chunk.length;
          chunks?.push(chunk);
        },
        onResponseEnd() {
          answer.milliseconds = performance.now() - started;
          if (chunks) answer.text = Buffer.concat(chunks).toString();
          resolve(answer);
        },
        onResponseError: (_, error) => reject(error),
      });
    });
  }

  async close() {
    await this.#client.destroy();
  }
}

/**
 * Sends the requests over a number of connections, each taking the next as soon as it has its answer. The connections
 * are open before the clock starts.
 *
 * @param {string} origin
 * @param {number} connections
 * @param {Request[]} requests
 * @param {(answer: Answer) => void} [onAnswer] sees each answer that had the expected status
 * @returns {Promise<{milliseconds: number, latencies: number[], bytes: number, failures: string[]}>} `bytes` is the
 *   mean of a good answer's body; a failure is told by its status and body, or its error
 */
export async function load(origin, connections, requests, onAnswer) {
  const pool = Array.from({ length: Math.min(connections, requests.length) }, () => new Connection(origin));
  await Promise.all(pool.map((connection) => connection.send({ method: "GET", path: "/api/health" })));
  const latencies = [];
  const failures = [];
  let next = 0;
  let bytes = 0;
  const work = async (connection) => {
    while (next < requests.length) {
      const request = requests[next++];
      try {
        const answer = await connection.send(request, true);
        if (answer.status !== request.status) {
          failures.push(`${request.method} ${request.path}: ${answer.status} ${answer.text.slice(0, 300)}`);
          continue;
        }
        latencies.push(answer.milliseconds);
        bytes += answer.bytes;
        onAnswer?.(answer);
      } catch (error) {
        failures.push(`${request.method} ${request.path}: ${error.message}`);
      }
    }
  };
  const started = performance.now();
  await Promise.all(pool.map(work));
  const milliseconds = performance.now() - started;
  await Promise.all(pool.map((connection) => connection.close()));
  return { milliseconds, latencies, bytes: latencies.length > 0 ? bytes / latencies.length : 0, failures };
}

/** A client for what is not measured: it speaks JSON and throws on an unexpected status. */
export class Api {
  #connection;
  #headers = {};

  constructor(origin) {
    this.origin = origin;
    this.#connection = new Connection(origin);
  }

  /** Every request from here on carries this token. */
  authorize(token) {
    this.#headers = { authorization: token };
  }

  get headers() {
    return this.#headers;
  }

  /** @returns {Promise<any>} the parsed answer */
  async call(method, path, body, status = 200) {
    const request = { method, path, headers: this.#headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const answer = await this.#connection.send(request, true);
    if (answer.status !== status) {
      throw new Error(`${method} ${this.origin}${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
    }
    return answer.text === "" ? undefined : JSON.parse(answer.text);
  }

  async close() {
    await this.#connection.close();
  }
}
