// What a client of realtime is told while there is none.

import assert from "node:assert/strict";
import { test } from "node:test";

import { realtimeUnavailable } from "../internal/realtime/unavailable.mjs";

const URL = "https://example.com/api/realtime";

for (const method of ["GET", "POST"]) {
  test(`${method} is answered with an error in PocketBase's form`, async () => {
    const response = realtimeUnavailable(new Request(URL, { method, headers: { Origin: "https://app.example.com" } }));
    assert.equal(response.status, 501);
    assert.equal(response.headers.get("Access-Control-Allow-Origin"), "*");
    assert.equal(response.headers.get("X-Content-Type-Options"), "nosniff");
    assert.match(response.headers.get("Content-Type"), /^application\/json/);
    const { data, message, status } = await response.json();
    assert.deepEqual({ data, status }, { data: {}, status: 501 });
    assert.match(message, /^Realtime is not available: .*wrangler\.toml/);
    for (const line of ['name = "REALTIME_DO"', 'class_name = "RealtimeHub"', 'new_sqlite_classes = ["RealtimeHub"]']) assert.ok(message.includes(line), line);
  });
}

test("a preflight is answered as by PocketBase", async () => {
  const asked = {
    Origin: "https://app.example.com",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
  };
  const response = realtimeUnavailable(new Request(URL, { method: "OPTIONS", headers: asked }));
  assert.equal(response.status, 204);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "access-control-allow-headers": "authorization,content-type",
    "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "access-control-allow-origin": "*",
    vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
  });
});

test("an OPTIONS request without an origin gets no permission", () => {
  const response = realtimeUnavailable(new Request(URL, { method: "OPTIONS" }));
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("Access-Control-Allow-Origin"), null);
});
