/** Requests at the edges of HTTP and of the API, to be answered alike by every carrier. */

const JSON_TYPE = { "Content-Type": "application/json" };

/** Nested arrays, that many. */
function deepJson(depth) {
  return `{"title":"deep","meta":${"[".repeat(depth)}${"]".repeat(depth)}}`;
}

const post = (path, body, headers = JSON_TYPE) => ({ method: "POST", path, body, headers });

/**
 * What needs nothing but a running server. Paths with dot segments are not here: the platform resolves them before a Worker
 * sees the request, where net/http redirects.
 */
export const http = [
  { path: "/api/health" },
  { path: "/api/health", method: "HEAD" },
  { path: "/api/health", method: "POST" },
  { path: "/api/health", method: "DELETE" },
  { path: "/api/health/", method: "GET" },
  { path: "/api/health?fields=code" },
  { path: "/api/health?fields=code,data.nothing" },
  { path: "/api/health", headers: { Origin: "https://other.example" } },
  { path: "/api/health", headers: { Range: "bytes=0-3", "If-None-Match": "*", "If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT" } },
  { path: "/api/health", headers: { Authorization: "Bearer nonsense" } },
  { path: "/api/health", headers: { "Accept-Encoding": "identity", Accept: "text/html" } },
  {
    name: "CORS preflight",
    path: "/api/collections/users/records",
    method: "OPTIONS",
    headers: { Origin: "https://other.example", "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization, content-type" },
  },
  {
    name: "CORS preflight of a strange method",
    path: "/api/health",
    method: "OPTIONS",
    headers: { Origin: "null", "Access-Control-Request-Method": "BREW" },
  },
  { name: "OPTIONS without an origin", path: "/api/health", method: "OPTIONS" },
  { name: "OPTIONS of nothing", path: "/nothing", method: "OPTIONS", headers: { Origin: "https://other.example" } },
  { name: "OPTIONS that asks for the private network", path: "/api/health", method: "OPTIONS", headers: { Origin: "https://a.b", "Access-Control-Request-Private-Network": "true", "Access-Control-Request-Method": "GET" } },
  { path: "/api" },
  { path: "/api/" },
  { path: "/api/nothing" },
  { path: "/api/nothing", method: "POST" },
  { path: "/api/nothing", method: "HEAD" },
  { path: "/nothing/at/all" },
  { path: "/api//health" },
  { path: "/api/%68ealth" },
  { path: "/api/health%2F" },
  { path: "/api/health%00" },
  { path: "/api/collections/%F0%9F%98%80/records" },
  { path: "/api/collections/a%2Fb/records" },
  { path: "/api/collections/%00/records" },
  { path: "/api/collections/%FF%FE/records" },
  { path: "/api/collections/users/records?filter=%FF" },
  { path: "/api/collections/users/records?filter=%00" },
  { path: "/api/collections/users/records?page=-1&perPage=100000" },
  { path: "/api/collections/users/records?page=x&perPage=y" },
  { path: "/api/collections/users/records?page=9223372036854775807&perPage=500" },
  { path: "/api/collections/users/records?sort=%2Bid%2C-created%2C&skipTotal=yes" },
  { path: "/api/collections/users/records?;a=1&%zz=1" },
  { path: "/api/collections/users/records?fields=*,nothing:excerpt(1)" },
  { path: "/api/health", method: "PURGE" },
  { path: "/api/health", method: "PUT", body: "{}", headers: JSON_TYPE },
  { path: "/api/health", method: "PATCH", body: "x" },
  { path: "/api/health", body: "a body of GET" },
  { name: "a URL of 15 KB", path: `/api/health?x=${"y".repeat(15_000)}` },
  { name: "a path of 15 KB", path: `/api/${"y".repeat(15_000)}` },
  { name: "a URL of 16 KB", path: `/api/health?x=${"y".repeat(16_384 - 14)}` },
  { name: "a header of 12 KB", path: "/api/health", headers: { "X-Long": "z".repeat(12_000) } },
  { name: "many headers", path: "/api/health", headers: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`X-Header-${i}`, String(i)])) },
  { path: "/api/settings" },
  { path: "/api/logs" },
  { path: "/api/crons" },
  { path: "/api/backups" },
  { path: "/api/files/users/missing/none.png" },
  { path: "/api/files/users/missing/none.png?thumb=100x100", method: "HEAD" },
  { path: "/api/oauth2-redirect?state=x&code=y" },
  { path: "/api/realtime", method: "HEAD" },
  { path: "/api/realtime", method: "HEAD", headers: { Origin: "https://other.example" } },
  // Go sets the UI's own headers there; the assets that exist have theirs from admin-ui/_headers.
  { path: "/_/nothing.js", ignore: ["cache-control", "content-security-policy", "vary"] },
];

