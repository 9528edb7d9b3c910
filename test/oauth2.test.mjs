/** OAuth2 sign-up: the token, the user and the avatar come from another server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before } from "node:test";

import { suite } from "./harness.mjs";
import { EventSource } from "./realtime/eventsource.mjs";

globalThis.EventSource = EventSource;

/** An OpenID provider that signs in whoever comes with the right code. */
class Provider {
  asked = [];
  #server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { pathname } = new URL(request.url, "http://provider");
    this.asked.push(pathname);
    const [status, answer] = this.#answer(pathname, new URLSearchParams(body), request.headers);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
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

  #answer(path, form, headers) {
    if (path === "/token" && form.get("code") === "good" && form.get("code_verifier")) {
      return [200, { access_token: "token", token_type: "Bearer", expires_in: 3600, refresh_token: "refresh" }];
    }
    if (path === "/user" && headers.authorization === "Bearer token") {
      const picture = `${this.url}/picture.png`;
      return [200, { sub: "42", name: "Ann Ö", email: "ann@example.com", email_verified: true, picture, preferred_username: "ann" }];
    }
    return [400, { error: "invalid_grant" }];
  }
}

suite("OAuth2", {}, (on) => {
  const provider = new Provider();
  before(() => provider.start());
  after(() => provider.stop());

  async function signIn(client, code) {
    return client.collection("members").authWithOAuth2Code("oidc", code, "verifier", "http://localhost/redirect");
  }

  on.test("a user signs up with what the provider tells, and signs in again", async (target) => {
    const admin = await target.admin();
    await admin.collections.create({
      name: "members",
      type: "auth",
      createRule: "@request.context = 'oauth2'",
      fields: [{ name: "title", type: "text" }, { name: "picture", type: "file", maxSelect: 1 }],
      oauth2: {
        enabled: true,
        mappedFields: { name: "title", avatarURL: "picture" },
        providers: [{
          name: "oidc",
          clientId: "id",
          clientSecret: "secret",
          authURL: `${provider.url}/authorize`,
          tokenURL: `${provider.url}/token`,
          userInfoURL: `${provider.url}/user`,
          pkce: true,
        }],
      },
    });

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
