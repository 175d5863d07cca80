-- Keys that an array repeats, where nothing is published: what is counted, and where.
\set ECHO none
\set database regress_repeated_keys
\i include/begin.sql

CREATE TABLE item (id int, name text);
INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 1000) AS i;
CREATE TABLE other (x int);
CREATE FUNCTION load_item(id int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT name FROM item WHERE item.id = $1';
CREATE FUNCTION load_items(ids int[]) RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS
    'SELECT item.id, item.name FROM item WHERE item.id = ANY ($1)';
CREATE FUNCTION load_slowly(id int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT name FROM item, pg_sleep(0.1) WHERE item.id = $1$$;
-- One after the other in shared memory: counts must not land in a neighbour.
SELECT cache_create('alone', 'load_item(int)');
CREATE FUNCTION load_sum(top int) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT sum(length(value)) FROM cache_get_many_alone(ARRAY[1, 1, 1, $1, $1, 2, 1]) $$;
SELECT cache_create('together', 'load_item(int)', load_many => 'load_items(int[])');
SELECT cache_create('sum', 'load_sum(int)');
SELECT cache_create('brief', 'load_slowly(int)', ttl => '1 ms');
SELECT cache_create('last', key_types => '{int}', value_type => 'text');
SELECT cache_put_last(1, 'x');
CREATE VIEW counted AS
    SELECT cache, hits, misses, fills, bypasses, stale_hits AS stale, evictions, expirations AS expired,
           invalidations AS invalidated, refreshes, errors, waits, oversized, spurious, entries
    FROM cache_stat;
CREATE VIEW arrays AS
    SELECT * FROM (VALUES (1, ARRAY(SELECT generate_series(1, 1000))), (2, array_fill(5, ARRAY[300])),
        (3, ARRAY(SELECT generate_series(1, 777))), (4, array_fill(7, ARRAY[500])),
        (5, array_fill(9, ARRAY[90])), (6, array_fill(11, ARRAY[33])),
        (7, array_fill(13, ARRAY[700]))) AS a (n, keys);
SELECT cache_stat_reset();
SELECT * FROM counted ORDER BY cache;

-- In a transaction that has written every key is a bypass when it is loaded, a miss when repeated.
BEGIN;
INSERT INTO other VALUES (1);
SELECT n, count(*), count(value), count(DISTINCT value)
FROM arrays, cache_get_many_alone(keys) AS m GROUP BY n ORDER BY n;
COMMIT;
SELECT * FROM counted ORDER BY cache;
SELECT cache_stat_reset();
BEGIN;
INSERT INTO other VALUES (1);
SELECT n, count(*), count(value), count(DISTINCT value)
FROM arrays, cache_get_many_together(keys) AS m GROUP BY n ORDER BY n;
-- In the target list it is one place of the statement that is called for many arrays.
SELECT sum(length(value)) FROM (SELECT (cache_get_many_together(keys)).value FROM arrays) AS a;
COMMIT;
SELECT * FROM counted ORDER BY cache;

-- Inside a loader whose transaction has written, and inside one that may publish.
SELECT cache_stat_reset();
BEGIN;
INSERT INTO other VALUES (1);
SELECT cache_get_sum(10), cache_get_sum(100);
COMMIT;
SELECT * FROM counted ORDER BY cache;
SELECT cache_get_sum(10), cache_get_sum(100), cache_get_sum(10);
SELECT * FROM counted ORDER BY cache;

-- Values that are too old as soon as they are complete.
SELECT cache_stat_reset();
SELECT count(*), count(value) FROM cache_get_many_brief(array_fill(3, ARRAY[50]));
SELECT * FROM counted ORDER BY cache;

-- SERIALIZABLE never looks.
SELECT cache_stat_reset();
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), count(value) FROM cache_get_many_together(array_fill(900, ARRAY[50]) || 901);
SELECT count(*), count(value) FROM cache_get_many_alone(array_fill(900, ARRAY[50]) || 901);
COMMIT;
SELECT * FROM counted ORDER BY cache;
SELECT cache_get_last(1);

\set ECHO none
\i include/end.sql
