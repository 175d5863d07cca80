-- Fills the tables of schema.sql with data made up by hashing row numbers: the
-- same sizes within the same hour give the same rows. Dates end at the current
-- hour (UTC) and go back 120 days.
--
--     psql -v users=2000 -v agents=8000 -v calls=2000000 -f generate.sql
--
-- One user in forty is busy; the busy users make half of all calls. Everything
-- is one transaction: an interrupted load leaves the tables empty.

\set ON_ERROR_STOP on
\set load_was_quiet :QUIET
\set QUIET on
\if :{?users}
\else
    \set users 1000
\endif
\if :{?agents}
\else
    \set agents 5000
\endif
\if :{?calls}
\else
    \set calls 1000000
\endif

\pset format unaligned
\pset tuples_only on

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL synchronous_commit = off;
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL work_mem = '128MB';
SET LOCAL jit = off;
SET LOCAL TimeZone = 'UTC';

CREATE TEMPORARY TABLE load_size ON COMMIT DROP AS
SELECT :users::integer AS users,
       greatest(:users / 40, 1) AS busy_users,
       :agents::integer AS agents,
       :calls::bigint AS calls,
       date_trunc('hour', now()) AS last_hour,
       clock_timestamp() AS started;

DO $$
DECLARE
    table_name text;
    has_rows   boolean;
BEGIN
    IF EXISTS (SELECT FROM load_size WHERE users < 1 OR calls < 1 OR agents < users) THEN
        RAISE EXCEPTION 'at least one user, one call, and as many agents as users are needed';
    END IF;
    FOREACH table_name IN ARRAY ARRAY['users', 'agents', 'calls', 'lead_analytics',
                                      'agent_analytics', 'tools', 'agent_tools']
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', table_name) INTO has_rows;
        IF has_rows THEN
            RAISE EXCEPTION 'table % is not empty', table_name
                USING HINT = 'Made-up data are only loaded into the empty tables of schema.sql.';
        END IF;
    END LOOP;
END
$$;

\echo Loading a made-up call centre: :users users, :agents agents, :calls calls

-- hash01 maps a row number and a purpose to [0, 1); row_id is the fixed uuid of
-- a row number.
CREATE FUNCTION pg_temp.hash01(n bigint, purpose integer) RETURNS float8
LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(n, purpose) & 1073741823) / 1073741824.0::float8 $$;

CREATE FUNCTION pg_temp.row_id(kind text, n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS
$$ SELECT md5(kind || n::text)::uuid $$;

-- Foreign keys are checked and indexes built once at the end instead of row by
-- row: their definitions are kept here and executed again after the load.
CREATE TEMPORARY TABLE load_later ON COMMIT DROP AS
WITH loaded AS (
    SELECT unnest(ARRAY['agents', 'calls', 'lead_analytics', 'agent_analytics',
                        'agent_tools']::regclass[]) AS relation
)
SELECT CASE c.contype WHEN 'f' THEN 3 ELSE 1 END AS step,
       format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS remove,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
              pg_get_constraintdef(c.oid)) AS restore
FROM pg_constraint AS c
JOIN loaded AS l ON l.relation = c.conrelid
WHERE c.contype IN ('f', 'p', 'u')
UNION ALL
SELECT 2,
       format('DROP INDEX %s', i.indexrelid::regclass),
       pg_get_indexdef(i.indexrelid)
FROM pg_index AS i
JOIN loaded AS l ON l.relation = i.indrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid);

SELECT remove FROM load_later ORDER BY step DESC, remove
\gexec

\echo [1/6] users, agents and tools

INSERT INTO users (id, email, name, credits, is_active, created_at)
SELECT pg_temp.row_id('user', n),
       format('user%s@example.com', n),
       format('%s %s',
              (ARRAY['Ada', 'Ben', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Grace', 'Hugo', 'Ines',
                     'Jonas', 'Keiko', 'Lena', 'Mateo', 'Nora', 'Omar', 'Priya'])
                  [1 + floor(16 * pg_temp.hash01(n, 11))::integer],
              (ARRAY['Adler', 'Brandt', 'Costa', 'Duarte', 'Eriksen', 'Fischer', 'Garcia', 'Haas',
                     'Ito', 'Jansen', 'Klein', 'Lopez', 'Moreau', 'Novak', 'Okafor', 'Peters'])
                  [1 + floor(16 * pg_temp.hash01(n, 12))::integer]),
       floor(20000 * pg_temp.hash01(n, 13))::integer,
       pg_temp.hash01(n, 14) < 0.95,
       s.last_hour - (120 + floor(600 * pg_temp.hash01(n, 15))) * interval '1 day'
FROM load_size AS s, generate_series(1, s.users) AS n;

-- Every user has an agent; a quarter of the others go to the busy users. Agents
-- are numbered so that those of one user are neighbours.
CREATE TEMPORARY TABLE load_agent ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY o.user_no, o.n) AS agent_no, o.user_no
FROM (
    SELECT n,
           CASE
               WHEN n <= s.users THEN n
               WHEN n % 4 = 0 THEN 1 + (n / 4) % s.busy_users
               ELSE 1 + n % s.users
           END AS user_no
    FROM load_size AS s, generate_series(1, s.agents) AS n
) AS o;

