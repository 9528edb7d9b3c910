/** Outgoing requests: Go's http clients reach other servers, and see of them what net/http would. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { suite } from "./harness.mjs";
import { eventually, exchange, open, pause } from "./support/http.mjs";

const MEGABYTE = 1 << 20;

/** The server that the app asks. `asked` has the path of each request that has come, `seen` a note of each that has ended, by its path. */
class Other {
  asked = new Set();
  seen = new Map();
  #together = [];
  #server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://other");
    this.asked.add(pathname);
    this.#handlers[pathname.slice(1)](request, response).catch(() => {});
    response.once("close", () => this.seen.set(pathname, { finished: response.writableFinished }));
  });

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #handlers = {
    /** Answers with what it has seen. */
    async echo(request, response) {
      const sum = createHash("sha256");
      let length = 0;
      for await (const part of request) {
        sum.update(part);
        length += part.length;
      }
      const { method, url, headers } = request;
      const text = Buffer.from(JSON.stringify({ method, url, headers, length, sum: sum.digest("hex") }));
      response.writeHead(200, "Fine", { "Content-Length": text.length, "X-Unicode": Buffer.from("é").toString("latin1") });
      response.end(text);
    },
    async cookies(_, response) {
      response.setHeader("Set-Cookie", ["a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "b=2; Path=/"]);
      response.setHeader("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT");
      response.writeHead(204).end();
    },
    async redirect(request, response) {
      request.resume();
      const code = Number(new URL(request.url, "http://other").searchParams.get("code"));
      response.writeHead(code, { Location: "/echo?redirected" }).end("moved");
    },
    async gzip(request, response) {
      const text = gzipSync(`asked for ${request.headers["accept-encoding"]}`);
      response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": text.length }).end(text);
    },
    async brotli(_, response) {
      response.writeHead(200, { "Content-Encoding": "br" }).end(brotliCompressSync("brotli"));
    },
    async large(request, response) {
      const size = Number(new URL(request.url, "http://other").searchParams.get("size"));
      response.writeHead(200, { "Content-Length": size });
      const part = Buffer.alloc(64 * 1024, "x");
      for (let left = size; left > 0 && !response.destroyed; left -= part.length) {
        if (!response.write(part.subarray(0, Math.min(part.length, left)))) await once(response, "drain");
      }
      response.end();
    },
    async cut(_, response) {
      response.writeHead(200, { "Content-Length": MEGABYTE });
      response.write("x".repeat(100_000));
      await pause(50);
      response.destroy();
    },
    async silent(request, response) {
      request.resume();
      await once(response, "close");
    },
    async stalls(_, response) {
      response.writeHead(200);
      response.write("first");
      await once(response, "close");
    },
    async ticks(request, response) {
      request.resume();
      response.writeHead(200);
      for (let i = 0; !response.destroyed && i < 100; i++) {
        response.write(`tick ${i}\n`);
        await pause(50);
      }
      response.end();
    },
    /** Is answered when there are as many as they say. */
    together: async (request, response) => {
      const { searchParams } = new URL(request.url, "http://other");
      this.#together.push(() => response.end(searchParams.get("number")));
      if (this.#together.length >= Number(searchParams.get("of"))) for (const answer of this.#together.splice(0)) answer();
    },
    async early(_, response) {
      response.writeHead(403, { "Content-Length": 2 }).end("no");
    },
    async status(request, response) {
      response.writeHead(Number(new URL(request.url, "http://other").searchParams.get("code")), { ETag: '"x"' }).end();
    },
  };
}

suite("outgoing requests", { example: true }, (on) => {
  const other = new Other();
  before(() => other.start());
  after(() => other.stop());

  /** Has the app send a request and gives what it has seen. */
  async function send(url, path, order = {}) {
    const body = JSON.stringify({ method: "GET", url: other.url + path, ...order });
    const answer = await exchange(`${url}/example/outgoing/send`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
  }

  /** Waits until the other server has seen a response end before its time. */
  async function isGivenUp(path) {
    const seen = await eventually(() => other.seen.get(path), (value) => value !== undefined);
    assert.deepEqual(seen, { finished: false }, path);
  }

  on.test("method, URL, headers and body go out, and the answer comes back", async ({ url }) => {
    const header = { "X-Two": ["a", "b, c"], "X-Unicode": ["é"], "Content-Type": ["text/plain"] };
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const seen = await send(url, "/echo?a=%C3%A9&b=+%2F", { method, header, body: "héllo" });
      assert.equal(seen.status, "200 Fine");
      assert.equal(seen.header["X-Unicode"][0], "é");
      const echo = JSON.parse(seen.start);
      assert.equal(echo.method, method);
      assert.equal(echo.url, "/echo?a=%C3%A9&b=+%2F");
      assert.equal(echo.length, 6);
      assert.equal(echo.headers["content-length"], "6");
      assert.equal(echo.headers["content-type"], "text/plain");
      assert.equal(echo.headers["x-two"], "a, b, c");
      assert.equal(Buffer.from(echo.headers["x-unicode"], "latin1").toString(), "é");
      assert.equal(echo.headers["user-agent"], "Go-http-client/1.1");
      assert.equal(echo.headers["accept-encoding"], "gzip");
      assert.equal(echo.headers.host, new URL(other.url).host);
    }
  });

  on.test("HEAD, and what has no body", async ({ url }) => {
    const head = await send(url, "/echo", { method: "HEAD" });
    assert.equal(head.length, 0);
    assert.ok(head.contentLength > 100);
    for (const code of [204, 304, 404, 500]) {
      const seen = await send(url, `/status?code=${code}`);
      assert.ok(seen.status.startsWith(String(code)), seen.status);
      assert.equal(seen.length, 0);
      assert.deepEqual(seen.header.Etag, ['"x"']);
    }
    assert.equal(JSON.parse((await send(url, "/echo", { method: "POST" })).start).headers["content-length"], "0");
  });

  on.test("each cookie is a value of its own, and dates keep their commas", async ({ url }) => {
    const { header } = await send(url, "/cookies");
    assert.deepEqual(header["Set-Cookie"], ["a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "b=2; Path=/"]);
    assert.deepEqual(header["Last-Modified"], ["Wed, 21 Oct 2015 07:28:00 GMT"]);
  });

  on.test("redirects are the client's", async ({ url }) => {
    for (const [code, method, length] of [[302, "GET", 0], [307, "POST", 4], [308, "POST", 4]]) {
      const seen = await send(url, `/redirect?code=${code}`, { method: "POST", body: "body" });
      assert.equal(seen.url, `${other.url}/echo?redirected`);
      const echo = JSON.parse(seen.start);
      assert.equal(echo.method, method, String(code));
      assert.equal(echo.length, length);
    }
    const unfollowed = await send(url, "/redirect?code=302", { noFollow: true });
    assert.equal(unfollowed.status, "302 Found");
    assert.equal(unfollowed.start, "moved");
    assert.deepEqual(unfollowed.header.Location, ["/echo?redirected"]);
  });

  on.test("what is compressed arrives decoded, unless the request asked for it", async ({ url }) => {
    const decoded = await send(url, "/gzip");
    assert.equal(decoded.start, "asked for gzip");
    assert.equal(decoded.uncompressed, true);
    assert.equal(decoded.contentLength, -1);
    assert.equal(decoded.header["Content-Encoding"], undefined);
    const raw = await send(url, "/gzip", { header: { "Accept-Encoding": ["gzip"] } });
    assert.equal(raw.uncompressed, false);
    assert.deepEqual(raw.header["Content-Encoding"], ["gzip"]);
    assert.equal(raw.sum, createHash("sha256").update(gzipSync("asked for gzip")).digest("hex"));
    const brotli = await send(url, "/brotli", { header: { "Accept-Encoding": ["br"] } });
    assert.deepEqual(brotli.header["Content-Encoding"], ["br"]);
    assert.equal(brotli.sum, createHash("sha256").update(brotliCompressSync("brotli")).digest("hex"));
  });

  on.test("large bodies stream out, with a known length and without", async ({ url }) => {
    for (const size of [65535, 65536, 65537, 20 * MEGABYTE]) {
      const sum = createHash("sha256").update(Buffer.alloc(size, "x")).digest("hex");
      for (const chunked of [false, true]) {
        const echo = JSON.parse((await send(url, "/echo", { method: "PUT", size, chunked })).start);
        assert.equal(echo.length, size);
        assert.equal(echo.sum, sum);
        assert.equal(echo.headers["content-length"], chunked ? undefined : String(size));
        assert.equal(echo.headers["transfer-encoding"], chunked ? "chunked" : undefined);
      }
    }
  });

  on.test("large bodies stream in", async ({ url }) => {
    for (const size of [1, 65536, 65537, 20 * MEGABYTE]) {
      const seen = await send(url, `/large?size=${size}`);
      assert.equal(seen.length, size);
      assert.equal(seen.contentLength, size);
      assert.equal(seen.sum, createHash("sha256").update(Buffer.alloc(size, "x")).digest("hex"));
    }
  });

  on.test("a body that is slow to be read is held back at its server", async ({ url }) => {
    const size = 64 * MEGABYTE; // far more than the sockets on the way hold
    other.seen.delete("/large");
    const answer = send(url, `/large?size=${size}`, { pause: 1500 });
    await pause(1000);
    assert.equal(other.seen.has("/large"), false, "all of it was taken before it was read");
    assert.equal((await answer).length, size);
  });

  on.test("a request's body streams through to another server and its answer back", async ({ url }) => {
    async function* parts() {
      for (let i = 0; i < 100; i++) yield Buffer.alloc(64 * 1024, "x");
    }
    const answer = await exchange(`${url}/example/outgoing/proxy?url=${other.url}/echo`, { method: "POST", body: parts() });
    assert.equal(JSON.parse(answer.text).length, 100 * 64 * 1024);
    const response = await open(`${url}/example/outgoing/proxy?url=${other.url}/ticks`);
    const started = Date.now();
    const [first] = await once(response, "data");
    assert.ok(String(first).startsWith("tick 0\n"));
    assert.ok(Date.now() - started < 2000, "the first part waited for the others");
    response.destroy();
  });

  on.test("a response that is closed early is given up", async ({ url }) => {
    other.seen.delete("/ticks");
    const seen = await send(url, "/ticks", { readOnly: 6 });
    assert.equal(seen.start, "tick 0");
    await isGivenUp("/ticks");
  });

  on.test("a timeout and a cancelled context end a request at any point", async ({ url }) => {
    for (const path of ["/silent", "/stalls"]) {
      const failed = path === "/silent" ? "do" : "read";
      for (const size of [0, path === "/silent" ? 50 * MEGABYTE : 0]) {
        other.seen.delete(path);
        const timedOut = await send(url, path, { method: "POST", timeout: 200, size });
        assert.equal(timedOut.failed, failed);
        assert.equal(timedOut.timeout, true, timedOut.error);
        assert.ok(timedOut.after < 1500, `after ${timedOut.after} ms`);
        await isGivenUp(path);
      }
      other.seen.delete(path);
      const canceled = await send(url, path, { cancel: 200 });
      assert.equal(canceled.failed, failed);
      assert.equal(canceled.canceled, true, canceled.error);
      await isGivenUp(path);
    }
  });

  on.test("a client that hangs up ends the requests that were sent for it", async ({ url }) => {
    other.asked.delete("/silent");
    other.seen.delete("/silent");
    const gone = new AbortController();
    const waiting = open(`${url}/example/outgoing/proxy?url=${other.url}/silent`, { signal: gone.signal });
    waiting.catch(() => {});
    assert.ok(await eventually(async () => other.asked.has("/silent"), Boolean), "the other server was not asked");
    gone.abort();
    await isGivenUp("/silent");
  });

  on.test("errors name the host", async ({ url }) => {
    const refused = await send(url, "", { url: "http://127.0.0.1:1/path" });
    assert.equal(refused.failed, "do");
    assert.match(refused.error, /^Get "http:\/\/127\.0\.0\.1:1\/path": .*127\.0\.0\.1:1/);
    const cut = await send(url, "/cut");
    assert.equal(cut.failed, "read");
    const broken = await send(url, "/echo", { method: "POST", size: MEGABYTE, breakAt: 300_000 });
    assert.equal(broken.broken, true, broken.error);
    const scheme = await send(url, "", { url: "gopher://example.com/" });
    assert.match(scheme.error, /unsupported protocol scheme/);
  });

  on.test("an answer to a body that was not read arrives", async ({ url }) => {
    const seen = await send(url, "/early", { method: "POST", body: "x".repeat(1000) });
    assert.equal(seen.status, "403 Forbidden");
    assert.equal(seen.start, "no");
  });

  on.test("goroutines send requests at once", async ({ url }) => {
    const answer = await exchange(`${url}/example/outgoing/parallel?count=5&url=${encodeURIComponent(`${other.url}/together?of=5`)}`);
    assert.deepEqual(JSON.parse(answer.text), ["0", "1", "2", "3", "4"]);
  });

  on.test("one request can read what another has begun", async ({ url }) => {
    const keeping = exchange(`${url}/example/outgoing/keep?url=${other.url}/large?size=${5 * MEGABYTE}`);
    const read = await eventually(() => exchange(`${url}/example/outgoing/kept`), (answer) => answer.status === 200);
    assert.deepEqual(JSON.parse(read.text), { length: 5 * MEGABYTE });
    assert.equal((await keeping).status, 204);
  });
});

suite("outgoing requests of events that have ended", { example: true, on: ["worker"] }, (on) => {
  const other = new Other();
  before(() => other.start());
  after(() => other.stop());

  on.test("are an error, not a hang", async ({ url }) => {
    const kept = await exchange(`${url}/example/outgoing/keep?leave&url=${other.url}/large?size=${5 * MEGABYTE}`);
    assert.equal(kept.status, 204);
    await pause(5000); // the request's log entry is written in its name
    const answer = await exchange(`${url}/example/outgoing/kept`);
    assert.match(JSON.parse(answer.text).error, /the event that sent the request has ended/);
  });
});
