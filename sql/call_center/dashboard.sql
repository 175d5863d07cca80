    -- dashboard: overview of a user.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_dashboard(user_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        WITH own AS MATERIALIZED (%3$s
            FROM %1$I.calls AS c
            WHERE c.user_id = $1
        ), sums AS MATERIALIZED (
            SELECT c.agent_id, c.days, %4$s
            FROM own AS c
            GROUP BY c.agent_id, c.days
        ), windows AS MATERIALIZED (%5$s
        ), leads AS MATERIALIZED (
            SELECT coalesce(l.lead_status_tag::text, 'untagged') AS tag,
                   l.intent_score, l.urgency_score, l.budget_score, l.fit_score,
                   l.engagement_score, l.total_score
            FROM own AS c
            JOIN %1$I.lead_analytics AS l ON l.call_id = c.id
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
            'leads', (
                SELECT json_build_object(
                    'total', count(*),
                    'qualified', count(*) FILTER (WHERE l.total_score >= 70),
                    'average_scores', json_build_object(
                        'intent', round(avg(l.intent_score)::numeric, 1),
                        'urgency', round(avg(l.urgency_score)::numeric, 1),
                        'budget', round(avg(l.budget_score)::numeric, 1),
                        'fit', round(avg(l.fit_score)::numeric, 1),
                        'engagement', round(avg(l.engagement_score)::numeric, 1),
                        'total', round(avg(l.total_score)::numeric, 1)),
                    'by_status_tag', (
                        SELECT coalesce(json_object_agg(g.tag, g.leads
                                                        ORDER BY g.tag COLLATE "C"), '{}')
                        FROM (SELECT t.tag, count(*) AS leads FROM leads AS t GROUP BY t.tag)
                             AS g))
                FROM leads AS l),
            'agents', (
                SELECT json_build_object('total', count(*),
                                         'active', count(*) FILTER (WHERE a.is_active))
                FROM %1$I.agents AS a
                WHERE a.user_id = $1),
            -- Ten calls before an agent can beat the others with a lucky first one.
            'best_agent', (
                SELECT json_build_object('id', b.id, 'name', b.name,
                                         'success_rate', round(b.rate, 1), 'calls', b.calls)
                FROM (SELECT a.id, a.name, sum(s.calls) AS calls,
                             100.0 * sum(s.completed) / sum(s.calls) AS rate
                      FROM sums AS s
                      JOIN %1$I.agents AS a ON a.id = s.agent_id AND a.user_id = $1
                      GROUP BY a.id, a.name) AS b
                ORDER BY b.calls >= 10 DESC, b.rate DESC, b.calls DESC, b.id
                LIMIT 1))
        FROM %1$I.users AS u
        WHERE u.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_dashboard(uuid) FROM PUBLIC $sql$,
        app, loader_is, own_calls, call_sums, windows);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_dashboard}');
    EXECUTE format('SELECT %I.cache_load_dashboard(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'dashboard', format('%I.cache_load_dashboard(uuid)', app)::regprocedure,
        ttl => '10 min', refresh_at => 0.8, max_entries => 500, max_memory => '50MB',
        expires => 'day');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', users, '{id}', '{id,credits}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', agents, '{user_id}',
                                            '{id,user_id,name,is_active}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', calls, '{user_id}', call_columns);
    PERFORM cache_ext_internal.cache_invalidate_on_path(
        'dashboard', lead_analytics,
        format('SELECT user_id FROM %I.calls WHERE id = $1.call_id', app),
        '{call_id,intent_score,urgency_score,budget_score,fit_score,engagement_score,total_score,lead_status_tag}');
