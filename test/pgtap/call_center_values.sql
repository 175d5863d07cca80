-- The call-centre caches: the values, against sums done by hand, and that they are cached.
\set database pgtap_call_center_values
\ir call_center/setup.sql

SELECT plan(72);

SELECT lives_ok($$ SELECT cache_install_call_center('app') $$, 'the caches are installed');

-- As declared.

SELECT results_eq(
    $$ SELECT name COLLATE "default", ttl, refresh_at, max_entries, max_memory,
              budget COLLATE "default"
       FROM cache_ext_internal.cache_definition ORDER BY name COLLATE "C" $$,
    $$ VALUES ('agent',               NULL::interval, NULL::float8, 1000, '30MB', NULL),
              ('agent_config',        '30 min',       NULL,         NULL, NULL,   NULL),
              ('agent_leads',         NULL,           NULL,         NULL, NULL,   'dashboard_leads'),
              ('agent_performance',   NULL,           NULL,         200,  '20MB', NULL),
              ('agent_tools',         '5 min',        0.8,          NULL, NULL,   NULL),
              ('agents',              NULL,           NULL,         NULL, NULL,   'agent'),
              ('calls_by_agent',      NULL,           NULL,         NULL, NULL,   'calls_by_user'),
              ('calls_by_agent_day',  NULL,           NULL,         NULL, NULL,   'calls_by_user'),
              ('calls_by_user',       NULL,           NULL,         NULL, '96MB', NULL),
              ('calls_by_user_agent', NULL,           NULL,         NULL, NULL,   'calls_by_user'),
              ('calls_by_user_agent_day', NULL,       NULL,         NULL, NULL,   'calls_by_user'),
              ('calls_by_user_day',   NULL,           NULL,         NULL, NULL,   'calls_by_user'),
              ('dashboard',           NULL,           NULL,         500,  '50MB', NULL),
              ('dashboard_analytics', '15 min',       0.8,          NULL, NULL,   'dashboard'),
              ('dashboard_leads',     NULL,           NULL,         NULL, '16MB', NULL) $$,
    'ttl, refresh and budget of the seven caches and of what they are made of');

SELECT function_returns('public', f.name, f.arguments, 'json',
                        format('%s(%s) returns json', f.name, array_to_string(f.arguments, ', ')))
FROM (VALUES ('cache_get_dashboard',           '{uuid}'::text[]),
             ('cache_get_dashboard_analytics', '{uuid,jsonb}'),
             ('cache_get_agent',               '{uuid}'),
             ('cache_get_agents',              '{uuid}'),
             ('cache_get_agent_performance',   '{uuid}'),
             ('cache_get_agent_config',        '{uuid}'),
             ('cache_get_agent_tools',         '{uuid}')) AS f (name, arguments);

SELECT is(
    (SELECT array_agg(p.proname::text ORDER BY p.proname)
     FROM pg_proc AS p
     WHERE (p.proname LIKE 'cache\_load\_%' OR p.proname ~ '^cache_(get|put)_.*(dashboard|agent)')
     AND (p.proacl IS NULL
          OR EXISTS (SELECT FROM aclexplode(p.proacl) AS x WHERE x.grantee = 0))),
    NULL, 'PUBLIC may execute no loader and no accessor');

-- The first read loads, the second does not, and both are what the loader returns.

SELECT is(cached(), '{}', 'nothing is cached at first');
SELECT is(wrong(), '{}', 'every first read is the loader''s value');
SELECT is(cached(), probes(), 'then everything is cached');
SELECT is(wrong(), '{}', 'every second read is the loader''s value');

CREATE TABLE hits_before AS SELECT cache, hits, fills FROM cache_stat;
SELECT is(wrong(), '{}', 'so is every third');
SELECT is(s.hits - b.hits, (SELECT count(*) FROM probe AS p WHERE p.cache = s.cache),
          format('%s: each of these reads was a hit', s.cache))
FROM cache_stat AS s
JOIN hits_before AS b USING (cache)
WHERE s.cache IN (SELECT p.cache FROM probe AS p)
ORDER BY s.cache;
SELECT is((SELECT sum(s.fills - b.fills) FROM cache_stat AS s JOIN hits_before AS b USING (cache)),
          0::numeric, 'and none loaded');

