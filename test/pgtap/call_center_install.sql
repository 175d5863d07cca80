-- cache_install_call_center: what it checks, what it says, what it leaves behind.
\set database pgtap_call_center_install
\ir call_center/setup.sql

-- How a statement fails: sqlstate, message, detail and hint.
CREATE FUNCTION failure(statement text, OUT state text, OUT message text, OUT detail text,
                        OUT hint text)
LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE statement;
    state := 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

CREATE FUNCTION caches() RETURNS text[] LANGUAGE sql AS
$$ SELECT array_agg(s.cache::text ORDER BY s.cache COLLATE "C") FROM cache_stat AS s $$;

CREATE FUNCTION loaders(app regnamespace) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM pg_proc AS p
   WHERE p.pronamespace = app AND p.proname LIKE 'cache\_load\_%' $$;

SELECT plan(43);

-- Nothing there.

CREATE SCHEMA empty;
SELECT unnest(ARRAY[
    is(f.state, '42P01', 'an empty schema: undefined_table'),
    is(f.message, 'schema "empty" lacks tables or columns that the call-centre caches read',
       'an empty schema: the message'),
    is(f.detail, 'Missing: table empty.agent_analytics; table empty.agents; table empty.calls; '
                 'table empty.lead_analytics; table empty.users.',
       'an empty schema: every table is named at once'),
    matches(f.hint, 'docs/reference.md', 'an empty schema: the hint names the reference')])
FROM failure($$ SELECT cache_install_call_center('empty') $$) AS f;

SELECT is(f.message, 'schema "public" lacks tables or columns that the call-centre caches read',
          'the schema is public unless told')
FROM failure('SELECT cache_install_call_center()') AS f;

SELECT throws_ok('SELECT cache_install_call_center(NULL)', '3F000',
                 'the schema of the call-centre tables does not exist', 'no schema');

-- Something there.

CREATE SCHEMA damaged;
SET search_path = damaged, public;
SET client_min_messages = warning;
\ir ../../examples/call_center/schema.sql
SET search_path = app, public;
ALTER TABLE damaged.users DROP credits, ADD credits text;
ALTER TABLE damaged.calls DROP credits_used, DROP status, ADD status bytea;
ALTER TABLE damaged.lead_analytics RENAME total_score TO score;
ALTER TABLE damaged.agents DROP user_id, ADD user_id integer;
ALTER TABLE damaged.tools DROP config, ADD config text;
SELECT unnest(ARRAY[
    is(f.state, '42703', 'columns missing: undefined_column'),
    is(f.detail, 'Missing: column agents.user_id: uuid is needed, it is integer; '
                 'column calls.credits_used (number); '
                 'column calls.status: text is needed, it is bytea; '
                 'column lead_analytics.total_score (number); '
                 'column tools.config: json is needed, it is text; '
                 'column users.credits: number is needed, it is text.',
       'columns missing: every column is named at once')])
FROM failure($$ SELECT cache_install_call_center('damaged') $$) AS f;

DROP TABLE damaged.agent_analytics;
CREATE VIEW damaged.agent_analytics AS SELECT 1 AS agent_id;
SELECT unnest(ARRAY[
    is(f.state, '42P01', 'tables and columns missing: undefined_table'),
    matches(f.detail, '^Missing: table damaged.agent_analytics; column agents.user_id: .*; '
                      'column users.credits: ',
            'tables and columns missing: both are named; a view is no table')])
FROM failure($$ SELECT cache_install_call_center('damaged') $$) AS f;

SELECT is(caches(), NULL, 'none of these attempts declared a cache');
SELECT is(loaders('empty') + loaders('public') + loaders('damaged'), 0::bigint,
          'nor left a loader');

-- All there.

SELECT lives_ok($$ SELECT cache_install_call_center('app') $$, 'installed');
SELECT is(caches(), '{agent,agent_config,agent_leads,agent_performance,agent_tools,agents,calls_by_agent,calls_by_agent_day,
                      calls_by_user,calls_by_user_agent,calls_by_user_agent_day,calls_by_user_day,dashboard,
                      dashboard_analytics,dashboard_leads}', 'seven caches, and what they are made of');
SELECT is(loaders('app'), 9::bigint, 'eight loaders, and one for the tools of all agents');
SELECT function_returns('app', 'cache_load_all_agent_tools', '{}'::name[], 'setof record',
                        'cache_load_all_agent_tools is a table function');

SELECT unnest(ARRAY[
    is(f.state, '42710', 'a second time: duplicate_object'),
    is(f.message, 'call-centre caches are installed already: agent_tools, agent_config, '
                  'agent_performance, agents, agent, dashboard_analytics, dashboard, '
                  'agent_leads, dashboard_leads, calls_by_agent_day, calls_by_agent, '
                  'calls_by_user_agent_day, calls_by_user_agent, calls_by_user_day, calls_by_user',
       'a second time: which caches are in the way'),
    matches(f.hint, 'cache_drop', 'a second time: how to get rid of them')])
FROM failure($$ SELECT cache_install_call_center('app') $$) AS f;
SELECT is(f.state, '42710', 'a second time with another schema: the same')
FROM failure($$ SELECT cache_install_call_center('empty') $$) AS f;
SELECT is(cached(), '{}', 'nothing is cached yet');
SELECT is(wrong(), '{}', 'the first installation works');

