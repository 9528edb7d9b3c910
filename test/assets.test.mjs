/** The admin UI's files: Workers Assets answer as PocketBase does, without the Worker. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";

import { ROOT, startStock, startWorker } from "./harness.mjs";
import { exchange } from "./support/http.mjs";

/** The status of the Worker in place of the real one: whatever carries it was not an asset. */
const FROM_WORKER = 299;
const WORKER = `export default { fetch: () => new Response(null, { status: ${FROM_WORKER} }) };`;

/** What PocketBase says with a file of the UI. Vary is left out: it is for CORS and gzip, which here are not the files' business. */
const HEADERS = [
  "cache-control",
  "content-security-policy",
  "cross-origin-opener-policy",
  "location",
  "x-content-type-options",
  "x-frame-options",
  "x-xss-protection",
];

const UI = join(ROOT, "admin-ui", "_");

/** Every file of the UI but the page itself, which has the directory's URL, and the script that is ours. */
const FILES = readdirSync(UI, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `/_/${relative(UI, join(entry.parentPath, entry.name))}`)
  .filter((path) => !["/_/index.html", "/_/extensions.js"].includes(path));

describe("admin UI assets", () => {
  let stock;
  let worker;

  before(async () => {
    // PocketBase takes a program in the system's temporary directory for one in development, and caches nothing then.
    stock = await startStock({ vars: { TMPDIR: "/elsewhere" } });
    const modules = [{ type: "ESModule", path: join(ROOT, "worker.mjs"), contents: WORKER }];
    worker = await startWorker({ configure: (options) => ({ ...options, modules }) });
  });
  after(() => Promise.all([stock?.stop(), worker?.stop()]));

  async function both(path, options) {
    return Promise.all([exchange(stock.url + path, options), exchange(worker.url + path, options)]);
  }

  for (const path of ["/_", "/_?next=1", "/_/", "/_/?next=1"]) {
    test(`${path} is as PocketBase's`, async () => {
      const [theirs, ours] = await both(path);
      assertSame(theirs, ours, path);
    });
  }

  test("HEAD is as PocketBase's", async () => {
    const [theirs, ours] = await both("/_/", { method: "HEAD" });
    assertSame(theirs, ours, "HEAD /_/");
  });

  test("every file is as PocketBase's", async () => {
    assert.ok(FILES.length > 50, `only ${FILES.length} files`);
    for (const path of FILES) {
      const [theirs, ours] = await both(path);
      assertSame(theirs, ours, path);
      assert.equal(ours.status, 200, path);
    }
  });

  test("a file is sent once", async () => {
    const { headers } = await exchange(`${worker.url}/_/images/logo.svg`);
    const again = await exchange(`${worker.url}/_/images/logo.svg`, { headers: { "if-none-match": headers.etag } });
    assert.equal(again.status, 304);
  });

  test("/_/index.html leads to /_/", async () => {
    for (const response of await both("/_/index.html")) {
      assert.ok([301, 307].includes(response.status), String(response.status));
      assert.equal(response.headers.location, "/_/");
    }
  });

  test("/_/extensions.js is a script that does nothing", async () => {
    const [theirs, ours] = await both("/_/extensions.js");
    assert.deepEqual(pick(ours), pick(theirs));
    assert.match(ours.headers["content-type"], /^text\/javascript/);
    assert.equal(ours.text.replace(/^\/\/.*$/gm, "").trim(), "");
  });

  test("what is no asset goes to the Worker", async () => {
    const paths = ["/", "/api/health", "/_pf", "/_headers", "/index.html", "/_/nothing", "/_/assets/nothing.js", "/_/extensions/x/main.js"];
    for (const path of paths) {
      assert.equal((await exchange(worker.url + path)).status, FROM_WORKER, path);
    }
  });
});

function assertSame(theirs, ours, path) {
  assert.equal(ours.status, theirs.status, path);
  assert.deepEqual(pick(ours), pick(theirs), path);
  if (theirs.status !== 200) return; // the text of a redirect is for nobody
  assert.equal(mediaType(ours), mediaType(theirs), path);
  assert.ok(ours.body.equals(theirs.body), `${path}: another body`);
}

function pick({ headers }) {
  return Object.fromEntries(HEADERS.filter((name) => name in headers).map((name) => [name, headers[name]]));
}

/** The type without its parameter: a charset says nothing about the types where the two differ. */
function mediaType({ headers }) {
  return headers["content-type"]?.split(";")[0];
}