SELECT is(e.source, 'cache', 'cache_get_entry: dashboard comes from the cache')
FROM cache_get_entry('dashboard', u(1)) AS e;
SELECT is(e.value, cache_load_dashboard(u(1))::jsonb, 'cache_get_entry: with the same value')
FROM cache_get_entry('dashboard', u(1)) AS e;
SELECT is(e.source, 'cache', 'cache_get_entry: dashboard_analytics comes from the cache')
FROM cache_get_entry('dashboard_analytics', u(1), jsonb '{"days": 7}') AS e;
SELECT is(e.source, 'cache', 'cache_get_entry: agent comes from the cache')
FROM cache_get_entry('agent', a(1)) AS e;
SELECT is(e.source, 'cache', 'cache_get_entry: agents comes from the cache')
FROM cache_get_entry('agents', u(1)) AS e;
SELECT is(e.source, 'cache', 'cache_get_entry: agent_performance comes from the cache')
FROM cache_get_entry('agent_performance', a(1)) AS e;
SELECT is(e.source, 'cache', 'cache_get_entry: agent_tools comes from the cache')
FROM cache_get_entry('agent_tools', a(1)) AS e;

SELECT is(e.expires_at, date_trunc('day', now()) + interval '1 day', 'dashboard: expires at midnight')
FROM cache_get_entry('dashboard', u(1)) AS e;
SELECT is(e.expires_at, date_trunc('day', now()) + interval '1 day', 'agents: expires at midnight')
FROM cache_get_entry('agents', u(1)) AS e;
SELECT is(e.expires_at, date_trunc('day', now()) + interval '1 day', 'agent_performance: expires at midnight')
FROM cache_get_entry('agent_performance', a(1)) AS e;
SELECT is(e.expires_at, NULL, 'a day of a user: does not expire')
FROM cache_get_entry('calls_by_user_day', u(1), current_date) AS e;
SELECT is(e.expires_at - e.calculated_at, interval '5 min', 'agent_tools: expires after its ttl')
FROM cache_get_entry('agent_tools', a(1)) AS e;

-- The values.

SELECT is(cache_get_dashboard(u(1))::jsonb, $${
    "user_id": "10000000-0000-0000-0000-000000000001",
    "credits": 500,
    "calls": {"total": 8, "completed": 5, "failed": 1, "in_progress": 1, "cancelled": 1},
    "success_rate": 62.5,
    "windows": {
        "last_7_days":  {"calls": 4, "completed": 2, "failed": 1, "success_rate": 50.0,
                         "duration_minutes": 16, "average_duration_minutes": 7.5,
                         "credits_used": 33},
        "last_30_days": {"calls": 6, "completed": 3, "failed": 1, "success_rate": 50.0,
                         "duration_minutes": 36, "average_duration_minutes": 11.7,
                         "credits_used": 74},
        "all_time":     {"calls": 8, "completed": 5, "failed": 1, "success_rate": 62.5,
                         "duration_minutes": 47, "average_duration_minutes": 9.2,
                         "credits_used": 98}},
    "leads": {"total": 3, "qualified": 1,
              "average_scores": {"intent": 46.7, "urgency": 50.0, "budget": 53.3, "fit": 65.0,
                                 "engagement": 43.3, "total": 48.3},
              "by_status_tag": {"hot": 1, "warm": 1, "untagged": 1}},
    "agents": {"total": 2, "active": 1},
    "best_agent": {"id": "20000000-0000-0000-0000-000000000001", "name": "North",
                   "success_rate": 66.7, "calls": 6}
}$$, 'dashboard of a user');

SELECT is(cache_get_dashboard(u(3))::jsonb, $${
    "user_id": "10000000-0000-0000-0000-000000000003",
    "credits": 0,
    "calls": {"total": 0, "completed": 0, "failed": 0, "in_progress": 0, "cancelled": 0},
    "success_rate": null,
    "windows": {
        "last_7_days":  {"calls": 0, "completed": 0, "failed": 0, "success_rate": null,
                         "duration_minutes": 0, "average_duration_minutes": null,
                         "credits_used": 0},
        "last_30_days": {"calls": 0, "completed": 0, "failed": 0, "success_rate": null,
                         "duration_minutes": 0, "average_duration_minutes": null,
                         "credits_used": 0},
        "all_time":     {"calls": 0, "completed": 0, "failed": 0, "success_rate": null,
                         "duration_minutes": 0, "average_duration_minutes": null,
                         "credits_used": 0}},
    "leads": {"total": 0, "qualified": 0,
              "average_scores": {"intent": null, "urgency": null, "budget": null, "fit": null,
                                 "engagement": null, "total": null},
              "by_status_tag": {}},
    "agents": {"total": 0, "active": 0},
    "best_agent": null
}$$, 'dashboard of a user without calls');