SELECT regexp_replace(f.hint, '^.*: (SELECT .*)\.$', '\1') AS drop_them
FROM failure($$ SELECT cache_install_call_center('app') $$) AS f
\gset
SELECT lives_ok(:'drop_them', 'the statement of the hint runs');
SELECT is(caches(), NULL, 'and drops all of them');
SELECT lives_ok($$ SELECT cache_install_call_center('app') $$, 'they can be installed again');
SELECT is(wrong(), '{}', 'and work');
SELECT lives_ok(:'drop_them', 'dropped once more');

-- Without tools, in a schema whose name needs quotes. Statuses are an enum that lacks one of the
-- four, times are without time zone, and agents have the columns that only some applications have.

CREATE SCHEMA "Odd one";
SET search_path = "Odd one", public;
\ir ../../examples/call_center/schema.sql
DROP TABLE agent_tools;
DROP INDEX calls_user_id_day_idx, calls_agent_id_day_idx;
ALTER TABLE calls DROP CONSTRAINT calls_status_check, ALTER status DROP DEFAULT;
CREATE TYPE call_status AS ENUM ('completed', 'failed', 'in_progress');
ALTER TABLE calls ALTER status TYPE call_status USING status::call_status,
                  ALTER created_at TYPE timestamp, ALTER completed_at TYPE timestamp;
ALTER TABLE agents ALTER created_at TYPE timestamp, ADD description text, ADD type varchar(20);
INSERT INTO users SELECT * FROM app.users;
INSERT INTO agents SELECT *, 'answers', 'voice' FROM app.agents;
INSERT INTO calls
SELECT c.id, c.agent_id, c.user_id, c.duration_minutes, c.credits_used,
       c.status::call_status, c.created_at
FROM app.calls AS c
WHERE c.status <> 'cancelled';
SET search_path = app, public;

\setenv PGOPTIONS '-c client_min_messages=notice'
\set install 'SELECT cache_install_call_center(''"Odd one"'')'
\set notice `psql -X -h :'HOST' -p :'PORT' -U :'USER' -d :'DBNAME' -c :'install' 2>&1 >/dev/null`
SELECT is(:'notice'::text,
          'NOTICE:  cache "agent_tools" is left out: schema "Odd one" lacks tools or agent_tools',
          'without agent_tools: a notice');
SELECT is(caches(), '{agent,agent_config,agent_leads,agent_performance,agents,calls_by_agent,calls_by_agent_day,
                      calls_by_user,calls_by_user_agent,calls_by_user_agent_day,calls_by_user_day,dashboard,
                      dashboard_analytics,dashboard_leads}', 'without agent_tools: one less');
SELECT hasnt_function('public', 'cache_get_agent_tools', '{uuid}'::name[],
                      'without agent_tools: no accessor for it');
SELECT is(loaders('"Odd one"'), 7::bigint, 'without agent_tools: seven loaders');

SELECT is(cache_get_dashboard(u(1)) ->> 'calls',
          '{"total" : 7, "completed" : 5, "failed" : 1, "in_progress" : 1, "cancelled" : 0}',
          'an enum for the status');
SELECT is(cache_get_dashboard_analytics(u(1), '{"days": 7}') ->> 'statuses',
          '{ "completed" : 2, "failed" : 1, "in_progress" : 1 }',
          'an enum for the status, counted');
SELECT is(cache_get_dashboard(u(1)) #>> '{windows,last_7_days,calls}', '4',
          'times without time zone');
SELECT is(cache_get_agent(a(1)) ->> 'description', 'answers', 'agents.description is used');
SELECT is(cache_get_agent(a(1)) ->> 'type', 'voice', 'agents.type is used');
SELECT is(cache_get_agent(a(1)) ->> 'status', NULL, 'agents.status is not there');
SELECT is(cache_get_agents(u(1)) #>> '{1,description}', 'answers', 'in agents too');

SELECT state AS state_before FROM cache_explain('agent', a(1)) \gset
SELECT is(:'state_before'::text, 'hit', 'agents.description changes: cached before');
UPDATE "Odd one".agents SET description = 'asks' WHERE id = a(1);
SELECT is(cache_get_agent(a(1)) ->> 'description', 'asks', 'agents.description changes: seen');
SELECT is(cache_get_agents(u(1)) #>> '{0,description}', 'asks',
          'agents.description changes: seen in agents');

-- What belongs to the loaders, not to the caches.

SELECT is((SELECT count(*) FROM pg_proc AS p
           WHERE p.proname LIKE 'cache\_load\_%'
           AND (p.provolatile <> 's' OR p.prosecdef
                OR EXISTS (SELECT FROM aclexplode(p.proacl) AS x WHERE x.grantee = 0))),
          0::bigint, 'loaders are STABLE, run as their caller, and PUBLIC may not call them');
SELECT is((SELECT count(*) FROM pg_depend AS d
           JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
           WHERE p.proname LIKE 'cache\_load\_%' AND d.deptype = 'e'),
          0::bigint, 'loaders are not part of the extension: pg_dump carries them');

SELECT * FROM finish();
\ir call_center/teardown.sql
