-- The call centre's values by the rows of calls, as its loaders were written before they read aggregate caches: the oracle of
-- what is composed. Set `zone` before.

CREATE FUNCTION app.by_rows_dashboard(user_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET TimeZone = :'zone' AS
$loader$
BEGIN
    RETURN (
        WITH own AS MATERIALIZED (
        SELECT c.id, c.agent_id, c.status, c.duration_minutes, c.credits_used,
               CASE WHEN c.created_at >= current_date + 1 THEN 1000000
                    WHEN c.created_at >= current_date - 6 THEN 7
                    WHEN c.created_at >= current_date - 29 THEN 30
                    ELSE 1000000 END AS days
            FROM app.calls AS c
            WHERE c.user_id = $1
        ), sums AS MATERIALIZED (
            SELECT c.agent_id, c.days, 
           count(*) AS calls,
           count(*) FILTER (WHERE c.status::text = 'completed') AS completed,
           count(*) FILTER (WHERE c.status::text = 'failed') AS failed,
           count(*) FILTER (WHERE c.status::text = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE c.status::text = 'cancelled') AS cancelled,
           sum(c.duration_minutes) AS minutes,
           sum(c.duration_minutes) FILTER (WHERE c.status::text = 'completed') AS completed_minutes,
           sum(c.credits_used) AS credits
            FROM own AS c
            GROUP BY c.agent_id, c.days
        ), windows AS MATERIALIZED (
        SELECT w.name, w.days,
               coalesce(sum(s.calls), 0) AS calls,
               coalesce(sum(s.completed), 0) AS completed,
               coalesce(sum(s.failed), 0) AS failed,
               coalesce(sum(s.in_progress), 0) AS in_progress,
               coalesce(sum(s.cancelled), 0) AS cancelled,
               round(100.0 * sum(s.completed) / nullif(sum(s.calls), 0), 1) AS success_rate,
               coalesce(sum(s.minutes), 0) AS minutes,
               round(sum(s.completed_minutes)::numeric / nullif(sum(s.completed), 0), 1)
                   AS average_minutes,
               coalesce(sum(s.credits), 0) AS credits
        FROM (VALUES ('last_7_days', 7), ('last_30_days', 30), ('all_time', 1000000))
             AS w (name, days)
        LEFT JOIN sums AS s ON s.days <= w.days
        GROUP BY w.name, w.days
        ), leads AS MATERIALIZED (
            SELECT coalesce(l.lead_status_tag::text, 'untagged') AS tag,
                   l.intent_score, l.urgency_score, l.budget_score, l.fit_score,
                   l.engagement_score, l.total_score
            FROM own AS c
            JOIN app.lead_analytics AS l ON l.call_id = c.id
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
                FROM app.agents AS a
                WHERE a.user_id = $1),
            -- Ten calls before an agent can beat the others with a lucky first one.
            'best_agent', (
                SELECT json_build_object('id', b.id, 'name', b.name,
                                         'success_rate', round(b.rate, 1), 'calls', b.calls)
                FROM (SELECT a.id, a.name, sum(s.calls) AS calls,
                             100.0 * sum(s.completed) / sum(s.calls) AS rate
                      FROM sums AS s
                      JOIN app.agents AS a ON a.id = s.agent_id AND a.user_id = $1
                      GROUP BY a.id, a.name) AS b
                ORDER BY b.calls >= 10 DESC, b.rate DESC, b.calls DESC, b.id
                LIMIT 1))
        FROM app.users AS u
        WHERE u.id = $1);
END
$loader$;

