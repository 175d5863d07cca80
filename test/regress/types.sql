-- Every type of value and of key, through the cache and back.
\set ECHO none
\set database regress_types
\i include/begin.sql

CREATE DOMAIN even AS int CHECK (value % 2 = 0);
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TYPE point3 AS (x int, y numeric, label text);
CREATE DOMAIN far AS point3 CHECK ((value).x > 0);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TABLE item (id int, label text, tags text[], born timestamptz, spot point3);
INSERT INTO item VALUES (1, 'one', '{a,NULL,"b c"}', '2020-02-29 12:00:00+00', (1, 2.50, NULL)),
                        (2, NULL, NULL, NULL, NULL);

-- One loader per type; it gives one value, or a null for key 0.
CREATE TABLE sample (type regtype PRIMARY KEY, value text NOT NULL);
INSERT INTO sample VALUES
    ('bool', 't'), ('"char"', 'x'), ('int2', '-32768'), ('int4', '-2147483648'),
    ('int8', '-9223372036854775808'), ('float4', '0.1'), ('float8', '-Infinity'),
    ('numeric', '12345678901234567890.0123456789000'), ('money', '$1.50'),
    ('text', 'it''s "quoted" \ and ünïcode'), ('varchar', ''), ('bpchar', 'ab  '), ('name', 'a name'),
    ('bytea', '\x00ff'), ('uuid', '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e'),
    ('date', '2020-02-29'), ('time', '23:59:59.999'), ('timetz', '12:00:00+02'),
    ('timestamp', '2020-02-29 12:00:00'), ('timestamptz', '2020-02-29 12:00:00+02'),
    ('interval', '1 mon -1 day 00:00:01.5'), ('json', '{"b": 1,  "a": [1.0, null], "b": 2}'),
    ('jsonb', '{"b": 1, "a": [1.0, null], "c": "x"}'), ('xml', '<a>b</a>'), ('inet', '10.0.0.1/8'),
    ('macaddr', '08:00:2b:01:02:03'), ('bit(3)', '101'), ('varbit', '1'), ('point', '(1,2)'),
    ('polygon', '((0,0),(1,1),(1,0))'), ('tsvector', 'a:1 b:2'), ('tsquery', 'a & b'),
    ('pg_lsn', '0/A16B3748'), ('oid', '4294967295'), ('regclass', 'pg_class'), ('xid8', '7'),
    ('int4range', '[1,5)'), ('floatrange', '(-infinity,1.5]'),
    ('int4multirange', '{[1,3),[5,7)}'), ('int4[]', '[0:1]={1,NULL}'), ('text[]', '{{a,"b c"},{"",NULL}}'),
    ('even', '4'), ('mood', 'bad'), ('mood[]', '{bad,fine}'), ('point3', '(1,2.50,"a,b")'),
    ('point3[]', '{"(1,2,a)",NULL,"(,,)"}'), ('far', '(1,2,c)'), ('item', '(1,x,{},,"(1,2,)")'),
    ('even[]', '{2,4}');
CREATE FUNCTION name_of(type regtype) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT 'v_' || regexp_replace(replace(type::text, '[]', '_array'), '\W+', '_', 'g')$$;
DO $$
DECLARE
    s sample;
BEGIN
    FOR s IN SELECT * FROM sample LOOP
        EXECUTE format('CREATE FUNCTION %I(k int) RETURNS %s LANGUAGE sql STABLE AS %L',
                       name_of(s.type), s.type,
                       format('SELECT CASE WHEN k <> 0 THEN %L::%s END', s.value, s.type));
        PERFORM cache_create(name_of(s.type), format('%I(int)', name_of(s.type))::regprocedure);
    END LOOP;
END $$;
CREATE FUNCTION read_all()
    RETURNS TABLE (type regtype, source text, value text, as_json jsonb, is_right bool)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    expected text;
    null_source text;
    null_is_right bool;
