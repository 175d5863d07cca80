    -- agent: one agent and a short performance.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent(agent_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        SELECT %4$s
        FROM %1$I.agents AS a
        CROSS JOIN (SELECT %3$s
                    FROM %1$I.calls AS c
                    WHERE c.agent_id = $1) AS s
        WHERE a.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agent(uuid) FROM PUBLIC $sql$,
        app, loader_is, agent_sums, agent_json);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agent}');
    EXECUTE format('SELECT %I.cache_load_agent(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agent', format('%I.cache_load_agent(uuid)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.7, max_entries => 1000, max_memory => '30MB', expires => 'day');
    PERFORM cache_ext_internal.cache_invalidate_on('agent', agents, '{id}', agent_columns);
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agent', calls, '{agent_id}',
        '{agent_id,status,duration_minutes,credits_used,created_at}');
