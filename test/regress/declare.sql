-- cache_create and cache_drop: what they make, and what they refuse.
\set ECHO none
\set database regress_declare
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item VALUES (1, 10), (1, 5), (2, 7);
CREATE FUNCTION item_total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(i.amount) FROM item AS i WHERE i.owner = $1';

-- A cache is a pair of functions, closed to the public, and a row.
SELECT cache_create('total', 'item_total(int)');
SELECT * FROM made_by_cache_ext;
SELECT p.oid::regprocedure, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result, p.provolatile, p.proparallel, l.lanname,
       p.proowner::regrole = current_user::regrole AS mine,
       p.proacl::text = format('{%1$s=X/%1$s}', current_user) AS closed,
       pg_get_function_sqlbody(p.oid) AS body
FROM pg_proc AS p
JOIN pg_language AS l ON p.prolang = l.oid
WHERE p.proname ~ '^cache_get_(many_)?total$'
ORDER BY p.proname;
\x on
SELECT name, loader, key_types, value_type, ttl, refresh_at, max_entries, max_memory, budget,
       stale_for, load_many, load_all, sync_every, warm_keys, warm_every, warm_on_invalidate,
       priority
FROM cache_ext_internal.cache_definition;
\x off
SELECT array_agg(split_part(s, '=', 1)) @> '{search_path,TimeZone,DateStyle,IntervalStyle,extra_float_digits,
                                            bytea_output,lc_monetary,row_security}' AS pinned
FROM cache_ext_internal.cache_definition, unnest(settings) AS s;

SELECT cache_get_total(1), cache_get_total(2), cache_get_total(3);
SELECT * FROM cache_get_many_total('{1,2,2,NULL}');
SELECT * FROM cache_get_many_total('{}');
SELECT * FROM cache_get_many_total(NULL);

-- Another session knows it.
\connect
SELECT cache_get_total(1), source FROM cache_get_entry('total', 1);

