-- The call-centre caches that are made of others: beside the same values by the rows of calls, in one statement, after random
-- writes. In a time zone of its own, whose days are not those of the server.
\set database pgtap_call_center_composed
\ir call_center/setup.sql
\set zone 'America/St_Johns'
\ir call_center/by_rows.sql

SELECT plan(11);

SELECT throws_ok(format('SELECT cache_install_call_center(''app'', %L)', z), '22023', NULL,
                 format('a time zone that is none: %s', coalesce(z, 'NULL')))
FROM unnest('{NULL,CEST,nowhere,"UTC'' x"}'::text[]) AS z;
SELECT lives_ok(format('SELECT cache_install_call_center(''app'', %L)', :'zone'), 'the caches are installed');
SELECT is((SELECT count(*) FROM cache_ext_internal.cache_definition AS d
           WHERE d.expires = 'day ' || :'zone' AND d.ttl IS NULL), 4::bigint, 'four expire at its midnight, and have no ttl');

-- Calls of the user of another one's agent, of neither, without a time, without figures; now and beyond all windows, and around each
-- midnight of theirs, in the future, too.
ALTER TABLE calls DROP CONSTRAINT calls_user_id_fkey, DROP CONSTRAINT calls_agent_id_fkey, DROP CONSTRAINT calls_check,
    ALTER user_id DROP NOT NULL, ALTER agent_id DROP NOT NULL, ALTER created_at DROP NOT NULL, ALTER status DROP NOT NULL,
    ALTER duration_minutes DROP NOT NULL, ALTER credits_used DROP NOT NULL;

CREATE FUNCTION some_time() RETURNS timestamptz LANGUAGE sql VOLATILE
SET TimeZone = :'zone' AS $$
    SELECT CASE (random() * 12)::int
               WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN now()
               WHEN 4 THEN current_date + 1 WHEN 5 THEN current_date + interval '1 day -1 us'
               ELSE current_date - (random() * 35)::int + CASE (random() * 3)::int
                    WHEN 0 THEN interval '-1 us' WHEN 1 THEN '0' ELSE random() * '1 day'::interval END END $$;

-- What only one of both has, of all users and agents, also such as are not there.
CREATE VIEW apart AS
    WITH users AS (SELECT id FROM users UNION ALL VALUES (u(9)), (NULL)),
         agents AS (SELECT id FROM agents UNION ALL VALUES (a(9)), (NULL))
    SELECT 'dashboard' AS cache, id FROM users
    WHERE cache_get_dashboard(id)::text IS DISTINCT FROM by_rows_dashboard(id)::text
    UNION ALL SELECT 'agents', id FROM users
    WHERE cache_get_agents(id)::text IS DISTINCT FROM by_rows_agents(id)::text
    UNION ALL SELECT 'agent', id FROM agents
    WHERE cache_get_agent(id)::text IS DISTINCT FROM by_rows_agent(id)::text
    UNION ALL SELECT 'agent_performance', id FROM agents
    WHERE cache_get_agent_performance(id)::text IS DISTINCT FROM by_rows_agent_performance(id)::text;

CREATE PROCEDURE write_at_random(transactions int) LANGUAGE plpgsql AS $$
DECLARE
    k int;
    bad text;
BEGIN
    PERFORM setseed(0.25);
    FOR t IN 1 .. transactions LOOP
        FOR w IN 1 .. 1 + (random() * 3)::int LOOP
            BEGIN
                k := (random() * 60)::int;
                CASE (random() * 7)::int
                WHEN 0 THEN
                    DELETE FROM app.calls WHERE id = app.c(k);
                WHEN 1 THEN
                    UPDATE app.calls SET user_id = app.u((random() * 4)::int), agent_id = app.a((random() * 4)::int) WHERE id = app.c(k);
                WHEN 2 THEN
                    UPDATE app.calls SET created_at = app.some_time() WHERE id IN (app.c(k), app.c(k + 1));
                WHEN 3 THEN
                    UPDATE app.agents SET user_id = app.u(1 + (random() * 2)::int) WHERE id = app.a(1 + (random() * 2)::int);
                WHEN 4 THEN
                    DELETE FROM app.lead_analytics WHERE id = app.l(k);
                    INSERT INTO app.lead_analytics (id, call_id, total_score)
                    SELECT app.l(k), c.id, random() * 100 FROM app.calls AS c WHERE c.id = app.c(k);
                WHEN 5 THEN
                    UPDATE app.calls SET duration_minutes = NULLIF((random() * 9)::int, 0), credits_used = NULLIF((random() * 9)::int, 0),
                        status = ('{completed,failed,cancelled,in_progress,NULL}'::text[])[1 + (random() * 4)::int]
                    WHERE id = app.c(k);
                ELSE
                    INSERT INTO app.calls (id, user_id, agent_id, status, duration_minutes, created_at)
                    VALUES (app.c(k), app.u((random() * 4)::int), app.a((random() * 4)::int), 'completed', k, app.some_time())
                    ON CONFLICT (id) DO UPDATE SET status = 'failed';
                END CASE;
                IF random() < 0.2 THEN RAISE EXCEPTION USING ERRCODE = 'P0099'; END IF;
            EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
            END;
        END LOOP;
        IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
        SELECT string_agg(a.cache || ' ' || coalesce(a.id::text, 'NULL'), ', ') INTO bad FROM app.apart AS a;
        IF bad IS NOT NULL THEN RAISE EXCEPTION 'wrong after transaction %: %', t, bad; END IF;
        COMMIT;
    END LOOP;
END $$;

SELECT is_empty('SELECT * FROM apart', 'as by rows when they are loaded');
SELECT is_empty('SELECT * FROM apart', 'and from the cache');
CALL write_at_random(200);
SELECT is_empty('SELECT * FROM apart', 'and after random writes');
SELECT is((SELECT count(*) FROM cache_entries AS e
           WHERE e.cache IN ('dashboard', 'agents', 'agent', 'agent_performance')
           AND e.expires_at <> (date_trunc('day', now() AT TIME ZONE :'zone') + interval '1 day') AT TIME ZONE :'zone'),
          0::bigint, 'all until the next midnight there');
SELECT is_empty($$ SELECT cache, reason FROM cache_bypasses WHERE bypasses > 0 AND reason !~ 'this transaction has' $$,
                'none of it was not to be cached');
SELECT * FROM finish();
