-- A tour of the caches over made-up data: schema.sql, generate.sql, CREATE EXTENSION cache_ext and
-- SELECT cache_install_call_center() come first. It adds two calls.

\set ON_ERROR_STOP on
\set tour_was_quiet :QUIET
\set QUIET on
\pset footer off
\pset null '-'

-- Milliseconds per evaluation.
CREATE FUNCTION pg_temp.timed(expression text, times integer) RETURNS numeric
LANGUAGE plpgsql AS
$$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('SELECT count(%s) FROM generate_series(1, %s)', expression, times);
    RETURN extract(epoch FROM clock_timestamp() - started) * 1000 / times;
END
$$;

SELECT u.id AS busy, u.name AS busy_name, to_char(top.calls, 'FM999,999,999') AS busy_calls
FROM (SELECT c.user_id, count(*) AS calls
      FROM calls AS c
      GROUP BY c.user_id
      ORDER BY count(*) DESC, c.user_id
      LIMIT 1) AS top
JOIN users AS u ON u.id = top.user_id
\gset
SELECT c.agent_id AS agent
FROM calls AS c
WHERE c.user_id = :'busy'
GROUP BY c.agent_id
ORDER BY count(*) DESC, c.agent_id
LIMIT 1
\gset

\echo
\echo '1. A dashboard'
\echo '   The busiest user is' :busy_name 'with' :busy_calls 'calls. What the application asks for:'
\echo
\echo '   SELECT cache_get_dashboard(:user_id);'
\echo
\pset tuples_only on
\pset format unaligned
SELECT jsonb_pretty(cache_get_dashboard(:'busy')::jsonb);
\pset tuples_only off
\pset format aligned

\echo
\echo '2. What it costs'
\echo '   The first read of a key runs the loader, an ordinary function; further reads find its'
\echo '   result in shared memory. Milliseconds per call inside the server, for this user and one of'
\echo '   the agents; loader is the loader alone, run again when all it reads is in memory:'
\echo

SELECT count(*) AS forgotten
FROM (VALUES ('dashboard'), ('dashboard_analytics'), ('agents'), ('agent'), ('agent_performance'),
             ('agent_tools')) AS c (name),
     LATERAL cache_invalidate_all(c.name)
\gset
SELECT format('cache_get_%s', r.name) AS "read",
       round(f.ms, 2) AS "first read",
       round(l.ms, 2) AS "loader",
       round(c.ms, 4) AS "further reads",
       format('%s times', to_char(l.ms / c.ms, 'FM999,999,990')) AS "faster"
FROM (VALUES (1, 'dashboard',           format('%L::uuid', :'busy')),
             (2, 'dashboard_analytics', format('%L::uuid, jsonb %L', :'busy', '{"days": 90}')),
             (3, 'agents',              format('%L::uuid', :'busy')),
             (4, 'agent',               format('%L::uuid', :'agent')),
             (5, 'agent_performance',   format('%L::uuid', :'agent')),
             (6, 'agent_tools',         format('%L::uuid', :'agent')))
         AS r (position, name, key),
     LATERAL (SELECT pg_temp.timed(format('cache_get_%s(%s)', r.name, r.key), 1) AS ms) AS f,
     LATERAL (SELECT pg_temp.timed(format('cache_load_%s(%s)', r.name, r.key), 5) AS ms) AS l,
     LATERAL (SELECT pg_temp.timed(format('cache_get_%s(%s)', r.name, r.key), 5000) AS ms) AS c
ORDER BY r.position;

\echo
\echo '3. A call comes in'
\echo '   Committed changes are seen by the next read. Nobody calls an invalidation:'
\echo
\echo '   INSERT INTO calls (agent_id, user_id) VALUES (:agent_id, :user_id);'
\echo

SELECT e.value #>> '{calls,total}' AS calls_before, e.source AS source_before
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
INSERT INTO calls (agent_id, user_id) VALUES (:'agent', :'busy');
SELECT e.value #>> '{calls,total}' AS calls_after, e.source AS source_after
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
SELECT e.value #>> '{calls,total}' AS calls_again, e.source AS source_again
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
SELECT v.at AS "dashboard", v.calls, v.source
FROM (VALUES (1, 'before the INSERT', :'calls_before', :'source_before'),
             (2, 'the next read', :'calls_after', :'source_after'),
             (3, 'the one after it', :'calls_again', :'source_again'))
         AS v (position, at, calls, source)