SELECT is(cache_get_dashboard_analytics(u(1), '{"days": 3}')::jsonb,
          jsonb_build_object(
              'user_id', u(1), 'days', 3, 'agent_id', NULL,
              'daily', jsonb_build_array(
                  jsonb_build_object('date', current_date - 2, 'calls', 1, 'completed', 1,
                                     'failed', 0, 'duration_minutes', 5, 'credits_used', 11),
                  jsonb_build_object('date', current_date - 1, 'calls', 0, 'completed', 0,
                                     'failed', 0, 'duration_minutes', 0, 'credits_used', 0),
                  jsonb_build_object('date', current_date, 'calls', 2, 'completed', 1,
                                     'failed', 0, 'duration_minutes', 10, 'credits_used', 21)),
              'hourly', (SELECT jsonb_agg(jsonb_build_object(
                                    'hour', h,
                                    'calls', CASE h WHEN 0 THEN 2 WHEN 9 THEN 1 ELSE 0 END,
                                    'completed', CASE h WHEN 0 THEN 1 WHEN 9 THEN 1 ELSE 0 END))
                         FROM generate_series(0, 23) AS h),
              'statuses', jsonb '{"completed": 2, "in_progress": 1}',
              'lead_scores', jsonb '[{"from": 0, "to": 19, "leads": 0},
                                     {"from": 20, "to": 39, "leads": 0},
                                     {"from": 40, "to": 59, "leads": 0},
                                     {"from": 60, "to": 79, "leads": 0},
                                     {"from": 80, "to": 100, "leads": 1}]',
              'top_agents', jsonb_build_array(
                  jsonb_build_object('id', a(1), 'name', 'North', 'calls', 2, 'completed', 2,
                                     'success_rate', 100.0, 'credits_used', 32),
                  jsonb_build_object('id', a(2), 'name', 'South', 'calls', 1, 'completed', 0,
                                     'success_rate', 0.0, 'credits_used', 0))),
          'analytics of a user');

SELECT is((cache_get_dashboard_analytics(u(1), '{}') ->> 'days')::integer, 30,
          'analytics: 30 days unless told');
SELECT is(json_array_length(cache_get_dashboard_analytics(u(1), NULL) -> 'daily'), 30,
          'analytics: NULL parameters are none');
SELECT is((cache_get_dashboard_analytics(u(1), jsonb_build_object('days', 90, 'agent_id', a(2)))
           -> 'statuses')::jsonb,
          '{"completed": 1, "in_progress": 1}', 'analytics of one agent');
SELECT is((cache_get_dashboard_analytics(u(2), jsonb_build_object('agent_id', a(1)))
           -> 'top_agents')::text,
          '[]', 'analytics: an agent of another user has nothing');

SELECT is(cache_get_agent(a(1))::jsonb, jsonb_build_object(
              'id', a(1), 'user_id', u(1), 'name', 'North', 'agent_type', 'call',
              'is_active', true, 'created_at', '2024-02-01T00:00:00+00:00',
              'performance', jsonb_build_object(
                  'calls', 6, 'completed', 4, 'failed', 1, 'success_rate', 66.7,
                  'average_duration_minutes', 10.8, 'credits_used', 91,
                  'calls_last_7_days', 3, 'calls_last_30_days', 5,
                  'last_call_at', current_date::timestamptz)),
          'an agent');
SELECT is(cache_get_agents(u(1))::jsonb,
          jsonb_build_array(cache_load_agent(a(1))::jsonb, cache_load_agent(a(2))::jsonb),
          'the agents of a user, oldest first');
SELECT is(cache_get_agents(u(3))::text, '[]', 'a user without agents');

SELECT is(cache_get_agent_performance(a(1))::jsonb, jsonb_build_object(
              'agent_id', a(1), 'name', 'North',
              'conversations', jsonb '{"total": 6, "completed": 4, "failed": 1,
                                       "in_progress": 0, "cancelled": 1}',
              'success_rate', 66.7,
              'duration_minutes', jsonb '{"total": 44, "average": 10.8, "longest": 20}',
              'credits_used', 91,
              'leads', jsonb '{"total": 2, "qualified": 1, "average_total_score": 65.0}',
              'windows', jsonb '{
                  "last_7_days":  {"conversations": 3, "completed": 2, "failed": 1,
                                   "success_rate": 66.7, "duration_minutes": 16,
                                   "average_duration_minutes": 7.5, "credits_used": 33},
                  "last_30_days": {"conversations": 5, "completed": 3, "failed": 1,
                                   "success_rate": 60.0, "duration_minutes": 36,
                                   "average_duration_minutes": 11.7, "credits_used": 74}}',
              'daily', jsonb_build_array(
                  jsonb_build_object('date', current_date - 2, 'conversations', 1, 'completed', 1,
                                     'failed', 0, 'duration_minutes', 5, 'leads', 0,
                                     'qualified_leads', 0, 'credits_used', 11),
                  jsonb_build_object('date', current_date, 'conversations', 1, 'completed', 1,
                                     'failed', 0, 'duration_minutes', 10, 'leads', 1,
                                     'qualified_leads', 1, 'credits_used', 21))),
          'performance of an agent');

