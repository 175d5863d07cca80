-- cache_warm: keys from a query, loaded in batches.
\set ECHO none
\set database regress_warm
\i include/begin.sql

CREATE TABLE item (owner int PRIMARY KEY, amount int, wanted int);
INSERT INTO item SELECT i, 10 * i, -i FROM generate_series(1, 50) AS i;
CREATE FUNCTION item_one(owner int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'one: %', owner;
    RETURN (SELECT i.amount FROM item AS i WHERE i.owner = $1);
END $$;
CREATE FUNCTION item_many(owners int[]) RETURNS TABLE (owner int, amount int)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RAISE NOTICE 'many: %', owners;
    RETURN QUERY SELECT owner, amount FROM item WHERE owner = ANY ($1);
END $$;

-- The query is checked when it is declared.
CREATE FUNCTION create_with(query text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_create(''x'', ''item_one(int)'', warm_keys => %L)', query)) $$;
SELECT create_with('SELECT');
SELECT create_with('SELECT nothing FROM item');
SELECT create_with('SELECT owner, amount FROM item');
SELECT create_with('SELECT owner::bigint FROM item');
SELECT create_with('SELECT owner FROM item FOR UPDATE');
SELECT create_with('DELETE FROM item RETURNING owner');
SELECT create_with('WITH d AS (DELETE FROM item RETURNING owner) SELECT owner FROM d');
SELECT create_with('SELECT 1; SELECT 2');
SELECT create_with('VACUUM');
SELECT create_with('SELECT ow');
SELECT error_of($$SELECT cache_create('x', key_types => '{int}', value_type => 'int', warm_keys => 'SELECT 1')$$);

SELECT cache_create('item', 'item_one(int)');
SELECT cache_invalidate_on('item', 'item', '{owner}', '{amount}');
SELECT error_of($$SELECT cache_warm('item')$$);
SELECT error_of($$SELECT cache_warm('nothing')$$);
SELECT error_of($$SELECT cache_alter('item', '{"warm_keys": "SELECT amount::text FROM item"}')$$);
SELECT cache_alter('item', '{"warm_keys": "SELECT owner FROM item ORDER BY wanted -- hottest first"}');
SELECT warm_keys FROM cache_ext_internal.cache_definition;

-- One by one without load_many; most wanted first; what is there is left alone.
SET client_min_messages = notice;
SELECT cache_get_item(49);
SELECT cache_warm('item', 3);
SELECT cache_warm('item', 3);
SELECT hits, misses, fills, entries FROM cache_stat;

-- In batches.
SELECT cache_alter('item', '{"load_many": "item_many"}');
SELECT cache_warm('item', 12);
SET cache_ext.warm_batch = 100;
SELECT cache_warm('item');
RESET cache_ext.warm_batch;
SELECT hits, misses, entries FROM cache_stat;
SELECT cache_get_item(1), source FROM cache_get_entry('item', 2);
-- After a change only what it concerns.
UPDATE item SET amount = amount + 1 WHERE owner IN (10, 20, 30);
SELECT cache_warm('item');
SET client_min_messages = warning;
SELECT checked > 40 AS many, mismatched FROM cache_verify('item', 100);

-- No more than the budget has room for.
SELECT cache_alter('item', '{"max_entries": 5}');
SELECT cache_warm('item');
SELECT entries FROM cache_stat;
SELECT cache_alter('item', '{"max_entries": null, "max_memory": "2kB"}');
SELECT cache_warm('item') BETWEEN 5 AND 20 AS some;
SELECT cache_alter('item', '{"max_memory": null}');
SELECT cache_warm('item', 7);
SELECT error_of($$SELECT cache_warm('item', 0)$$);

-- Keys of several columns, NULLs in them, keys that do not exist, and the same one twice.
CREATE FUNCTION pair_one(a int, b text) RETURNS text LANGUAGE sql STABLE AS
    'SELECT a || b FROM item WHERE owner = a';
CREATE FUNCTION pair_many(a int[], b text[]) RETURNS TABLE (a int, b text, v text) LANGUAGE sql STABLE AS
    'SELECT k.a, k.b, k.a || k.b FROM unnest($1, $2) AS k (a, b) JOIN item ON owner = k.a';
SELECT cache_create('pair', 'pair_one(int, text)', load_many => 'pair_many(int[],text[])',
    warm_keys => $$VALUES (1, 'a'), (2, 'b'), (2, 'b'), (NULL, 'c'), (99, 'd')$$);
SELECT cache_warm('pair');
SELECT key, state FROM cache_entries WHERE cache = 'pair' ORDER BY key;
SELECT * FROM cache_verify('pair', 100);

-- Errors are the caller's; what has been loaded stays.
CREATE FUNCTION picky_one(a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 10 / (a - 4) FROM item WHERE owner = a';
SELECT cache_create('picky', 'picky_one(int)', warm_keys => 'SELECT * FROM generate_series(1, 10)');
SELECT error_of($$SELECT cache_warm('picky')$$);
CREATE TABLE limits (n int);
INSERT INTO limits VALUES (1);
SELECT cache_alter('picky', '{"warm_keys": "SELECT 1 / n FROM limits"}');
UPDATE limits SET n = 0;
SELECT error_of($$SELECT cache_warm('picky')$$);
DROP TABLE limits;
SELECT error_of($$SELECT cache_warm('picky')$$);
SELECT cache, warms, warmed, errors, last_warm IS NOT NULL AS has_time FROM cache_warm_stat ORDER BY cache;

-- It runs as the owner, read-only.
CREATE ROLE regress_warm;
CREATE ROLE regress_warm_other;
GRANT CREATE ON SCHEMA public TO regress_warm;
SET ROLE regress_warm;
CREATE TABLE mine AS SELECT 1 AS k;
CREATE FUNCTION mine_one(k int) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text FROM mine AS m WHERE m.k = $1';
SELECT cache_create('mine', 'mine_one(int)', warm_keys => 'SELECT k FROM mine');
SET ROLE regress_warm_other;
SELECT error_of($$SELECT cache_warm('mine')$$);
RESET ROLE;
SELECT cache_warm('mine');
SELECT cache_get_mine(1);
BEGIN;
UPDATE item SET amount = 0 WHERE owner = 1;
SELECT error_of($$SELECT cache_warm('item')$$);
ROLLBACK;

-- It can be cancelled.
CREATE FUNCTION slow_one(a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 FROM pg_sleep(0.05)';
SELECT cache_create('slow', 'slow_one(int)', warm_keys => 'SELECT * FROM generate_series(1, 10000)');
SET statement_timeout = '500ms';
\set VERBOSITY terse
SELECT cache_warm('slow');
RESET statement_timeout;
SELECT entries BETWEEN 1 AND 1000 AS some FROM cache_stat WHERE cache = 'slow';

\set ECHO none
\i include/end.sql
DROP OWNED BY regress_warm;
DROP ROLE regress_warm, regress_warm_other;
