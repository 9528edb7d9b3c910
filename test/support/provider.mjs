/** A server for OAuth2 sign-ins. */
import { once } from "node:events";
import { createServer } from "node:http";

/** An OpenID provider that asks nobody anything, and signs in whoever comes with the right code. */
export class Provider {
  asked = [];
  #server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { pathname, searchParams } = new URL(request.url, "http://provider");
    this.asked.push(pathname);
    if (pathname === "/authorize") return response.writeHead(302, { Location: redirectOf(searchParams) }).end();
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

  /** The auth collection "members", whose users come from here. */
  get collection() {
    const { url } = this;
    return {
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
          authURL: `${url}/authorize`,
          tokenURL: `${url}/token`,
          userInfoURL: `${url}/user`,
          pkce: true,
        }],
      },
    };
  }
}

function redirectOf(query) {
  const url = new URL(query.get("redirect_uri"));
  url.searchParams.set("state", query.get("state"));
  url.searchParams.set("code", "good");
  return String(url);
}
