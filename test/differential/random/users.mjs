/** Random users: how they sign in, and what they do with their tokens. */
import { mailToken } from "../../support/tokens.mjs";

const PASSWORD = "password1234";

/** The body that makes a user. */
export function credentials(dice, number) {
  const password = dice.oneIn(12) ? dice.pick("short", "") : PASSWORD;
  return {
    email: dice.oneIn(10) ? dice.pick("no email", "", "user1@example.com") : `user${number}@example.com`,
    password,
    passwordConfirm: dice.oneIn(12) ? "another" : password,
    ...dice.pick({}, { emailVisibility: true }, { verified: true }),
  };
}

/** A request of an auth collection. */
export function authRequest(dice, model, collection) {
  const api = `/api/collections/${collection.name}`;
  const user = collection.users.length > 0 ? dice.pick(...collection.users) : { id: "missing00000000", email: "nobody@example.com", password: PASSWORD };
  const post = (path, body, more) => ({ method: "POST", path: `${api}/${path}`, body, ...more });
  const password = dice.oneIn(5) ? "wrong password" : user.password;
  const changed = dice.pick("new password 1", "new password 2");
  return dice.choose([
    [8, () => post("auth-with-password", { identity: user.email, password }, { saveToken: user.id, name: `sign in ${user.id}`, applied: () => (user.isSignedIn = true) })],
    [3, () => post("auth-refresh", undefined, { as: user.id, saveToken: user.id })],
    [2, () => post(`impersonate/${user.id}`, dice.pick({}, { duration: 100 }, { duration: -1 }), { as: dice.oneIn(4) ? user.id : "admin", saveToken: `${user.id} impersonated` })],
    [2, () => post("auth-refresh", undefined, { as: `${user.id} impersonated` })],
    [1, () => ({ path: `${api}/auth-methods` })],
    [3, () => ({
      method: "PATCH", path: `${api}/records/${user.id}`, as: dice.pick(user.id, "admin", undefined),
      body: { password: changed, passwordConfirm: dice.oneIn(6) ? "another" : changed, ...dice.pick({}, { oldPassword: user.password }, { oldPassword: "wrong" }) },
      applied: () => (user.password = changed),
    })],
    [2, () => ({ method: "PATCH", path: `${api}/records/${user.id}`, as: dice.pick(user.id, "admin"), body: dice.pick({ verified: true }, { email: "changed@example.com" }, { emailVisibility: true }, { tokenKey: "x" }) })],
    [2, () => mailed(post("confirm-verification", {}), model, user, "verification")],
    [2, () => mailed(post("confirm-password-reset", { password: changed, passwordConfirm: changed }, { applied: () => (user.password = changed) }), model, user, "passwordReset")],
    [2, () => {
      const newEmail = `moved${model.name("")}@example.com`;
      return mailed(post("confirm-email-change", { password }, { applied: () => (user.email = newEmail) }), model, user, "emailChange", { newEmail });
    }],
    [1, () => post(dice.pick("confirm-verification", "confirm-password-reset", "confirm-email-change"), { token: "no token", password, passwordConfirm: password })],
    [1, () => ({ method: "POST", path: "/api/files/token", as: user.id })],
    [1, () => post("auth-with-oauth2", { provider: "nothing", code: "x", redirectURL: "http://localhost" })],
  ]);
}

/** A request with the token that a mail would have carried, made anew on each carrier. */
function mailed(request, model, user, type, claims) {
  const prepare = async (target) => {
    const admin = await target.admin();
    const record = await admin.collection(user.collectionId).getOne(user.id).catch(() => undefined);
    const token = record ? await mailToken(admin, record, type, claims).catch(() => "none") : "none";
    return { ...request.body, token };
  };
  return { ...request, name: `${request.path} of ${user.id}`, prepare };
}
