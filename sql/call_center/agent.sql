    -- agent: one agent and a short performance.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent(agent_id uuid) RETURNS json
%2$s AS
$loader$
DECLARE%4$s
BEGIN
    RETURN (
        SELECT %6$s
        FROM %1$I.agents AS a
        CROSS JOIN %3$I.cache_get_calls_by_agent($1) AS s
        CROSS JOIN (SELECT %5$s
                    FROM %3$I.cache_get_many_calls_by_agent_day(keys, days) AS k (agent, day, value)) AS w
        WHERE a.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agent(uuid) FROM PUBLIC $sql$,
        app, loader_is, ext, window_days, agent_windows, agent_json);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agent}');
    EXECUTE format('SELECT %I.cache_load_agent(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agent', format('%I.cache_load_agent(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, max_entries => 1000, max_memory => '30MB', expires => at_midnight);
    PERFORM cache_ext_internal.cache_invalidate_on('agent', agents, '{id}', agent_columns);
