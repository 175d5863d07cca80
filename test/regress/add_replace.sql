-- Caches without a loader as a key-value store: add, replace, put at once, get or put.
\set ECHO none
\set database regress_add_replace
\i include/begin.sql

SELECT cache_create('word', key_types => '{int}', value_type => 'text', ttl => NULL);
SELECT cache_create('number', key_types => '{}', value_type => 'int');
SELECT cache_create('doc', key_types => '{text,date}', value_type => 'jsonb');
CREATE VIEW words AS
    SELECT k, e.value, e.source FROM generate_series(1, 4) AS k, cache_get_entry('word', k) AS e ORDER BY k;
-- What there is of a cache without a loader.
SELECT object FROM made_by_cache_ext WHERE object_kind = 'function' AND object ~ 'word';
SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile, proacl IS NOT NULL AS closed
FROM pg_proc WHERE proname ~ '^cache_.*_(word|number)$' ORDER BY proname COLLATE "C";
SELECT count(*) FROM pg_proc WHERE proname ~ '^cache_.*_word$' AND has_function_privilege('public', oid, 'EXECUTE');

-- cache_add: only if there is none. A NULL is one.
SELECT cache_add_word(1, 'one'), cache_get_word(1);
SELECT cache_add_word(1, 'uno'), cache_get_word(1);
SELECT cache_add('word', '"two"', 2), cache_add('word', '"due"', 2), cache_get_word(2);
SELECT cache_add_word(3, NULL), cache_add_word(3, 'three');
SELECT cache_add('word', NULL, 4), cache_add('word', '"four"', 4);
SELECT * FROM words;
SELECT cache_add_number(1), cache_add_number(2), cache_add('number', '3'), cache_get_number();
SELECT cache_add('doc', '{"a": 1}', 'x', date '2026-01-31'), cache_add_doc('x', '2026-01-31', '{}'),
       cache_add_doc('x', '2026-02-01', '[]'), cache_get_doc('x', '2026-01-31');
-- Invalidated, expired: there is none.
SELECT cache_invalidate('word', 1);
SELECT cache_add_word(1, 'again', ttl => '1 ms');
SELECT pg_sleep(0.05);
SELECT cache_add_word(1, 'and again'), cache_get_word(1);
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('word', 1);
SELECT cache_invalidate('word', 1);
SELECT cache_add_word(1, 'an hour', '1 h');
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('word', 1);
-- In one statement, row by row.
SELECT cache_invalidate_all('word') > 0 AS some;
SELECT k, cache_add_word(k % 2, 'k' || k) FROM generate_series(1, 4) AS k ORDER BY k;

-- No rollback takes it back, nor need anybody wait for the commit.
BEGIN;
SELECT cache_add_word(2, 'added'), cache_replace_word(1, 'k1', 'replaced'), cache_put_word(4, 'put', immediate => true);
SELECT cache_put_word(3, 'not at once');
SELECT * FROM words;
ROLLBACK;
SELECT * FROM words;

-- cache_replace: only what was expected, a NULL where NULL was, and nothing where there is nothing.
SELECT cache_replace_word(1, 'k1', 'no'), cache_replace_word(1, 'replaced', 'yes'), cache_get_word(1);
SELECT cache_replace_word(3, NULL, 'no'), cache_replace_word(3, 'k1', 'no');
SELECT cache_replace_word(1, NULL, 'no'), cache_replace_word(1, 'yes', NULL), cache_replace_word(1, 'yes', 'no'),
       cache_replace_word(1, NULL, 'was null'), cache_get_word(1);
SELECT cache_replace('word', '"was null"', '"by name"', 1), cache_replace('word', '"was null"', '"no"', 1), cache_get_word(1);
SELECT cache_replace('word', '"by name"', 'null', 1), cache_replace('word', NULL, '"from null"', 1), cache_get_word(1);
SELECT cache_replace_number(1, 2), cache_replace_number(1, 3), cache_replace('number', '2', '4'), cache_get_number();
SELECT cache_replace_doc('x', '2026-01-31', '{"a":  1}', '{"a": 2}'), cache_replace_doc('x', '2026-01-31', '{"a": 1}', '{"a": 3}'),
       cache_get_doc('x', '2026-01-31');
