/** The collections of a random script of realtime, with random rules, and what listeners can ask of them. */

/** Who writes and listens, besides guests and the superuser. */
export const USERS = ["user0000000ann0", "user0000000bob0", "user0000000cat0"];
export const PASSWORD = "12345678";
export const emailOf = (id) => `${id}@example.com`;

/** A record whose updates tell that all before them was delivered. */
export const BARRIER = { collection: "barrier", id: "barrier00000000", topic: "barrier/*" };

const TITLES = ["a", "b", "c", "it's"];
export const ROLES = ["boss", "worker", ""];
export const EVERYONE = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };

const COMMON_RULES = [
  null, "", "", "@request.auth.id != ''", "@request.auth.role = 'boss'", "title = 'a' || title = 'b'", "@request.query.x = '1'", "@request.headers.x_token = 'abc'",
  "@request.auth.verified = true", "@request.context = 'realtime'", "@request.method = 'GET' && title != 'c'", "@collection.notes.title ?= title", "n > 3 || @request.auth.collectionName = 'people'",
];

const RULES = {
  people: ["id = @request.auth.id", "role = @request.auth.role", "friend = @request.auth.id", "parents_via_owner.title ?= 'a'"],
  notes: ["@request.auth.friend.role = 'boss'"],
  parents: [
    "@request.auth.id != '' && owner = @request.auth.id", "owner.role = 'boss'", "shared = true || owner = @request.auth.id", "@request.auth.friend = owner", "children_via_parent.title ?= 'a'",
    "owner.friend.role = @request.auth.role",
  ],
  children: [
    "@request.auth.id != '' && parent.owner = @request.auth.id", "parent.shared = true", "parent.owner.role = 'boss'", "leaves_via_child.id ?!= ''", "friends.id ?= @request.auth.id", "friends:length > 1",
    "@request.auth.id ?= friends.id && parent.title != ''",
  ],
  leaves: ["child.parent.owner = @request.auth.id", "child.parent.shared = true && child.title != 'c'", "child.friends ?= @request.auth.id", "child.id != ''"],
};

/** Those that records are made in, parents first. */
export const NAMES = ["people", "notes", "parents", "children", "leaves"];

export function rule(dice, name) {
  return dice.oneIn(2) ? dice.pick(...COMMON_RULES) : dice.pick(...RULES[name]);
}

/** The definitions of all collections. */
export function collections(dice) {
  const common = (name) => [
    { id: `${name}_title`, name: "title", type: "text" },
    { id: `${name}_secret`, name: "secret", type: "text", hidden: true },
    { id: `${name}_n`, name: "n", type: "number" },
  ];
  const relation = (name, field, to, more) => ({ id: `${name}_${field}`, name: field, type: "relation", collectionId: `id_${to}`, maxSelect: 1, ...more });
  const make = (name, fields, more) => ({
    id: `id_${name}`, name, type: "base", ...EVERYONE, listRule: rule(dice, name), viewRule: rule(dice, name), fields: [...common(name), ...fields], ...more,
  });
  const password = { id: "people_password", name: "password", type: "password", system: true, hidden: true, required: true, cost: 4, min: 8 };
  return [
    make("people", [password, { id: "people_role", name: "role", type: "text" }, relation("people", "friend", "people")], {
      type: "auth", manageRule: dice.pick(null, "@request.auth.role = 'boss'"), authAlert: { enabled: false },
    }),
    make("notes", []),
    make("parents", [relation("parents", "owner", "people"), { id: "parents_shared", name: "shared", type: "bool" }]),
    make("children", [relation("children", "parent", "parents", { cascadeDelete: !dice.oneIn(4) }), relation("children", "friends", "people", { maxSelect: 3 })]),
    make("leaves", [relation("leaves", "child", "children", { cascadeDelete: true })]),
    { id: "id_barrier", name: BARRIER.collection, type: "base", listRule: "", viewRule: "", fields: [{ id: "barrier_step", name: "step", type: "number" }] },
  ];
}

/** What a record may have in its fields. `ids` are those of the records by collection. */
export function values(dice, name, ids) {
  const one = (of) => dice.pick(...ids[of], "");
  return {
    title: dice.pick(...TITLES),
    ...(dice.oneIn(3) && { secret: dice.pick("s", "t") }),
    ...(name === "people" && { role: dice.pick(...ROLES), friend: one("people") }),
    ...(name === "parents" && { owner: one("people"), shared: dice.oneIn(3) }),
    ...(name === "children" && { parent: one("parents"), friends: [...new Set(dice.some(2, () => one("people")).filter(Boolean))] }),
    ...(name === "leaves" && { child: one("children") }),
  };
}

const EXPANDS = {
  people: ["friend", "parents_via_owner", "friend.friend"],
  notes: ["nothing"],
  parents: ["owner", "children_via_parent", "owner.friend"],
  children: ["parent", "parent.owner", "friends,parent", "leaves_via_child"],
  leaves: ["child", "child.parent", "child.parent.owner,child.friends"],
};

const FILTERS = ["title = 'a'", "n > 10", "@request.auth.id != ''", "title != @request.auth.role", "secret = 's'", "nothing = 1", "@request.query.x = '1'", "id ~ 'a'", "@collection.notes.title ?= 'a'"];

function options(dice, name) {
  const query = {
    ...(dice.oneIn(2) && { expand: dice.pick(...EXPANDS[name]) }),
    ...(dice.oneIn(3) && { fields: dice.pick("id,n,title", "id,n,expand", "*,expand.owner.id", "id,n,secret,title:excerpt(1)", "*") }),
    ...(dice.oneIn(3) && { filter: dice.pick(...FILTERS) }),
    ...(dice.oneIn(3) && { x: dice.pick("1", 1, "2") }),
  };
  const headers = dice.oneIn(3) ? { "X-Token": dice.pick("abc", "no") } : {};
  return dice.oneIn(20) ? "{broken" : JSON.stringify({ query, ...(Object.keys(headers).length > 0 && { headers }) });
}

/** A topic that a client may subscribe to. */
export function topic(dice, ids) {
  const name = dice.pick(...NAMES);
  const collection = dice.oneIn(6) ? `id_${name}` : name;
  const base = dice.choose([
    [5, () => `${collection}/*`],
    [1, () => collection],
    [3, () => `${collection}/${ids[name].length > 0 ? dice.pick(...ids[name]) : "missing00000000"}`],
    [1, () => dice.pick("", "nothing/*", "_superusers/*", "_collections/*", `${collection}/`)],
  ]);
  return dice.oneIn(2) ? base : `${base}?options=${encodeURIComponent(options(dice, name))}`;
}