const signIn = "/api/collections/users/auth-with-password";
const records = "/api/collections/notes_diff/records";

/** Bodies that are no JSON, or more of it than anyone needs. They want the collection "notes_diff". */
export const bodies = [
  post(signIn, ""),
  post(signIn, "{"),
  post(signIn, "{}"),
  post(signIn, "[]"),
  post(signIn, "null"),
  post(signIn, '"text"'),
  post(signIn, '{"identity":1,"password":true}'),
  post(signIn, '{"identity":"a","password":"b"} trailing'),
  post(signIn, '{"identity":"a","identity":"b","password":"c"}'),
  post(signIn, '{"identity":"a","password":"b"}', { "Content-Type": "text/plain" }),
  post(signIn, '{"identity":"a","password":"b"}', {}),
  post(signIn, "identity=a%40b.co&password=secret", { "Content-Type": "application/x-www-form-urlencoded" }),
  post(signIn, "identity=%zz", { "Content-Type": "application/x-www-form-urlencoded" }),
  post(signIn, "--x\r\nbroken", { "Content-Type": "multipart/form-data; boundary=x" }),
  post(signIn, "no boundary", { "Content-Type": "multipart/form-data" }),
  post(signIn, '<a identity="b"/>', { "Content-Type": "application/xml" }),
  post(signIn, '{"identity":"a","password":"b"}', { "Content-Type": "application/json; charset=latin1" }),
  post(signIn, Buffer.from([0xef, 0xbb, 0xbf, ...Buffer.from('{"identity":"a","password":"b"}')])),
  post(records, Buffer.from('{"title":"\xff\xfe"}', "latin1")),
  post(records, '{"title":"a\\u0000b"}'),
  post(records, '{"title":"a\u0000b"}'),
  post(records, '{"title":"\\ud800"}'),
  post(records, '{"title":"\\ud83d\\ude00"}'),
  post(records, '{"title":"\\x"}'),
  post(records, `{"title":"${"é".repeat(2500)}"}`),
  post(records, `{"title":"${"é".repeat(2501)}"}`),
  post(records, '{"title":"numbers","count":1e400}'),
  post(records, '{"title":"numbers","count":9007199254740993}'),
  post(records, '{"title":"numbers","count":-0.0000001}'),
  post(records, '{"title":"numbers","count":"12abc"}'),
  post(records, '{"title":"numbers","count":NaN}'),
  post(records, '{"title":{"a":1},"count":[1],"meta":"text"}'),
  post(records, '{"title":"unknown","nothing":1,"expand":{"a":1},"id":"","created":"x"}'),
  post(records, '{"title":"id","id":"short"}'),
  post(records, '{"title":"id","id":"WITHUPPERCASE00"}'),
  post(records, '{"title":"id","id":"givenid00000001"}'),
  post(records, '{"title":"id","id":"givenid00000001"}'),
  { name: "JSON 100 deep", ...post(`${records}?fields=id,title`, deepJson(100)) },
  { name: "JSON 999 deep", ...post(`${records}?fields=id,title`, deepJson(998)) },
  { name: "JSON 20,000 deep", ...post(`${records}?fields=id,title`, deepJson(20_000)) },
  { name: "JSON 200,000 deep", ...post(`${records}?fields=id,title`, deepJson(200_000)) },
  { name: "JSON of many keys", ...post(`${records}?fields=id,title`, JSON.stringify({ title: "keys", meta: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i])) })) },
  { name: "JSON with spaces", ...post(records, `${" \r\n\t".repeat(5000)}{ "title" : "spaces" }${"\n".repeat(100)}`) },
  { name: "a form with a record", ...post(records, "title=form&count=5&meta=%7B%22a%22%3A1%7D", { "Content-Type": "application/x-www-form-urlencoded" }) },
  {
    name: "a multipart record",
    ...post(
      records,
      ['--b', 'Content-Disposition: form-data; name="title"', "", "multipart é", '--b', 'Content-Disposition: form-data; name="@jsonPayload"', "", '{"count":7}', "--b--", ""].join("\r\n"),
      { "Content-Type": "multipart/form-data; boundary=b" },
    ),
  },
  { name: "a body of 1 MB", ...post(`${records}?fields=id,title`, JSON.stringify({ title: "long", meta: "m".repeat(1_000_000) })) },
  { name: "a body of 3 MB for a field of 1 MB", ...post(`${records}?fields=id,title`, JSON.stringify({ title: "long", meta: "m".repeat(3_000_000) })) },
  { path: `${records}?sort=@rowid&perPage=100&fields=title,count` },
];