SELECT is(cache_get_agent_tools(a(1))::jsonb, $$[
    {"id": "50000000-0000-0000-0000-000000000001", "name": "crm", "type": "webhook",
     "config": {"url": "https://crm.example.com"}, "agent_config": {"limit": 3}}
]$$, 'tools of an agent: only what is active on both sides');
SELECT is(cache_get_agent_tools(a(2))::text, '[]', 'an agent without tools');
SELECT results_eq(
    'SELECT x.agent_id, x.tools::text FROM app.cache_load_all_agent_tools() AS x ORDER BY 1',
    'SELECT a.id, app.cache_load_agent_tools(a.id)::text FROM app.agents AS a ORDER BY 1',
    'the tools of all agents at once are those of each');

-- A best agent needs ten calls to beat others; then the rate decides, then calls, then the id.

INSERT INTO agents (id, user_id, name) VALUES (a(11), u(3), 'Lucky'), (a(13), u(3), 'Late'),
                                              (a(12), u(3), 'Early');
INSERT INTO calls (agent_id, user_id, status)
SELECT a(11), u(3), 'completed' FROM generate_series(1, 9)
UNION ALL
SELECT a(n), u(3), CASE k WHEN 1 THEN 'failed' ELSE 'completed' END
FROM generate_series(12, 13) AS n, generate_series(1, 10) AS k;
SELECT is((cache_get_dashboard(u(3)) -> 'best_agent')::jsonb,
          $${"id": "20000000-0000-0000-0000-000000000012", "name": "Early",
             "success_rate": 90.0, "calls": 10}$$, 'best agent: ties go to the smaller id');

-- Unknown keys have no value.

SELECT is(cache_get_dashboard(u(9))::text, NULL, 'unknown user: no dashboard');
SELECT is(cache_get_dashboard_analytics(u(9), '{}')::text, NULL, 'unknown user: no analytics');
SELECT is(cache_get_agents(u(9))::text, NULL, 'unknown user: no agents');
SELECT is(cache_get_agent(a(9))::text, NULL, 'unknown agent: no agent');
SELECT is(cache_get_agent_performance(a(9))::text, NULL, 'unknown agent: no performance');
SELECT is(cache_get_agent_tools(a(9))::text, NULL, 'unknown agent: no tools');

-- Wrong parameters.

SELECT throws_ok(format('SELECT cache_get_dashboard_analytics(app.u(1), %L)', p.params),
                 '22023', p.message, format('analytics: %s is refused', p.params))
FROM (VALUES ('[7]',                 'params must be a JSON object, not array'),
             ('{"day": 7}',          'unknown parameter "day"'),
             ('{"days": 0}',         'parameter "days" is 0'),
             ('{"days": 366}',       'parameter "days" is 366'),
             ('{"days": 1.5}',       'parameter "days" is 1.5'),
             ('{"days": "7"}',       'parameter "days" is "7"'),
             ('{"days": null}',      'parameter "days" is null'),
             ('{"agent_id": "x"}',   'parameter "agent_id" is "x"'),
             ('{"agent_id": null}',  'parameter "agent_id" is null')) AS p (params, message);

-- agent_tools is kept in step with all rows.

SELECT results_eq($$ SELECT sync_every, load_all LIKE '%.cache_load_all_agent_tools'
                     FROM cache_ext_internal.cache_definition WHERE name = 'agent_tools' $$,
                  $$ VALUES (interval '60 s', true) $$, 'agent_tools: synchronised every minute');
SELECT is((SELECT mismatched FROM cache_verify('agent_tools')), 0::bigint,
          'agent_tools: right after what came before');

-- agent_config holds what the application puts.

SELECT is(cache_get_agent_config(a(1))::text, NULL, 'agent_config: nothing was put');
SELECT lives_ok($$ SELECT cache_put_agent_config(app.a(1), '{"voice": "alto"}') $$,
                'agent_config: put');
SELECT is(cache_get_agent_config(a(1))::text, '{"voice": "alto"}', 'agent_config: read back');
SELECT is(cache_get_agent_config(a(2))::text, NULL, 'agent_config: another agent has none');
SELECT lives_ok($$ SELECT cache_put_agent_config(app.a(1), '{"voice": "bass"}') $$,
                'agent_config: put again');
SELECT is(cache_get_agent_config(a(1))::text, '{"voice": "bass"}', 'agent_config: replaced');

SELECT * FROM finish();
\ir call_center/teardown.sql