CREATE TEMPORARY TABLE load_owner ON COMMIT DROP AS
SELECT user_no, min(agent_no) AS first_agent, count(*) AS agents
FROM load_agent
GROUP BY user_no;

ANALYZE load_owner;

INSERT INTO agents (id, user_id, name, agent_type, is_active, created_at)
SELECT pg_temp.row_id('agent', a.agent_no),
       pg_temp.row_id('user', a.user_no),
       format('%s %s',
              (ARRAY['Sales', 'Support', 'Renewals', 'Onboarding', 'Survey', 'Reception',
                     'Callback', 'Billing'])
                  [1 + floor(8 * pg_temp.hash01(a.agent_no, 21))::integer],
              1 + a.agent_no - o.first_agent),
       CASE WHEN pg_temp.hash01(a.agent_no, 22) < 0.8 THEN 'call' ELSE 'chat' END,
       pg_temp.hash01(a.agent_no, 23) < 0.9,
       u.created_at + pg_temp.hash01(a.agent_no, 24) * interval '100 days'
FROM load_agent AS a
JOIN load_owner AS o USING (user_no)
JOIN users AS u ON u.id = pg_temp.row_id('user', a.user_no);

INSERT INTO tools (id, name, type, config, is_active)
SELECT pg_temp.row_id('tool', n),
       format('%s %s', k.type, n),
       k.type,
       jsonb_build_object('timeout_ms', 500 + 250 * (n % 8),
                          'endpoint', format('https://tools.example.com/%s/%s', k.type, n)),
       n % 10 <> 0
FROM generate_series(1, 50) AS n,
     LATERAL (
         SELECT (ARRAY['calendar', 'crm', 'email', 'payment', 'webhook'])[1 + n % 5] AS type
     ) AS k;

INSERT INTO agent_tools (agent_id, tool_id, config, is_active)
SELECT pg_temp.row_id('agent', a.agent_no),
       pg_temp.row_id('tool', 1 + (a.agent_no * 7 + 11 * k) % 50),
       CASE k WHEN 1 THEN jsonb_build_object('timeout_ms', 2000 + 100 * (a.agent_no % 20))
              ELSE '{}' END,
       pg_temp.hash01(a.agent_no, 30 + k) < 0.9
FROM load_agent AS a, generate_series(1, 1 + (a.agent_no % 5)::integer) AS k;

\echo [2/6] calls

-- Calls number first_call to last_call; returns a line for the reader. Later
-- days have more calls, and so have working hours; agents differ in how often
-- they succeed; only calls of the last two hours are still in progress.
CREATE FUNCTION pg_temp.load_calls(first_call bigint, last_call bigint) RETURNS text
LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO calls (id, agent_id, user_id, duration_minutes, credits_used, status,
                       created_at, completed_at)
    WITH picked AS (
        SELECT n, s.last_hour,
               CASE
                   WHEN pg_temp.hash01(n, 40) < 0.5 OR s.users = s.busy_users
                   THEN 1 + floor(s.busy_users * pg_temp.hash01(n, 46))::integer
                   ELSE s.busy_users + 1
                        + floor((s.users - s.busy_users) * pg_temp.hash01(n, 46))::integer
               END AS user_no,
               date_trunc('day', s.last_hour)
               - floor(120 * power(pg_temp.hash01(n, 42), 1.3)) * interval '1 day'
               + interval '86399 seconds' * CASE
                   WHEN n % 4 = 0 THEN pg_temp.hash01(n, 43)
                   ELSE (8 + 10 * pg_temp.hash01(n, 43)) / 24
               END AS at
        FROM load_size AS s, generate_series(first_call, last_call) AS n
    ), placed AS (
        SELECT p.n, p.user_no, p.last_hour,
               o.first_agent + floor(o.agents * pg_temp.hash01(p.n, 41))::bigint AS agent_no,
               p.at - CASE WHEN p.at > p.last_hour THEN 1 + p.n % 28 ELSE 0 END
                      * interval '1 day' AS created_at
        FROM picked AS p
        JOIN load_owner AS o USING (user_no)
    ), ended AS (
        SELECT p.*,
               CASE
                   WHEN p.created_at > p.last_hour - interval '2 hours'
                        AND pg_temp.hash01(p.n, 44) < 0.4 THEN 'in_progress'
                   WHEN pg_temp.hash01(p.n, 44)
                        < 0.55 + 0.35 * pg_temp.hash01(p.agent_no, 25) THEN 'completed'
                   WHEN pg_temp.hash01(p.n, 44) < 0.93 THEN 'failed'
                   ELSE 'cancelled'
               END AS status
        FROM placed AS p
    ), measured AS (
        SELECT e.*,
               CASE e.status
                   WHEN 'completed' THEN 1 + floor(29 * power(pg_temp.hash01(e.n, 45), 2))::integer
                   WHEN 'failed' THEN floor(4 * pg_temp.hash01(e.n, 45))::integer
                   ELSE 0
               END AS minutes
        FROM ended AS e
    )
    SELECT pg_temp.row_id('call', m.n),
           pg_temp.row_id('agent', m.agent_no),
           pg_temp.row_id('user', m.user_no),
           m.minutes,
           CASE m.status
               WHEN 'completed' THEN 1 + 2 * m.minutes
               WHEN 'failed' THEN m.minutes
               ELSE 0
           END,
           m.status,
           m.created_at,
           CASE WHEN m.status IN ('completed', 'failed')
                THEN least(m.created_at + m.minutes * interval '1 minute', m.last_hour) END
    FROM measured AS m;
    RETURN format('      %s of %s', to_char(last_call, 'FM999,999,999,999'),
                  to_char((SELECT calls FROM load_size), 'FM999,999,999,999'));
