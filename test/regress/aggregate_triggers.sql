-- Aggregate caches of tables that have more than one trigger of ours: each row is added once.
\set ECHO none
\set database regress_aggregate_triggers
\i include/begin.sql

-- A partition with a trigger of its own, before and after the table was declared, and one attached later.
CREATE TABLE part (k int, v int) PARTITION BY RANGE (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 (v int, k int);
CREATE FUNCTION load_1(k int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT sum(v) FROM part_1 AS p WHERE p.k = $1; END;
CREATE FUNCTION load_2(k int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT sum(v) FROM part_2 AS p WHERE p.k = $1; END;
SET client_min_messages = warning;
SELECT cache_create('one', 'load_1(int)'), cache_create('two', 'load_2(int)');
RESET client_min_messages;
SELECT cache_create_aggregate('parts', 'part', '{k}', '{n: count(*), s: sum(v)}');
SELECT cache_create_aggregate('ones', 'part_1', '{k}', '{n: count(*), s: sum(v)}');
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE 'cache\_ext\_row%' GROUP BY 1 ORDER BY 1;
CREATE VIEW wrong AS
    SELECT k, cache_get_parts(k)::text, cache_get_ones(k)::text FROM unnest('{1,2,11,12}'::int[]) AS g (k)
    WHERE cache_get_parts(k)::text <> (SELECT ROW(count(*), sum(v))::text FROM part AS p WHERE p.k = g.k)
    OR cache_get_ones(k)::text <> (SELECT ROW(count(*), sum(v))::text FROM part_1 AS p WHERE p.k = g.k);
CREATE VIEW loads AS SELECT cache, fills FROM cache_stat WHERE cache IN ('ones', 'parts', 'plain') ORDER BY cache;
TABLE wrong;
INSERT INTO part VALUES (1, 1), (2, 2), (11, 3), (12, 4);
TABLE wrong;
INSERT INTO part_2 (k, v) VALUES (11, 5);
UPDATE part SET v = v + 1;
UPDATE part SET k = k + 10 WHERE k = 1;
DELETE FROM part WHERE k = 12;
TABLE wrong;
TABLE loads;
-- The trigger that tells is the first that is always fired, whatever the session is.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO part VALUES (1, 7), (12, 8);
COMMIT;
TABLE wrong;
TABLE loads;
-- Without one of that kind, or beside DDL that might have made one, keys are invalidated.
BEGIN;
CREATE TEMPORARY TABLE t () ON COMMIT DROP;
INSERT INTO part VALUES (1, 7), (12, 8);
COMMIT;
TABLE wrong;
TABLE loads;
ALTER TABLE part_1 ENABLE TRIGGER ALL;
TABLE wrong;
INSERT INTO part VALUES (1, 7), (2, 8);
TABLE wrong;

-- Triggers that others make: whoever may, on the table.
CREATE ROLE regress_aggregate_triggers;
CREATE TABLE plain (k int, v int);
GRANT TRIGGER ON plain TO regress_aggregate_triggers;
SELECT cache_create_aggregate('plain', 'plain', '{k}', '{n: count(*), s: sum(v)}');
CREATE VIEW plain_wrong AS
    SELECT k, cache_get_plain(k)::text FROM generate_series(1, 2) AS g (k)
    WHERE cache_get_plain(k)::text <> (SELECT ROW(count(*), sum(v))::text FROM plain AS p WHERE p.k = g.k);
TABLE plain_wrong;
CREATE PROCEDURE writes() LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO plain VALUES (1, 1), (2, 2);
    UPDATE plain SET v = v * 2, k = 3 - k;
    DELETE FROM plain WHERE k = 1;
    COMMIT;
END $$;
SET ROLE regress_aggregate_triggers;
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON plain FOR EACH ROW
    EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
CREATE TRIGGER z AFTER INSERT OR UPDATE ON plain FOR EACH ROW
    EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
RESET ROLE;
TABLE plain_wrong;
CALL writes();
TABLE plain_wrong;
ALTER TABLE plain ENABLE ALWAYS TRIGGER z;
CALL writes();
TABLE plain_wrong;
ALTER TABLE plain ENABLE ALWAYS TRIGGER a;
CALL writes();
TABLE plain_wrong;
ALTER TABLE plain DISABLE TRIGGER a;
CALL writes();
TABLE plain_wrong;
DROP TRIGGER a ON plain;
DROP TRIGGER z ON plain;
-- One that is fired later, also when it is the first.
SET ROLE regress_aggregate_triggers;
CREATE CONSTRAINT TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON plain DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
RESET ROLE;
TABLE plain_wrong;
CALL writes();
TABLE plain_wrong;
BEGIN;
INSERT INTO plain VALUES (1, 5);
SAVEPOINT s;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
COMMIT;
TABLE plain_wrong;
ALTER TABLE plain ENABLE ALWAYS TRIGGER a;
CALL writes();
TABLE plain_wrong;
ALTER TABLE plain ENABLE TRIGGER a;
CALL writes();
TABLE plain_wrong;
DROP TRIGGER a ON plain;

-- A trigger that is made, and one that goes with its partition, while a statement changes rows: what that one fires
-- was decided before.
CREATE FUNCTION make_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = TG_RELID AND tgname = 'a') THEN
        CREATE TRIGGER a AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
        ALTER TABLE part ENABLE ALWAYS TRIGGER a;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER aa AFTER INSERT ON part_2 FOR EACH ROW EXECUTE FUNCTION make_trigger();
TABLE wrong;
INSERT INTO part_2 (k, v) VALUES (11, 1), (12, 2);
TABLE wrong;
SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'part_2'::regclass AND tgname = 'a';
CREATE FUNCTION detach() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = TG_RELID) THEN
        ALTER TABLE part DETACH PARTITION part_1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cache_ext_row_n AFTER INSERT ON part_1 FOR EACH ROW EXECUTE FUNCTION detach();
TABLE wrong;
INSERT INTO part_1 VALUES (1, 1), (2, 2);
TABLE wrong;

DROP VIEW wrong, plain_wrong, loads;
DROP TRIGGER a ON part;
DROP TABLE plain CASCADE;
DROP VIEW made_by_cache_ext;
DROP EXTENSION cache_ext;
DROP ROLE regress_aggregate_triggers;

\i include/end.sql
