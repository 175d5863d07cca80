-- load_many: one query for many keys, behind cache_get_many.
\set ECHO none
\set database regress_load_many
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item SELECT i % 10, i FROM generate_series(1, 100) AS i;
-- What ran shows as notices.
SET client_min_messages = notice;
CREATE FUNCTION item_total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'one: %', owner;
    RETURN (SELECT sum(i.amount) FROM item AS i WHERE i.owner = $1);
END $$;
CREATE FUNCTION item_totals(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RAISE NOTICE 'many: %', owners;
    RETURN QUERY SELECT owner, sum(amount) FROM item WHERE owner = ANY ($1) GROUP BY owner;
END $$;
CREATE VIEW counted AS
    SELECT hits, misses, bypasses, fills, entries FROM cache_stat WHERE cache = 'total';

-- What it must look like.
CREATE FUNCTION f_volatile(int[]) RETURNS TABLE (k int, v bigint) LANGUAGE sql AS 'SELECT 1, 1::bigint';
CREATE FUNCTION f_scalar(int[]) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
CREATE FUNCTION f_values(int[]) RETURNS SETOF bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
CREATE FUNCTION f_value_type(int[]) RETURNS TABLE (k int, v int) LANGUAGE sql STABLE AS 'SELECT 1, 1';
CREATE FUNCTION f_key_type(int[]) RETURNS TABLE (k bigint, v bigint) LANGUAGE sql STABLE AS 'SELECT 1::bigint, 1::bigint';
CREATE FUNCTION f_three(int[]) RETURNS TABLE (k int, v bigint, w int) LANGUAGE sql STABLE AS 'SELECT 1, 1::bigint, 1';
CREATE FUNCTION f_argument(bigint[]) RETURNS TABLE (k int, v bigint) LANGUAGE sql STABLE AS 'SELECT 1, 1::bigint';
CREATE FUNCTION f_nothing() RETURNS TABLE (k int, v bigint) LANGUAGE sql STABLE AS 'SELECT 1, 1::bigint';
CREATE FUNCTION f_record(int[]) RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT 1, 1::bigint';
CREATE FUNCTION f_single() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
SELECT f AS function, e AS error
FROM unnest('{f_volatile(int[]),f_scalar(int[]),f_values(int[]),f_value_type(int[]),
              f_key_type(int[]),f_three(int[]),f_argument(bigint[]),f_nothing(),
              f_record(int[])}'::text[]) WITH ORDINALITY AS u (f, n),
     error_of(format('SELECT cache_create(''x'', ''item_total(int)'', load_many => %L)', f))
         WITH ORDINALITY AS o (e, m)
ORDER BY n, m;
SELECT error_of($$SELECT cache_create('x', load_many => 'item_totals(int[])',
                                      key_types => '{int}', value_type => 'bigint')$$);
SELECT error_of($$SELECT cache_create('x', 'f_single()', load_many => 'f_nothing()')$$);
SELECT error_of($$SELECT cache_create('x', 'item_total(int)', load_many => 'no_such(int[])')$$);
CREATE ROLE regress_load_many;
GRANT CREATE ON SCHEMA public TO regress_load_many;
REVOKE ALL ON FUNCTION item_totals FROM PUBLIC;
SET ROLE regress_load_many;
SELECT error_of($$SELECT cache_create('x', 'item_total(int)', load_many => 'item_totals(int[])')$$);
RESET ROLE;

SELECT cache_create('total', 'item_total(int)', load_many => 'item_totals(int[])');
SELECT cache_invalidate_on('total', 'item', '{owner}', '{amount}');
SELECT load_many FROM cache_ext_internal.cache_definition;
SELECT cache_stat_reset();

-- One query for what is missing. Results in the order of the input, also for what is repeated; a
-- NULL goes to the loader.
SELECT * FROM cache_get_many_total('{3,1,99,NULL,3,2}');
SELECT * FROM counted;
SELECT * FROM cache_get_many_total('{3,1,99,NULL,3,2,4,5}');
SELECT * FROM counted;
-- A single one is the loader's.
SELECT * FROM cache_get_many_total('{6,1}');
SELECT * FROM counted;
SET client_min_messages = warning;  -- in no order
SELECT * FROM cache_verify('total', 100);
SET client_min_messages = notice;

-- Each value is an entry like any other.
UPDATE item SET amount = amount + 1 WHERE owner = 1;
SELECT * FROM cache_get_many_total('{1,2,3}');
SELECT cache_invalidate('total', k) FROM generate_series(1, 3) AS k;
SELECT * FROM cache_get_many_total('{1,2,3}');

-- Where reads bypass, one query as well, and nothing is published.
SET cache_ext.enabled = off;
SELECT * FROM cache_get_many_total('{1,2,2}');
RESET cache_ext.enabled;
SELECT cache_stat_reset();
BEGIN;
UPDATE item SET amount = amount + 1 WHERE owner = 1;
SELECT * FROM cache_get_many_total('{1,2,3,7,8}');
ROLLBACK;
SELECT * FROM counted;
SELECT * FROM cache_get_many_total('{1,2,3,7,8}');
SELECT * FROM counted;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM cache_get_many_total('{1,2}');
COMMIT;

-- A reader needs EXECUTE on the accessors and on nothing below; it runs as the owner.
SELECT cache_invalidate_all('total');
SET ROLE regress_load_many;
SELECT error_of('SELECT * FROM cache_get_many_total(''{1}'')');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_many_total TO regress_load_many;
SET ROLE regress_load_many;
SELECT error_of('SELECT * FROM cache_get_many_total(''{1}'')');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_total TO regress_load_many;
SET ROLE regress_load_many;
SELECT * FROM cache_get_many_total('{1,2}');
RESET ROLE;

-- A row too many, and rows that nobody asked for.
CREATE OR REPLACE FUNCTION item_totals(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE sql STABLE AS 'SELECT o, 7::bigint FROM unnest($1 || 1000 || NULL::int || 1000) AS o';
SELECT * FROM cache_get_many_total('{1,2}');
SELECT key FROM cache_entries ORDER BY key;
CREATE OR REPLACE FUNCTION item_totals(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE sql STABLE AS 'SELECT o, 7::bigint FROM unnest($1 || $1) AS o';
SELECT error_of('SELECT * FROM cache_get_many_total(''{1,2}'')');
SELECT count(*) FROM cache_entries;
-- Its errors are the reader's, and it may not write.
CREATE OR REPLACE FUNCTION item_totals(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE sql STABLE AS 'SELECT o, (1 / (o - 2))::bigint FROM unnest($1) AS o';
SELECT error_of('SELECT * FROM cache_get_many_total(''{1,2}'')');
CREATE FUNCTION writes(int) RETURNS bigint LANGUAGE sql AS
    'INSERT INTO item VALUES ($1, 1) RETURNING amount::bigint';
CREATE OR REPLACE FUNCTION item_totals(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE sql STABLE AS 'SELECT o, writes(o) FROM unnest($1) AS o';
SELECT error_of('SELECT * FROM cache_get_many_total(''{1,2}'')');
SELECT * FROM cache_get_many_total('{4,NULL}');
-- Once it fits no more, or has gone, the loader does it all.
ALTER FUNCTION item_totals VOLATILE;
SELECT * FROM cache_get_many_total('{1,2}');
DROP FUNCTION item_totals;
SELECT * FROM cache_get_many_total('{2,3}');

-- cache_alter takes a name with or without its arguments.
CREATE FUNCTION item_totals2(owners int[]) RETURNS TABLE (owner int, total bigint)
    LANGUAGE sql STABLE AS 'SELECT i.owner, sum(i.amount) FROM item AS i WHERE i.owner = ANY ($1) GROUP BY 1';
SELECT cache_alter('total', '{"ttl": "1 min"}');
SELECT error_of($$SELECT cache_alter('total', '{"load_many": "f_volatile"}')$$);
SELECT error_of($$SELECT cache_alter('total', '{"load_many": "no_such"}')$$);
SELECT cache_alter('total', '{"load_many": "item_totals2(int[])"}');
SELECT cache_alter('total', '{"load_many": "item_totals2"}');
SELECT load_many FROM cache_ext_internal.cache_definition WHERE name = 'total';
SELECT * FROM cache_get_many_total('{1,2}');
SELECT cache_alter('total', '{"load_many": null}');
SELECT * FROM cache_get_many_total('{1,2}');

-- Without a loader.
SELECT cache_create('rate', key_types => '{text}', value_type => 'numeric');
SELECT cache_put_rate('EUR', 1.08);
SELECT * FROM cache_get_many_rate('{EUR,USD,EUR}');

-- Values of all kinds, texts long and short.
CREATE TABLE doc (id text PRIMARY KEY, body text);
INSERT INTO doc VALUES ('a', repeat('x', 100000)), ('b', 'short'), ('c', NULL), ('', 'empty');
CREATE FUNCTION doc_one(id text) RETURNS doc LANGUAGE sql STABLE AS
    'SELECT d FROM doc AS d WHERE d.id = $1';
CREATE FUNCTION doc_many(ids text[]) RETURNS TABLE (id text, value doc) LANGUAGE sql STABLE AS
    'SELECT d.id, d FROM doc AS d WHERE d.id = ANY ($1)';
SELECT cache_create('doc', 'doc_one(text)', load_many => 'doc_many(text[])');
SELECT key, length((value).body), left((value).body, 5) AS body, value IS NULL AS "null"
FROM cache_get_many_doc('{a,b,c,d,""}');
SELECT key, length((value).body), left((value).body, 5) AS body, value IS NULL AS "null"
FROM cache_get_many_doc('{a,b,c,d,""}');
SELECT * FROM cache_verify('doc', 100);

-- What the batch read from another cache belongs to each of its values.
CREATE TABLE factor (id int PRIMARY KEY, f int);
INSERT INTO factor VALUES (1, 2);
CREATE FUNCTION factor_one(id int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT f.f FROM factor AS f WHERE f.id = $1';
SELECT cache_create('factor', 'factor_one(int)');
SELECT cache_invalidate_on('factor', 'factor', '{id}');
CREATE FUNCTION scaled_one(owner int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT cache_get_factor(1) * sum(i.amount) FROM item AS i WHERE i.owner = $1';
CREATE FUNCTION scaled_many(owners int[]) RETURNS TABLE (owner int, value bigint)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RAISE NOTICE 'scaled: %', owners;
    RETURN QUERY SELECT owner, cache_get_factor(1) * sum(amount) FROM item
                 WHERE owner = ANY ($1) GROUP BY owner;
END $$;
SELECT cache_create('scaled', 'scaled_one(int)', load_many => 'scaled_many(int[])');
SELECT cache_invalidate_on('scaled', 'item', '{owner}');
SELECT * FROM cache_get_many_scaled('{1,2}');
SELECT * FROM cache_get_many_scaled('{1,2}');
UPDATE factor SET f = 3;
SELECT * FROM cache_get_many_scaled('{1,2}');
SELECT * FROM cache_verify('scaled', 100);
-- And the other way round: a loader that reads many keys depends on each of them.
CREATE FUNCTION sum_one(dummy int) RETURNS numeric LANGUAGE sql STABLE AS
    'SELECT sum(value) FROM cache_get_many_scaled(''{1,2}'')';
SELECT cache_create('sum', 'sum_one(int)');
SELECT cache_get_sum(0), cache_get_scaled(1) + cache_get_scaled(2) AS expected;
SELECT state FROM cache_explain('sum', 0);
UPDATE item SET amount = amount + 1 WHERE owner = 2;
SELECT cache_get_sum(0), cache_get_scaled(1) + cache_get_scaled(2) AS expected;

-- Large arrays are loaded in parts, also where nothing is published; what is cached is left out.
CREATE FUNCTION wide_one(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION wide_many(ids int[]) RETURNS TABLE (id int, value int) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'wide: %, from %', cardinality(ids), ids[1];
    RETURN QUERY SELECT u, u FROM unnest(ids) AS u;
END $$;
SELECT cache_create('wide', 'wide_one(int)', load_many => 'wide_many(int[])');
CREATE FUNCTION numbers(int, int) RETURNS int[] LANGUAGE sql STABLE AS
    'SELECT array_agg(g) FROM generate_series($1, $2) AS g';
SELECT sum(value) FROM cache_get_many_wide(numbers(1, 5));
SET cache_ext.enabled = off;
SELECT count(*), sum(value), sum(value - key) AS wrong FROM cache_get_many_wide(numbers(1, 25000));
RESET cache_ext.enabled;
SELECT count(*), sum(value), sum(value - key) AS wrong FROM cache_get_many_wide(numbers(1, 12000) || numbers(11990, 12003));
-- One call after another in the same query.
SELECT sum(m.value), sum(m.value - m.key) AS wrong
FROM generate_series(20000, 20010, 5) AS g, LATERAL cache_get_many_wide(numbers(g, g + 7)) AS m;

-- A reader can get into a load: what it has loaded before is not good there.
CREATE TABLE few (id int, n int);
INSERT INTO few VALUES (1, 10), (2, 20);
CREATE FUNCTION few_one(id int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT n FROM few AS f WHERE f.id = $1';
SELECT cache_create('few', 'few_one(int)');
SELECT cache_invalidate_on('few', 'few', '{id}');
CREATE FUNCTION few_outer(i int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
    reader refcursor := 'reader';
    found int;
BEGIN
    IF EXISTS (SELECT FROM pg_cursors WHERE name = 'reader') THEN
        FETCH reader INTO found;
    END IF;
    RETURN i + COALESCE(found, 0);
END $$;
SELECT cache_create('few_outer', 'few_outer(int)');
-- The first row has both loaded; the second one cannot be read inside a load, which does not see the cursor.
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE reader CURSOR FOR SELECT value FROM cache_get_many_few('{1,2}');
FETCH reader;
SELECT cache_get_few_outer(100);
COMMIT;
SELECT cache_get_few_outer(100);
UPDATE few SET n = 50 WHERE id = 2;
SELECT cache_get_few_outer(100);

-- A reader that stops early, and begins again; one for each of several arrays, of any length.
BEGIN;
DECLARE reader SCROLL CURSOR FOR SELECT * FROM cache_get_many_few('{2,1,2,NULL,1}');
FETCH 2 FROM reader;
MOVE ABSOLUTE 0 FROM reader;
UPDATE few SET n = 60 WHERE id = 2;
FETCH ALL FROM reader;
COMMIT;
SELECT * FROM cache_get_many_few('{2,1,2,1,2,1,2,1,2,1,2}') LIMIT 1;
SELECT g, sum(m.value), count(*) FROM generate_series(0, 20, 4) AS g,
    LATERAL (SELECT * FROM cache_get_many_few(array_fill(2 - g / 4 % 2, ARRAY[g])) LIMIT 10) AS m
GROUP BY g ORDER BY g;
SELECT x, (SELECT sum(value) FROM cache_get_many_few(ARRAY[x, 2]) LIMIT 1) FROM generate_series(1, 3) AS x;
SELECT * FROM cache_get_many_few('{{1,2},{2,1}}');

-- Keys of which some are long, and some compressed.
CREATE FUNCTION text_one(t text) RETURNS int LANGUAGE sql STABLE AS 'SELECT length($1)';
SELECT cache_create('text_length', 'text_one(text)');
CREATE TEMP TABLE texts AS
    SELECT i, CASE i % 4 WHEN 0 THEN repeat('x', 300 + i) WHEN 1 THEN repeat('y', 7000 + i)
                         WHEN 2 THEN 'short ' || i END AS t FROM generate_series(1, 40) AS i;
SELECT count(*), count(value), sum(value - length(key)) AS wrong
FROM cache_get_many_text_length((SELECT array_agg(t ORDER BY i) FROM texts));
SELECT count(*), count(value), sum(value - length(key)) AS wrong
FROM cache_get_many_text_length((SELECT array_agg(t ORDER BY -i) FROM texts));
SELECT hits, misses, bypasses FROM cache_stat WHERE cache = 'text_length';
-- Too long for a key, but nobody asks for it.
SELECT cache_get_text_length('a');
SELECT value FROM cache_get_many_text_length(ARRAY['a', repeat('z', 9000)]) LIMIT 1;
SELECT error_of($$SELECT value FROM cache_get_many_text_length(ARRAY['a', repeat('z', 9000)])$$);
SELECT error_of('SELECT COALESCE(cache_ext_internal.cache_fetch_of(NULL::bigint, ''total'', ''{1}''::int[]), 0)');

SELECT error_of('SELECT cache_ext_internal.cache_fetch_of(NULL::int, ''total'', ''{1}''::int[])');
SELECT error_of('SELECT cache_ext_internal.cache_fetch_of(NULL::bigint, ''total'', ''{1}''::bigint[])');
SELECT error_of('SELECT cache_ext_internal.cache_fetch_of(NULL::bigint, ''nothing'', ''{1}''::int[])');

\set ECHO none
\i include/end.sql
DROP OWNED BY regress_load_many;
DROP ROLE regress_load_many;
