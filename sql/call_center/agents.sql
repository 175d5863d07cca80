    -- agents: all agents of a user.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agents(user_id uuid) RETURNS json
%2$s AS
$loader$
DECLARE%4$s
    agent_ids uuid[] := ARRAY(SELECT a.id FROM %1$I.agents AS a WHERE a.user_id = $1);
    users     uuid[] := array_fill($1, ARRAY[cardinality(agent_ids)]);
    -- Each agent with each day.
    agent_of_day uuid[] := ARRAY(SELECT a FROM unnest(agent_ids) AS a, unnest(days));
    day_of_agent date[] := ARRAY(SELECT d FROM unnest(agent_ids), unnest(days) AS d);
    user_of_day  uuid[] := array_fill($1, ARRAY[cardinality(day_of_agent)]);
BEGIN
    RETURN (
        WITH sums AS MATERIALIZED (
            SELECT k.key2 AS agent_id, (k.value).*
            FROM %3$I.cache_get_many_calls_by_user_agent(users, agent_ids) AS k
        ), windows AS MATERIALIZED (
            SELECT k.agent_id, %5$s
            FROM %3$I.cache_get_many_calls_by_user_agent_day(user_of_day, agent_of_day, day_of_agent)
                 AS k ("user", agent_id, day, value)
            GROUP BY k.agent_id
        )
        SELECT (
            SELECT coalesce(json_agg(%6$s ORDER BY a.created_at, a.id), '[]')
            FROM %1$I.agents AS a
            LEFT JOIN sums AS s ON s.agent_id = a.id
            LEFT JOIN windows AS w ON w.agent_id = a.id
            WHERE a.user_id = $1)
        FROM %1$I.users AS u
        WHERE u.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agents(uuid) FROM PUBLIC $sql$,
        app, loader_is, ext, window_days, agent_windows, agent_json);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agents}');
    EXECUTE format('SELECT %I.cache_load_agents(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agents', format('%I.cache_load_agents(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, budget => 'agent', expires => at_midnight);
    PERFORM cache_ext_internal.cache_invalidate_on('agents', users, '{id}', '{id}');
    PERFORM cache_ext_internal.cache_invalidate_on('agents', agents, '{user_id}', agent_columns);
