/** Every type of field, what it takes and what it refuses. */

const field = (name, type, more) => ({ name, type, ...more });

/** A collection with every type of field but file, each with its limits. */
export const everything = {
  name: "everything",
  type: "base",
  listRule: "",
  viewRule: "",
  createRule: "",
  updateRule: "",
  deleteRule: "",
  fields: [
    field("text", "text", { min: 2, max: 5, pattern: "^[a-z]+$" }),
    field("auto", "text", { autogeneratePattern: "x{3}" }),
    field("editor", "editor", { maxSize: 100 }),
    field("number", "number", { min: -5, max: 5.5 }),
    field("integer", "number", { onlyInt: true }),
    field("bool", "bool"),
    field("agreed", "bool", { required: true }),
    field("email", "email", { exceptDomains: ["bad.example"] }),
    field("url", "url", { onlyDomains: ["good.example"] }),
    field("date", "date", { min: "2020-01-01 00:00:00.000Z", max: "2030-01-01 00:00:00.000Z" }),
    field("select", "select", { values: ["a", "b"], maxSelect: 1 }),
    field("selects", "select", { values: ["a", "b", "c"], maxSelect: 2 }),
    field("json", "json", { maxSize: 50 }),
    field("point", "geoPoint"),
    field("password", "password", { min: 8, max: 20 }),
    field("created", "autodate", { onCreate: true }),
    field("updated", "autodate", { onCreate: true, onUpdate: true }),
    field("hidden", "text", { hidden: true }),
  ],
};

/** Values for each field, good and bad; each is created with `agreed`, and alone. */
export const values = {
  text: ["", "a", "ab", "abcde", "abcdef", "AB", "a b", null, 12, true, ["ab"], { a: 1 }],
  auto: ["", "given", null],
  editor: ["", "<p>x</p>", "<script>alert(1)</script>", "x".repeat(101), null],
  number: [0, -5, 5.5, 5.6, -6, "3", "3.5", "x", "", null, true, [1], 1e20, 0.1, 1e-7],
  integer: [1, 1.5, "2", 9007199254740991, 9007199254740993, -0, 1e15, 1e17],
  bool: [true, false, "true", "false", "1", 0, 1, "x", null, [], {}],
  agreed: [true, false, "", null],
  email: ["", "a@good.example", "a@bad.example", "no", "a@b", "ü@example.com", " a@example.com ", 5, null],
  url: ["", "https://good.example/x", "https://other.example", "good.example", "ftp://good.example", "javascript:alert(1)", null],
  date: [
    "", "2025-05-05", "2025-05-05 10:00:00", "2025-05-05T10:00:00Z", "2025-05-05 10:00:00.123456Z", "2025-05-05T10:00:00+02:00",
    "2019-01-01", "2031-01-01", "no date", 1746439200, 1746439200000, null, "2025-02-30",
  ],
  select: ["", "a", "c", ["a"], ["a", "b"], null, 1],
  selects: [[], ["a"], ["a", "b"], ["a", "b", "c"], ["a", "a"], "a", "a,b", ["x"], null, '["a","b"]'],
  json: [null, "", "text", '{"a":1}', { a: 1 }, [1, 2], 5, true, "x".repeat(60), '"quoted"', "{broken", 1.0, 12345678901234567890],
  point: [null, {}, { lon: 1, lat: 2 }, { lon: 181, lat: 2 }, { lon: 1, lat: -91 }, { lon: "5", lat: "6" }, "text", [1, 2], '{"lon":3,"lat":4}'],
  password: ["", "short", "long enough", "x".repeat(21), null, 12345678],
  created: ["2020-01-01 00:00:00.000Z", ""],
  hidden: ["from a guest"],
};

/** One request for each value of each field. */
export function creates() {
  return Object.entries(values).flatMap(([name, list]) =>
    list.map((value) => ({
      name: `${name} = ${JSON.stringify(value).slice(0, 60)}`,
      method: "POST",
      path: "/api/collections/everything/records",
      body: { agreed: true, [name]: value },
    })),
  );
}

/** Filters and sorts over what was created. */
export const queries = [
  "text = 'ab'", "number > 0 && number < 4", "bool = true", "bool = false", "date > '2025-05-05 09:00:00'", "date = ''", "selects ~ 'b'", "selects:length = 2",
  "json.a = 1", "json = 5", "json = null", "json ~ 'text'", "point.lon = 1", "point.lat > 1 && point.lon < 2", "email ~ 'good'", "integer > 9007199254740990", "number = 0.1",
  "geoDistance(point.lon, point.lat, 1, 2) < 1", "password = ''", "created <= @todayEnd && @todayStart <= @now", "text:length = 2", "auto ~ 'xx%'",
].map((filter) => ({
  name: filter,
  path: `/api/collections/everything/records?perPage=200&sort=@rowid&fields=number,integer,text,json,point,selects,date&filter=${encodeURIComponent(filter)}`,
}));
