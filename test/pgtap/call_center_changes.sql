-- The call-centre caches: after every kind of change of every table, the values are the loaders'
-- again; before it they had been cached, and what it does not concern stays cached.
\set database pgtap_call_center_changes
\ir call_center/setup.sql

SELECT cache_install_call_center('app');

-- before: everything is cached. after: exactly the probes of gone are not (or at most those), and
-- nothing is wrong. One statement each: the change between them is a transaction of its own.
CREATE FUNCTION before(change text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    is_wrong  text[] := app.wrong();
    is_cached text[] := app.cached();
BEGIN
    RETURN NEXT is(is_cached, app.probes(), change || ': everything is cached before');
END
$$;

CREATE FUNCTION after(change text, gone text[], at_most boolean DEFAULT false)
RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    is_cached text[] := app.cached();
    is_wrong  text[] := app.wrong();
    was_gone  text[];
BEGIN
    was_gone := ARRAY(SELECT p.name FROM app.probe AS p WHERE p.name <> ALL (is_cached)
                      ORDER BY p.name);
    gone := ARRAY(SELECT g.name FROM unnest(gone) AS g (name) ORDER BY g.name COLLATE "C");
    IF at_most THEN
        RETURN NEXT ok(was_gone <@ gone, change || ': nothing else has to be loaded again');
    ELSE
        RETURN NEXT is(was_gone, gone,
                       change || ': exactly what it concerns has to be loaded again');
    END IF;
    RETURN NEXT is(is_wrong, '{}', change || ': every value is the loader''s');
END
$$;

SELECT plan(194);

-- users

SELECT before('users: credits change');
UPDATE users SET credits = credits + 1 WHERE id = u(1);
SELECT after('users: credits change', '{dashboard 1}');

SELECT before('users: a column that nobody reads changes');
UPDATE users SET name = 'Uno', email = 'uno@example.com', is_active = false WHERE id = u(1);
SELECT after('users: a column that nobody reads changes', '{}');

SELECT before('users: a new user');
INSERT INTO users (id, email, name) VALUES (u(4), 'four@example.com', 'Four');
SELECT after('users: a new user', '{}');

SELECT is(cache_get_dashboard(u(5))::text, NULL, 'users: no dashboard before the user is there');
SELECT is(cache_get_dashboard(u(5))::text, NULL, 'users: still none');
INSERT INTO users (id, email, name) VALUES (u(5), 'five@example.com', 'Five');
SELECT isnt(cache_get_dashboard(u(5))::text, NULL, 'users: a dashboard as soon as the user is');

-- The probes of users 5 and 6 are for a user that changes its key.
INSERT INTO probe VALUES ('dashboard 5', 'dashboard', 'app.u(5)'),
                         ('dashboard_analytics 5', 'dashboard_analytics', 'app.u(5), ''{}'''),
                         ('agents 5', 'agents', 'app.u(5)');
SELECT before('users: the key changes');
UPDATE users SET id = u(6) WHERE id = u(5);
SELECT after('users: the key changes', '{dashboard 5,dashboard_analytics 5,agents 5}');
DELETE FROM probe WHERE name LIKE '% 5';
SELECT isnt(cache_get_dashboard(u(6))::text, NULL, 'users: the new key has a dashboard');

-- agents

SELECT before('agents: renamed');
UPDATE agents SET name = 'Nord' WHERE id = a(1);
SELECT after('agents: renamed',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('agents: switched off');
UPDATE agents SET is_active = false WHERE id = a(1);
SELECT after('agents: switched off', '{dashboard 1,agent 1,agents 1}');

SELECT before('agents: the type changes');
UPDATE agents SET agent_type = 'chat' WHERE id = a(3);
SELECT after('agents: the type changes', '{agent 3,agents 2}');

SELECT before('agents: a new one');
INSERT INTO agents (id, user_id, name) VALUES (a(4), u(1), 'West');
SELECT after('agents: a new one', '{dashboard 1,dashboard_analytics 1,agents 1}');

INSERT INTO probe VALUES ('agent 4', 'agent', 'app.a(4)'),
                         ('agent_performance 4', 'agent_performance', 'app.a(4)'),
                         ('agent_tools 4', 'agent_tools', 'app.a(4)');
SELECT before('agents: moved to another user');
UPDATE agents SET user_id = u(2) WHERE id = a(4);
SELECT after('agents: moved to another user',
             '{dashboard 1,dashboard 2,dashboard_analytics 1,dashboard_analytics 2,agent 4,
               agents 1,agents 2}');

SELECT before('agents: the key changes');
UPDATE agents SET id = a(5) WHERE id = a(4);
SELECT after('agents: the key changes',
             '{dashboard 2,dashboard_analytics 2,agent 4,agents 2,agent_performance 4,
               agent_tools 4}');
DELETE FROM probe WHERE name LIKE '% 4';

SELECT before('agents: one is deleted');
DELETE FROM agents WHERE id = a(5);
SELECT after('agents: one is deleted', '{dashboard 2,dashboard_analytics 2,agents 2}');

-- calls

SELECT before('calls: a new one');
INSERT INTO calls (id, user_id, agent_id, created_at)
VALUES (c(11), u(1), a(1), current_date);
SELECT after('calls: a new one',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('calls: one ends');
UPDATE calls
SET status = 'completed', duration_minutes = 7, credits_used = 15, completed_at = now()
WHERE id = c(11);
SELECT after('calls: one ends',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('calls: a column that nobody reads changes');
UPDATE calls SET completed_at = now() WHERE id = c(11);
SELECT after('calls: a column that nobody reads changes', '{}');

SELECT before('calls: the date changes');
UPDATE calls SET created_at = created_at - interval '40 days' WHERE id = c(9);
SELECT after('calls: the date changes',
             '{dashboard 2,dashboard_analytics 2,agent 3,agents 2,agent_performance 3}');

SELECT before('calls: the date changes back');
UPDATE calls SET created_at = created_at + interval '40 days' WHERE id = c(9);
SELECT after('calls: the date changes back',
             '{dashboard 2,dashboard_analytics 2,agent 3,agents 2,agent_performance 3}');

SELECT before('calls: moved to another user');
UPDATE calls SET user_id = u(2) WHERE id = c(1);
SELECT after('calls: moved to another user',
             '{dashboard 1,dashboard 2,dashboard_analytics 1,dashboard_analytics 2,agents 1,
               agents 2}');

SELECT before('calls: moved to another agent');
UPDATE calls SET agent_id = a(3) WHERE id = c(1);
SELECT after('calls: moved to another agent',
             '{dashboard 2,dashboard_analytics 2,agent 1,agent 3,agents 2,agent_performance 1,
               agent_performance 3}');

SELECT before('calls: moved back');
UPDATE calls SET user_id = u(1), agent_id = a(1) WHERE id = c(1);
SELECT after('calls: moved back',
             '{dashboard 1,dashboard 2,dashboard_analytics 1,dashboard_analytics 2,agent 1,agent 3,
               agents 1,agents 2,agent_performance 1,agent_performance 3}');

SELECT before('calls: one with a lead is deleted');
DELETE FROM calls WHERE id = c(4);
SELECT after('calls: one with a lead is deleted',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

-- lead_analytics

SELECT before('lead_analytics: a new one');
INSERT INTO lead_analytics (id, call_id, intent_score, total_score, lead_status_tag)
VALUES (l(5), c(2), 90, 85, 'hot');
SELECT after('lead_analytics: a new one',
             '{dashboard 1,dashboard_analytics 1,agent_performance 1}');

SELECT before('lead_analytics: scored again');
UPDATE lead_analytics SET total_score = 60, lead_status_tag = 'warm' WHERE id = l(5);
SELECT after('lead_analytics: scored again',
             '{dashboard 1,dashboard_analytics 1,agent_performance 1}');

SELECT before('lead_analytics: moved to a call of another user');
UPDATE lead_analytics SET call_id = c(10) WHERE id = l(5);
SELECT after('lead_analytics: moved to a call of another user',
             '{dashboard 1,dashboard 2,dashboard_analytics 1,dashboard_analytics 2,
               agent_performance 1,agent_performance 3}');

SELECT before('lead_analytics: one is deleted');
DELETE FROM lead_analytics WHERE id = l(5);
SELECT after('lead_analytics: one is deleted',
             '{dashboard 2,dashboard_analytics 2,agent_performance 3}');

SELECT before('lead_analytics: a lead and its call in one transaction');
BEGIN;
INSERT INTO calls (id, user_id, agent_id, status, created_at)
VALUES (c(12), u(2), a(3), 'completed', current_date);
INSERT INTO lead_analytics (id, call_id, total_score) VALUES (l(6), c(12), 95);
COMMIT;
SELECT after('lead_analytics: a lead and its call in one transaction',
             '{dashboard 2,dashboard_analytics 2,agent 3,agents 2,agent_performance 3}');

-- agent_analytics

SELECT before('agent_analytics: a new day');
INSERT INTO agent_analytics (agent_id, user_id, date, total_calls, successful_calls)
VALUES (a(1), u(1), current_date - 1, 4, 3);
SELECT after('agent_analytics: a new day', '{agent_performance 1}');

SELECT before('agent_analytics: rolled up again');
INSERT INTO agent_analytics (agent_id, user_id, date, total_calls, successful_calls)
VALUES (a(1), u(1), current_date - 1, 5, 4)
ON CONFLICT (agent_id, date, hour) DO UPDATE
SET total_calls = EXCLUDED.total_calls, successful_calls = EXCLUDED.successful_calls;
SELECT after('agent_analytics: rolled up again', '{agent_performance 1}');

SELECT before('agent_analytics: moved to another agent');
UPDATE agent_analytics
SET agent_id = a(3), user_id = u(2)
WHERE agent_id = a(1) AND date = current_date - 2;
SELECT after('agent_analytics: moved to another agent',
             '{agent_performance 1,agent_performance 3}');

SELECT before('agent_analytics: a column that nobody reads changes');
UPDATE agent_analytics SET user_id = u(3) WHERE agent_id = a(1);
SELECT after('agent_analytics: a column that nobody reads changes', '{}');

SELECT before('agent_analytics: deleted');
DELETE FROM agent_analytics WHERE agent_id = a(1);
SELECT after('agent_analytics: deleted', '{agent_performance 1}');

-- tools and agent_tools

SELECT before('tools: a config changes');
UPDATE tools SET config = '{"from": "us"}' WHERE id = t(2);
SELECT after('tools: a config changes', '{agent_tools 1,agent_tools 3}');

SELECT before('tools: switched on');
UPDATE tools SET is_active = true WHERE id = t(3);
SELECT after('tools: switched on', '{agent_tools 1}');

SELECT before('tools: a new one');
INSERT INTO tools (id, name, type) VALUES (t(4), 'pager', 'phone');
-- No agent has it. A row that reaches no key may still cost every entry of its cache.
SELECT after('tools: a new one', '{agent_tools 1,agent_tools 3}', at_most => true);

SELECT before('agent_tools: a new one');
INSERT INTO agent_tools (agent_id, tool_id) VALUES (a(3), t(4));
SELECT after('agent_tools: a new one', '{agent_tools 3}');

SELECT before('agent_tools: a config changes');
UPDATE agent_tools SET config = '{"limit": 4}' WHERE agent_id = a(3) AND tool_id = t(4);
SELECT after('agent_tools: a config changes', '{agent_tools 3}');

SELECT before('agent_tools: moved to another agent');
UPDATE agent_tools SET agent_id = a(1) WHERE agent_id = a(3) AND tool_id = t(4);
SELECT after('agent_tools: moved to another agent', '{agent_tools 1,agent_tools 3}');

SELECT before('agent_tools: another tool');
UPDATE agent_tools SET tool_id = t(4) WHERE agent_id = a(3) AND tool_id = t(2);
SELECT after('agent_tools: another tool', '{agent_tools 3}');

SELECT before('agent_tools: one is deleted');
DELETE FROM agent_tools WHERE agent_id = a(1) AND tool_id = t(4);
SELECT after('agent_tools: one is deleted', '{agent_tools 1}');

SELECT before('tools: one that is used is deleted');
DELETE FROM tools WHERE id = t(4);
SELECT after('tools: one that is used is deleted', '{agent_tools 3}');

-- One column at a time: each that a loader reads is among the columns its cache depends on.

SELECT before('calls: only status');
UPDATE calls SET status = 'failed' WHERE id = c(2);
SELECT after('calls: only status',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('calls: only duration_minutes');
UPDATE calls SET duration_minutes = 30 WHERE id = c(2);
SELECT after('calls: only duration_minutes',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('calls: only credits_used');
UPDATE calls SET credits_used = 99 WHERE id = c(2);
SELECT after('calls: only credits_used',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1}');

SELECT before('calls: only id');
UPDATE calls SET id = c(20) WHERE id = c(2);
SELECT after('calls: only id', '{dashboard 1,dashboard_analytics 1,agent_performance 1}');

SELECT before('agents: only created_at');
UPDATE agents SET created_at = '2024-03-01' WHERE id = a(1);
SELECT after('agents: only created_at', '{agent 1,agents 1}');

SELECT before('agent_analytics: only total_calls');
UPDATE agent_analytics SET total_calls = total_calls + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only total_calls', '{agent_performance 3}');

SELECT before('agent_analytics: only successful_calls');
UPDATE agent_analytics SET successful_calls = successful_calls + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only successful_calls', '{agent_performance 3}');

SELECT before('agent_analytics: only failed_calls');
UPDATE agent_analytics SET failed_calls = failed_calls + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only failed_calls', '{agent_performance 3}');

SELECT before('agent_analytics: only total_duration_minutes');
UPDATE agent_analytics SET total_duration_minutes = 99 WHERE agent_id = a(3);
SELECT after('agent_analytics: only total_duration_minutes', '{agent_performance 3}');

SELECT before('agent_analytics: only leads_generated');
UPDATE agent_analytics SET leads_generated = leads_generated + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only leads_generated', '{agent_performance 3}');

SELECT before('agent_analytics: only qualified_leads');
UPDATE agent_analytics SET qualified_leads = qualified_leads + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only qualified_leads', '{agent_performance 3}');

SELECT before('agent_analytics: only credits_used');
UPDATE agent_analytics SET credits_used = credits_used + 1 WHERE agent_id = a(3);
SELECT after('agent_analytics: only credits_used', '{agent_performance 3}');

SELECT before('agent_analytics: only date');
UPDATE agent_analytics SET date = date - 1 WHERE agent_id = a(3) AND date = current_date - 2;
SELECT after('agent_analytics: only date', '{agent_performance 3}');

SELECT before('agent_analytics: only hour');
UPDATE agent_analytics SET hour = 5 WHERE agent_id = a(3) AND date = current_date - 3;
SELECT after('agent_analytics: only hour', '{agent_performance 3}');

SELECT before('agent_tools: only is_active');
UPDATE agent_tools SET is_active = false WHERE agent_id = a(1) AND tool_id = t(1);
SELECT after('agent_tools: only is_active', '{agent_tools 1}');

SELECT before('lead_analytics: only intent_score');
UPDATE lead_analytics SET intent_score = 1 WHERE id = l(1);
SELECT after('lead_analytics: only intent_score', '{dashboard 1}');

SELECT before('lead_analytics: only urgency_score');
UPDATE lead_analytics SET urgency_score = 1 WHERE id = l(1);
SELECT after('lead_analytics: only urgency_score', '{dashboard 1}');

SELECT before('lead_analytics: only budget_score');
UPDATE lead_analytics SET budget_score = 1 WHERE id = l(1);
SELECT after('lead_analytics: only budget_score', '{dashboard 1}');

SELECT before('lead_analytics: only fit_score');
UPDATE lead_analytics SET fit_score = 1 WHERE id = l(1);
SELECT after('lead_analytics: only fit_score', '{dashboard 1}');

SELECT before('lead_analytics: only engagement_score');
UPDATE lead_analytics SET engagement_score = 1 WHERE id = l(1);
SELECT after('lead_analytics: only engagement_score', '{dashboard 1}');

SELECT before('lead_analytics: only lead_status_tag');
UPDATE lead_analytics SET lead_status_tag = 'cold' WHERE id = l(1);
SELECT after('lead_analytics: only lead_status_tag', '{dashboard 1}');

-- What is rolled back changes nothing; inside the transaction its own change is seen.

SELECT before('a rolled-back transaction');
BEGIN;
UPDATE users SET credits = 1 WHERE id = u(1);
SELECT cache_get_dashboard(u(1)) ->> 'credits' AS credits_inside \gset
ROLLBACK;
SELECT after('a rolled-back transaction', '{}');
SELECT is(:'credits_inside'::text, '1', 'a rolled-back transaction: its own reads saw the change');

-- Cascades, last.

SELECT before('agents: one with calls, leads and tools is deleted');
DELETE FROM agents WHERE id = a(2);
SELECT after('agents: one with calls, leads and tools is deleted',
             '{dashboard 1,dashboard_analytics 1,agent 2,agents 1}');
DELETE FROM probe WHERE name LIKE 'agent% 2' AND cache <> 'agents';

SELECT before('users: one with everything is deleted');
DELETE FROM users WHERE id = u(1);
SELECT after('users: one with everything is deleted',
             '{dashboard 1,dashboard_analytics 1,agent 1,agents 1,agent_performance 1,
               agent_tools 1}');

SELECT * FROM finish();
\ir call_center/teardown.sql