CREATE FUNCTION app.by_rows_agent(agent_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET TimeZone = :'zone' AS
$loader$
BEGIN
    RETURN (
        SELECT json_build_object(
            'id', a.id,
            'user_id', a.user_id,
            'name', a.name,
            'agent_type', a.agent_type,
            'is_active', a.is_active,
            'created_at', a.created_at,
            'performance', json_build_object(
                'calls', coalesce(s.calls, 0),
                'completed', coalesce(s.completed, 0),
                'failed', coalesce(s.failed, 0),
                'success_rate', round(100.0 * s.completed / nullif(s.calls, 0), 1),
                'average_duration_minutes',
                round(s.completed_minutes::numeric / nullif(s.completed, 0), 1),
                'credits_used', coalesce(s.credits, 0),
                'calls_last_7_days', coalesce(s.calls_7, 0),
                'calls_last_30_days', coalesce(s.calls_30, 0),
                'last_call_at', s.last_call_at))
        FROM app.agents AS a
        CROSS JOIN (SELECT 
           count(*) AS calls,
           count(*) FILTER (WHERE c.status::text = 'completed') AS completed,
           count(*) FILTER (WHERE c.status::text = 'failed') AS failed,
           count(*) FILTER (WHERE c.status::text = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE c.status::text = 'cancelled') AS cancelled,
           sum(c.duration_minutes) AS minutes,
           sum(c.duration_minutes) FILTER (WHERE c.status::text = 'completed') AS completed_minutes,
           sum(c.credits_used) AS credits,
           count(*) FILTER (WHERE c.created_at >= current_date - 6
                                AND c.created_at < current_date + 1) AS calls_7,
           count(*) FILTER (WHERE c.created_at >= current_date - 29
                                AND c.created_at < current_date + 1) AS calls_30,
           max(c.created_at) AS last_call_at
                    FROM app.calls AS c
                    WHERE c.agent_id = $1) AS s
        WHERE a.id = $1);
END
$loader$;

CREATE FUNCTION app.by_rows_agents(user_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET TimeZone = :'zone' AS
$loader$
BEGIN
    RETURN (
        WITH sums AS MATERIALIZED (
            SELECT c.agent_id, 
           count(*) AS calls,
           count(*) FILTER (WHERE c.status::text = 'completed') AS completed,
           count(*) FILTER (WHERE c.status::text = 'failed') AS failed,
           count(*) FILTER (WHERE c.status::text = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE c.status::text = 'cancelled') AS cancelled,
           sum(c.duration_minutes) AS minutes,
           sum(c.duration_minutes) FILTER (WHERE c.status::text = 'completed') AS completed_minutes,
           sum(c.credits_used) AS credits,
           count(*) FILTER (WHERE c.created_at >= current_date - 6
                                AND c.created_at < current_date + 1) AS calls_7,
           count(*) FILTER (WHERE c.created_at >= current_date - 29
                                AND c.created_at < current_date + 1) AS calls_30,
           max(c.created_at) AS last_call_at
            FROM app.calls AS c
            WHERE c.user_id = $1
            GROUP BY c.agent_id
        )
        SELECT (
            SELECT coalesce(json_agg(json_build_object(
            'id', a.id,
            'user_id', a.user_id,
            'name', a.name,
            'agent_type', a.agent_type,
            'is_active', a.is_active,
            'created_at', a.created_at,
            'performance', json_build_object(
                'calls', coalesce(s.calls, 0),
                'completed', coalesce(s.completed, 0),
                'failed', coalesce(s.failed, 0),
                'success_rate', round(100.0 * s.completed / nullif(s.calls, 0), 1),
                'average_duration_minutes',
                round(s.completed_minutes::numeric / nullif(s.completed, 0), 1),
                'credits_used', coalesce(s.credits, 0),
                'calls_last_7_days', coalesce(s.calls_7, 0),
                'calls_last_30_days', coalesce(s.calls_30, 0),
                'last_call_at', s.last_call_at)) ORDER BY a.created_at, a.id), '[]')
            FROM app.agents AS a
            LEFT JOIN sums AS s ON s.agent_id = a.id
            WHERE a.user_id = $1)
        FROM app.users AS u
        WHERE u.id = $1);
END
$loader$;

CREATE FUNCTION app.by_rows_agent_performance(agent_id uuid) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET TimeZone = :'zone' AS
$loader$
BEGIN
    RETURN (
        WITH own AS MATERIALIZED (
        SELECT c.id, c.agent_id, c.status, c.duration_minutes, c.credits_used,
               CASE WHEN c.created_at >= current_date + 1 THEN 1000000
                    WHEN c.created_at >= current_date - 6 THEN 7
                    WHEN c.created_at >= current_date - 29 THEN 30
                    ELSE 1000000 END AS days
            FROM app.calls AS c
            WHERE c.agent_id = $1
        ), sums AS MATERIALIZED (
            SELECT c.days, 
           count(*) AS calls,
           count(*) FILTER (WHERE c.status::text = 'completed') AS completed,
           count(*) FILTER (WHERE c.status::text = 'failed') AS failed,
           count(*) FILTER (WHERE c.status::text = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE c.status::text = 'cancelled') AS cancelled,
           sum(c.duration_minutes) AS minutes,
           sum(c.duration_minutes) FILTER (WHERE c.status::text = 'completed') AS completed_minutes,
           sum(c.credits_used) AS credits
            FROM own AS c
            GROUP BY c.days
        ), windows AS MATERIALIZED (
        SELECT w.name, w.days,
               coalesce(sum(s.calls), 0) AS calls,
               coalesce(sum(s.completed), 0) AS completed,
               coalesce(sum(s.failed), 0) AS failed,
               coalesce(sum(s.in_progress), 0) AS in_progress,
               coalesce(sum(s.cancelled), 0) AS cancelled,
               round(100.0 * sum(s.completed) / nullif(sum(s.calls), 0), 1) AS success_rate,
               coalesce(sum(s.minutes), 0) AS minutes,
               round(sum(s.completed_minutes)::numeric / nullif(sum(s.completed), 0), 1)
                   AS average_minutes,
               coalesce(sum(s.credits), 0) AS credits
        FROM (VALUES ('last_7_days', 7), ('last_30_days', 30), ('all_time', 1000000))
             AS w (name, days)
        LEFT JOIN sums AS s ON s.days <= w.days
        GROUP BY w.name, w.days
        ), daily AS (
            SELECT r.date, r.total_calls, r.successful_calls, r.failed_calls,
                   r.total_duration_minutes, r.leads_generated, r.qualified_leads, r.credits_used
            FROM app.agent_analytics AS r
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
                'longest', (SELECT max(c.duration_minutes) FROM own AS c)),
            'credits_used', t.credits,
            'leads', (
                SELECT json_build_object(
                    'total', count(*),
                    'qualified', count(*) FILTER (WHERE l.total_score >= 70),
                    'average_total_score', round(avg(l.total_score)::numeric, 1))
                FROM own AS c
                JOIN app.lead_analytics AS l ON l.call_id = c.id),
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
        FROM app.agents AS a
        JOIN windows AS t ON t.name = 'all_time'
        WHERE a.id = $1);
END
$loader$;