-- The name.
SELECT error_of($$SELECT cache_create('total', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create(NULL, 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('Total', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('2total', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('my total', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('my-total', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('total"); DROP TABLE item; --', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('größe', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('entry', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('many', 'item_total(int)')$$);
SELECT error_of($$SELECT cache_create('many_items', 'item_total(int)')$$);
SELECT error_of(format($$SELECT cache_create('%s', 'item_total(int)')$$, repeat('a', 54)));

-- Names at their longest: one function fits, the other no longer does.
SELECT cache_create(repeat('a', 48), 'item_total(int)');
SELECT cache_create(repeat('b', 53), 'item_total(int)');
SELECT object FROM made_by_cache_ext WHERE object ~ 'aaa|bbb';
SELECT cache_drop(repeat('a', 48)), cache_drop(repeat('b', 53));
SELECT cache_create('_x9', 'item_total(int)');
SELECT cache__get_x9 FROM cache_get__x9(2) AS cache__get_x9;
SELECT cache_drop('_x9');

-- A function of the accessor's name that is there already stays, and no cache is made.
CREATE FUNCTION cache_get_taken(int) RETURNS int LANGUAGE sql AS 'SELECT 42';
SELECT error_of($$SELECT cache_create('taken', 'item_total(int)')$$);
CREATE FUNCTION cache_get_many_taken2(int[]) RETURNS int LANGUAGE sql AS 'SELECT 42';
SELECT error_of($$SELECT cache_create('taken2', 'item_total(int)')$$);
SELECT * FROM made_by_cache_ext;
SELECT cache_get_taken(1), cache_get_many_taken2('{1}');

-- The loader.
SELECT error_of($$SELECT cache_create('x')$$);
SELECT error_of($$SELECT cache_create('x', 'no_such_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'item_total')$$);
SELECT error_of($$SELECT cache_create('x', 'item_total(text)')$$);
SELECT error_of($$SELECT cache_create('x', 999999999)$$);
CREATE FUNCTION volatile_loader(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION set_loader(int) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT $1';
CREATE FUNCTION table_loader(int) RETURNS TABLE (a int, b int) LANGUAGE sql STABLE
    AS 'SELECT $1, $1';
CREATE FUNCTION variadic_loader(VARIADIC int[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE PROCEDURE procedure_loader(int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION record_loader(int, OUT a int, OUT b int) LANGUAGE sql STABLE AS 'SELECT 1, 2';
CREATE FUNCTION void_loader(int) RETURNS void LANGUAGE sql STABLE AS '';
CREATE FUNCTION any_loader(anyelement) RETURNS anyelement LANGUAGE sql STABLE AS 'SELECT $1';
SELECT error_of($$SELECT cache_create('x', 'volatile_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'set_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'table_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'variadic_loader(int[])')$$);
SELECT error_of($$SELECT cache_create('x', 'procedure_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'sum(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'row_number()')$$);
SELECT error_of($$SELECT cache_create('x', 'record_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'void_loader(int)')$$);
SELECT error_of($$SELECT cache_create('x', 'any_loader(anyelement)')$$);
SELECT error_of($$SELECT cache_create('x', 'cache_ext_internal.cache_fetch(anyelement, text)')$$);

-- Its arguments.
CREATE DOMAIN spot AS point;
CREATE FUNCTION point_key(point) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION json_key(int, json) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION array_key(point[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION domain_key(spot) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION item_array_key(item[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION row_key(item) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION path_key(path) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION bits_key(bit[]) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION xml_key(xml) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
SELECT t AS type, e AS error
FROM unnest('{point_key(point),"json_key(int,json)",array_key(point[]),domain_key(spot),
              item_array_key(item[]),row_key(item),path_key(path),bits_key(bit[]),
              xml_key(xml)}'::text[])
     WITH ORDINALITY AS u (t, n),
     error_of(format('SELECT cache_create(''x'', %L)', t)) WITH ORDINALITY AS o (e, m)
WHERE m = 1
ORDER BY n;
SELECT error_of($$SELECT cache_create('x', 'point_key(point)')$$);

-- Sixteen key columns are the most.
CREATE FUNCTION wide16(a int, b int, c int, d int, e int, f int, g int, h int,
                       i int, j int, k int, l int, m int, n int, o int, p int) RETURNS int
    LANGUAGE sql STABLE AS 'SELECT a + p';
CREATE FUNCTION wide17(int, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
                       int, int) RETURNS int
    LANGUAGE sql STABLE AS 'SELECT 1';
SELECT error_of($$SELECT cache_create('wide',
    'wide17(int,int,int,int,int,int,int,int,int,int,int,int,int,int,int,int,int)')$$);
SELECT cache_create('wide', 'wide16(int,int,int,int,int,int,int,int,int,int,int,int,int,int,int,int)');
SELECT cache_get_wide(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16), source
FROM cache_get_entry('wide',1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16);
SELECT cache_drop('wide');

-- Odd but sound loaders: quoted names, unnamed arguments, OUT arguments, defaults, none at all.
CREATE SCHEMA "My Schema";
CREATE FUNCTION "My Schema"."Total ""x"""("User" int, "or der" text, int) RETURNS text
    LANGUAGE sql STABLE AS $$SELECT format('%s %s %s', $1, $2, $3)$$;
CREATE FUNCTION out_loader(OUT result int, factor int) LANGUAGE sql STABLE AS 'SELECT 2 * factor';
CREATE FUNCTION default_loader(a int, b int DEFAULT 7) RETURNS int LANGUAGE sql STABLE
    AS 'SELECT a * b';
CREATE FUNCTION value_loader(value int, key int) RETURNS int LANGUAGE sql STABLE
    AS 'SELECT value * key';
CREATE FUNCTION constant_loader() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'constant'$$;
SELECT cache_create('quoted', '"My Schema"."Total ""x"""(int, text, int)');
SELECT cache_create('outs', 'out_loader(int)');
SELECT cache_create('defaults', 'default_loader(int, int)');
SELECT cache_create('value', 'value_loader(int, int)');
SELECT cache_create('constant', 'constant_loader()');
SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result
FROM pg_proc AS p
WHERE p.proname ~ '^cache_get_(many_)?(quoted|outs|defaults|value|constant)$'
ORDER BY p.proname;
SELECT name, loader, key_types, value_type FROM cache_ext_internal.cache_definition ORDER BY name;
SELECT cache_get_quoted(1, 'b', 3), cache_get_outs(4), cache_get_outs(factor => 5),
       cache_get_defaults(2, 3), cache_get_value(value => 2, key => 5), cache_get_constant();
SELECT cache, entries FROM cache_stat ORDER BY cache;
SELECT cache_drop(name) FROM unnest('{quoted,outs,defaults,value,constant}'::text[]) AS name;

-- Without a loader: values are put, their types are declared.
SELECT cache_create('store', key_types => '{int,text}', value_type => 'jsonb');
SELECT * FROM made_by_cache_ext WHERE object ~ 'store';
SELECT name, loader, key_types, value_type, refresh_at FROM cache_ext_internal.cache_definition WHERE name = 'store';
SELECT error_of($$SELECT cache_create('x', key_types => '{int}')$$);
SELECT error_of($$SELECT cache_create('x', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', 'item_total(int)', key_types => '{int}')$$);
SELECT error_of($$SELECT cache_create('x', 'item_total(int)', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int,NULL}', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{no_such_type}', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{path}', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{{int,int},{int,int}}', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => array_fill('int'::regtype, '{17}'),
                                      value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 'record')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 'anyelement')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 'trigger')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 0)$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{0}', value_type => 'int')$$);
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 999999999)$$);
SELECT cache_create('single', key_types => '{}', value_type => 'int');
SELECT * FROM made_by_cache_ext WHERE object ~ 'single';
SELECT cache_drop('store'), cache_drop('single');

-- Nothing is left of what was refused.
SELECT * FROM made_by_cache_ext;

-- cache_drop.
SELECT error_of($$SELECT cache_drop('no_such_cache')$$);
SELECT error_of($$SELECT cache_drop(NULL)$$);
SELECT error_of($$SELECT cache_alter(NULL, '{}')$$);
SELECT error_of($$SELECT cache_alter('total', NULL)$$);
SELECT cache_invalidate_on('total', 'item', '{owner}');
CREATE VIEW totals AS SELECT 1 AS owner, cache_get_total(1) AS total;
SELECT error_of($$SELECT cache_drop('total')$$);
SELECT * FROM made_by_cache_ext;
SELECT * FROM totals;
DROP VIEW totals;
SELECT cache_drop('total');
SELECT * FROM made_by_cache_ext;
SELECT error_of($$SELECT cache_get_total(1)$$);
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT error_of($$SELECT cache_drop('total')$$);
SELECT count(*) FROM cache_stat;
SELECT count(*) FROM cache_entries;

-- A cache of the same name starts empty.
SELECT cache_create('total', 'item_total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT cache, entries, hits, misses FROM cache_stat;
SELECT value, source FROM cache_get_entry('total', 1);
SELECT value, source FROM cache_get_entry('total', 1);
SELECT cache_drop('total'), cache_create('total', 'item_total(int)');
SELECT cache, entries, hits, misses FROM cache_stat;
SELECT value, source FROM cache_get_entry('total', 1);

-- Rolled back: no cache was made.
BEGIN;
SELECT cache_create('other', 'item_total(int)');
SELECT cache_get_other(1);
SELECT cache_invalidate_on('other', 'item');
ROLLBACK;
SELECT * FROM made_by_cache_ext;
SELECT error_of($$SELECT cache_get('other', 1)$$);
BEGIN;
SAVEPOINT a;
SELECT cache_create('other', 'item_total(int)');
SELECT cache_get_other(1);
ROLLBACK TO a;
SELECT error_of($$SELECT cache_get('other', 1)$$);
SELECT cache_create('other', key_types => '{int}', value_type => 'text');
COMMIT;
SELECT cache_put_other(1, 'one');
SELECT cache_get_other(1);
SELECT cache_drop('other');

-- Rolled back: no cache was dropped, and its values are still there.
SELECT value, source FROM cache_get_entry('total', 1);
BEGIN;
SELECT cache_drop('total');
SELECT error_of($$SELECT cache_get('total', 1)$$);
ROLLBACK;
SELECT value, source FROM cache_get_entry('total', 1);
BEGIN;
SAVEPOINT a;
SELECT cache_drop('total');
ROLLBACK TO a;
SELECT cache_get_total(1);
COMMIT;
SELECT value, source FROM cache_get_entry('total', 1);

-- Dropped and made again in one transaction: the old values are not the new cache's.
CREATE FUNCTION item_count(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM item AS i WHERE i.owner = $1';
BEGIN;
SELECT cache_drop('total');
SELECT cache_create('total', 'item_count(int)');
SELECT cache_get_total(1);
COMMIT;
SELECT cache_get_total(1);
SELECT cache_get_total(1);
SELECT cache_drop('total');

-- The accessor dropped by hand: the cache says so, and can be dropped.
SELECT cache_create('total', 'item_total(int)');
DROP FUNCTION cache_get_total(int);
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT error_of($$SELECT cache_alter('total', '{"ttl": "1 min"}')$$);
SELECT error_of($$SELECT * FROM cache_get_many_total('{1}')$$);
SELECT cache, entries FROM cache_stat ORDER BY cache;
SELECT cache_drop('total');
SELECT * FROM made_by_cache_ext;
-- Or renamed.
SELECT cache_create('total', 'item_total(int)');
ALTER FUNCTION cache_get_total(int) RENAME TO my_total;
SELECT error_of($$SELECT my_total(1)$$);
ALTER FUNCTION my_total(int) RENAME TO cache_get_total;
SELECT cache_get_total(1);

-- An event trigger drops the loader between two statements of the declaration.
CREATE FUNCTION load_gone(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION drop_gone() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    DROP FUNCTION IF EXISTS load_gone(int);
END $$;
CREATE EVENT TRIGGER drop_gone ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION drop_gone();
SELECT cache_create('gone', 'load_gone(int)');
DROP EVENT TRIGGER drop_gone;
SELECT cache_create('gone', 'load_gone(int)');
SELECT cache_drop('gone');
SELECT cache_create('never', 4000000000::oid::regprocedure);

-- DROP EXTENSION takes everything it made along, and nothing else; then all can begin again.
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT cache_create('store', key_types => '{int}', value_type => 'text');
CREATE TABLE partitioned (owner int, amount int) PARTITION BY LIST (owner);
CREATE TABLE part1 PARTITION OF partitioned FOR VALUES IN (1);
SELECT cache_invalidate_on('total', 'partitioned', '{owner}');
SELECT * FROM made_by_cache_ext;
DROP VIEW made_by_cache_ext;
DROP EXTENSION cache_ext;
SELECT proname FROM pg_proc WHERE proname LIKE 'cache\_%' ORDER BY 1;
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal;
SELECT relname FROM pg_class WHERE relname LIKE 'cache\_%';
INSERT INTO item VALUES (1, 100);
INSERT INTO partitioned VALUES (1, 1);
SELECT item_total(1);
CREATE SCHEMA caches;
CREATE EXTENSION cache_ext SCHEMA caches;
SELECT count(*) FROM caches.cache_stat;
SELECT caches.cache_create('total', 'item_total(int)');
SELECT caches.cache_invalidate_on('total', 'item', '{owner}');
SELECT value, source FROM caches.cache_get_entry('total', 1);
SELECT value, source FROM caches.cache_get_entry('total', 1);
UPDATE item SET amount = amount + 1 WHERE owner = 1;
SELECT caches.cache_get_total(1), item_total(1);
DROP SCHEMA caches CASCADE;
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal;
INSERT INTO item VALUES (1, 100);

\i include/end.sql
