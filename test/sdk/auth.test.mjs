/** Signing in: every method that needs no outside service, and what ends a session. */
import assert from "node:assert/strict";

import { ADMIN, suite } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { mailToken } from "../support/tokens.mjs";

const PASSWORD = "correct horse";

/** Creates a user and gives it with a client that is signed in as it. */
async function newUser(target, name, values = {}) {
  const admin = await target.admin();
  const email = `${name}@example.com`;
  const user = await admin.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD, name, verified: true, ...values });
  const client = target.client();
  await client.collection("users").authWithPassword(email, PASSWORD);
  return { user, client, email };
}

suite("auth", {}, (on) => {
  on.test("a user signs up, in, refreshes and leaves", async (target) => {
    const client = target.client();
    const users = client.collection("users");
    const values = { email: "new@example.com", password: PASSWORD, passwordConfirm: PASSWORD, name: "New" };
    const user = await users.create(values);
    assert.equal(user.email, undefined);
    assert.equal(user.verified, false);
    await refused(users.create(values), 400, { email: "validation_not_unique" });
    await refused(users.create({ ...values, email: "x@example.com", passwordConfirm: "other" }), 400, { passwordConfirm: "validation_values_mismatch" });
    await refused(users.create({ ...values, email: "x@example.com", password: "short", passwordConfirm: "short" }), 400, { password: "validation_min_text_constraint" });
    await refused(users.authWithPassword(values.email, "wrong password"), 400);
    await refused(users.authWithPassword("nobody@example.com", PASSWORD), 400);
    const { token, record } = await users.authWithPassword(values.email, PASSWORD, { fields: "token,record.id,record.email" });
    assert.deepEqual(record, { id: user.id, email: values.email });
    assert.equal(client.authStore.isValid, true);
    const again = await users.authRefresh();
    assert.equal(again.record.id, user.id);
    assert.ok(again.token.length > 100 && token.length > 100);
    await users.update(user.id, { name: "Renamed" });
    assert.equal((await users.getOne(user.id)).name, "Renamed");
    assert.equal(await users.delete(user.id), true);
    await refused(users.authRefresh(), 401);
  });

  on.test("superusers sign in and refresh, others do not", async (target) => {
    const client = target.client();
    const superusers = client.collection("_superusers");
    await refused(superusers.authWithPassword(ADMIN.email, "wrong password"), 400);
    await superusers.authWithPassword(ADMIN.email, ADMIN.password);
    assert.equal(client.authStore.isSuperuser, true);
    await superusers.authRefresh();
    assert.ok((await client.collections.getFullList()).length > 5);
    const guest = target.client();
    await refused(guest.collections.getFullList(), 401);
    await refused(guest.settings.getAll(), 401);
    guest.authStore.save("not.a.token", null);
    await refused(guest.collections.getFullList(), 401);
    const { client: user } = await newUser(target, "nosuper");
    await refused(user.collections.getFullList(), 403);
    await refused(user.collection("_superusers").getFullList(), 403);
  });

  on.test("a second superuser is created, changed and deleted; the last one stays", async (target) => {
    const admin = await target.admin();
    const superusers = admin.collection("_superusers");
    const second = await superusers.create({ email: "second@example.com", password: PASSWORD, passwordConfirm: PASSWORD });
    const client = target.client();
    await client.collection("_superusers").authWithPassword("second@example.com", PASSWORD);
    await superusers.delete(second.id);
    await refused(client.collections.getFullList(), 401);
    await refused(superusers.delete(admin.authStore.record.id), 400);
    assert.equal((await superusers.getFullList()).length, 1);
  });

  on.test("the methods of a collection", async (target) => {
    const admin = await target.admin();
    const methods = await target.client().collection("users").listAuthMethods();
    assert.deepEqual(methods.password, { enabled: true, identityFields: ["email"] });
    assert.deepEqual([methods.otp.enabled, methods.mfa.enabled, methods.oauth2.enabled], [false, false, false]);
    const provider = { name: "google", clientId: "id", clientSecret: "secret" };
    await admin.collections.update("users", { oauth2: { enabled: true, providers: [provider] } });
    const { oauth2 } = await target.client().collection("users").listAuthMethods();
    assert.equal(oauth2.providers[0].name, "google");
    assert.match(oauth2.providers[0].authURL, /^https:\/\/accounts\.google\.com\/.*code_challenge=/);
    await admin.collections.update("users", { oauth2: { enabled: false, providers: [] } });
    await refused(target.client().collection("nothing").listAuthMethods(), 404);
  });

  on.test("other identities, rules of who may sign in", async (target) => {
    const admin = await target.admin();
    const users = await admin.collections.getOne("users");
    await admin.collections.update("users", {
      fields: [...users.fields, { name: "nick", type: "text" }],
      indexes: [...users.indexes, "CREATE UNIQUE INDEX idx_users_nick ON users (nick) WHERE nick != ''"],
      passwordAuth: { enabled: true, identityFields: ["email", "nick"] },
      authRule: "verified = true",
    });
    const { user, client } = await newUser(target, "nicked", { nick: "Nick" });
    const signedIn = await client.collection("users").authWithPassword("Nick", PASSWORD);
    assert.equal(signedIn.record.id, user.id);
    await admin.collection("users").update(user.id, { verified: false });
    await refused(client.collection("users").authWithPassword("Nick", PASSWORD), 403);
    await admin.collections.update("users", { passwordAuth: { enabled: false } });
    await refused(client.collection("users").authWithPassword("Nick", PASSWORD), 403);
    await admin.collections.update("users", { passwordAuth: { enabled: true, identityFields: ["email"] }, authRule: "" });
  });

  on.test("a changed password ends the sessions before it", async (target) => {
    const { user, client, email } = await newUser(target, "changes");
    const other = target.client();
    await other.collection("users").authWithPassword(email, PASSWORD);
    const users = client.collection("users");
    const next = { password: "another one", passwordConfirm: "another one" };
    await refused(users.update(user.id, next), 400, { oldPassword: "validation_required" });
    await refused(users.update(user.id, { ...next, oldPassword: "wrong" }), 400, { oldPassword: "validation_invalid_old_password" });
    await users.update(user.id, { ...next, oldPassword: PASSWORD });
    await refused(other.collection("users").authRefresh(), 401);
    await refused(users.authRefresh(), 401);
    await refused(users.authWithPassword(email, PASSWORD), 400);
    await users.authWithPassword(email, "another one");
    assert.equal((await users.getOne(user.id)).email, email);
  });

  on.test("impersonation", async (target) => {
    const { user, client } = await newUser(target, "doubled");
    const admin = await target.admin();
    const double = await admin.collection("users").impersonate(user.id, 60);
    assert.equal(double.authStore.record.id, user.id);
    assert.equal((await double.collection("users").getOne(user.id)).name, "doubled");
    const { token } = double.authStore;
    assert.equal((await double.collection("users").authRefresh()).token, token);
    await refused(client.collection("users").impersonate(user.id, 60), 403);
  });

  on.test("the links of mails: verification, password, address", async (target) => {
    const admin = await target.admin();
    const { user, client, email } = await newUser(target, "mailed", { verified: false });
    const users = client.collection("users");
    assert.equal(await users.confirmVerification(await mailToken(admin, user, "verification")), true);
    assert.equal((await admin.collection("users").getOne(user.id)).verified, true);
    await refused(users.confirmVerification("not.a.token"), 400, { token: "validation_invalid_token_claims" });
    assert.equal(await users.confirmPasswordReset(await mailToken(admin, user, "passwordReset"), "reset password", "reset password"), true);
    await refused(users.authRefresh(), 401);
    await users.authWithPassword(email, "reset password");
    const change = await mailToken(admin, user, "emailChange", { newEmail: "moved@example.com" });
    await refused(users.confirmEmailChange(change, "wrong password"), 400, { password: "validation_invalid_password" });
    assert.equal(await users.confirmEmailChange(change, "reset password"), true);
    await users.authWithPassword("moved@example.com", "reset password");
    await refused(users.confirmEmailChange(change, "reset password"), 400, {
      token: "validation_invalid_token",
      password: "validation_invalid_password",
    });
  });

  on.test("one-time passwords", async (target) => {
    const admin = await target.admin();
    const { user, client } = await newUser(target, "once");
    const users = client.collection("users");
    await refused(users.requestOTP("once@example.com"), 403);
    await admin.collections.update("users", { otp: { enabled: true, length: 8, duration: 300 } });
    const unknown = await users.requestOTP("nobody@example.com");
    assert.match(unknown.otpId, /^[a-z0-9]{15}$/);
    await refused(users.authWithOTP(unknown.otpId, "12345678"), 400);
    const otp = await admin.collection("_otps").create({ collectionRef: user.collectionId, recordRef: user.id, password: "12345678" });
    await refused(users.authWithOTP(otp.id, "87654321"), 400);
    const { record } = await users.authWithOTP(otp.id, "12345678");
    assert.equal(record.id, user.id);
    await refused(users.authWithOTP(otp.id, "12345678"), 400);
    assert.deepEqual(await admin.collection("_otps").getFullList({ filter: `id = '${otp.id}'` }), []);
  });

  on.test("multi-factor sign-in", async (target) => {
    const admin = await target.admin();
    const { user, email } = await newUser(target, "factors");
    await admin.collections.update("users", { otp: { enabled: true }, mfa: { enabled: true, duration: 300 } });
    const client = target.client();
    const users = client.collection("users");
    const error = await refused(users.authWithPassword(email, PASSWORD), 401);
    const { mfaId } = error.response;
    assert.match(mfaId, /^[a-z0-9]{15}$/);
    await refused(users.authWithPassword(email, PASSWORD, { mfaId }), 400);
    const otp = await admin.collection("_otps").create({ collectionRef: user.collectionId, recordRef: user.id, password: "12345678" });
    const signedIn = await users.authWithOTP(otp.id, "12345678", { mfaId });
    assert.equal(signedIn.record.id, user.id);
    assert.deepEqual(await admin.collection("_mfas").getFullList({ filter: `id = '${mfaId}'` }), []);
    await admin.collections.update("users", { mfa: { enabled: false }, otp: { enabled: false } });
    await users.authWithPassword(email, PASSWORD);
  });

  on.test("sign-ins leave origins, which their owner sees", async (target) => {
    const { user, client } = await newUser(target, "origins");
    const origins = await client.collection("_authOrigins").getFullList();
    assert.equal(origins.length, 1);
    assert.equal(origins[0].recordRef, user.id);
    await client.collection("_authOrigins").delete(origins[0].id);
    assert.deepEqual(await client.collection("_externalAuths").getFullList(), []);
  });

  on.test("file tokens, and sign-ins by other ways than their own", async (target) => {
    const { client } = await newUser(target, "filed");
    assert.match(await client.files.getToken(), /^[\w-]+\.[\w-]+\.[\w-]+$/);
    await refused(target.client().files.getToken(), 401);
    await refused(client.collection("users").authWithOAuth2Code("google", "code", "verifier", "http://localhost"), 403);
  });
});
