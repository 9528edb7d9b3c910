/** Random records of a collection, and questions about them. */
import { comparable } from "./collections.mjs";

const TEXTS = [
  "", "a", "b", "A", "ab", "abc", "a b", "é", "É", "日本", "👍", "it's", '"quoted"', "a%b", "a_b", "100%", "back\\slash", "a\u0000b", "line\nbreak", " padded ", "0", "1", "-1.5", "1e3", "true", "null",
  "<p>text</p>", "[]", "{}", '["a","b"]', '{"a":{"b":1}}', "{broken", "\ud800", "x".repeat(30), "long text ".repeat(12),
];

const NUMBERS = [0, 1, 2, 3, -1, 10, 0.1, 2.5, -2.75, 12, 100, 1e6, 123456.789, 9007199254740991, "5", "1.5", "x"];

export function text(dice) {
  return dice.pick(...TEXTS, ...Array.from({ length: 10 }, (_, i) => `text ${i}`));
}

/** Any JSON at all. */
function json(dice, deep = 2) {
  return dice.choose([
    [deep, () => Object.fromEntries(dice.some(3, () => [dice.pick("a", "b", "c d", "é"), json(dice, deep - 1)]))],
    [deep, () => dice.some(3, () => json(dice, deep - 1))],
    [1, () => dice.pick(null, true, false)],
    [1, () => dice.pick(...NUMBERS)],
    [1, () => text(dice)],
  ]);
}

/** The id of a record, or of none. */
export function recordId(dice, collection) {
  if (!collection || collection.ids.length === 0 || dice.oneIn(20)) return dice.pick("missing00000000", "x", "a'b", "");
  return dice.pick(...collection.ids);
}

/** A value that a field takes. */
function valueOf(dice, model, one) {
  const many = (make) => (one.maxSelect > 1 ? dice.some(one.maxSelect, make) : make());
  switch (one.type) {
    case "number":
      return one.onlyInt ? dice.below(20) : dice.pick(0, 1, 2.5, 12, -2.75, 0.1, 7, ...(one.max ? [] : [1e6, 123456.789, 9007199254740991, "5"]));
    case "bool":
      return one.required || dice.oneIn(2);
    case "email":
      return dice.pick("a@example.com", "b@example.com", one.required ? "c@example.com" : "");
    case "url":
      return dice.pick("", "https://example.com/x?y=1", "http://example.org");
    case "date":
      return dice.pick("2022-05-05", "2023-02-28 10:20:30.456Z", "2022-12-31T23:59:59Z", "2022-06-01 00:00:00.000Z");
    case "select":
      return many(() => dice.pick(...one.values));
    case "relation":
      return many(() => recordId(dice, model.collections.find(({ id }) => id === one.collectionId)));
    case "json":
      return json(dice);
    case "geoPoint":
      return dice.pick({ lon: dice.below(180), lat: dice.below(90) }, { lon: -10.5, lat: 1.25 });
    case "password":
      return dice.pick("password1234", "12345678");
    case "text":
      if (one.pattern || one.min) return dice.pick("ab", "abc", "a b");
  }
  return text(dice);
}

/** A value that a field takes, turns into another, or refuses. */
function oddValue(dice) {
  return dice.pick(json(dice), text(dice), dice.pick(...NUMBERS), null, true, "no date", "no email", "2020-01-01", ["a", "a", "no value"], { lon: 0, lat: 100 }, "short");
}

/** The body of a create, or of an update; one value in `odd` is odd. */
export function body(dice, model, collection, isUpdate = false, odd = 25) {
  const fields = collection.fields.filter(({ system }) => !system);
  const chosen = fields.filter(({ required }) => (!isUpdate && required ? !dice.oneIn(30) : !dice.oneIn(isUpdate ? 2 : 5)));
  const entries = chosen.map((one) => {
    const name = one.type === "password" || !dice.oneIn(isUpdate ? 6 : odd) ? one.name : dice.pick(`${one.name}+`, `${one.name}-`, `+${one.name}`);
    return [name, dice.oneIn(odd) ? oddValue(dice) : valueOf(dice, model, one)];
  });
  if (dice.oneIn(odd)) entries.push([dice.pick("nothing", "created", "expand", "collectionName"), text(dice)]);
  return Object.fromEntries(entries);
}

