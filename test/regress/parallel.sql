-- Parallel query: accessors run in the leader while workers scan, and loaders have workers of their own.
\set ECHO none
\set database regress_parallel
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int NOT NULL, n int NOT NULL);
INSERT INTO call SELECT i, i % 10, i FROM generate_series(1, 20000) AS i;
ANALYZE call;
CREATE TABLE agent (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO agent SELECT i, 'agent ' || i FROM generate_series(0, 9) AS i;
-- Which process runs this: the label says more than is true, so that workers call it.
CREATE TABLE leader AS SELECT pg_backend_pid() AS pid;
CREATE FUNCTION in_worker(int) RETURNS bool LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS 'BEGIN RETURN pg_backend_pid() <> (SELECT pid FROM leader); END';
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT sum(n) FROM call AS c WHERE c.owner = $1';
-- (The last query of a function in SQL never has workers.)
CREATE FUNCTION helped(owner int) RETURNS bool LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS 'BEGIN RETURN bool_or(in_worker(c.id)) FROM call AS c WHERE c.owner = $1; END';
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'call', '{owner}');
SELECT cache_create('helped', 'helped(int)', invalidate => 'declared');
SELECT cache_invalidate_on('helped', 'call', '{owner}');
SELECT proname, proparallel FROM pg_proc WHERE proname IN ('cache_get_total', 'cache_get') ORDER BY 1;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;

-- The accessor above the Gather, for every row that the workers send.
CREATE VIEW hit AS SELECT hits, fills FROM cache_stat WHERE cache = 'total';
EXPLAIN (COSTS OFF) SELECT count(*), bool_and(cache_get_total(owner) = total(owner)) FROM call WHERE n % 500 = 0;
SELECT count(*), bool_and(cache_get_total(owner) = total(owner)) FROM call WHERE n % 500 = 0;
SELECT * FROM hit;
SELECT count(DISTINCT cache_get_total(owner)) FROM call;
SELECT hits > 10000 AS hits, fills FROM hit;

-- Own writes: before and after, under the workers' noses.
BEGIN;
UPDATE call SET n = n + 1 WHERE id = 1;
SELECT count(*), bool_and(cache_get_total(owner) = total(owner)) FROM call WHERE n % 500 = 0;
ROLLBACK;
UPDATE call SET n = n + 1 WHERE id = 1;
SELECT count(*), bool_and(cache_get_total(owner) = total(owner)) FROM call WHERE n % 500 = 0;
SELECT fills FROM hit;

-- A loader whose own query has workers.
SELECT cache_get_helped(1), cache_get_helped(1);
SELECT source FROM cache_get_entry('helped', 1);
SELECT cache_invalidate_all('total');
SELECT k, cache_get_total(k) = total(k) AS is_right FROM generate_series(0, 2) AS k;
UPDATE call SET n = n + 1 WHERE owner = 2;
SELECT k, cache_get_total(k) = total(k) AS is_right FROM generate_series(0, 2) AS k;

-- Everything that may go to a worker goes there.
SELECT name AS parallel_mode FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :parallel_mode = on;
SELECT cache_get_total(3) = total(3), cache_get_total(3) = (SELECT sum(n) FROM call WHERE owner = 3);
SELECT a.id, cache_get_total(a.id) = total(a.id) AS is_right FROM agent AS a ORDER BY a.id LIMIT 3;
SELECT in_worker(1);
UPDATE call SET n = n + 1 WHERE owner = 3;
SELECT cache_get_total(3) = total(3) AS is_right FROM agent AS a WHERE a.id = 3;
SELECT cache_invalidate_all('helped');
SELECT cache_get_helped(1) FROM agent WHERE id = 1;
SET :parallel_mode = regress;
SELECT cache_get_total(4) = total(4) AS is_right FROM agent AS a WHERE a.id = 4;
-- First use of a cache in parallel mode.
CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT name FROM agent WHERE id = $1';
SELECT cache_create('name_of', 'name_of(int)');
SELECT cache_invalidate_on('name_of', 'agent', '{id}');
SELECT cache_get_name_of(a.id) FROM agent AS a WHERE a.id < 2 ORDER BY 1;
SELECT source FROM cache_get_entry('name_of', 1);

-- An accessor in a worker, behind a label that says more than is true: what the leader has written is not known there.
CREATE FUNCTION mislabelled(k int) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN cache_get_total(k); END';
SET :parallel_mode = off;
SELECT cache_get_total(5) = total(5);
EXPLAIN (COSTS OFF) SELECT count(*) FROM call AS c WHERE owner = 5 AND mislabelled(5) >= 0;
SELECT count(*) > 0 AS some, count(*) = sum((mislabelled(5) = total(5))::int) AS is_right FROM call AS c WHERE owner = 5;
BEGIN;
UPDATE call SET n = n + 1 WHERE owner = 5 AND id % 10 = 5;
SELECT count(*) > 0 AS some, count(*) = sum((mislabelled(5) = total(5))::int) AS is_right FROM call AS c WHERE owner = 5;
ROLLBACK;

\i include/end.sql
