-- cache_health: each check turns to a warning, and back.
\set ECHO none
\set database regress_health
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item SELECT n, n FROM generate_series(1, 100) AS n;
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM item AS i WHERE i.owner = $1';
CREATE FUNCTION large(k int) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT repeat('x', 100000) || k$$;
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');

CREATE FUNCTION health(name text) RETURNS TABLE (status text, value float8, threshold float8, detail text)
    LANGUAGE sql AS
    'SELECT h.status, h.value, h.threshold, h.detail FROM cache_health AS h WHERE h.check = name';
-- Polls for what takes its time.
CREATE FUNCTION becomes(name text, wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '60 s';
    found text;
BEGIN
    LOOP
        SELECT h.status INTO found FROM health(name) AS h;
        IF found = wanted OR clock_timestamp() > deadline THEN RETURN found; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;

-- A statement for each of our triggers on item, whose names are random.
CREATE FUNCTION of_triggers(statement text, which text DEFAULT '%') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'item'::regclass AND tgname LIKE which LOOP
        EXECUTE format(statement, name);
    END LOOP;
END $$;

\d cache_health
-- Nothing to say.
SELECT h.check, status, threshold FROM cache_health AS h;
SELECT * FROM health('preloaded');
SELECT * FROM health('declarations');
SELECT * FROM health('triggers');
SELECT * FROM health('untriggered');
SELECT * FROM health('prepared_transactions');
SELECT * FROM health('hit_ratio');

-- Shares are judged after enough reads only.
SELECT sum(cache_get_total(n)) FROM generate_series(1, 20) AS n;
SELECT * FROM health('hit_ratio');
SET cache_ext.health_min_reads = 20;
SELECT * FROM health('hit_ratio');
SET cache_ext.health_hit_ratio = 0;
SELECT * FROM health('hit_ratio');
RESET cache_ext.health_hit_ratio;
SELECT sum(cache_get_total(n)) FROM generate_series(1, 20) AS n;
SELECT * FROM health('hit_ratio');

-- Bypasses, and most of them why.
SELECT * FROM health('bypasses');
SET cache_ext.enabled = off;
SELECT sum(cache_get_total(n)) FROM generate_series(1, 10) AS n;
SELECT * FROM health('bypasses');
SET cache_ext.health_bypasses = 21;
SELECT * FROM health('bypasses');
RESET cache_ext.health_bypasses;
RESET cache_ext.enabled;
SELECT sum(cache_get_total(n)) FROM generate_series(1, 10) AS n;
SELECT status, value < 20 AS fewer FROM health('bypasses');
SELECT * FROM health('writer_rings');

-- More caches than one, the worst of them first.
SELECT cache_create('other', 'total(int)');
SELECT sum(cache_get_other(n)) FROM generate_series(1, 20) AS n;
SELECT * FROM health('hit_ratio');
SELECT cache_stat_reset('other');
SELECT * FROM health('hit_ratio');
SELECT cache_drop('other');

-- Memory, and what is evicted for it.
SELECT cache_create('large', 'large(int)');
SELECT status FROM health('memory');
SELECT sum(length(cache_get_large(n))) FROM generate_series(1, 400) AS n;
SELECT status, value > 95 AS much, threshold, detail ~ '^\d+ of \d+ kB in use: new values evict old ones$' AS as_expected
FROM health('memory');
SELECT status FROM health('evictions');
SET cache_ext.health_evictions = 10;
SELECT status, value BETWEEN 10 AND 50 AS plausible, threshold,
       detail ~ '^large: \d+ evictions for 400 fills$' AS as_expected
FROM health('evictions');
RESET cache_ext.health_evictions;
SET cache_ext.health_memory = 0;
SELECT status, threshold FROM health('memory');
RESET cache_ext.health_memory;
SELECT cache_drop('large');
SELECT status FROM health('memory');
SELECT * FROM health('evictions');

-- Places for caches.
SELECT status, threshold FROM health('max_caches');
SELECT cache_create(format('c%s', n), 'total(int)') FROM generate_series(1, 3) AS n;
SELECT cache_get_c1(1), cache_get_c2(1), cache_get_c3(1);
SET cache_ext.health_max_caches = 1;
SELECT status, threshold, detail ~ '^\d+ of 200$' AS as_expected FROM health('max_caches');
RESET cache_ext.health_max_caches;
SELECT status FROM health('max_caches');
SELECT cache_drop(format('c%s', n)) FROM generate_series(1, 3) AS n;

-- Triggers.
ALTER TABLE item DISABLE TRIGGER USER;
SELECT * FROM health('triggers');
SELECT * FROM health('untriggered');
UPDATE item SET amount = 0 WHERE owner = 1;
SELECT * FROM health('untriggered');
ALTER TABLE item ENABLE TRIGGER USER;
SELECT * FROM health('triggers');
SELECT of_triggers('ALTER TABLE item ENABLE ALWAYS TRIGGER %I');
SELECT * FROM health('triggers');
SELECT * FROM health('untriggered');
SELECT cache_stat_reset();
SELECT * FROM health('untriggered');
SELECT of_triggers('DROP TRIGGER %I ON item', '%truncate%');
SELECT * FROM health('triggers');
SELECT of_triggers('DROP TRIGGER %I ON item');
SELECT * FROM health('triggers');
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT * FROM health('triggers');
-- Partitions have the row trigger of the whole, and no other.
CREATE TABLE part (owner int) PARTITION BY LIST (owner);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
SELECT cache_invalidate_on('total', 'part', '{owner}');
CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2);
SELECT * FROM health('triggers');
ALTER TABLE part2 DISABLE TRIGGER USER;
SELECT * FROM health('triggers');
ALTER TABLE part2 ENABLE TRIGGER USER;
SELECT * FROM health('triggers');
SELECT cache_create('whole', 'total(int)');
CREATE TABLE gone (n int);
SELECT cache_invalidate_on('whole', 'gone');