function quoted(value) {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A field of a record, or of one that it leads to. */
export function path(dice, model, collection, deep = 2) {
  const ofUsers = collection.type === "auth" ? [{ name: "email", type: "email" }, { name: "verified", type: "bool" }] : [];
  const one = dice.pick(...comparable(collection), ...ofUsers);
  const target = one.type === "relation" && deep > 0 && !dice.oneIn(3) && model.collections.find(({ id }) => id === one.collectionId);
  if (target) return `${one.name}.${path(dice, model, target, deep - 1)}`;
  const back = dice.oneIn(6) && deep > 0 && backRelation(dice, model, collection);
  if (back) return `${back.path}.${path(dice, model, back.from, deep - 1)}`;
  const suffix = { json: ["", ".a", ".a.b", ".0", ":length"], geoPoint: [".lon", ".lat"], select: ["", ":length", ":each"], relation: ["", ":length"], text: ["", "", ":lower"] }[one.type] ?? [""];
  return one.name + dice.pick(...suffix);
}

/** A field of another collection that refers to this one. */
function backRelation(dice, model, collection) {
  const found = model.collections.flatMap((from) =>
    (from.fields ?? []).filter(({ type, collectionId }) => type === "relation" && collectionId === collection.id).map((one) => ({ from, path: `${from.name}_via_${one.name}` })),
  );
  return found.length > 0 ? dice.pick(...found) : undefined;
}

/** A filter expression. */
export function filter(dice, model, collection, deep = 2) {
  const terms = Array.from({ length: deep === 2 && dice.oneIn(25) ? 20 + dice.below(30) : 1 + dice.below(3) }, () => {
    if (deep > 0 && dice.oneIn(4)) return `(${filter(dice, model, collection, deep - 1)})`;
    const operator = dice.pick("", "", "", "?") + dice.pick("=", "=", "!=", ">", ">=", "<", "<=", "~", "~", "!~");
    const right = dice.oneIn(3)
      ? dice.pick(path(dice, model, collection), path(dice, model, collection), dice.oneIn(6) ? dice.pick("@request.auth.id", "@request.query.q", "@request.auth.email") : "@yearStart")
      : dice.pick(quoted(text(dice)), quoted(text(dice)), String(dice.below(12) - 2), "true", "false", "null", quoted(recordId(dice, collection)));
    return `${path(dice, model, collection)} ${operator} ${right}`;
  });
  return terms.reduce((all, term) => `${all} ${dice.pick("&&", "||")} ${term}`);
}

function expand(dice, model, collection, deep = 2) {
  const relations = (collection.fields ?? []).filter(({ type }) => type === "relation");
  const back = backRelation(dice, model, collection);
  const one = dice.pick(...relations.map((relation) => ({ path: relation.name, next: model.collections.find(({ id }) => id === relation.collectionId) })), { path: back?.path ?? "nothing", next: back?.from });
  return one.next && deep > 0 && dice.oneIn(2) ? `${one.path}.${expand(dice, model, one.next, deep - 1)}` : one.path;
}

/** The query string of a list, or with `isView` of one record. */
export function query(dice, model, collection, isView = false) {
  const params = new URLSearchParams();
  if (dice.oneIn(3)) params.set("expand", [expand(dice, model, collection), ...dice.some(1, () => expand(dice, model, collection))].join(","));
  if (dice.oneIn(6)) params.set("fields", dice.pick("*", "id", "id,expand", "items.id,totalItems", `id,${path(dice, model, collection, 0)}`, "*,nothing", "id,collectionName"));
  if (dice.oneIn(5)) params.set("q", text(dice));
  if (isView) return String(params);
  if (!dice.oneIn(4)) params.set("filter", filter(dice, model, collection));
  const sorts = dice.some(2, () => dice.pick("", "-", "+") + path(dice, model, collection, 1));
  params.set("sort", [...sorts, dice.pick("id", "-id", "@rowid", "-@rowid")].join(","));
  if (dice.oneIn(2)) params.set("perPage", String(dice.pick(1, 2, 3, 7, 500, 1000, 0, -1)));
  if (dice.oneIn(3)) params.set("page", String(dice.pick(1, 2, 3, 0)));
  if (dice.oneIn(4)) params.set("skipTotal", dice.pick("1", "true", "0", "x"));
  return String(params);
}
