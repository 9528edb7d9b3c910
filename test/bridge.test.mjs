/** The HTTP bridge: a request reaches Go's handler, and its response the client, as net/http would carry them. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";

import { suite } from "./harness.mjs";
import { eventually, exchange, open, pause, untilAnswered } from "./support/http.mjs";

const MEGABYTE = 1 << 20;

async function json(url, options) {
  const response = await exchange(url, options);
  assert.equal(response.status, 200, response.text);
  return JSON.parse(response.text);
}

/** A body that leaves its server time to answer: one that does so without having read it closes the connection, at which the rest may overtake the answer. */
function slowlyBegun(length) {
  async function* body() {
    yield Buffer.alloc(1024);
    await pause(300);
    yield Buffer.alloc(length - 1024);
  }
  return { method: "POST", headers: { "Content-Length": String(length) }, body: body() };
}

suite("requests", { example: true }, (on) => {
  on.test("method, path, query, headers and body arrive", async ({ url }) => {
    const seen = await json(`${url}/example/echo/a%20b/c?x=1&y=%C3%A9&y=+`, {
      method: "PUT",
      headers: { "Content-Type": "text/plain; charset=utf-8", "X-List": "one, two", "X-Date": "Wed, 21 Oct 2015 07:28:00 GMT" },
      body: "héllo",
    });
    assert.equal(seen.method, "PUT");
    assert.equal(seen.uri, "/example/echo/a%20b/c?x=1&y=%C3%A9&y=+");
    assert.equal(seen.path, "/example/echo/a b/c");
    assert.equal(seen.query, "x=1&y=%C3%A9&y=+");
    assert.equal(seen.rest, "a b/c");
    assert.equal(seen.host, new URL(url).host);
    assert.deepEqual(seen.headers["X-List"], ["one, two"]);
    assert.deepEqual(seen.headers["X-Date"], ["Wed, 21 Oct 2015 07:28:00 GMT"]);
    assert.deepEqual(seen.headers["Content-Type"], ["text/plain; charset=utf-8"]);
    assert.equal(seen.headers.Host, undefined);
    assert.equal(seen.contentLength, 6);
    assert.equal(seen.body, "héllo");
    assert.equal(seen.tls, false);
  });

  on.test("every method reaches its handler", async ({ url }) => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      const seen = await json(`${url}/example/echo/method`, { method, body: method === "GET" ? undefined : "{}" });
      assert.equal(seen.method, method);
    }
  });

  on.test("a request without a body has an empty one", async ({ url }) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const seen = await json(`${url}/example/echo/empty`, { method });
      assert.equal(seen.contentLength, 0, method);
      assert.equal(seen.bodyLength, 0);
    }
  });

  on.test("a chunked body has no length and arrives whole", async ({ url }) => {
    async function* parts() {
      for (const part of ["one ", "two ", "three"]) {
        yield part;
        await pause(30);
      }
    }
    const seen = await json(`${url}/example/echo/chunked`, { method: "POST", body: parts() });
    assert.equal(seen.body, "one two three");
    assert.equal(seen.contentLength, -1);
  });

  on.test("bytes that are no UTF-8 arrive as they are", async ({ url }) => {
    const body = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    const { length, sum } = await json(`${url}/example/upload`, { method: "POST", body });
    assert.equal(length, body.length);
    assert.equal(sum, body.reduce((total, byte) => total + byte, 0));
  });

  on.test("the client's address", async ({ url, kind }) => {
    const seen = await json(`${url}/example/echo/address`);
    assert.match(seen.remoteAddr, /^(127\.0\.0\.1|\[::1\]):\d+$/);
    assert.equal(seen.realIP, "127.0.0.1");
    if (kind !== "worker") return;
    for (const [address, expected] of [["203.0.113.7", "203.0.113.7"], ["2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"]]) {
      const { realIP, remoteIP } = await json(`${url}/example/echo/address`, { headers: { "CF-Connecting-IP": address } });
      assert.equal(remoteIP, expected);
      assert.equal(realIP, expected);
    }
  });

  on.test("a body of 100 MB is read as a stream", async ({ url }) => {
    const chunk = Buffer.alloc(MEGABYTE, 7);
    async function* body() {
      for (let i = 0; i < 100; i++) yield chunk;
    }
    const headers = { "Content-Length": String(100 * MEGABYTE) };
    const seen = await json(`${url}/example/upload`, { method: "POST", headers, body: body() });
    assert.equal(seen.length, 100 * MEGABYTE);
    assert.equal(seen.sum, 700 * MEGABYTE);
    const healthy = await exchange(`${url}/api/health`);
    assert.equal(healthy.status, 200);
  });

  on.test("a slow reader holds its client back", async ({ url }) => {
    const chunk = Buffer.alloc(256 << 10, 1);
    let sent = 0;
    async function* body() {
      for (let i = 0; i < 400; i++) {
        sent += chunk.length;
        yield chunk;
      }
    }
    const hangUp = new AbortController();
    const upload = open(`${url}/example/upload?pause=200&id=slow`, { method: "POST", body: body(), signal: hangUp.signal });
    upload.catch(() => {});
    await pause(3000);
    const { read } = await json(`${url}/example/upload/read/slow`);
    hangUp.abort();
    assert.ok(read > 0 && read < 8 * MEGABYTE, `${read} bytes read`);
    assert.ok(sent < 48 * MEGABYTE, `${sent} bytes sent while ${read} were read`);
  });

  on.test("a body that nobody reads does not hold the response", async ({ url }) => {
    const response = await untilAnswered(() => exchange(`${url}/example/upload/ignored`, slowlyBegun(2 * MEGABYTE)));
    assert.equal(response.text, "not read");
  });

  on.test("a body past its route's limit is refused", async ({ url }) => {
    const response = await untilAnswered(() => exchange(`${url}/example/upload/limited`, slowlyBegun(33 * MEGABYTE)));
    assert.equal(response.status, 413);
  });

  on.test("environment variables and outgoing requests", async ({ url }) => {
    const server = createServer((request, response) => {
      response.writeHead(201, [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Saw", request.headers["x-from"]]].flat());
      response.end("x".repeat(300_000));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const answer = await json(`${url}/example/fetch?url=http://127.0.0.1:${server.address().port}/there`);
      assert.equal(answer.status, 201);
      assert.equal(answer.length, 300_000);
      assert.deepEqual(answer.headers["X-Saw"], ["example"]);
      assert.deepEqual(answer.headers["Set-Cookie"], ["a=1", "b=2"]);
      const refused = await exchange(`${url}/example/fetch?url=http://127.0.0.1:1/`);
      assert.equal(refused.status, 502);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

suite("environment", { example: true, vars: { EXAMPLE_GREETING: "hello = world" } }, (on) => {
  on.test("a variable is there for os.Getenv", async ({ url }) => {
    assert.deepEqual(await json(`${url}/example/environment/EXAMPLE_GREETING`), { set: true, value: "hello = world" });
    assert.deepEqual(await json(`${url}/example/environment/EXAMPLE_NOT_THERE`), { set: false, value: "" });
  });

  on.test("time zones are known by their names", async ({ url }) => {
    assert.deepEqual(await json(`${url}/example/zone/Europe/Berlin`), { noon: "2026-07-01T10:00:00Z" });
    assert.equal((await exchange(`${url}/example/zone/Europe/Nowhere`)).status, 404);
  });
});

suite("responses", { example: true }, (on) => {
  on.test("headers with several values keep them apart", async ({ url }) => {
    const response = await exchange(`${url}/example/headers`);
    assert.deepEqual(response.all("set-cookie"), [
      "a=1; Path=/; Expires=Sun, 17 Mar 2030 17:46:40 GMT",
      'b="two, with a comma"; HttpOnly',
      "c=; Max-Age=0",
    ]);
    assert.equal(response.all("vary").join(", "), "Origin, Origin, Accept-Language, X-One");
    assert.deepEqual(response.all("last-modified"), ["Wed, 21 Oct 2015 07:28:00 GMT"]);
    assert.deepEqual(response.all("expires"), ["Thu, 22 Oct 2015 07:28:00 GMT"]);
    assert.equal(response.all("link").join(", "), '</one>; rel="preload", </two>; rel="next", </three>; rel="last"');
    assert.deepEqual(response.all("x-empty"), [""]);
    assert.equal(Buffer.from(response.headers["x-latin"], "latin1").toString("utf8"), "café");
    assert.equal(response.headers["x-example"], "middleware");
  });

  on.test("204 and 304 have no body", async ({ url }) => {
    for (const code of [204, 304]) {
      const response = await exchange(`${url}/example/status/${code}`);
      assert.equal(response.status, code);
      assert.equal(response.body.length, 0);
      assert.equal(response.headers["content-type"], undefined);
      assert.equal(response.headers.etag, '"example"');
    }
  });

  on.test("205 is sent, though its body cannot be", async ({ url, kind }) => {
    const { status, text } = await exchange(`${url}/example/status/205`);
    assert.deepEqual([status, text], [205, kind === "worker" ? "" : "status 205"]);
  });

  on.test("redirects and errors keep their status", async ({ url }) => {
    for (const code of [301, 302, 303, 307, 308]) {
      const response = await exchange(`${url}/example/status/${code}`);
      assert.equal(response.status, code);
      assert.equal(response.headers.location, `/example/echo/redirected?from=${code}`);
    }
    for (const code of [201, 400, 418, 500, 503, 599]) {
      const response = await exchange(`${url}/example/status/${code}`);
      assert.equal(response.status, code);
      assert.equal(response.text, `status ${code}`);
    }
  });

  on.test("HEAD has the headers of GET and no body", async ({ url }) => {
    for (const path of ["/example/length", "/api/health", "/example/echo/head"]) {
      const response = await exchange(url + path, { method: "HEAD" });
      assert.equal(response.status, 200, path);
      assert.equal(response.body.length, 0);
    }
    const { headers } = await exchange(`${url}/example/length`, { method: "HEAD" });
    assert.equal(headers["content-length"], "11");
  });

  on.test("HEAD is answered when the handler flushes, though it has not ended", async ({ url }) => {
    const started = performance.now();
    for (const path of ["/example/stream/silent?pause=5000", "/example/stream/controller?chunks=3&pause=2000", "/example/stream/fails", "/api/realtime"]) {
      const response = await exchange(url + path, { method: "HEAD" });
      assert.equal(response.status, 200, path);
      assert.equal(response.body.length, 0);
      assert.notEqual(response.headers["content-type"], undefined, path);
    }
    const elapsed = performance.now() - started;
    assert.ok(elapsed < 4000, `${elapsed} ms for four answers`);
  });

  on.test("Content-Length is kept", async ({ url }) => {
    const { headers, text } = await exchange(`${url}/example/length`);
    assert.equal(headers["content-length"], "11");
    assert.equal(headers["transfer-encoding"], undefined);
    assert.equal(text, "hello world");
    const long = await exchange(`${url}/example/stream/bytes/3?length`);
    assert.equal(long.headers["content-length"], String(3 * MEGABYTE));
    assert.equal(long.body.length, 3 * MEGABYTE);
  });

  for (const way of ["flusher", "controller"]) {
    on.test(`what is flushed arrives at once (${way})`, async ({ url }) => {
      const response = await open(`${url}/example/stream/${way}?chunks=4&pause=0&id=${way}`);
      const pieces = [];
      for await (const chunk of response) {
        pieces.push(String(chunk));
        await exchange(`${url}/example/stream/taken/${way}`, { method: "POST" }); // the next one is not written before
      }
      assert.deepEqual(pieces, ["data: 0\n\n", "data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
    });
  }

  on.test("flushed headers arrive before any body", async ({ url }) => {
    const started = Date.now();
    const response = await open(`${url}/example/stream/silent?pause=1500`);
    assert.ok(Date.now() - started < 1000, "the headers waited for the body");
    const chunks = await response.toArray();
    assert.equal(Buffer.concat(chunks).toString(), "at last");
  });

  on.test("a long response arrives whole", async ({ url }) => {
    const { body } = await exchange(`${url}/example/stream/bytes/60`);
    assert.equal(body.length, 60 * MEGABYTE);
    const line = "abcdefghijklmnopqrstuvwxyz";
    assert.equal(body.subarray(0, 26).toString(), line);
    assert.equal(body.at(-1), "a".charCodeAt(0) + ((64 << 10) - 1) % 26);
  });

  on.test("a slow client holds the handler back", async ({ url }) => {
    const response = await open(`${url}/example/stream/bytes/200?id=held`);
    response.pause();
    await pause(2500);
    const { written } = await json(`${url}/example/stream/written/held`);
    response.destroy();
    assert.ok(written > 0 && written < 32 * MEGABYTE, `${written} bytes written for a client that reads nothing`);
  });

  on.test("a response that breaks off is seen to be cut", async ({ url }) => {
    await assert.rejects(exchange(`${url}/example/stream/fails`));
    assert.equal((await exchange(`${url}/api/health`)).status, 200);
  });

  on.test("a handler's panic is an error of one request", async ({ url }) => {
    const response = await exchange(`${url}/example/panic`);
    assert.equal(response.status, 500);
    assert.equal(JSON.parse(response.text).message, "Something went wrong while processing your request.");
  });

  on.test("Go's sleeps end in time", async ({ url }) => {
    const slept = await Promise.all([500, 10, 200, 0].map((time) => json(`${url}/example/sleep/${time}`)));
    [500, 10, 200, 0].forEach((time, index) => {
      assert.ok(slept[index].slept >= time && slept[index].slept < time + 400, `${slept[index].slept} for ${time}`);
    });
  });
});

/** As many as a Worker may have, and more text than Go's runtime has room for when it starts. */
const VARIABLES = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`EXAMPLE_${i}`, `${i}é`.repeat(i < 8 ? 1500 : i)]));

suite("many environment variables", { example: true, on: ["worker"], vars: VARIABLES }, (on) => {
  on.test("all arrive", async ({ url }) => {
    for (const [name, value] of Object.entries(VARIABLES)) {
      assert.deepEqual(await json(`${url}/example/environment/${name}`), { value, set: true });
    }
    assert.deepEqual(await json(`${url}/example/environment/EXAMPLE_100`), { value: "", set: false });
  });
});

suite("hang-ups", { example: true }, (on) => {
  for (const way of ["wait", "query", "stream"]) {
    on.test(`a client that hangs up cancels its request's context (${way})`, async ({ url }) => {
      const client = new AbortController();
      const id = `${way}-${Date.now()}`;
      const request = open(`${url}/example/hangup/${way}/${id}`, { signal: client.signal });
      request.then((response) => response.on("error", () => {}).resume(), () => {});
      const told = (isThere) => eventually(() => json(`${url}/example/hangup/seen/${id}`), isThere);
      assert.ok((await told(({ begun }) => begun)).begun, "the request has not reached its handler");
      client.abort();
      const { seen } = await told((answer) => answer.seen !== null);
      assert.ok(seen && seen !== "never", `the handler saw: ${seen}`);
    });
  }

  on.test("a client that hangs up while its request holds a lock blocks nobody", async ({ url }) => {
    const client = new AbortController();
    const holder = open(`${url}/example/lock/hold?hold=1500`, { signal: client.signal });
    holder.catch(() => {});
    await pause(100);
    const waiters = Array.from({ length: 5 }, () => exchange(`${url}/example/lock/wait`));
    await pause(200);
    client.abort();
    const statuses = (await Promise.all(waiters)).map((response) => response.status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
  });

  on.test("uploads that break off leave the server well", async ({ url }) => {
    for (let round = 0; round < 5; round++) {
      const client = new AbortController();
      async function* body() {
        for (let i = 0; i < 100; i++) {
          yield Buffer.alloc(16 << 10);
          await pause(5);
        }
      }
      open(`${url}/example/upload`, { method: "POST", body: body(), signal: client.signal }).catch(() => {});
      await pause(20 * round);
      client.abort();
    }
    assert.equal((await exchange(`${url}/api/health`)).status, 200);
  });
});
