-- cache_install_call_center among strangers: a loader's name that was taken before is not inherited.
\set database pgtap_call_center_rights
\ir call_center/setup.sql

CREATE FUNCTION state_of(statement text, OUT state text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE statement;
    state := 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END
$$;

CREATE ROLE pgtap_evil;
GRANT USAGE, CREATE ON SCHEMA app, public TO pgtap_evil;

SELECT plan(13);

-- A table of another role, whose policies would run as the caller while its loader is planned.
ALTER TABLE app.agent_tools OWNER TO pgtap_evil;
SET ROLE pgtap_evil;
CREATE FUNCTION app.spy() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE WARNING 'runs as %', current_user; RETURN true; END$$;
ALTER TABLE app.agent_tools ENABLE ROW LEVEL SECURITY;
CREATE POLICY spy ON app.agent_tools USING (app.spy());
RESET ROLE;
SELECT unnest(ARRAY[
    is(f.state, '42501', 'a table of another role: insufficient_privilege'),
    is(f.message, format('the call-centre tables are not all of one owner, whose rights %s has: app.agent_tools of pgtap_evil',
                         current_user), 'a table of another role: which')])
FROM state_of($$ SELECT cache_install_call_center('app') $$) AS f;
DROP POLICY spy ON app.agent_tools;
ALTER TABLE app.agent_tools DISABLE ROW LEVEL SECURITY;
DROP FUNCTION app.spy();
DO $$BEGIN EXECUTE format('ALTER TABLE app.agent_tools OWNER TO %I', current_user); END$$;
SELECT is((SELECT count(*) FROM cache_stat), 0::bigint, 'nothing was installed over it');

-- Of the same arguments: CREATE OR REPLACE would leave it the other role's.
SET ROLE pgtap_evil;
CREATE FUNCTION app.cache_load_agent(agent_id uuid) RETURNS json LANGUAGE sql STABLE AS 'SELECT NULL::json';
RESET ROLE;
SELECT unnest(ARRAY[
    is(f.state, '42501', 'a loader of another role: insufficient_privilege'),
    is(f.message, 'a loader''s name is taken by a function of another role: app.cache_load_agent(uuid)',
       'a loader of another role: which'),
    matches(f.hint, 'drop the functions, or ALTER FUNCTION', 'a loader of another role: what leads out')])
FROM state_of($$ SELECT cache_install_call_center('app') $$) AS f;
SELECT is((SELECT count(*) FROM cache_stat), 0::bigint, 'nothing was installed');
DROP FUNCTION app.cache_load_agent(uuid);

-- Of other arguments: the first run would mean that one.
SET ROLE pgtap_evil;
CREATE FUNCTION app.cache_load_agent(agent_id text) RETURNS json LANGUAGE plpgsql AS
    $$BEGIN RAISE 'runs as %', current_user; END$$;
RESET ROLE;
SELECT is(f.state, '42501', 'an overload of another role: insufficient_privilege')
FROM state_of($$ SELECT cache_install_call_center('app') $$) AS f;
DROP FUNCTION app.cache_load_agent(text);

-- One of the caller's own is replaced.
CREATE FUNCTION app.cache_load_agent(agent_id uuid) RETURNS json LANGUAGE sql STABLE AS 'SELECT NULL::json';
SELECT is(f.state, 'none', 'a loader of the caller: replaced')
FROM state_of($$ SELECT cache_install_call_center('app') $$) AS f;
SELECT is((SELECT p.prosrc <> 'SELECT NULL::json' FROM pg_proc AS p WHERE p.oid = 'app.cache_load_agent(uuid)'::regprocedure),
          true, 'it is the installer''s');

-- The extension's schema may be renamed before.
SELECT is(count(cache_drop(name)), 15::bigint, 'dropped')
FROM unnest('{dashboard_analytics,dashboard,agents,agent,agent_performance,agent_config,agent_tools,agent_leads,dashboard_leads,
              calls_by_user_day,calls_by_user_agent,calls_by_user_agent_day,calls_by_agent,calls_by_agent_day,calls_by_user}'::text[]) AS name;
DROP EXTENSION cache_ext CASCADE;
CREATE SCHEMA cache;
CREATE EXTENSION cache_ext SCHEMA cache;
ALTER SCHEMA cache RENAME TO store;
SELECT is(f.state, 'none', 'in a schema of another name than it was created in')
FROM state_of($$ SELECT store.cache_install_call_center('app') $$) AS f;
SELECT is((SELECT count(*) FROM store.cache_stat), 15::bigint, 'all caches');

SELECT * FROM finish();
DROP OWNED BY pgtap_evil;
\ir call_center/teardown.sql
DROP ROLE pgtap_evil;
