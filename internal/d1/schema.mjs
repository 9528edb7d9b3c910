/** What the driver asks of a database's tables, to be foreseen at a boot: schemaQuery in schema.go, whose test compares the two. */
export const SCHEMA_QUERY = `SELECT * FROM (WITH c AS (
 SELECT m.name AS t, x.cid, x.name, upper(x.type) AS k, x.pk FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x
 WHERE m.type='table' AND m.name NOT GLOB '_cf*' AND x.hidden<>1
), k AS (
 SELECT t, sum(CASE WHEN k LIKE '%INT%' OR k LIKE '%CHAR%' OR k LIKE '%CLOB%' OR k LIKE '%TEXT%' THEN 0
  ELSE k IN ('','ANY') OR k LIKE '%BLOB%' OR k LIKE '%REAL%' OR k LIKE '%FLOA%' OR k LIKE '%DOUB%' END) AS reals,
  sum(k IN ('DATE','DATETIME','TIMESTAMP')) AS times, sum(k='INTEGER' AND pk>0) AS rowids,
  json_group_array(json_array(name,k)) AS list FROM c GROUP BY t
), w AS (
 SELECT lower(tbl_name) AS t FROM sqlite_master WHERE type='trigger'
 UNION SELECT lower(f."table") FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
  WHERE m.type='table' AND m.name NOT GLOB '_cf*'
)
SELECT m.name, k.reals=0 AS exact, m.type='table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND k.rowids=0
 AND lower(m.name) NOT IN (SELECT t FROM w) AS plain, m.type='view' AS view,
 CASE WHEN m.type='view' THEN m.sql WHEN k.reals>0 OR k.times>0 THEN k.list END AS details
FROM sqlite_master AS m LEFT JOIN k ON k.t=m.name WHERE m.type IN ('table','view') AND m.name NOT GLOB '_cf*')`;