BEGIN
    FOR type IN SELECT s.type FROM sample AS s ORDER BY s.type::text COLLATE "C" LOOP
        EXECUTE format('SELECT e.source, cache_get_%1$s(1)::text, e.value,
                               %1$s(1)::text = cache_get_%1$s(1)::text
                               AND to_jsonb(%1$s(1)) = e.value
                               AND pg_typeof(cache_get_%1$s(1)) = %2$L::regtype
                        FROM cache_get_entry(%1$L, 1) AS e', name_of(type), type)
            INTO source, value, as_json, is_right;
        EXECUTE format('SELECT e.source, e.value IS NULL AND cache_get_%1$s(0) IS NULL
                               AND cache_get_%1$s(NULL) IS NULL
                        FROM cache_get_entry(%1$L, 0) AS e', name_of(type))
            INTO null_source, null_is_right;
        is_right := is_right AND source = null_source AND null_is_right;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT type, source, value FROM read_all();
SELECT type, as_json FROM read_all();
SELECT source, is_right, count(*) FROM read_all() GROUP BY source, is_right;
SELECT * FROM read_all() WHERE source <> 'cache' OR is_right IS NOT TRUE;

-- Without a loader the same values come back from jsonb.
CREATE FUNCTION put_and_get(type regtype, put jsonb) RETURNS TABLE (got text, same bool, type_ok bool)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_create('put_it', key_types => '{int}', value_type => type);
    PERFORM cache_put('put_it', put, 1);
    EXECUTE format('SELECT cache_get_put_it(1)::text, to_jsonb(cache_get_put_it(1)) = $1,
                           pg_typeof(cache_get_put_it(1)) = $2') INTO got, same, type_ok USING put, type;
    PERFORM cache_drop('put_it');
    RETURN NEXT;
END $$;
SELECT count(*) FROM read_all() AS r, put_and_get(r.type, r.as_json) AS p WHERE p.got = r.value;
SELECT r.type, r.as_json, p.* FROM read_all() AS r, put_and_get(r.type, r.as_json) AS p
WHERE p.got IS DISTINCT FROM r.value OR p.same IS NOT TRUE OR p.type_ok IS NOT TRUE;
SELECT p.* FROM put_and_get('text', '{"a": 1}') AS p;
SELECT p.* FROM put_and_get('text', '17') AS p;
SELECT p.* FROM put_and_get('text', 'true') AS p;
SELECT p.* FROM put_and_get('int', '"17"') AS p;
SELECT p.* FROM put_and_get('point3', '{"x": 1}') AS p;
SELECT p.* FROM put_and_get('point3', '"(1,2,c)"') AS p;
SELECT p.* FROM put_and_get('point3', '{"x": 1, "unknown": 2}') AS p;
SELECT p.* FROM put_and_get('int[]', '"{1,2}"') AS p;
SELECT error_of($$SELECT put_and_get('even', '3')$$);
SELECT error_of($$SELECT put_and_get('mood', '"sad"')$$);
SELECT error_of($$SELECT put_and_get('far', '{"x": -1}')$$);
SELECT error_of($$SELECT put_and_get('int[]', '{"a": 1}')$$);
SELECT error_of($$SELECT put_and_get('point3', '[1, 2, "c"]')$$);
SELECT error_of($$SELECT put_and_get('point3', '{"x": "one"}')$$);
SELECT error_of($$SELECT put_and_get('bool', '"perhaps"')$$);

-- Rows of a table, with values so large that they are stored out of line; the cached value has
-- everything in itself.
CREATE TABLE big (id int PRIMARY KEY, t text, j jsonb, a text[]);
ALTER TABLE big ALTER t SET STORAGE EXTERNAL;
INSERT INTO big
SELECT 1, string_agg(md5(n::text), ''), jsonb_agg(md5(n::text)), array_agg(md5(n::text))
FROM generate_series(1, 2000) AS n;
CREATE FUNCTION big(id int) RETURNS big LANGUAGE sql STABLE
    AS 'SELECT b.* FROM big AS b WHERE b.id = $1';
CREATE FUNCTION bigs(id int) RETURNS big[] LANGUAGE sql STABLE
    AS 'SELECT array_agg(b) FROM big AS b WHERE b.id = $1';
CREATE FUNCTION big_text(id int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT b.t FROM big AS b WHERE b.id = $1';
CREATE FUNCTION big_row(id int) RETURNS big LANGUAGE plpgsql STABLE AS $$
DECLARE
    b big;
BEGIN
    SELECT * INTO b FROM big WHERE big.id = $1;
    RETURN b;
END $$;
CREATE FUNCTION big_array(id int) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    r text[];
BEGIN
    FOR i IN 1 .. 100 LOOP r[i] := i; END LOOP;
    RETURN r;
END $$;
SELECT count(cache_create(n, format('%I(int)', n)::regprocedure, invalidate => 'declared'))
FROM unnest('{big,bigs,big_text,big_row,big_array}'::text[]) AS n;
SELECT count(cache_get(n, 1)) FROM unnest('{big,bigs,big_text,big_row,big_array}'::text[]) AS n;
SELECT cache_get_big(1) = big(1) AS big, cache_get_bigs(1) = bigs(1) AS bigs,
       cache_get_big_text(1) = big_text(1) AS big_text, cache_get_big_row(1) = big_row(1) AS big_row,
       cache_get_big_array(1) = big_array(1) AS big_array;
SELECT cache, hits > 0 AS hit FROM cache_stat WHERE cache LIKE 'big%' ORDER BY cache;
-- (Nothing is declared to depend on the table.)
TRUNCATE big;
SELECT length((cache_get_big(1)).t), jsonb_array_length((cache_get_big(1)).j),
       array_length((cache_get_big(1)).a, 1), length((cache_get_bigs(1))[1].t),
       length(cache_get_big_text(1)), length((cache_get_big_row(1)).t);

-- A row's table or type is altered: cached rows of the old form are not served.
CREATE FUNCTION get_item(id int) RETURNS item LANGUAGE sql STABLE
    AS 'SELECT i.* FROM item AS i WHERE i.id = $1';
CREATE FUNCTION get_items(id int) RETURNS item[] LANGUAGE sql STABLE
    AS 'SELECT array_agg(i) FROM item AS i WHERE i.id = $1';
CREATE FUNCTION get_point(id int) RETURNS point3 LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN ROW(1, 2.50, ''x''::text); END';
SELECT cache_create('item', 'get_item(int)'), cache_create('items', 'get_items(int)'),
       cache_create('point', 'get_point(int)');
CREATE VIEW items AS
    SELECT to_jsonb(cache_get_item(1)) AS item, to_jsonb(cache_get_items(1)) AS items,
           to_jsonb(cache_get_item(1)) = to_jsonb(get_item(1))
           AND to_jsonb(cache_get_items(1)) = to_jsonb(get_items(1)) AS is_right;
SELECT * FROM items;
ALTER TABLE item ALTER born TYPE text USING 'a long text instead of eight bytes';
SELECT * FROM items;
ALTER TABLE item DROP COLUMN tags;
SELECT * FROM items;
ALTER TABLE item ADD COLUMN n int DEFAULT 7;
SELECT * FROM items;
ALTER TABLE item RENAME COLUMN n TO m;
SELECT * FROM items;
SELECT cache_get_point(1);
SELECT count(cache_drop(name)) FROM cache_ext_internal.cache_definition WHERE name LIKE 'v\_%';
ALTER TABLE item DROP COLUMN spot;
DROP DOMAIN far CASCADE;
DROP TABLE sample;
ALTER TYPE point3 ALTER ATTRIBUTE y TYPE text CASCADE;
\set VERBOSITY terse
SELECT cache_get_point(1);
\set VERBOSITY default
ALTER TYPE point3 DROP ATTRIBUTE x CASCADE;
SELECT (SELECT e FROM error_of('SELECT cache_get_point(1)') AS e LIMIT 1);

-- The type goes: so does the accessor.
CREATE FUNCTION get_mood(id int) RETURNS mood LANGUAGE sql STABLE AS $$SELECT 'fine'::mood$$;
SELECT cache_create('mood', 'get_mood(int)');
SELECT cache_get_mood(1);
ALTER TYPE mood RENAME VALUE 'fine' TO 'great';
SELECT error_of('SELECT cache_get_mood(1)');
\set VERBOSITY terse
DROP TYPE mood CASCADE;
\set VERBOSITY default
SELECT * FROM made_by_cache_ext WHERE object ~ 'mood';
SELECT error_of($$SELECT cache_get('mood', 1)$$);
SELECT error_of($$SELECT cache_alter('mood', '{"ttl": null}')$$);
SELECT * FROM cache_entries WHERE cache = 'mood';
SELECT cache, misses FROM cache_stat WHERE cache = 'mood';
SELECT cache_drop('mood');

-- Keys: equal keys are one entry, different ones are not.
CREATE FUNCTION k_int2(k int2) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_int4(k int4) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_int8(k int8) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_bool(k bool) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_date(k date) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_timestamp(k timestamp) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_timestamptz(k timestamptz) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_uuid(k uuid) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_text(k text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_bytea(k bytea) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_name(k name) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
CREATE FUNCTION k_jsonb(k jsonb) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
SELECT count(cache_create('k_' || t, format('k_%s(%1$s)', t)::regprocedure))
FROM unnest('{int2,int4,int8,bool,date,timestamp,timestamptz,uuid,text,bytea,name,jsonb}'::text[]) AS t;
CREATE TABLE key_sample (type text, key text);
INSERT INTO key_sample VALUES
    ('int2', '-32768'), ('int2', '0'), ('int2', '1'), ('int2', '-1'), ('int4', '-2147483648'),
    ('int4', '2147483647'), ('int4', '-1'), ('int8', '9223372036854775807'),
    ('int8', '-9223372036854775808'), ('int8', '4294967296'), ('int8', '0'), ('bool', 't'), ('bool', 'f'),
    ('date', '2020-02-29'), ('date', 'infinity'), ('date', '-infinity'), ('date', '4713-01-01 BC'),
    ('timestamp', '2020-02-29 12:00:00.000001'), ('timestamp', 'infinity'),
    ('timestamptz', '2020-02-29 12:00:00+00'), ('timestamptz', '2020-02-29 12:00:00+01'),
    ('uuid', '00000000-0000-0000-0000-000000000000'), ('uuid', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('text', ''), ('text', ' '), ('text', 'a'), ('text', 'A'), ('text', 'a '), ('text', 'ä'),
    ('text', repeat('x', 300)), ('bytea', ''), ('bytea', '\x00'), ('bytea', '\x0000'), ('name', ''),
    ('name', 'a'), ('jsonb', 'null'), ('jsonb', '1'), ('jsonb', '1.0'), ('jsonb', '1.00'), ('jsonb', '"1"'),
    ('jsonb', '{}'), ('jsonb', '[]'), ('jsonb', '{"a": 1, "b": [true, null]}');
CREATE FUNCTION key_states() RETURNS TABLE (type text, key text, source text, value text, is_right bool)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR type, key IN SELECT k.type, k.key FROM key_sample AS k UNION ALL
                     SELECT DISTINCT k.type, NULL FROM key_sample AS k ORDER BY 1, 2 NULLS FIRST LOOP
        EXECUTE format('SELECT e.source, left(e.value #>> ''{}'', 44),
                               e.value IS NOT DISTINCT FROM to_jsonb(k_%1$s($1::%1$s))
                        FROM cache_get_entry(''k_%1$s'', $1::%1$s) AS e', type)
            INTO source, value, is_right USING key;
        key := left(key, 44);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT source, is_right, count(*) FROM key_states() GROUP BY 1, 2;
SELECT * FROM key_states() WHERE source <> 'cache' OR NOT is_right;
SELECT cache, left(key, 44) AS key FROM cache_entries
WHERE cache LIKE 'k\_%' ORDER BY cache, key COLLATE "C";
-- The same key written in other ways.
SELECT source FROM cache_get_entry('k_jsonb', '{"b":[true,null],"a":1,"a":1}'::jsonb);
SELECT source FROM cache_get_entry('k_timestamptz', '2020-02-29 13:00:00+01'::timestamptz);
SELECT source FROM cache_get_entry('k_uuid', '{FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF}'::uuid);
SELECT source FROM cache_get_entry('k_int4', '-01');

-- jsonb 1.0 and 1.00 are equal but do not look the same: two entries, which one change concerns both.
CREATE TABLE measured (k jsonb, n int);
SELECT cache_invalidate_on('k_jsonb', 'measured', '{k}');
SELECT key FROM (VALUES ('1'), ('1.0'), ('1.00'), ('2')) AS k (key), cache_get_entry('k_jsonb', k.key::jsonb);
INSERT INTO measured VALUES ('1.000', 1);
SELECT key, source, value FROM (VALUES ('1'), ('1.0'), ('1.00'), ('2')) AS k (key),
                               cache_get_entry('k_jsonb', k.key::jsonb) ORDER BY 1;

-- Several columns: nulls and lengths cannot be confused.
CREATE FUNCTION pair(a text, b text, c int) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT format('%L %L %L', a, b, c)$$;
SELECT cache_create('pair', 'pair(text,text,int)');
CREATE VIEW pairs AS
    SELECT a, b, c, e.source, cache_get_pair(a, b, c) = pair(a, b, c) AS is_right
    FROM (VALUES ('a', 'b', 1), ('ab', '', 1), ('', 'ab', 1), ('a', NULL, 1), (NULL, 'a', 1),
                 (NULL, NULL, 1), (NULL, NULL, NULL), ('a', 'b', NULL), (',', '', 0), ('', ',', 0),
                 ('NULL', '', 0), (E'\n', E'\t', -1)) AS k (a, b, c),
         cache_get_entry('pair', a, b, c) AS e;
SELECT * FROM pairs;
SELECT source, is_right, count(*) FROM pairs GROUP BY 1, 2;
SELECT key FROM cache_entries WHERE cache = 'pair' ORDER BY key COLLATE "C";

-- No column at all.
CREATE FUNCTION everything() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM measured';
SELECT cache_create('everything', 'everything()');
SELECT cache_invalidate_on('everything', 'measured');
SELECT cache_get_everything(), cache_get('everything'), cache_get('everything', NULL);
SELECT source FROM cache_get_entry('everything');
SELECT key, hits FROM cache_entries WHERE cache = 'everything';
INSERT INTO measured VALUES ('1', 1);
SELECT value, source FROM cache_get_entry('everything');
SELECT cache_invalidate('everything'), cache_refresh('everything'), cache_peek('everything');
SELECT cache_invalidate_like('everything', '()');

-- A strict loader is not called with nulls.
CREATE FUNCTION strict_loader(a int, b int) RETURNS int LANGUAGE plpgsql STABLE STRICT
    AS $$BEGIN RAISE NOTICE 'called'; RETURN a + b; END$$;
SELECT cache_create('strict', 'strict_loader(int,int)');
SELECT cache_get_strict(1, 2), cache_get_strict(1, NULL), cache_get('strict', NULL::int, 2);

-- Too long for a key.
SELECT error_of($$SELECT cache_get_k_text(repeat('x', 100000))$$);
SELECT error_of($$SELECT cache_get('k_text', repeat('x', 100000))$$);

-- A trigger computes the tag of a key as a read does, for every type, alone and beside another column.
CREATE TABLE keyed (type regtype, key text);
INSERT INTO keyed VALUES
    ('bool', 't'), ('bool', 'f'), ('int2', '-32768'), ('int2', '7'), ('int4', '-1'), ('int4', '2147483647'),
    ('int8', '-9223372036854775808'), ('int8', '4294967296'), ('date', '1999-12-31'), ('date', '2020-02-29'),
    ('timestamp', '1999-12-31 23:59:59.5'), ('timestamp', 'infinity'), ('timestamptz', '2020-02-29 12:00:00+02'),
    ('uuid', '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e'), ('text', ''), ('text', 'a longer text than eight'),
    ('bytea', '\x00ff'), ('name', 'a name'), ('jsonb', '{"a": [1.0, null]}');
DO $$
DECLARE
    x    keyed;
    seen int[];
BEGIN
    FOR x IN SELECT * FROM keyed LOOP
        CREATE TABLE row_of_key (n int, label text);
        EXECUTE format('ALTER TABLE row_of_key ADD k %s', x.type);
        EXECUTE format('INSERT INTO row_of_key VALUES (1, %L, %L)', 'x', x.key);
        EXECUTE format('CREATE FUNCTION by_key(k %s) RETURNS int STABLE LANGUAGE sql
                        RETURN (SELECT r.n FROM row_of_key AS r WHERE r.k = $1)', x.type);
        EXECUTE format('CREATE FUNCTION by_both(k %s, label text) RETURNS int STABLE LANGUAGE sql
                        RETURN (SELECT r.n FROM row_of_key AS r WHERE r.k = $1 AND r.label = $2)', x.type);
        PERFORM cache_create('by_key', format('by_key(%s)', x.type)::regprocedure);
        PERFORM cache_create('by_both', format('by_both(%s, text)', x.type)::regprocedure);
        PERFORM cache_invalidate_on('by_key', 'row_of_key', '{k}');
        PERFORM cache_invalidate_on('by_both', 'row_of_key', '{k,label}');
        COMMIT;
        FOR i IN 1..2 LOOP
            EXECUTE format('SELECT ARRAY[cache_get_by_key(%1$L), cache_get_by_both(%1$L, ''x'')]', x.key)
                INTO seen;
            COMMIT;
            IF seen IS DISTINCT FROM ARRAY[i, i] THEN
                RAISE WARNING '% %: %, not %', x.type, x.key, seen, i;
            END IF;
            UPDATE row_of_key SET n = n + 1;
            COMMIT;
        END LOOP;
        PERFORM cache_drop('by_key'), cache_drop('by_both');
        EXECUTE format('DROP FUNCTION by_key(%1$s), by_both(%1$s, text)', x.type);
        DROP TABLE row_of_key;
        COMMIT;
    END LOOP;
END $$;

\i include/end.sql