SELECT cache_replace_word(1, 'from null', 'short', ttl => '1 ms');
SELECT pg_sleep(0.05);
SELECT cache_replace_word(1, 'short', 'too late');
-- What is compared are the values, however they are stored: compressed, in a table out of line, with short headers.
SHOW cache_ext.compress_above;
CREATE TABLE long (v text);
INSERT INTO long VALUES (repeat('long ', 20000));
SELECT cache_add_word(1, repeat('long ', 20000)), cache_replace_word(1, repeat('long ', 19999), 'no'),
       cache_replace_word(1, v, v || '!') , cache_replace_word(1, v || '!', 'short') FROM long;
CREATE TABLE short (v text);
INSERT INTO short VALUES ('short');
SELECT cache_replace_word(1, v, 'shorter') FROM short;
SELECT cache_get_word(1);
-- The same number in another form is another value.
SELECT cache_create('amount', key_types => '{int}', value_type => 'numeric');
SELECT cache_add_amount(1, 1.0), cache_replace_amount(1, 1.00, 2), cache_replace_amount(1, 1.0, 2), cache_get_amount(1);
CREATE TYPE point3 AS (x int, y text, z numeric);
SELECT cache_create('point', key_types => '{int}', value_type => 'point3');
SELECT cache_add_point(1, (1, 'a', NULL)), cache_replace_point(1, (1, 'b', NULL), (0, '', 0)),
       cache_replace_point(1, (1, 'a', NULL), (2, 'c', 3)), cache_get_point(1);
SELECT cache_replace('point', cache_get('point', 1), '{"x": 5, "y": "e", "z": 6}', 1), cache_get_point(1);
CREATE DOMAIN small AS int CHECK (value < 10);
SELECT cache_create('small', key_types => '{int}', value_type => 'small');
SELECT cache_add_small(1, 5), cache_replace_small(1, 5, 6), cache_get_small(1);

-- Values that this transaction has put are its own: they are there, and cannot be replaced before the commit.
SELECT cache_invalidate_all('word') > 0 AS some;
BEGIN;
SELECT cache_put_word(1, 'mine');
SELECT cache_add_word(1, 'no'), cache_get_word(1);
SAVEPOINT a;
SELECT error_of($$SELECT cache_replace_word(1, 'mine', 'no')$$);
-- What is put at once takes their place.
SELECT cache_put_word(1, 'at once', immediate => true);
SELECT cache_get_word(1);
SELECT cache_replace_word(1, 'at once', 'replaced'), cache_get_word(1);
ROLLBACK TO a;
SELECT cache_get_word(1);
COMMIT;
SELECT cache_get_word(1);
BEGIN;
SELECT cache_put_word(1, 'later');
SELECT cache_put_word(1, 'at once', immediate => true);
COMMIT;
SELECT cache_get_word(1);

-- A key that this transaction has changed ends with its commit, so nothing can be put there at once.
BEGIN;
SELECT cache_invalidate('word', 1);
SELECT error_of($$SELECT cache_add_word(1, 'no')$$);
SELECT error_of($$SELECT cache_put_word(1, 'no', immediate => true)$$);
SELECT cache_add_word(2, 'another key');
COMMIT;
SELECT * FROM words;
-- Before the change it can, and the change counts.
BEGIN;
SELECT cache_put_word(1, 'before', immediate => true);
SELECT cache_get_word(1);
SELECT cache_invalidate('word', 1);
SELECT cache_put_word(1, 'after');
COMMIT;
SELECT cache_get_word(1);
CREATE TABLE source (id int, v text);
INSERT INTO source VALUES (1, 'a');
SELECT cache_invalidate_on('word', 'source', '{id}');
SELECT cache_put_word(1, v, immediate => true), cache_get_word(1) FROM source;
UPDATE source SET v = 'b';
SELECT cache_get_word(1), cache_add_word(1, v), cache_get_word(1) FROM source;
BEGIN;
SELECT cache_put_word(1, 'early', immediate => true);
UPDATE source SET v = 'c';
SELECT error_of($$SELECT cache_replace_word(1, 'early', 'no')$$);
COMMIT;
SELECT cache_get_word(1);

-- Where reads do not use the cache nobody can tell what it has.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT error_of($$SELECT cache_add_word(1, 'no')$$);
SELECT cache_put_word(1, 'at once', immediate => true);
COMMIT;
SELECT cache_get_word(1);
SET cache_ext.enabled = off;
SELECT error_of($$SELECT cache_replace_word(1, 'at once', 'no')$$);
RESET cache_ext.enabled;