-- Declarations that time has passed by.
SELECT * FROM health('declarations');
DROP TABLE gone;
SELECT * FROM health('declarations');
SELECT cache_drop('whole');
ALTER FUNCTION total(int) VOLATILE;
SELECT * FROM health('declarations');
ALTER FUNCTION total(int) STABLE;
SELECT * FROM health('declarations');
DROP FUNCTION total(int);
SELECT * FROM health('declarations');
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM item AS i WHERE i.owner = $1';
SELECT * FROM health('declarations');

-- Prepared transactions.
BEGIN;
UPDATE item SET amount = 1 WHERE owner = 1;
PREPARE TRANSACTION 'regress_health';
SELECT status, threshold, detail ~ '^1 in this database, the oldest for \d+ s$' AS as_expected
FROM health('prepared_transactions');
SET cache_ext.health_prepared_age = '1 ms';
SELECT becomes('prepared_transactions', 'critical');
SET cache_ext.health_prepared_age = 0;
SELECT status, threshold FROM health('prepared_transactions');
RESET cache_ext.health_prepared_age;
ROLLBACK PREPARED 'regress_health';
SELECT * FROM health('prepared_transactions');

-- Who sees what.
CREATE ROLE regress_health_reader;
CREATE ROLE regress_health_owner;
CREATE ROLE regress_health_monitor IN ROLE pg_read_all_stats;
GRANT CREATE ON SCHEMA public TO regress_health_owner;
CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * n';
SET ROLE regress_health_owner;
SELECT cache_create('own', 'double(int)');
RESET ROLE;
ALTER TABLE item DISABLE TRIGGER USER;
SET ROLE regress_health_reader;
SELECT h.check, status FROM cache_health AS h;
SET ROLE regress_health_owner;
SELECT h.check, status, detail FROM cache_health AS h;
SET ROLE regress_health_monitor;
SELECT h.check, status FROM cache_health AS h;
RESET ROLE;
SELECT cache_drop('own');
REVOKE ALL ON SCHEMA public FROM regress_health_owner;
DROP ROLE regress_health_reader, regress_health_owner, regress_health_monitor;

\i include/end.sql
