-- Keys in cache_entries: different keys have different texts, and cache_invalidate_like goes by these.
CREATE EXTENSION cache_ext;
CREATE FUNCTION two(a text, b text) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('%L %L', a, b)$$;
CREATE FUNCTION one(a text) RETURNS text LANGUAGE sql STABLE AS $$SELECT quote_nullable(a)$$;
SELECT cache_create('two', 'two(text,text)', ttl => NULL);
SELECT cache_create('one', 'one(text)', ttl => NULL);
CREATE TABLE part (t text);
INSERT INTO part VALUES (NULL), (''), ('NULL'), ('a'), ('a,b'), ('"'), ('""'), ('\'), ('\"'), ('('), (')'), (' '), (E'\n'), (',');
SELECT count(cache_get_two(a.t, b.t)), count(*) FROM part AS a, part AS b;
SELECT count(cache_get_one(t)), count(*) FROM part;
SELECT cache, count(*), count(DISTINCT key) AS texts, count(*) FILTER (WHERE key IS NULL) AS nulls
FROM cache_entries GROUP BY 1 ORDER BY 1;
-- As PostgreSQL prints a row.
SELECT count(*) FROM part AS a, part AS b, cache_entries AS e WHERE e.cache = 'two' AND e.key = ROW(a.t, b.t)::text;
SELECT key FROM cache_entries WHERE cache = 'two' AND key !~ '[\\\n "]' ORDER BY key COLLATE "C";
SELECT key FROM cache_entries WHERE cache = 'one' AND key !~ '\n' ORDER BY key COLLATE "C";
-- One key each.
SELECT cache_invalidate_like('two', '(NULL,a)'), cache_invalidate_like('two', '(,a)'), cache_invalidate_like('two', '("",a)'),
       cache_invalidate_like('two', '("a,b",a)'), cache_invalidate_like('two', '(a,b,a)');
SELECT cache_invalidate_like('one', 'NULL'), cache_invalidate_like('one', ''), cache_invalidate_like('one', 'a,b');
SELECT count(*) FROM cache_entries WHERE cache = 'one' AND key IS NULL;
-- NULL is like nothing.
SELECT cache_invalidate_like('one', '%');
SELECT count(*) FROM cache_entries WHERE cache = 'one';
-- A materialized view has no triggers to miss its changes.
CREATE TABLE base (k int, n int);
INSERT INTO base VALUES (1, 10);
CREATE MATERIALIZED VIEW sums AS SELECT k, sum(n) AS n FROM base GROUP BY k;
CREATE UNIQUE INDEX ON sums (k);
CREATE FUNCTION load_sum(k int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT n FROM sums AS s WHERE s.k = $1';
SELECT cache_create('sum', 'load_sum(int)', ttl => NULL);
SELECT cache_invalidate_on('sum', 'sums', '{k}');
SELECT cache_get_sum(1), (SELECT state FROM cache_explain('sum', 1));
REFRESH MATERIALIZED VIEW sums;
INSERT INTO base VALUES (1, 1);
REFRESH MATERIALIZED VIEW CONCURRENTLY sums;
SELECT cache_get_sum(1);
SELECT state FROM cache_explain('sum', 1);
REFRESH MATERIALIZED VIEW CONCURRENTLY sums;
BEGIN;
INSERT INTO base VALUES (1, 1);
REFRESH MATERIALIZED VIEW sums;
COMMIT;
SELECT cache_get_sum(1);
SELECT untriggered FROM cache_stat WHERE cache = 'sum';
SELECT status, detail FROM cache_health AS h WHERE h.check = 'untriggered';
DROP TABLE part, base CASCADE;
DROP FUNCTION two, one, load_sum CASCADE;
DROP EXTENSION cache_ext;
