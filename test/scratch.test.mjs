/** Transactions that are answered in the isolate (POCKETFLARE_D1_SCRATCH=1): few calls of D1, and the same answers. */
import assert from "node:assert/strict";

import { ADMIN, suite } from "./harness.mjs";

const FIELDS = [{ name: "title", type: "text" }, { name: "n", type: "number" }];
const definition = (name) => ({ name, type: "base", fields: FIELDS, createRule: "", indexes: [`CREATE UNIQUE INDEX idx_${name} ON ${name} (title)`] });
const creates = (count) =>
  Array.from({ length: count }, (_, n) => ({ method: "POST", url: "/api/collections/posts/records", body: { title: `Post ${n}`, n } }));

async function signIn({ url }) {
  const response = await fetch(`${url}/api/collections/_superusers/auth-with-password`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ identity: ADMIN.email, password: ADMIN.password }),
  });
  return (await response.json()).token;
}

suite("transactions in the isolate", { admin: true, vars: { POCKETFLARE_D1_SCRATCH: "1" } }, (on) => {
  let token;

  async function call(target, method, path, body) {
    token ??= await signIn(target);
    const response = await fetch(target.url + path, {
      method,
      headers: { "Content-Type": "application/json", Authorization: token },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    const d1 = /pf_d1;.*?desc="calls=(\d+) statements=(\d+)"/.exec(response.headers.get("server-timing") ?? "");
    return { status: response.status, body: text && JSON.parse(text), calls: Number(d1?.[1] ?? 0), statements: Number(d1?.[2] ?? 0) };
  }

  on.test("a batch of 50 creates", async (target) => {
    await call(target, "PATCH", "/api/settings", { batch: { enabled: true, maxRequests: 100 } });
    assert.equal((await call(target, "POST", "/api/collections", definition("posts"))).status, 200);
    const { status, calls } = await call(target, "POST", "/api/batch", { requests: creates(50) });
    assert.equal(status, 200);
    assert.ok(calls <= 4, `${calls} calls`);
    assert.equal((await call(target, "GET", "/api/collections/posts/records?perPage=1")).body.totalItems, 50);
  });

  on.test("a wrong guess is told as what it is, and stores nothing", async (target) => {
    const requests = [{ method: "POST", url: "/api/collections/posts/records", body: { title: "new" } }, ...creates(1)];
    const { status, body } = await call(target, "POST", "/api/batch", { requests });
    assert.equal(status, 400);
    assert.equal(body.data.requests[1].response.data.title.code, "validation_not_unique");
    assert.equal((await call(target, "GET", "/api/collections/posts/records?perPage=1")).body.totalItems, 50);
  });

  on.test("an import of 10 collections, and their removal", async (target) => {
    const collections = Array.from({ length: 10 }, (_, n) => definition(`imported${n}`));
    const { status, statements } = await call(target, "PUT", "/api/collections/import", { collections });
    assert.equal(status, 204);
    assert.ok(statements <= 80, `${statements} statements`);
    for (const { name } of collections) assert.equal((await call(target, "DELETE", `/api/collections/${name}`)).status, 204);
  });
});
