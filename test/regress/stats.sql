-- cache_stat, cache_bypasses, cache_entries, cache_stat_reset: what is counted when.
\set ECHO none
\set database regress_stats
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item VALUES (1, 10), (2, 20), (3, 30);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM item AS i WHERE i.owner = $1';
CREATE FUNCTION fails(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 / k';
CREATE FUNCTION fast(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
CREATE FUNCTION slow(k int) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN PERFORM pg_sleep(0.02); RETURN k; END';

-- A cache that nobody has used.
SELECT cache_create('total', 'total(int)');
\x on
SELECT * FROM cache_stat;
\x off
SELECT * FROM cache_bypasses;
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT cache_create('other', 'slow(int)');
SELECT cache_stat_reset();

-- What has changed since the last look.
CREATE VIEW counters AS
    SELECT s.cache, c.name, c.n
    FROM cache_stat AS s,
         LATERAL (VALUES ('entries', entries), ('hits', hits), ('misses', misses), ('bypasses', bypasses),
                         ('stale_hits', stale_hits), ('fills', fills), ('evictions', evictions),
                         ('expirations', expirations), ('invalidations', invalidations),
                         ('refreshes', refreshes), ('errors', errors), ('oversized', oversized),
                         ('untriggered', untriggered)) AS c (name, n);
CREATE TABLE seen AS SELECT * FROM counters;
CREATE FUNCTION counted() RETURNS TABLE (cache text, counted text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT c.cache, string_agg(format('%s %s', c.name, to_char(c.n - s.n, 'SG9')), ', ' ORDER BY c.name)
    FROM counters AS c JOIN seen AS s USING (cache, name)
    WHERE c.n <> s.n
    GROUP BY c.cache ORDER BY c.cache;
    DELETE FROM seen;
    INSERT INTO seen SELECT * FROM counters;
END $$;
SELECT count(*) >= 0 AS from_here_on FROM counted();

-- Reads.
SELECT cache_get_total(1);
SELECT * FROM counted();
SELECT cache_get_total(1), cache_get('total', 1), cache_peek('total', 1);
SELECT * FROM counted();
SELECT cache_peek('total', 2), cache_get('total', 2);
SELECT * FROM counted();
SELECT count(*) FROM cache_get_many_total('{1,2,3,4}');
SELECT * FROM counted();
SELECT state FROM cache_explain('total', 1);
SELECT count(*) FROM cache_entries;
SELECT * FROM cache_verify('total');
SELECT * FROM counted();
SELECT cache_refresh('total', 1);
SELECT * FROM counted();
-- Changes of tables count once per key or cache, and per transaction.
UPDATE item SET amount = amount + 1 WHERE owner IN (1, 2);
SELECT * FROM counted();
SELECT cache_get_total(1), cache_get_total(2), cache_get_total(3);
SELECT * FROM counted();
BEGIN;
UPDATE item SET amount = amount + 1 WHERE owner = 1;
UPDATE item SET amount = amount + 1 WHERE owner = 1;
COMMIT;
BEGIN;
UPDATE item SET amount = amount + 1;
ROLLBACK;
TRUNCATE item;
SELECT * FROM counted();
SELECT cache_invalidate('total', 3), cache_invalidate_all('total');
SELECT * FROM counted();
-- A loader that fails in the reader's session is the reader's business.
SELECT cache_create('fails', 'fails(int)');
INSERT INTO seen SELECT * FROM counters WHERE cache = 'fails';
SELECT error_of('SELECT cache_get_fails(0)');
SELECT * FROM counted();
SELECT last_error FROM cache_stat WHERE cache = 'fails';
SELECT cache_drop('fails');
-- Expired.
SELECT cache_create('fast', 'fast(int)', ttl => '1 s', refresh_at => NULL);
INSERT INTO seen SELECT * FROM counters WHERE cache = 'fast';
SELECT cache_get_fast(1), cache_get_fast(1);
SELECT * FROM counted();
SELECT pg_sleep(1.1);
SELECT cache_get_fast(1), cache_get_fast(1);
SELECT * FROM counted();
-- A value that is older than its ttl when it is complete: a miss, and a bypass.
SELECT cache_alter('other', '{"ttl": "10 ms", "refresh_at": null}');
SELECT * FROM counted();
SELECT cache_get_other(1), cache_peek('other', 1);
SELECT * FROM counted();
SELECT reason, bypasses FROM cache_bypasses WHERE cache = 'other';
-- Puts.
SELECT cache_create('store', key_types => '{int}', value_type => 'text');
INSERT INTO seen SELECT * FROM counters WHERE cache = 'store';
SELECT cache_put_store(1, 'a');
SELECT * FROM counted();
SELECT cache_get_store(1), cache_get_store(2);
SELECT * FROM counted();
BEGIN;
SELECT cache_put_store(2, 'b'), cache_put_store(2, 'c');
SELECT cache_get_store(2);
COMMIT;
SELECT * FROM counted();

-- Bypasses, by reason.
SELECT cache_stat_reset('total');
SELECT * FROM counted();
SET cache_ext.enabled = off;
SELECT cache_get_total(1);
RESET cache_ext.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache_get_total(1), cache_get_total(2);
COMMIT;
BEGIN;
INSERT INTO item VALUES (1, 1);
SELECT cache_get_total(1);
ROLLBACK;
BEGIN;
SELECT txid_current() > 0 AS has_xid;
SELECT cache_get_total(1);
COMMIT;
ALTER FUNCTION total(int) VOLATILE;
SELECT cache_get_total(1);
ALTER FUNCTION total(int) STABLE;
SET track_counts = off;
BEGIN;
SELECT txid_current() > 0 AS has_xid;
SELECT cache_get_total(1);
COMMIT;
RESET track_counts;
SELECT * FROM cache_bypasses WHERE cache = 'total' ORDER BY reason;
SELECT * FROM counted();

-- The ratio of hits to all reads; time saved and spent.
SELECT cache_stat_reset();
SELECT cache, hit_ratio FROM cache_stat ORDER BY cache;
SELECT cache_get_total(1);
SELECT hit_ratio FROM cache_stat WHERE cache = 'total';
SELECT count(cache_get_total(1)) FROM generate_series(1, 3);
SELECT hits, misses, bypasses, hit_ratio FROM cache_stat WHERE cache = 'total';
SET cache_ext.enabled = off;
SELECT count(cache_get_total(1)) FROM generate_series(1, 4);
RESET cache_ext.enabled;
SELECT hits, misses, bypasses, hit_ratio FROM cache_stat WHERE cache = 'total';
SELECT cache_alter('other', '{"ttl": "5 min"}');
SELECT cache_get_other(7), cache_get_other(7), cache_get_other(7);
SELECT load_time_ms >= 20 AS loaded, saved_time_ms >= 40 AS saved, load_time_ms < saved_time_ms AS more
FROM cache_stat WHERE cache = 'other';

-- Not counted when that is switched off.
SELECT count(*) FROM counted();
SET cache_ext.track = off;
SELECT cache_get_total(1), cache_get_total(50);
UPDATE item SET amount = 0;
SET cache_ext.enabled = off;
SELECT cache_get_total(1);
RESET cache_ext.enabled;
RESET cache_ext.track;
SELECT * FROM counted();

-- Entries.
TRUNCATE item;
INSERT INTO item VALUES (1, 10), (2, 20);
SELECT cache_invalidate_all('other') > 0 AS some;
SELECT cache_get_total(1), cache_get_total(1), cache_get_total(2), cache_get_other(1);
SELECT cache, key, hits, bytes > 50 AS has_bytes, calculated_at <= now() AS past,
       expires_at - calculated_at AS lives, state
FROM cache_entries WHERE cache IN ('total', 'other') AND state = 'live' ORDER BY cache, key;
UPDATE item SET amount = 11 WHERE owner = 1;
SELECT key, state FROM cache_entries WHERE cache = 'total' AND key IN ('1', '2') ORDER BY key;
SELECT cache, entries = (SELECT count(*) FROM cache_entries AS e WHERE e.cache = s.cache) AS same_number,
       bytes = (SELECT coalesce(sum(e.bytes), 0) FROM cache_entries AS e WHERE e.cache = s.cache) AS same_bytes
FROM cache_stat AS s ORDER BY cache;

-- Reset: one cache or all; entries stay.
SELECT cache_get_total(2);
SELECT cache_stat_reset('total');
SELECT hits, misses, entries > 0 AS has_entries, stats_reset <= clock_timestamp() AS reset
FROM cache_stat WHERE cache = 'total';
SELECT misses > 0 AS not_reset FROM cache_stat WHERE cache = 'other';
SELECT cache_stat_reset(NULL);
SELECT sum(hits + misses + bypasses + fills + invalidations) FROM cache_stat;
SELECT source FROM cache_get_entry('total', 2);
SELECT error_of($$SELECT cache_stat_reset('no_such_cache')$$);

-- Verified: entries that differ from their loader (here, one that was put by hand).
SELECT * FROM cache_verify('total');
SELECT cache_put('total', '12345', 1);
SELECT * FROM cache_verify('total');
SELECT * FROM cache_verify('total', 1000);
SELECT error_of($$SELECT * FROM cache_verify('total', 0)$$);
SELECT error_of($$SELECT * FROM cache_verify('no_such_cache')$$);
SELECT * FROM cache_verify('store');
BEGIN;
UPDATE item SET amount = 1;
SELECT * FROM cache_verify('total');
ROLLBACK;

\i include/end.sql
