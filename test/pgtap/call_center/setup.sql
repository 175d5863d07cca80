-- A database of its own with both extensions, the tables of the call-centre example in
-- schema app, and rows small enough to add up by hand. Use: \set database NAME, \ir this file;
-- \ir teardown.sql at the end.

\set ON_ERROR_STOP on
\set QUIET on
\set runner_database :DBNAME
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :"database" WITH (FORCE);
CREATE DATABASE :"database";
\connect :"database"
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION cache_ext;
SET TimeZone = 'UTC';

CREATE SCHEMA app;
SET search_path = app, public;
\ir ../../../examples/call_center/schema.sql

-- Fixed keys: user u(1), agent a(1), call c(1), lead l(1), tool t(1).
CREATE FUNCTION u(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('10000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION a(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('20000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION c(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('30000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION l(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('40000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
CREATE FUNCTION t(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('50000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;

INSERT INTO users (id, email, name, credits, created_at) VALUES
    (u(1), 'one@example.com',   'One',   500, '2024-01-01'),
    (u(2), 'two@example.com',   'Two',   20,  '2024-01-01'),
    (u(3), 'three@example.com', 'Three', 0,   '2024-01-01');

INSERT INTO agents (id, user_id, name, agent_type, is_active, created_at) VALUES
    (a(1), u(1), 'North', 'call', true,  '2024-02-01'),
    (a(2), u(1), 'South', 'chat', false, '2024-02-02'),
    (a(3), u(2), 'East',  'call', true,  '2024-02-03');

-- Days ago at an hour of the day; midnight for today, so that no call lies in the future.
INSERT INTO calls (id, user_id, agent_id, duration_minutes, credits_used, status, created_at)
SELECT c(v.n), u(v.owner), a(v.agent), v.minutes, v.credits, v.status,
       current_date - v.ago + v.hour * interval '1 hour'
FROM (VALUES (1,  1, 1, 10, 21, 'completed',   0,  0),
             (2,  1, 1, 5,  11, 'completed',   2,  9),
             (3,  1, 1, 1,  1,  'failed',      6,  9),
             (4,  1, 1, 20, 41, 'completed',   10, 12),
             (5,  1, 1, 0,  0,  'cancelled',   29, 0),
             (6,  1, 1, 8,  17, 'completed',   30, 23),
             (7,  1, 2, 0,  0,  'in_progress', 0,  0),
             (8,  1, 2, 3,  7,  'completed',   45, 10),
             (9,  2, 3, 4,  9,  'completed',   1,  8),
             (10, 2, 3, 2,  2,  'failed',      3,  8))
     AS v (n, owner, agent, minutes, credits, status, ago, hour);

INSERT INTO lead_analytics (id, call_id, intent_score, urgency_score, budget_score, fit_score,
                            engagement_score, total_score, lead_status_tag) VALUES
    (l(1), c(1), 90, 80, 70, 60,   100, 80, 'hot'),
    (l(2), c(4), 40, 50, 60, 70,   30,  50, 'warm'),
    (l(3), c(8), 10, 20, 30, NULL, 0,   15, NULL),
    (l(4), c(9), 70, 70, 70, 70,   70,  70, 'hot');

INSERT INTO agent_analytics (agent_id, user_id, date, hour, total_calls, successful_calls,
                             failed_calls, total_duration_minutes, leads_generated,
                             qualified_leads, credits_used) VALUES
    (a(1), u(1), current_date,      NULL, 1, 1, 0, 10, 1, 1, 21),
    (a(1), u(1), current_date,      0,    1, 1, 0, 10, 1, 1, 21),
    (a(1), u(1), current_date - 2,  NULL, 1, 1, 0, 5,  0, 0, 11),
    (a(1), u(1), current_date - 30, NULL, 1, 1, 0, 8,  0, 0, 17),
    (a(3), u(2), current_date - 1,  NULL, 1, 1, 0, 4,  1, 1, 9);

INSERT INTO tools (id, name, type, config, is_active) VALUES
    (t(1), 'crm',  'webhook', '{"url": "https://crm.example.com"}', true),
    (t(2), 'mail', 'email',   '{}', true),
    (t(3), 'fax',  'phone',   '{}', false);

INSERT INTO agent_tools (agent_id, tool_id, config, is_active) VALUES
    (a(1), t(1), '{"limit": 3}', true),
    (a(1), t(2), '{}', false),
    (a(1), t(3), '{}', true),
    (a(3), t(2), '{}', true);

-- What is read throughout: every accessor, for two users and their agents.
CREATE TABLE probe (
    name  text COLLATE "C" PRIMARY KEY,
    cache text NOT NULL,
    key   text NOT NULL   -- SQL text of the accessor's arguments
);

INSERT INTO probe
SELECT format('%s %s', p.cache, p.n), p.cache, format(p.key, p.n)
FROM (VALUES ('dashboard', 1, 'app.u(%s)'), ('dashboard', 2, 'app.u(%s)'),
             ('dashboard_analytics', 1, $$app.u(%s), jsonb '{"days": 7}'$$),
             ('dashboard_analytics', 2, $$app.u(%s), jsonb '{}'$$),
             ('agent', 1, 'app.a(%s)'), ('agent', 2, 'app.a(%s)'), ('agent', 3, 'app.a(%s)'),
             ('agents', 1, 'app.u(%s)'), ('agents', 2, 'app.u(%s)'),
             ('agent_performance', 1, 'app.a(%s)'), ('agent_performance', 3, 'app.a(%s)'),
             ('agent_tools', 1, 'app.a(%s)'), ('agent_tools', 3, 'app.a(%s)'))
     AS p (cache, n, key);

CREATE FUNCTION probes() RETURNS text[] LANGUAGE sql AS
$$ SELECT array_agg(p.name ORDER BY p.name) FROM app.probe AS p $$;

-- Probes whose value a read would take from the cache. Loads nothing.
CREATE FUNCTION cached() RETURNS text[] LANGUAGE plpgsql AS
$$
DECLARE
    p      app.probe;
    state  text;
    result text[] := '{}';
BEGIN
    FOR p IN SELECT * FROM app.probe AS q ORDER BY q.name LOOP
        EXECUTE format('SELECT e.state FROM cache_explain(%L, %s) AS e', p.cache, p.key) INTO state;
        IF state = 'hit' THEN
            result := result || p.name;
        END IF;
    END LOOP;
    RETURN result;
END
$$;

-- Probes that read anything but what their loader returns. Loads what is not cached.
CREATE FUNCTION wrong() RETURNS text[] LANGUAGE plpgsql AS
$$
DECLARE
    p      app.probe;
    same   boolean;
    result text[] := '{}';
BEGIN
    FOR p IN SELECT * FROM app.probe AS q ORDER BY q.name LOOP
        EXECUTE format('SELECT cache_get_%1$s(%2$s)::text IS NOT DISTINCT FROM '
                       'app.cache_load_%1$s(%2$s)::text', p.cache, p.key) INTO same;
        IF NOT same THEN
            result := result || p.name;
        END IF;
    END LOOP;
    RETURN result;
END
$$;
