/** Protected files and S3 settings. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { createDocuments, file } from "../support/files.mjs";

suite("protected files", {}, (on) => {
  on.test("tokens: none, valid, of another, expired", async (target) => {
    const admin = await target.admin();
    await admin.collections.update("users", { fileToken: { duration: 10 } });
    await createDocuments(admin, {
      fields: [
        { name: "secret", type: "file", protected: true },
        { name: "owner", type: "relation", collectionId: "_pb_users_auth_", maxSelect: 1 },
      ],
      viewRule: "@request.auth.id != '' && owner = @request.auth.id",
      createRule: "",
    });
    const sign = async (email) => {
      const user = await admin.collection("users").create({ email, password: "secret12345", passwordConfirm: "secret12345" });
      const client = target.client();
      await client.collection("users").authWithPassword(email, "secret12345");
      return { user, client };
    };
    const one = await sign("one@example.com");
    const other = await sign("other@example.com");
    const record = await admin.collection("documents").create({ secret: file("secret.txt", "secret"), owner: one.user.id });
    const get = async (token) => {
      const response = await fetch(target.client().files.getURL(record, record.secret, token ? { token } : {}));
      return [response.status, response.status === 200 ? await response.text() : (await response.json()).message];
    };
    const missing = [404, "The requested resource wasn't found."];
    assert.deepEqual(await get(), missing);
    assert.deepEqual(await get("x.y.z"), missing);
    assert.deepEqual(await get(await other.client.files.getToken()), missing);
    assert.deepEqual(await get(one.client.authStore.token), missing);
    const token = await one.client.files.getToken();
    assert.deepEqual(await get(token), [200, "secret"]);
    const { exp } = JSON.parse(atob(token.split(".")[1]));
    while (Date.now() < (exp + 1) * 1000) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(await get(token), missing);
  });

  if (on.kind !== "worker") return;
  on.test("S3 settings stay saved and are not used", async (target) => {
    const admin = await target.admin();
    const s3 = { enabled: true, bucket: "b", region: "r", endpoint: "http://127.0.0.1:1", accessKey: "k", secret: "s", forcePathStyle: true };
    const saved = await admin.settings.update({ s3 });
    assert.equal(saved.s3.enabled, true);
    const renamed = await admin.settings.update({ meta: { appName: "Renamed" } });
    assert.equal(renamed.s3.enabled, true);
    assert.equal(renamed.meta.appName, "Renamed");
    const shown = await admin.settings.getAll();
    assert.deepEqual([shown.s3.enabled, shown.s3.bucket, shown.s3.endpoint], [true, "b", "http://127.0.0.1:1"]);
    const record = await admin.collection("documents").create({ one: file("a.txt", "in R2") });
    assert.equal(await (await fetch(target.client().files.getURL(record, record.one))).text(), "in R2");
    const off = await admin.settings.update({ s3: { enabled: false } });
    assert.equal(off.s3.enabled, false);
    assert.equal((await admin.settings.getAll()).s3.enabled, false);
    assert.equal((await admin.settings.getAll()).s3.bucket, "b");
  });
});
