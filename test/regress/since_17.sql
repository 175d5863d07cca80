-- What came with PostgreSQL 16 and 17: every way to change a table is noticed, by this transaction and by others.
\set ECHO none
\set database regress_since_17
\i include/begin.sql
\set ECHO all

CREATE TABLE item (id int PRIMARY KEY, owner int, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO item VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(twice) FROM item AS i WHERE i.owner = $1';
SELECT cache_create('total', 'total(int)', invalidate => 'declared');
SELECT cache_invalidate_on('total', 'item', '{owner}');
-- As they are in the midst of a statement: a volatile function sees what the statement has done so far.
CREATE FUNCTION cached(owner int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN cache_get_total(owner); END';
CREATE FUNCTION now(owner int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN total(owner); END';
CREATE VIEW look AS SELECT k, cache_get_total(k) AS cached, cache_get_total(k) IS NOT DISTINCT FROM total(k) AS is_right
    FROM generate_series(1, 5) AS k;
SELECT * FROM look;

-- MERGE with RETURNING, and with rows that the source does not have.
MERGE INTO item USING (VALUES (1, 10), (4, 40)) AS s (id, n) ON s.id = item.id
    WHEN MATCHED THEN UPDATE SET n = item.n + s.n
    WHEN NOT MATCHED THEN INSERT (id, owner, n) VALUES (s.id, s.id, s.n)
    WHEN NOT MATCHED BY SOURCE AND item.id = 3 THEN DELETE
    RETURNING merge_action(), item.owner, cached(item.owner) IS NOT DISTINCT FROM now(item.owner) AS is_right;
SELECT * FROM look;
-- In a CTE, and rolled back.
BEGIN;
WITH m AS (MERGE INTO item USING (VALUES (2)) AS s (id) ON s.id = item.id WHEN MATCHED THEN UPDATE SET owner = 5
           RETURNING item.id)
SELECT count(*) FROM m;
SELECT * FROM look;
ROLLBACK;
SELECT * FROM look;
-- By way of a view.
CREATE VIEW items AS SELECT id, owner, n FROM item;
MERGE INTO items USING (VALUES (2)) AS s (id) ON s.id = items.id WHEN MATCHED THEN UPDATE SET n = items.n + 1;
SELECT * FROM look WHERE k = 2;

-- COPY that leaves out what it cannot read.
\set SHOW_CONTEXT never
COPY item (id, owner, n) FROM stdin WITH (ON_ERROR ignore);
5	5	5
6	x	1
\.
SELECT * FROM look WHERE k = 5;

-- A stored column that is generated in another way.
ALTER TABLE item ALTER COLUMN twice SET EXPRESSION AS (n * 3);
SELECT * FROM look;
BEGIN;
ALTER TABLE item ALTER COLUMN twice SET EXPRESSION AS (n * 4);
SELECT * FROM look;
ROLLBACK;
SELECT * FROM look;

-- Maintenance runs with a search path of its own: an accessor in a materialized view finds what it needs.
CREATE MATERIALIZED VIEW seen AS SELECT k, cache_get_total(k) AS cached FROM generate_series(1, 2) AS k;
UPDATE item SET n = n + 1 WHERE owner = 1;
REFRESH MATERIALIZED VIEW seen;
SELECT s.cached = total(k) AS is_right FROM seen AS s ORDER BY k;
CREATE INDEX ON item ((owner + 1));
REINDEX TABLE item;
CLUSTER item USING item_pkey;
VACUUM FULL item;
SELECT * FROM look WHERE k = 1;
-- By somebody who may do just that.
CREATE ROLE regress_since_17_maintainer;
GRANT MAINTAIN ON seen, item TO regress_since_17_maintainer;
SET ROLE regress_since_17_maintainer;
REFRESH MATERIALIZED VIEW seen;
CLUSTER item USING item_pkey;
ANALYZE item;
RESET ROLE;
SELECT s.cached = total(k) AS is_right FROM seen AS s ORDER BY k;
SELECT cache_get_total(1) = total(1) AS is_right;

-- The session's limit of a transaction is not the loader's business, nor does it change what is cached.
SET transaction_timeout = '1 min';
SELECT cache_invalidate_all('total');
SELECT source FROM cache_get_entry('total', 1);
RESET transaction_timeout;
SELECT source FROM cache_get_entry('total', 1);
CREATE FUNCTION sets_limit(k int) RETURNS int LANGUAGE plpgsql STABLE SET transaction_timeout = '10ms' AS 'BEGIN RETURN k; END';
SELECT cache_create('sets_limit', 'sets_limit(int)', invalidate => 'declared');
SELECT error_of('SELECT cache_get_sets_limit(1)');
-- What is looked up in a commit does not count.
CREATE TABLE parent (id int PRIMARY KEY, owner int);
INSERT INTO parent SELECT g, g % 10 FROM generate_series(1, 30000) AS g;
CREATE TABLE child (id int, parent int);
CREATE FUNCTION children(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM child AS c JOIN parent AS p ON p.id = c.parent WHERE p.owner = $1';
SELECT cache_create('children', 'children(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('children', 'child', 'SELECT p.owner FROM parent AS p, parent AS q, parent AS r
    WHERE p.id = $1.parent AND q.id * r.id::bigint < 0 UNION ALL SELECT owner FROM parent WHERE id = $1.parent');
SELECT cache_get_children(0), cache_get_children(1);
SET cache_ext.path_timeout = '3s';
SET transaction_timeout = '2s';
BEGIN;
INSERT INTO child VALUES (1, 10);
COMMIT;
RESET transaction_timeout;
RESET cache_ext.path_timeout;
SELECT cache_get_children(0), cache_get_children(1);

-- Memberships with options of their own.
CREATE ROLE regress_since_17_owner;
CREATE ROLE regress_since_17_member;
GRANT regress_since_17_owner TO regress_since_17_member WITH INHERIT FALSE, SET TRUE;
REVOKE EXECUTE ON FUNCTION cache_get_total(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_get_total(int) TO regress_since_17_owner;
SET ROLE regress_since_17_member;
SELECT error_of('SELECT cache_get_total(1)');
SELECT error_of('SELECT cache_get(''total'', 1)');
RESET ROLE;
GRANT regress_since_17_owner TO regress_since_17_member WITH INHERIT TRUE;
SET ROLE regress_since_17_member;
SELECT cache_get_total(1) = cache_get('total', 1)::text::bigint AS is_right;
RESET ROLE;
DROP OWNED BY regress_since_17_owner, regress_since_17_maintainer;
DROP ROLE regress_since_17_owner, regress_since_17_member, regress_since_17_maintainer;

-- Who waits for something of ours says for what.
DO $$
DECLARE deadline timestamptz = clock_timestamp() + '1 min';
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        IF EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_ext launcher'
                   AND wait_event_type = 'Extension' AND wait_event = 'CacheExtLauncherMain') THEN
            RETURN;
        END IF;
        IF clock_timestamp() > deadline THEN RAISE 'the launcher does not say what it waits for'; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;

\i include/end.sql
