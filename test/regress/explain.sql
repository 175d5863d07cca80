-- cache_explain names the rule, the tag and the writer behind every miss and bypass. What takes other
-- sessions is in test/isolation/reasons.spec, recovery in TAP.
\set ECHO none
\set database regress_explain
\i include/begin.sql

CREATE TABLE item (id int PRIMARY KEY, owner int NOT NULL, kind text NOT NULL, n int NOT NULL);
INSERT INTO item SELECT i, i % 3, 'k' || i % 2, i FROM generate_series(1, 12) AS i;
CREATE TABLE rate (n int);
INSERT INTO rate VALUES (1);
CREATE FUNCTION total(owner int, kind text) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(i.n) FROM item AS i WHERE i.owner = $1 AND i.kind = $2';
CREATE FUNCTION rate() RETURNS int LANGUAGE sql STABLE AS 'SELECT max(n) FROM rate';
SELECT cache_create('total', 'total(int,text)');
SELECT cache_invalidate_on('total', 'item', '{owner,kind}');
SELECT cache_invalidate_on('total', 'item', '{owner,NULL}');
SELECT cache_create('rate', 'rate()');
SELECT cache_invalidate_on('rate', 'rate');
CREATE FUNCTION outer_total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT cache_get_total($1, 'k0') + cache_get_rate()$$;
SELECT cache_create('outer_total', 'outer_total(int)');
CREATE FUNCTION why(k int) RETURNS TABLE (state text, reason text, tags text[], writer xid8)
    LANGUAGE sql STABLE AS 'SELECT state, reason, tags, last_writer FROM cache_explain(''total'', k, ''k0'')';
CREATE FUNCTION why_outer(k int) RETURNS TABLE (state text, reason text, tags text[], writer xid8)
    LANGUAGE sql STABLE AS 'SELECT state, reason, tags, last_writer FROM cache_explain(''outer_total'', k)';

-- Not there; there; old.
SELECT state, reason, tags FROM why(1);
SELECT cache_get_total(1, 'k0');
SELECT state, reason, tags FROM why(1);

-- A writer of the key, of a part of it, of the whole cache.
BEGIN;
UPDATE item SET n = n + 1 WHERE id = 4;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT state, reason, writer = :'xid'::xid8 AS it_is FROM why(1);
SELECT cache_get_total(1, 'k0');
SELECT cache_invalidate_all('total');
SELECT state, reason FROM why(1);
SELECT cache_get_total(1, 'k0');

-- Own writes: which table, or what else.
BEGIN;
UPDATE item SET n = n + 1 WHERE id = 7;
SELECT state, reason FROM why(1);
SELECT state, reason FROM why(2);
ROLLBACK;
BEGIN;
SELECT cache_invalidate('total', 1, 'k0');
SELECT state, reason FROM why(1);
SELECT cache_invalidate_all('total');
SELECT state, reason FROM why(2);
ROLLBACK;
SET track_counts = off;
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
SELECT state, reason FROM why(1);
ROLLBACK;
RESET track_counts;

-- A transaction that has an id, and changed nothing of it, is served, and publishes nothing.
SELECT cache_get_total(2, 'k0');
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
SELECT state, reason FROM why(2);
SELECT state, reason FROM why(0);
ROLLBACK;

-- Nested: the tags that the entry has taken over, and writers of them.
SELECT state, reason, tags FROM why_outer(1);
SELECT cache_get_outer_total(1);
SELECT state, reason, tags FROM why_outer(1);
BEGIN;
UPDATE rate SET n = 2;
SELECT pg_current_xact_id() AS xid \gset
SELECT state, reason FROM why_outer(1);
COMMIT;
SELECT state, reason, writer = :'xid'::xid8 AS it_is FROM why_outer(1);
SELECT cache_get_outer_total(1);
BEGIN;
UPDATE item SET n = n + 1 WHERE id = 4;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT state, reason, writer = :'xid'::xid8 AS it_is FROM why_outer(1);

-- The session and the declaration.
SET cache_ext.enabled = off;
SELECT state, reason FROM why(1);
RESET cache_ext.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT state, reason FROM why(1);
COMMIT;
ALTER FUNCTION total(int, text) VOLATILE;
SELECT state, reason FROM why(1);
ALTER FUNCTION total(int, text) STABLE;
DROP TABLE rate;
SELECT state, reason FROM cache_explain('rate');

\i include/end.sql
