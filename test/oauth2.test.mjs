/** OAuth2 sign-up: the token, the user and the avatar come from another server. */
import assert from "node:assert/strict";
import { after, before } from "node:test";

import { suite } from "./harness.mjs";
import { EventSource } from "./realtime/eventsource.mjs";
import { Provider } from "./support/provider.mjs";

globalThis.EventSource = EventSource;

suite("OAuth2", {}, (on) => {
  const provider = new Provider();
  before(() => provider.start());
  after(() => provider.stop());

  async function signIn(client, code) {
    return client.collection("members").authWithOAuth2Code("oidc", code, "verifier", "http://localhost/redirect");
  }

  on.test("a user signs up with what the provider tells, and signs in again", async (target) => {
    const admin = await target.admin();
    await admin.collections.create(provider.collection);

    const { record, meta } = await signIn(target.client(), "good");
    assert.equal(record.title, "Ann Ö");
    assert.equal(record.verified, true);
    assert.equal(record.picture, "", "the picture was taken from a private address");
    assert.equal(meta.isNew, true);
    assert.equal(meta.avatarURL, `${provider.url}/picture.png`);
    assert.equal(meta.accessToken, "token");
    assert.equal(meta.refreshToken, "refresh");
    assert.deepEqual(provider.asked.splice(0), ["/token", "/user"]);

    const again = await signIn(target.client(), "good");
    assert.equal(again.record.id, record.id);
    assert.equal(again.meta.isNew, false);
  });

  on.test("a code that the provider refuses is refused", async (target) => {
    await assert.rejects(signIn(target.client(), "bad"), { status: 400, message: "Failed to fetch OAuth2 token." });
  });

  on.test("the SDK signs in by the redirect, of which it hears by realtime", async (target) => {
    const client = target.client();
    const { record } = await client.collection("members").authWithOAuth2({
      provider: "oidc",
      urlCallback: async (url) => {
        const state = new URL(url).searchParams.get("state");
        const redirect = await fetch(`${target.url}/api/oauth2-redirect?state=${state}&code=good`, { redirect: "manual" });
        assert.match(redirect.headers.get("location"), /oauth2-redirect-success/);
      },
    });
    assert.equal(record.email, "ann@example.com");
    assert.equal(client.authStore.isValid, true);
    assert.equal(client.realtime.isConnected, false, "it has unsubscribed");
  });

  on.test("a redirect for a client that is not there fails", async (target) => {
    const redirect = await fetch(`${target.url}/api/oauth2-redirect?state=${"x".repeat(40)}&code=good`, { redirect: "manual" });
    assert.match(redirect.headers.get("location"), /oauth2-redirect-failure/);
  });
});