ORDER BY v.position;

\echo
\echo '4. A change that is rolled back'
\echo '   A transaction sees its own changes; others keep the cached value, and so does everybody'
\echo '   after the ROLLBACK:'
\echo
\echo '   BEGIN; UPDATE users SET credits = 1000000 WHERE id = :user_id; ROLLBACK;'
\echo

SELECT e.value ->> 'credits' AS credits_before, e.source AS source_before
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
BEGIN;
UPDATE users SET credits = 1000000 WHERE id = :'busy';
SELECT e.value ->> 'credits' AS credits_inside, e.source AS source_inside
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
ROLLBACK;
SELECT e.value ->> 'credits' AS credits_after, e.source AS source_after
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e
\gset
SELECT v.at AS "dashboard", v.credits, v.source
FROM (VALUES (1, 'before', :'credits_before', :'source_before'),
             (2, 'inside, after the UPDATE', :'credits_inside', :'source_inside'),
             (3, 'after the ROLLBACK', :'credits_after', :'source_after'))
         AS v (position, at, credits, source)
ORDER BY v.position;

\echo
\echo '5. Where a value comes from'
\echo
\echo '   SELECT * FROM cache_get_entry(''dashboard'', :user_id);'
\echo
SELECT e.source, e.calculated_at, e.expires_at
FROM cache_get_entry('dashboard', :'busy'::uuid) AS e;
\echo
\echo '   SELECT * FROM cache_explain(''dashboard'', :user_id);'
\echo
\pset expanded on
SELECT * FROM cache_explain('dashboard', :'busy'::uuid);
\pset expanded off

\echo
\echo '6. One of your own'
\echo '   Nothing is declared: what the function reads is found out, and which rows concern whom.'
\echo
\echo '   CREATE FUNCTION scores(user_id uuid) RETURNS jsonb LANGUAGE sql STABLE ...'
\echo '   SELECT cache_create(''scores'', loader => ''scores(uuid)'');'
\echo

CREATE FUNCTION scores(user_id uuid) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT jsonb_build_object('calls', count(DISTINCT c.id), 'best', max(l.total_score))
            FROM calls AS c LEFT JOIN lead_analytics AS l ON l.call_id = c.id
            WHERE c.user_id = $1);
SELECT id AS other FROM users WHERE id <> :'busy' LIMIT 1
\gset
SELECT cache_create('scores', loader => 'scores(uuid)')
\g /dev/null
SELECT input, covered, invalidates FROM cache_check('scores');
SELECT cache_get_scores(:'busy'), cache_get_scores(:'other')
\g /dev/null
\echo '   INSERT INTO calls (agent_id, user_id) VALUES (:agent_id, :user_id);'
\echo
INSERT INTO calls (agent_id, user_id) VALUES (:'agent', :'busy');
SELECT v.who AS "scores", e.value ->> 'calls' AS calls, e.source
FROM (VALUES (1, 'of that user', :'busy'::uuid), (2, 'of another one', :'other'::uuid)) AS v (position, who, id),
     cache_get_entry('scores', v.id) AS e
ORDER BY v.position;
SELECT cache_drop('scores')
\g /dev/null
DROP FUNCTION scores;

\echo
\echo '7. The statistics'
\echo
\echo '   SELECT * FROM cache_stat;'
\echo
SELECT s.cache, s.entries, pg_size_pretty(s.bytes) AS size, s.hits, s.misses, s.invalidations,
       round(100 * s.hit_ratio::numeric, 1) AS "hit %",
       format('%s s', round(s.saved_time_ms::numeric / 1000, 1)) AS saved
FROM cache_stat AS s
ORDER BY s.cache;

DROP FUNCTION pg_temp.timed(text, integer);
\pset footer on
\pset null ''
\set QUIET :tour_was_quiet
\unset tour_was_quiet
