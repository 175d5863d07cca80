-- What a writer pays whose row reaches its keys by a path: processor time and time in microseconds of a committed INSERT of one lead.
-- Run it, as superuser, in turns in a database with the call centre (examples/call_center) and in one with its caches, too:
--
--     psql -d shop -v rows=10000 -f test/bench/paths.sql
\set QUIET on
\pset tuples_only on
\if :{?rows}
\else
    \set rows 10000
\endif
SET synchronous_commit = off;
CREATE PROCEDURE pg_temp.insert_leads(n int) LANGUAGE plpgsql AS $$
DECLARE
    ids   uuid[];
    spent numeric;
    began timestamptz;
BEGIN
    SELECT array_agg(id) INTO ids FROM (SELECT id FROM calls ORDER BY id LIMIT n) AS c;
    FOR i IN -300 .. cardinality(ids) LOOP
        IF i = 1 THEN  -- the session is warm
            spent := split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
            began := clock_timestamp();
        END IF;
        INSERT INTO lead_analytics (call_id, intent_score, total_score) VALUES (ids[greatest(i, 1)], 50, 60);
        COMMIT;
    END LOOP;
    spent := split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric - spent;
    RAISE NOTICE '% of processor time, % in all', round(spent / cardinality(ids) / 1000, 2),
        round(extract(epoch FROM clock_timestamp() - began) * 1e6 / cardinality(ids), 2);
END $$;
CALL pg_temp.insert_leads(:rows);
