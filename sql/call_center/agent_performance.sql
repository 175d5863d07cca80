    -- agent_performance: performance of an agent.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent_performance(agent_id uuid) RETURNS json
%2$s AS
$loader$
DECLARE%4$s
BEGIN
    RETURN (
        WITH sums AS MATERIALIZED (%5$s
        ), windows AS MATERIALIZED (%6$s
        ), daily AS (
            SELECT r.date, r.total_calls, r.successful_calls, r.failed_calls,
                   r.total_duration_minutes, r.leads_generated, r.qualified_leads, r.credits_used
            FROM %1$I.agent_analytics AS r
            WHERE r.agent_id = $1 AND r.hour IS NULL AND r.date >= current_date - 29
        )
        SELECT json_build_object(
            'agent_id', a.id,
            'name', a.name,
            'conversations', json_build_object(
                'total', t.calls, 'completed', t.completed, 'failed', t.failed,
                'in_progress', t.in_progress, 'cancelled', t.cancelled),
            'success_rate', t.success_rate,
            'duration_minutes', json_build_object(
                'total', t.minutes,
                'average', t.average_minutes,
                'longest', (SELECT k.longest FROM %3$I.cache_get_calls_by_agent($1) AS k)),
            'credits_used', t.credits,
            'leads', %3$I.cache_get_agent_leads($1),
            'windows', (
                SELECT json_object_agg(w.name, json_build_object(
                    'conversations', w.calls,
                    'completed', w.completed,
                    'failed', w.failed,
                    'success_rate', w.success_rate,
                    'duration_minutes', w.minutes,
                    'average_duration_minutes', w.average_minutes,
                    'credits_used', w.credits) ORDER BY w.days)
                FROM windows AS w
                WHERE w.name <> 'all_time'),
            -- As the application rolled them up; a day that it has not is left out.
            'daily', (
                SELECT coalesce(json_agg(json_build_object(
                    'date', r.date,
                    'conversations', r.total_calls,
                    'completed', r.successful_calls,
                    'failed', r.failed_calls,
                    'duration_minutes', r.total_duration_minutes,
                    'leads', r.leads_generated,
                    'qualified_leads', r.qualified_leads,
                    'credits_used', r.credits_used) ORDER BY r.date), '[]')
                FROM daily AS r))
        FROM %1$I.agents AS a
        JOIN windows AS t ON t.name = 'all_time'
        WHERE a.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agent_performance(uuid) FROM PUBLIC $sql$,
        app, loader_is, ext, window_days, format(sums, ext, 'calls_by_agent'), windows);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agent_performance}');
    EXECUTE format('SELECT %I.cache_load_agent_performance(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agent_performance', format('%I.cache_load_agent_performance(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, max_entries => 200, max_memory => '20MB', expires => at_midnight);
    PERFORM cache_ext_internal.cache_invalidate_on('agent_performance', agents, '{id}', '{id,name}');
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agent_performance', format('%I.agent_analytics', app)::regclass, '{agent_id}',
        '{agent_id,date,hour,total_calls,successful_calls,failed_calls,total_duration_minutes,'
        'leads_generated,qualified_leads,credits_used}');
