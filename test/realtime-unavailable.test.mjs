/** What a client of realtime is told while there is none, and what a browser that asks first. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { preflight } from "../internal/realtime/headers.mjs";
import { withWorker } from "./harness.mjs";
import { exchange } from "./support/http.mjs";

const URL = "https://example.com/api/realtime";

test("without a hub every request is answered with an error in PocketBase's form", { timeout: 60_000 }, () =>
  withWorker({ without: ["REALTIME_DO"] }, async (target) => {
    for (const method of ["GET", "POST"]) {
      const { status, headers, text } = await exchange(`${target.url}/api/realtime`, { method, headers: { Origin: "https://app.example.com" } });
      assert.equal(status, 501);
      assert.equal(headers["access-control-allow-origin"], "*");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.match(headers["content-type"], /^application\/json/);
      const { message, ...rest } = JSON.parse(text);
      assert.deepEqual(rest, { data: {}, status: 501 });
      assert.match(message, /^Realtime is not available: .*wrangler\.toml/);
      for (const line of ['name = "REALTIME_DO"', 'class_name = "RealtimeHub"', 'new_sqlite_classes = ["RealtimeHub"]']) assert.ok(message.includes(line), line);
    }
    assert.equal((await exchange(`${target.url}/api/realtime`, { method: "OPTIONS" })).status, 204);
  }));

test("a preflight is answered as by PocketBase", async () => {
  const asked = {
    Origin: "https://app.example.com",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
  };
  const response = preflight(new Request(URL, { method: "OPTIONS", headers: asked }));
  assert.equal(response.status, 204);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "access-control-allow-headers": "authorization,content-type",
    "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "access-control-allow-origin": "*",
    vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
  });
});

test("an OPTIONS request without an origin gets no permission", () => {
  const response = preflight(new Request(URL, { method: "OPTIONS" }));
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("Access-Control-Allow-Origin"), null);
});