END
$$;

SELECT format('SELECT pg_temp.load_calls(%s, %s)', 1 + calls * (n - 1) / 10, calls * n / 10)
FROM load_size, generate_series(1, 10) AS n
ORDER BY n
\gexec

\echo [3/6] leads

-- One completed call in three is scored. The scores of a lead go together.
INSERT INTO lead_analytics (id, call_id, intent_score, urgency_score, budget_score, fit_score,
                            engagement_score, total_score, lead_status_tag, created_at)
SELECT md5(t.call_id::text)::uuid,
       t.call_id, t.intent, t.urgency, t.budget, t.fit, t.engagement, t.total,
       CASE WHEN t.total >= 70 THEN 'hot' WHEN t.total >= 40 THEN 'warm' ELSE 'cold' END,
       t.scored_at
FROM (
    SELECT s.*, (s.intent + s.urgency + s.budget + s.fit + s.engagement) / 5 AS total
    FROM (
        SELECT b.call_id,
               least(100, greatest(0, b.base + b.h % 31 - 15)) AS intent,
               least(100, greatest(0, b.base + b.h / 32 % 31 - 15)) AS urgency,
               least(100, greatest(0, b.base + b.h / 1024 % 31 - 15)) AS budget,
               least(100, greatest(0, b.base + b.h / 32768 % 31 - 15)) AS fit,
               least(100, greatest(0, b.base + b.h / 1048576 % 31 - 15)) AS engagement,
               b.scored_at
        FROM (
            SELECT c.id AS call_id,
                   (uuid_hash_extended(c.id, 52) & 1073741823)::integer AS h,
                   (100 * pg_temp.hash01(uuid_hash_extended(c.id, 53), 54))::integer AS base,
                   c.completed_at AS scored_at
            FROM calls AS c
            WHERE c.status = 'completed' AND uuid_hash_extended(c.id, 51) & 1023 < 341
        ) AS b
    ) AS s
) AS t;

\echo [4/6] analytics per agent and day, and per hour for the last three days

INSERT INTO agent_analytics (agent_id, user_id, date, hour, total_calls, successful_calls,
                             failed_calls, total_duration_minutes, leads_generated,
                             qualified_leads, credits_used)
SELECT c.agent_id, c.user_id, c.created_at::date, h.hour,
       count(*),
       count(*) FILTER (WHERE c.status = 'completed'),
       count(*) FILTER (WHERE c.status = 'failed'),
       sum(c.duration_minutes),
       count(l.id),
       count(*) FILTER (WHERE l.total_score >= 70),
       sum(c.credits_used)
FROM calls AS c
LEFT JOIN lead_analytics AS l ON l.call_id = c.id
CROSS JOIN LATERAL (
    SELECT NULL::smallint AS hour
    UNION ALL
    SELECT extract(hour FROM c.created_at)::smallint WHERE c.created_at >= current_date - 2
) AS h
GROUP BY c.agent_id, c.user_id, c.created_at::date, h.hour;

\echo [5/6] indexes and foreign keys

SELECT restore FROM load_later ORDER BY step, restore
\gexec

\echo [6/6] statistics

ANALYZE users, agents, calls, lead_analytics, agent_analytics, tools, agent_tools;

SELECT format('Loaded in %s s: %s calls, %s leads, %s agent days and hours.',
              round(extract(epoch FROM clock_timestamp() - s.started)::numeric, 1),
              (SELECT to_char(count(*), 'FM999,999,999,999') FROM calls),
              (SELECT to_char(count(*), 'FM999,999,999,999') FROM lead_analytics),
              (SELECT to_char(count(*), 'FM999,999,999,999') FROM agent_analytics))
FROM load_size AS s;

DROP FUNCTION pg_temp.load_calls(bigint, bigint), pg_temp.hash01(bigint, integer),
              pg_temp.row_id(text, bigint);
COMMIT;

\pset format aligned
\pset tuples_only off
\set QUIET :load_was_quiet
\unset load_was_quiet
