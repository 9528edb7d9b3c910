/** Random collections, and changes of them. */

const SELECT_VALUES = ["a", "b", "c", "d e", "é"];

/** What the generator knows of a collection: its definition as it was last accepted, and the ids of its records. */
export function collectionOf(definition) {
  return { ...definition, ids: [], users: [] };
}

/** The fields whose values are the same on every carrier, by which one can compare: no passwords, which are hashed. */
export function comparable(collection) {
  return [{ name: "id", type: "text" }, ...(collection.fields ?? []).filter(({ type }) => type !== "password")];
}

/** A field of any type but file and autodate: moments are not the same twice. */
export function field(dice, model, name) {
  const required = dice.oneIn(8);
  const common = { id: `id_${name}`, name, hidden: dice.oneIn(12), presentable: dice.oneIn(6) };
  return dice.choose([
    [4, () => ({ ...common, type: "text", required, ...dice.pick({}, {}, { min: 2, max: 8 }, { pattern: "^[a-z ]*$" }, { autogeneratePattern: "x{3}" }) })],
    [4, () => ({ ...common, type: "number", required, ...dice.pick({}, {}, { onlyInt: true }, { min: -3, max: 12.5 }) })],
    [2, () => ({ ...common, type: "bool", required: dice.oneIn(20) })],
    [1, () => ({ ...common, type: "email", ...dice.pick({}, { onlyDomains: ["example.com"] }, { exceptDomains: ["example.org"] }) })],
    [1, () => ({ ...common, type: "url" })],
    [1, () => ({ ...common, type: "editor", maxSize: dice.pick(0, 60) })],
    [2, () => ({ ...common, type: "date", ...dice.pick({}, {}, { min: "2022-01-01 00:00:00.000Z", max: "2023-12-31 00:00:00.000Z" }) })],
    [3, () => ({ ...common, type: "select", required, values: SELECT_VALUES, maxSelect: dice.pick(1, 1, 3) })],
    [2, () => ({ ...common, type: "json", maxSize: dice.pick(0, 0, 80) })],
    [1, () => ({ ...common, type: "geoPoint" })],
    [1, () => ({ ...common, type: "password", cost: 4, ...dice.pick({}, { min: 4, max: 12 }) })],
    [5, () => {
      const target = dice.pick(...model.collections.filter(({ type }) => type !== "view"));
      if (!target) return { ...common, type: "bool" };
      return { ...common, type: "relation", required: dice.oneIn(15), collectionId: target.id, maxSelect: dice.pick(1, 1, 4), cascadeDelete: dice.oneIn(2) };
    }],
  ]);
}

function rule(dice, fields) {
  const { name } = dice.pick(...comparable({ fields }));
  return dice.pick(
    null, "", "", "", "", "@request.auth.id != ''", `${name} != ''`, `${name} = @request.auth.id`, `@request.body.${name}:isset = false || id != ''`, "@request.auth.verified = true",
    `@request.query.q = '' || ${name} ~ @request.query.q`, `@request.method = 'GET' || ${name} != 'a'`, `@request.context != 'x' && (id ~ '%1%' || ${name} > 3)`, `${name}:changed = false`,
  );
}

function rules(dice, fields, names = ["listRule", "viewRule", "createRule", "updateRule", "deleteRule"]) {
  return Object.fromEntries(names.map((name) => [name, rule(dice, fields)]));
}

function index(dice, model, name, fields) {
  const column = dice.pick(...comparable({ fields })).name;
  const unique = dice.oneIn(3);
  const collate = dice.pick("", "", " COLLATE NOCASE", " DESC");
  const where = unique || dice.oneIn(4) ? ` WHERE \`${column}\` != ''` : "";
  return `CREATE ${unique ? "UNIQUE " : ""}INDEX \`idx_${model.name("i")}\` ON \`${name}\` (\`${column}\`${collate})${where}`;
}

