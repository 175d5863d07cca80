    -- agents: all agents of a user.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agents(user_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        WITH sums AS MATERIALIZED (
            SELECT c.agent_id, %3$s
            FROM %1$I.calls AS c
            WHERE c.user_id = $1
            GROUP BY c.agent_id
        )
        SELECT (
            SELECT coalesce(json_agg(%4$s ORDER BY a.created_at, a.id), '[]')
            FROM %1$I.agents AS a
            LEFT JOIN sums AS s ON s.agent_id = a.id
            WHERE a.user_id = $1)
        FROM %1$I.users AS u
        WHERE u.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agents(uuid) FROM PUBLIC $sql$,
        app, loader_is, agent_sums, agent_json);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agents}');
    EXECUTE format('SELECT %I.cache_load_agents(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agents', format('%I.cache_load_agents(uuid)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.7, budget => 'agent', expires => 'day');
    PERFORM cache_ext_internal.cache_invalidate_on('agents', users, '{id}', '{id}');
    PERFORM cache_ext_internal.cache_invalidate_on('agents', agents, '{user_id}', agent_columns);
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agents', calls, '{user_id}',
        '{user_id,agent_id,status,duration_minutes,credits_used,created_at}');
