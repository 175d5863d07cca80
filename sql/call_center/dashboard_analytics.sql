    -- dashboard_analytics: time series and distributions of a user, of one agent if wanted. Hours and
    -- statuses are no sums by day: from the rows.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_dashboard_analytics(user_id uuid, params jsonb)
RETURNS json
%2$s AS
$loader$
DECLARE
    options    jsonb := coalesce(params, '{}');
    unknown    text;
    days       integer := 30;
    only_agent uuid;
BEGIN
    IF jsonb_typeof(options) <> 'object' THEN
        RAISE EXCEPTION 'params must be a JSON object, not %%', jsonb_typeof(options)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Known parameters: {"days": 1 to 365, "agent_id": uuid}.';
    END IF;
    SELECT min(k.name) INTO unknown
    FROM jsonb_object_keys(options) AS k (name)
    WHERE k.name NOT IN ('days', 'agent_id');
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'unknown parameter "%%"', unknown
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Known parameters: {"days": 1 to 365, "agent_id": uuid}.';
    END IF;
    IF options ? 'days' THEN
        IF jsonb_typeof(options -> 'days') <> 'number'
           OR options ->> 'days' !~ '^[0-9]{1,3}$'
           OR (options ->> 'days')::integer NOT BETWEEN 1 AND 365
        THEN
            RAISE EXCEPTION 'parameter "days" is %%', options -> 'days'
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'It must be a whole number from 1 to 365.';
        END IF;
        days := (options ->> 'days')::integer;
    END IF;
    IF options ? 'agent_id' THEN
        IF jsonb_typeof(options -> 'agent_id') <> 'string'
           OR options ->> 'agent_id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN
            RAISE EXCEPTION 'parameter "agent_id" is %%', options -> 'agent_id'
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'It must be a uuid written as a string; leave it out for all agents.';
        END IF;
        only_agent := (options ->> 'agent_id')::uuid;
    END IF;

    RETURN (
        WITH own AS MATERIALIZED (
            SELECT c.id, c.agent_id, c.status::text AS status, c.duration_minutes, c.credits_used,
                   c.created_at::date AS day, extract(hour FROM c.created_at)::integer AS hour
            FROM %1$I.calls AS c
            WHERE c.user_id = $1
            AND c.created_at >= current_date - (days - 1)
            AND c.created_at < current_date + 1
            AND (only_agent IS NULL OR c.agent_id = only_agent)
        ), daily AS (
            SELECT c.day, %3$s
            FROM own AS c
            GROUP BY c.day
        ), hourly AS (
            SELECT c.hour, count(*) AS calls,
                   count(*) FILTER (WHERE c.status::text = 'completed') AS completed
            FROM own AS c
            GROUP BY c.hour
        ), leads AS (
            SELECT least(floor(l.total_score / 20.0), 4)::integer AS bucket, count(*) AS leads
            FROM own AS c
            JOIN %1$I.lead_analytics AS l ON l.call_id = c.id
            WHERE l.total_score IS NOT NULL
            GROUP BY 1
        )
        SELECT json_build_object(
            'user_id', u.id,
            'days', days,
            'agent_id', only_agent,
            'daily', (
                SELECT json_agg(json_build_object(
                    'date', current_date - d.ago,
                    'calls', coalesce(s.calls, 0),
                    'completed', coalesce(s.completed, 0),
                    'failed', coalesce(s.failed, 0),
                    'duration_minutes', coalesce(s.minutes, 0),
                    'credits_used', coalesce(s.credits, 0)) ORDER BY d.ago DESC)
                FROM generate_series(0, days - 1) AS d (ago)
                LEFT JOIN daily AS s ON s.day = current_date - d.ago),
            'hourly', (
                SELECT json_agg(json_build_object(
                    'hour', h.hour,
                    'calls', coalesce(s.calls, 0),
                    'completed', coalesce(s.completed, 0)) ORDER BY h.hour)
                FROM generate_series(0, 23) AS h (hour)
                LEFT JOIN hourly AS s ON s.hour = h.hour),
            'statuses', (
                SELECT coalesce(json_object_agg(g.status, g.calls
                                                ORDER BY g.status COLLATE "C"), '{}')
                FROM (SELECT c.status, count(*) AS calls
                      FROM own AS c
                      WHERE c.status IS NOT NULL
                      GROUP BY c.status) AS g),
            'lead_scores', (
                SELECT json_agg(json_build_object(
                    'from', 20 * b.bucket,
                    'to', CASE b.bucket WHEN 4 THEN 100 ELSE 20 * b.bucket + 19 END,
                    'leads', coalesce(l.leads, 0)) ORDER BY b.bucket)
                FROM generate_series(0, 4) AS b (bucket)
                LEFT JOIN leads AS l ON l.bucket = b.bucket),
            'top_agents', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', t.id, 'name', t.name, 'calls', t.calls, 'completed', t.completed,
                    'success_rate', round(100.0 * t.completed / t.calls, 1),
                    'credits_used', coalesce(t.credits, 0))
                    ORDER BY t.completed DESC, t.calls DESC, t.id), '[]')
                FROM (SELECT a.id, a.name, s.calls, s.completed, s.credits
                      FROM (SELECT c.agent_id, %3$s
                            FROM own AS c
                            GROUP BY c.agent_id) AS s
                      JOIN %1$I.agents AS a ON a.id = s.agent_id AND a.user_id = $1
                      ORDER BY s.completed DESC, s.calls DESC, a.id
                      LIMIT 5) AS t))
        FROM %1$I.users AS u
        WHERE u.id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_dashboard_analytics(uuid, jsonb) FROM PUBLIC $sql$,
        app, loader_is, call_sums);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_dashboard_analytics}');
    EXECUTE format('SELECT %I.cache_load_dashboard_analytics(NULL::uuid, NULL::jsonb)', app);

    PERFORM cache_ext_internal.cache_create(
        'dashboard_analytics',
        format('%I.cache_load_dashboard_analytics(uuid, jsonb)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.8, budget => 'dashboard', expires => at_midnight);
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', users, ARRAY['id', NULL],
                                            '{id}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', agents, ARRAY['user_id', NULL],
                                            '{id,user_id,name}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', calls, ARRAY['user_id', NULL],
                                            call_columns);
    PERFORM cache_ext_internal.cache_invalidate_on_path(
        'dashboard_analytics', lead_analytics,
        format('SELECT user_id, NULL::jsonb FROM %I.calls WHERE id = $1.call_id', app),
        '{call_id,total_score}');
