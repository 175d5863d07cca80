    -- dashboard_leads and agent_leads: the leads of a user and of an agent, a part of dashboard and of
    -- agent_performance. They depend on which calls have leads, but not on how these go.
    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_dashboard_leads(user_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        WITH leads AS MATERIALIZED (
            SELECT coalesce(l.lead_status_tag::text, 'untagged') AS tag,
                   l.intent_score, l.urgency_score, l.budget_score, l.fit_score,
                   l.engagement_score, l.total_score
            FROM %1$I.calls AS c
            JOIN %1$I.lead_analytics AS l ON l.call_id = c.id
            WHERE c.user_id = $1
        )
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
                SELECT coalesce(json_object_agg(g.tag, g.leads ORDER BY g.tag COLLATE "C"), '{}')
                FROM (SELECT t.tag, count(*) AS leads FROM leads AS t GROUP BY t.tag) AS g))
        FROM leads AS l);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_dashboard_leads(uuid) FROM PUBLIC $sql$,
        app, loader_is);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_dashboard_leads}');
    EXECUTE format('SELECT %I.cache_load_dashboard_leads(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'dashboard_leads', format('%I.cache_load_dashboard_leads(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, max_memory => '16MB');
    PERFORM cache_ext_internal.cache_invalidate_on_referenced(
        'dashboard_leads', calls, '{user_id}', '{id,user_id}', lead_analytics);
    PERFORM cache_ext_internal.cache_invalidate_on_path(
        'dashboard_leads', lead_analytics,
        format('SELECT user_id FROM %I.calls WHERE id = $1.call_id', app),
        '{call_id,intent_score,urgency_score,budget_score,fit_score,engagement_score,total_score,lead_status_tag}');

    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent_leads(agent_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        SELECT json_build_object(
            'total', count(*),
            'qualified', count(*) FILTER (WHERE l.total_score >= 70),
            'average_total_score', round(avg(l.total_score)::numeric, 1))
        FROM %1$I.calls AS c
        JOIN %1$I.lead_analytics AS l ON l.call_id = c.id
        WHERE c.agent_id = $1);
END
$loader$;
REVOKE ALL ON FUNCTION %1$I.cache_load_agent_leads(uuid) FROM PUBLIC $sql$,
        app, loader_is);

    PERFORM cache_ext_internal.require_own_functions(app_schema, '{cache_load_agent_leads}');
    EXECUTE format('SELECT %I.cache_load_agent_leads(NULL::uuid)', app);

    PERFORM cache_ext_internal.cache_create(
        'agent_leads', format('%I.cache_load_agent_leads(uuid)', app)::regprocedure,
        ttl => NULL, refresh_at => NULL, budget => 'dashboard_leads');
    PERFORM cache_ext_internal.cache_invalidate_on_referenced(
        'agent_leads', calls, '{agent_id}', '{id,agent_id}', lead_analytics);
    PERFORM cache_ext_internal.cache_invalidate_on_path(
        'agent_leads', lead_analytics,
        format('SELECT agent_id FROM %I.calls WHERE id = $1.call_id', app),
        '{call_id,total_score}');