-- What is refused.
SELECT error_of($$SELECT cache_add('no_such_cache', '1', 1)$$);
SELECT error_of($$SELECT cache_add(NULL, '1', 1)$$);
SELECT error_of($$SELECT cache_add('word', '"x"')$$);
SELECT error_of($$SELECT cache_add('number', '"x"')$$);
SELECT error_of($$SELECT cache_add_word(1, 'x', '0')$$);
SELECT error_of($$SELECT cache_replace('word', '"x"', '"y"', 1, 2)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_add_value('word', 1, NULL, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_replace_value('word', 1, 2, NULL, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_keep_value('word', 1, NULL, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_sought(NULL::text)$$);
CREATE FUNCTION load_word(int) RETURNS text LANGUAGE sql STABLE RETURN $1::text;
SELECT cache_create('loaded', 'load_word(int)');
SELECT error_of($$SELECT cache_add('loaded', '"x"', 1)$$);
SELECT error_of($$SELECT cache_replace('loaded', '"x"', '"y"', 1)$$);
CREATE FUNCTION adds(int) RETURNS text LANGUAGE sql STABLE AS $$SELECT cache_add_word(1, 'from a loader')::text$$;
SELECT cache_create('adds', 'adds(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_adds(1)');
SELECT error_of($$SELECT cache_create('or_put_x', key_types => '{int}', value_type => 'int')$$);
SELECT cache_create('tiny', key_types => '{int}', value_type => 'text', max_memory => '2 kB');
SELECT error_of($$SELECT cache_add_tiny(1, string_agg(md5(g::text), '')) FROM generate_series(1, 100) AS g$$);
-- More names than an identifier has room for.
SELECT cache_create(rpad('a', 47, 'a'), key_types => '{int}', value_type => 'int');
SELECT cache_create(rpad('b', 53, 'b'), key_types => '{int}', value_type => 'int');
SELECT object FROM made_by_cache_ext WHERE object_kind = 'function' AND object ~ 'aaaa|bbbb';
SELECT cache_drop(rpad('a', 47, 'a')), cache_drop(rpad('b', 53, 'b'));

-- cache_get_or_put: what computes the value is run on a miss only.
CREATE SEQUENCE runs;
CREATE FUNCTION expensive(k int) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT 'run ' || nextval('runs') || ' for ' || k$$;
CREATE FUNCTION nothing() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT NULL::text FROM nextval('runs')$$;
SELECT cache_invalidate_all('word') > 0 AS some;
SELECT cache_get_or_put_word(1, expensive(1));
SELECT cache_get_or_put_word(1, expensive(1));
SELECT cache_get_or_put_word(1, (SELECT expensive(k) FROM generate_series(1, 1) AS k));
SELECT k, cache_get_or_put_word(k, expensive(k)) FROM generate_series(1, 3) AS k, generate_series(1, 3) ORDER BY k;
PREPARE get(int) AS SELECT cache_get_or_put_word($1, expensive($1));
EXECUTE get(3);
EXECUTE get(4);
EXECUTE get(4);
DO $$ DECLARE k int := 2; v text; BEGIN v := cache_get_or_put_word(k, expensive(k)); RAISE NOTICE '%', v; END $$;
-- A NULL that is there is a hit.
SELECT cache_get_or_put_word(5, nothing()) IS NULL, cache_get_or_put_word(5, nothing()) IS NULL;
SELECT source FROM cache_get_entry('word', 5);
SELECT last_value FROM runs;
-- A key that is itself computed is computed once, and then the value is, too, needed or not.
SELECT cache_get_or_put_word((random() * 0)::int + 1, expensive(1));
SELECT last_value FROM runs;
-- Types whose values are not varlena, or are rows, arrays, domains; a ttl.
SELECT cache_invalidate_all('number') > 0 AS some;
SELECT cache_get_or_put_number(7), cache_get_or_put_number(8);
SELECT cache_get_or_put_point(9, (1, 'x', 1.5)), (cache_get_or_put_point(9, NULL)).y;
SELECT cache_create('list', key_types => '{int}', value_type => 'text[]');
SELECT cache_get_or_put_list(1, '{a,b}'), cache_get_or_put_list(1, '{}');
SELECT cache_get_or_put_small(9, 3), cache_get_or_put_small(9, 4);
SELECT cache_get_or_put_word(6, 'an hour', '1 h');
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('word', 6);
-- Its put waits for the commit.
BEGIN;
SELECT cache_get_or_put_word(7, 'rolled back'), cache_get_or_put_word(7, 'no');
ROLLBACK;
SELECT cache_get_or_put_word(7, 'next');
-- Where the cache is not used, and where nothing can be put, it is computed all the same.
SET cache_ext.enabled = off;
SELECT cache_get_or_put_word(7, 'computed');
RESET cache_ext.enabled;
SELECT length(cache_get_or_put_tiny(1, repeat(md5('x'), 1000))), cache_get_tiny(1) IS NULL AS not_stored
FROM cache_alter('tiny', '{"max_memory": "300"}');
CREATE FUNCTION computes(int) RETURNS text LANGUAGE sql STABLE AS $$SELECT cache_get_or_put_word(8, 'in a loader')$$;
SELECT cache_create('computes', 'computes(int)', undeclared => 'ttl');
SELECT cache_get_computes(1), cache_get_word(8) IS NULL AS not_put;
-- Domains that refuse NULL, in whatever way and of whatever, and one that begins to.
CREATE DOMAIN given AS int NOT NULL CHECK (VALUE IS NOT NULL);
CREATE DOMAIN given_more AS given;
CREATE DOMAIN given_list AS int[] NOT NULL;
SELECT cache_create('given', key_types => '{int}', value_type => 'given_more'), cache_create('given_list', key_types => '{int}', value_type => 'given_list');
SELECT cache_get_or_put_given(1, 5), cache_get_or_put_given_list(1, '{5}');
SELECT cache_get_or_put_given(1, 6), cache_get_or_put_given_list(1, '{6}');
SELECT cache_get_given(1), cache_get_given(2) IS NULL AS nothing, cache_get_given_list(1);
SELECT * FROM cache_get_many_given('{1}');
CREATE FUNCTION load_given(int) RETURNS given LANGUAGE sql STABLE RETURN $1;
SELECT cache_create('load_given', 'load_given(int)');
SELECT cache_get_load_given(1), cache_get_load_given(1);
ALTER DOMAIN small SET NOT NULL;
ALTER DOMAIN small ADD CONSTRAINT positive CHECK (VALUE > 0);
SELECT cache_get_or_put_small(9, 5), cache_get_or_put_small(9, 6), cache_get_small(9);
-- What one of the parts has found cannot be had as another type, by another role, twice, for another row, or later.
SELECT error_of($$SELECT cache_ext_internal.cache_seek('word', 7), cache_ext_internal.cache_sought(NULL::int)$$);
SELECT cache_ext_internal.cache_seek('word', 7), cache_ext_internal.cache_sought(NULL::text);
SELECT error_of($$SELECT cache_ext_internal.cache_seek('word', 7), cache_ext_internal.cache_sought(NULL::text), cache_ext_internal.cache_sought(NULL::text)$$);
SELECT error_of($$SELECT CASE WHEN k = 1 THEN cache_ext_internal.cache_seek('word', 7)::text ELSE cache_ext_internal.cache_sought(NULL::text) END FROM generate_series(1, 2) AS k$$);
BEGIN;
DECLARE c CURSOR FOR SELECT cache_ext_internal.cache_seek('word', 7);
FETCH c;
SELECT error_of('SELECT cache_ext_internal.cache_sought(NULL::text)');
COMMIT;
BEGIN;
SAVEPOINT a;
SELECT cache_ext_internal.cache_seek('word', 7);
ROLLBACK TO a;
SELECT error_of('SELECT cache_ext_internal.cache_sought(NULL::text)');
COMMIT;
SELECT cache_ext_internal.cache_seek('word', 7);
SELECT error_of('SELECT cache_ext_internal.cache_sought(NULL::text)');
CREATE ROLE regress_add_replace;
SELECT error_of($$SELECT cache_ext_internal.cache_seek('word', 7), set_config('role', 'regress_add_replace', true), cache_ext_internal.cache_sought(NULL::text)$$);
RESET ROLE;

-- Each function is the right to call it, and nothing else.
GRANT USAGE ON SCHEMA public TO regress_add_replace;
SET ROLE regress_add_replace;
SELECT what, error_of('SELECT ' || what) FROM unnest(ARRAY['cache_add_word(1, ''x'')', 'cache_replace_word(1, ''x'', ''y'')',
    'cache_get_or_put_word(1, ''x'')', 'cache_add(''word'', ''"x"'', 1)', 'cache_replace(''word'', ''"x"'', ''"y"'', 1)',
    'cache_ext_internal.cache_seek(''word'', 1)', 'cache_ext_internal.cache_keep_value(''word'', ''x''::text, NULL, 1)',
    'cache_ext_internal.cache_add_value(''word'', ''x''::text, NULL, 1)',
    'cache_ext_internal.cache_replace_value(''word'', ''x''::text, ''y''::text, NULL, 1)']) AS what;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_add_word(int, text, interval) TO regress_add_replace;
SET ROLE regress_add_replace;
SELECT cache_add_word(9, 'granted'), cache_add('word', '"by name"', 9);
SELECT error_of($$SELECT cache_replace('word', '"granted"', '"no"', 9)$$);
SELECT error_of($$SELECT cache_put('word', '"no"', 9)$$);
SELECT error_of($$SELECT cache_get('word', 9)$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_or_put_word(int, text, interval) TO regress_add_replace;
SET ROLE regress_add_replace;
SELECT cache_get_or_put_word(9, 'no'), cache_get_or_put_word(10, 'yes');
SELECT error_of($$SELECT cache_get_word(9)$$);
RESET ROLE;

-- What has a loader is changed by puts that others are told of, and by nothing else.
CREATE FUNCTION load_twice(k int) RETURNS text LANGUAGE sql STABLE AS 'SELECT repeat(k::text, 2)';
SELECT cache_create('twice', 'load_twice(int)');
CREATE TABLE counted (k int, n int);
SELECT cache_create_aggregate('counted', 'counted', '{k}', '{n: count(*)}');
SELECT error_of(call) FROM unnest(ARRAY[
    $$SELECT cache_ext_internal.cache_keep_value('twice', 'x'::text, NULL, 1)$$,
    $$SELECT cache_ext_internal.cache_seek('twice', 1)$$,
    $$SELECT cache_ext_internal.cache_put_value('twice', 'x'::text, NULL, true, 1)$$,
    $$SELECT cache_ext_internal.cache_keep_value('counted', ROW(1)::cache_row_counted, NULL, 1)$$,
    $$SELECT cache_ext_internal.cache_put_value('counted', ROW(1)::cache_row_counted, NULL, true, 1)$$]) AS call;
SELECT cache_get_twice(1);
SELECT cache_drop('twice'), cache_drop('counted');
-- Where reads do not look, what is there stays.
SELECT cache_put_word(11, 'there');
SET cache_ext.enabled = off;
SELECT cache_get_or_put_word(11, 'not looked');
RESET cache_ext.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_get_or_put_word(11, 'not looked either');
COMMIT;
SELECT cache_get_word(11);
-- What is put at once takes the place of what was put before, whatever is rolled back.
BEGIN;
SELECT cache_put_word(12, 'pending');
SAVEPOINT s;
SELECT cache_put_word(12, 'at once', immediate => true);
ROLLBACK TO s;
COMMIT;
SELECT cache_get_word(12);
-- It may be as large as ever.
SELECT cache_create('petty', key_types => '{int}', value_type => 'text', max_memory => '1kB');
SELECT cache_put_petty(1, 'small');
SELECT cache_get_petty(1);
SELECT cache_drop('petty');

-- Names of these functions are the cache's.
SELECT error_of($$CREATE FUNCTION cache_add_word(bigint, text) RETURNS bool LANGUAGE sql AS 'SELECT true'$$);
SELECT error_of($$CREATE FUNCTION cache_get_or_put_word(bigint, text) RETURNS text LANGUAGE sql AS 'SELECT $2'$$);
CREATE FUNCTION cache_replace_mine(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT error_of($$SELECT cache_create('mine', key_types => '{int}', value_type => 'int')$$);
DROP FUNCTION cache_replace_mine(int);
-- They go with the cache.
SELECT cache_drop('word');
SELECT object FROM made_by_cache_ext WHERE object ~ 'word';
DROP OWNED BY regress_add_replace;
DROP ROLE regress_add_replace;

\i include/end.sql
