    -- agent_tools: active tools of an agent, all agents at once every 60 s, if the application has tools.
    DECLARE
        -- From agent_tools AS x and tools AS t.
        tools_json CONSTANT text := $sql$coalesce(
            json_agg(json_build_object('id', t.id, 'name', t.name, 'type', t.type,
                                       'config', t.config, 'agent_config', x.config)
                     ORDER BY t.name::text COLLATE "C", t.id)
                FILTER (WHERE x.is_active AND t.is_active),
            '[]')$sql$;
    BEGIN
        IF NOT with_tools THEN
            RAISE NOTICE 'cache "agent_tools" is left out: schema "%" lacks tools or agent_tools', app;
        ELSE
            EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent_tools(agent_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        SELECT (
            SELECT %3$s
            FROM %1$I.agent_tools AS x
            JOIN %1$I.tools AS t ON t.id = x.tool_id
            WHERE x.agent_id = $1)
        FROM %1$I.agents AS a
        WHERE a.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agent_tools(uuid) FROM PUBLIC $sql$,
        app, loader_is, tools_json);

            EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_all_agent_tools()
RETURNS TABLE (agent_id uuid, tools json)
%2$s AS
$loader$
BEGIN
    RETURN QUERY
    SELECT a.id, %3$s
    FROM %1$I.agents AS a
    LEFT JOIN (%1$I.agent_tools AS x JOIN %1$I.tools AS t ON t.id = x.tool_id)
        ON x.agent_id = a.id
    GROUP BY a.id;
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_all_agent_tools() FROM PUBLIC $sql$,
        app, loader_is, tools_json);

            PERFORM cache_ext_internal.require_own_functions(
                app_schema, '{cache_load_agent_tools,cache_load_all_agent_tools}');
            EXECUTE format('SELECT %I.cache_load_agent_tools(NULL::uuid)', app);

            PERFORM cache_ext_internal.cache_create(
                'agent_tools', format('%I.cache_load_agent_tools(uuid)', app)::regprocedure,
                ttl => '5 min', refresh_at => 0.8,
                load_all => format('%I.cache_load_all_agent_tools()', app)::regprocedure,
                sync_every => '60 s');
            PERFORM cache_ext_internal.cache_invalidate_on('agent_tools', agents, '{id}', '{id}');
            PERFORM cache_ext_internal.cache_invalidate_on(
                'agent_tools', format('%I.agent_tools', app)::regclass, '{agent_id}',
                '{agent_id,tool_id,config,is_active}');
            PERFORM cache_ext_internal.cache_invalidate_on_path(
                'agent_tools', format('%I.tools', app)::regclass,
                format('SELECT agent_id FROM %I.agent_tools WHERE tool_id = $1.id', app),
                '{id,name,type,config,is_active}');
        END IF;
    END;
