    -- dashboard: overview of a user.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_dashboard(user_id uuid) RETURNS json
%2$s AS
$loader$
DECLARE%4$s
    agent_ids uuid[] := ARRAY(SELECT a.id FROM %1$I.agents AS a WHERE a.user_id = $1);
    users     uuid[] := array_fill($1, ARRAY[cardinality(agent_ids)]);
BEGIN
    RETURN (
        WITH sums AS MATERIALIZED (%5$s
        ), windows AS MATERIALIZED (%6$s
        )
        SELECT json_build_object(
            'user_id', u.id,
            'credits', u.credits,
            'calls', (
                SELECT json_build_object(
                    'total', w.calls, 'completed', w.completed, 'failed', w.failed,
                    'in_progress', w.in_progress, 'cancelled', w.cancelled)
                FROM windows AS w
                WHERE w.name = 'all_time'),
            'success_rate', (
                SELECT w.success_rate FROM windows AS w WHERE w.name = 'all_time'),
            'windows', (
                SELECT json_object_agg(w.name, json_build_object(
                    'calls', w.calls,
                    'completed', w.completed,
                    'failed', w.failed,
                    'success_rate', w.success_rate,
                    'duration_minutes', w.minutes,
                    'average_duration_minutes', w.average_minutes,
                    'credits_used', w.credits) ORDER BY w.days)
                FROM windows AS w),
            'leads', %3$I.cache_get_dashboard_leads($1),
            'agents', (
                SELECT json_build_object('total', count(*),
                                         'active', count(*) FILTER (WHERE a.is_active))
                FROM %1$I.agents AS a
                WHERE a.user_id = $1),
            -- Ten calls before an agent can beat the others with a lucky first one.
            'best_agent', (
                SELECT json_build_object('id', b.id, 'name', b.name,
                                         'success_rate', round(b.rate, 1), 'calls', b.calls)
                FROM (SELECT a.id, a.name, (s.value).calls AS calls,
                             100.0 * (s.value).completed / (s.value).calls AS rate
                      FROM %3$I.cache_get_many_calls_by_user_agent(users, agent_ids) AS s
                      JOIN %1$I.agents AS a ON a.id = s.key2 AND a.user_id = $1
                      WHERE (s.value).calls > 0) AS b
                ORDER BY b.calls >= 10 DESC, b.rate DESC, b.calls DESC, b.id
                LIMIT 1))
        FROM %1$I.users AS u
        WHERE u.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_dashboard(uuid) FROM PUBLIC $sql$,
        app, loader_is, ext, window_days, format(sums, ext, 'calls_by_user'), windows);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_dashboard}');
    EXECUTE format('SELECT %I.cache_load_dashboard(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'dashboard', format('%I.cache_load_dashboard(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, max_entries => 500, max_memory => '50MB',
        expires => at_midnight);
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', users, '{id}', '{id,credits}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', agents, '{user_id}',
                                            '{id,user_id,name,is_active}');