/** A new base or auth collection. */
export function newCollection(dice, model) {
  const name = model.name(dice.pick("c", "Col", "the_"));
  const fields = Array.from({ length: 1 + dice.below(5) }, () => field(dice, model, model.name(dice.pick("f", "Field", "order"))));
  const auth = dice.oneIn(3)
    ? {
        type: "auth",
        fields: [{ id: `password_${name}`, name: "password", type: "password", system: true, hidden: true, required: true, cost: 4, min: 8 }, ...fields],
        authAlert: { enabled: false },
        authRule: dice.pick("", "", "", "verified = true", null),
        manageRule: dice.pick(null, null, "@request.auth.id != ''"),
        passwordAuth: { enabled: true, identityFields: ["email"] },
      }
    : { type: "base", fields };
  return { id: `id_${name}`, name, ...rules(dice, fields), ...auth, indexes: dice.some(2, () => index(dice, model, name, fields)) };
}

/** A view of a collection. */
export function newView(dice, model, source) {
  const name = model.name("view");
  const [a, b] = [1, 2].map(() => dice.pick(...comparable(source)).name);
  const viewQuery = dice.pick(
    `SELECT id, ${a} FROM ${source.name}`,
    `SELECT id, ${a} AS x, ${b} AS y FROM ${source.name} WHERE ${b} != ''`,
    `SELECT (ROW_NUMBER() OVER (ORDER BY id)) AS id, ${a} FROM ${source.name}`,
    `SELECT MAX(id) AS id, COUNT(*) AS total, ${a} AS x FROM ${source.name} GROUP BY x`,
    `SELECT s.id, t.${a} AS other, CAST(s.${b} AS TEXT) AS said, (s.${b} + 1) AS more FROM ${source.name} s JOIN ${source.name} t ON t.id = s.id`,
    `SELECT id, nothing FROM ${source.name}`,
    "SELECT 1 AS one",
  );
  return { id: `id_${name}`, name, type: "view", viewQuery, ...rules(dice, [], ["listRule", "viewRule"]) };
}

/** A change of a collection: what a PATCH sends. */
export function change(dice, model, collection) {
  if (collection.type === "view") return dice.pick({ name: model.name("view") }, { listRule: dice.pick("", null, "id != 'x'") });
  const { fields, name, indexes } = collection;
  const at = dice.below(fields.length);
  const replaced = (one) => ({ fields: fields.map((old, i) => (i === at ? one : old)) });
  const isFixed = fields[at]?.system;
  return dice.choose([
    [4, () => ({ fields: [...fields, field(dice, model, model.name("f"))] })],
    [3, () => (isFixed ? { name } : { fields: fields.filter((_, i) => i !== at) })],
    [3, () => (isFixed ? { name } : replaced({ ...fields[at], name: model.name("f") }))],
    [3, () => (fields[at]?.maxSelect ? replaced({ ...fields[at], maxSelect: fields[at].maxSelect > 1 ? 1 : 3 }) : replaced({ ...fields[at], required: !fields[at]?.required }))],
    [2, () => ({ fields: [...fields].reverse() })],
    [1, () => (isFixed ? { name } : replaced({ ...field(dice, model, fields[at].name), id: fields[at].id }))],
    [2, () => ({ name: model.name("renamed") })],
    [4, () => rules(dice, fields)],
    [3, () => ({ indexes: [...(indexes ?? []), index(dice, model, name, fields)] })],
    [2, () => ({ indexes: (indexes ?? []).slice(1) })],
    [1, () => ({ indexes: [dice.pick("no index", `CREATE INDEX idx_bad ON ${name} (nothing)`, `CREATE INDEX idx_bad ON other (id)`)] })],
    [1, () => dice.pick({ listRule: "nothing = 1" }, { name: "not a name" }, { name: "" }, { type: "view" }, { fields: "text" }, { fields: [{ name: "x", type: "nothing" }] })],
    [1, () => ({ fields: [...fields, { ...fields[at], id: `twice_${name}` }] })],
  ]);
}
