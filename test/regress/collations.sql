-- A key with a collation of its own is not what the cache knows, and the loader runs under it.
\set ECHO none
\set database regress_collations
\i include/begin.sql

CREATE COLLATION backwards (provider = icu, locale = 'en-u-kf-upper');
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE word (w text);
INSERT INTO word VALUES ('a'), ('B');
CREATE FUNCTION after(k text) RETURNS text LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT string_agg(w, '','' ORDER BY w) FROM word WHERE w > k); END';
CREATE FUNCTION same(k text, n int) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k = ''B''; END';
CREATE FUNCTION of_name(k name) RETURNS text LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT string_agg(w, '','' ORDER BY w) FROM word WHERE w > k); END';
SELECT cache_create('after', 'after(text)'), cache_create('same', 'same(text,int)'),
       cache_create('of_name', 'of_name(name)');
SELECT cache_invalidate_on(c, 'word') FROM unnest('{after,same,of_name}'::text[]) AS c;
CREATE TABLE key (d text, b text COLLATE backwards, c text COLLATE caseless, n name, v varchar(9));
INSERT INTO key VALUES ('a', 'a', 'b', 'A', 'a');

CREATE VIEW source AS SELECT cache, hits, misses FROM cache_stat ORDER BY cache COLLATE "C";
CREATE VIEW why AS SELECT cache, reason, bypasses FROM cache_bypasses WHERE bypasses > 0 ORDER BY 1, 2;

-- Under the natural one: hits, in whatever way the key is written.
SELECT cache_get_after(d), cache_get_after('a'), cache_get_after(v), cache_get('after', d), cache_get('after', 'a')
FROM key;
SELECT cache_get_of_name(n), cache_get_of_name('A'), cache_get_same(d, 1), cache_get('of_name', n) FROM key;
SELECT * FROM cache_get_many_after('{a,b}');
SELECT * FROM source;
SELECT * FROM why;
-- Under another: what the loader returns for that call, every time, and nobody else gets to see it.
SELECT after(c), cache_get_after(c), cache_get('after', c), after(d), cache_get_after(d) FROM key;
SELECT after('a' COLLATE caseless), cache_get_after('a' COLLATE caseless), cache_get_after('a');
SELECT same(c, 1), cache_get_same(c, 1), cache_get('same', c, 1), same('b', 1), cache_get_same('b', 1) FROM key;
SELECT same(c, 1), cache_get_same(c, 1), same(d, 1), cache_get_same(d, 1), cache_get_same(b, 1) FROM key;
-- (A function that reads many has a collation of its own.)
SELECT m.key, m.value FROM key, cache_get_many_after(ARRAY[c, 'a' COLLATE caseless]) AS m;
SELECT state, reason FROM key, cache_explain('after', c);
SELECT cache_peek('after', c) IS NULL AS not_served FROM key;
SELECT * FROM why;
SELECT cache, key FROM cache_entries ORDER BY cache, key COLLATE "C";
PREPARE own AS SELECT cache_get_same($1 COLLATE caseless, 1), cache_get_same($1, 1);
EXECUTE own('b');
EXECUTE own('b');
-- What is put does not depend on it.
SELECT cache_create('put', key_types => '{text}', value_type => 'text');
SELECT cache_put_put('b', 'put');
SELECT cache_get_put(c), cache_get('put', c) FROM key;

-- Keys of all types that have a collation.
CREATE FUNCTION is_b(k varchar) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k = ''B''; END';
CREATE FUNCTION is_blank_b(k bpchar) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k = ''B''::bpchar; END';
CREATE FUNCTION is_list_b(k text[]) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k = ''{B}''; END';
SELECT cache_create('is_b', 'is_b(varchar)'), cache_create('is_blank_b', 'is_blank_b(bpchar)'),
       cache_create('is_list_b', 'is_list_b(text[])');
CREATE TABLE kinds (v varchar COLLATE caseless, b char(3) COLLATE caseless, l text[] COLLATE caseless);
INSERT INTO kinds VALUES ('b', 'b', '{b}');
SELECT cache_get_is_b('b'), cache_get_is_b(v), cache_get_is_b('b'),
       cache_get_is_blank_b('b'), cache_get_is_blank_b(b), cache_get_is_blank_b('b'),
       cache_get_is_list_b('{b}'), cache_get_is_list_b(l), cache_get_is_list_b('{b}') FROM kinds;
SELECT error_of(format($$SELECT cache_invalidate_on('%s', 'kinds', '{%s}')$$, c, k))
FROM (VALUES ('is_b', 'v'), ('is_blank_b', 'b'), ('is_list_b', 'l'), ('is_b', '(v)'), ('is_list_b', '(l)')) AS t (c, k);

\i include/end.sql
