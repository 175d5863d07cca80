-- What it calls, by names that nobody else can add to: in the extension's schema whoever declares caches
-- could put a function beside cache_create that fits better. Their bodies are parsed here and now.
CREATE FUNCTION cache_ext_internal.cache_create(
    name text, loader regprocedure DEFAULT NULL, ttl interval DEFAULT '5 min', refresh_at float8 DEFAULT 0.8,
    max_entries int DEFAULT NULL, max_memory text DEFAULT NULL, budget text DEFAULT NULL,
    load_all regprocedure DEFAULT NULL, sync_every interval DEFAULT NULL,
    key_types regtype[] DEFAULT NULL, value_type regtype DEFAULT NULL
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_create(
    name => $1, loader => $2, ttl => $3, refresh_at => $4, max_entries => $5, max_memory => $6, budget => $7,
    load_all => $8, sync_every => $9, key_types => $10, value_type => $11);

CREATE FUNCTION cache_ext_internal.cache_invalidate_on(
    name text, relation regclass, key text[], columns text[]
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_invalidate_on($1, $2, $3, $4);

CREATE FUNCTION cache_ext_internal.cache_invalidate_on_path(
    name text, relation regclass, key_query text
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_invalidate_on_path($1, $2, $3);

CREATE FUNCTION cache_ext_internal.require_own_functions(app_schema regnamespace, names text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    theirs text := (SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid)
                    FROM pg_proc AS p
                    WHERE p.pronamespace = app_schema AND p.proname = ANY (names)
                    AND p.proowner <> current_user::regrole);
BEGIN
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'a loader''s name is taken by a function of another role: %', theirs
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('The caches run their loaders as %I, so these must be that role''s: drop '
                                'the functions, or ALTER FUNCTION ... OWNER TO %I.', current_user,
                                current_user);
    END IF;
END
$$;

-- The call-centre caches: binds seven caches to the tables of a SaaS whose users
-- run agents that make calls. It uses nothing but the public functions above.
--
-- Each loader reads rows of one user or one agent, and each dependency names the
-- columns that the loader reads and no others, so that a change of, say,
-- users.email leaves every value where it is. Two rules keep that exact:
-- a loader that joins agents to the calls of a user takes only agents of the same
-- user, and everything that reads lead_analytics is keyed through calls.
--
-- Days are days in UTC: "the last 7 days" are today and the six days before. No
-- change of a row announces midnight, so a value is right until its ttl at most.
-- success_rate is the share of completed calls among all calls, in percent; a
-- lead is qualified from a total_score of 70.
CREATE FUNCTION @extschema@.cache_install_call_center(
    app_schema regnamespace DEFAULT pg_catalog.to_regnamespace('public'))
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $install$
DECLARE
    app            text;
    users          regclass;
    agents         regclass;
    calls          regclass;
    lead_analytics regclass;
    tools          regclass;
    agent_tools    regclass;
    cache_names    text[] := '{dashboard,dashboard_analytics,agent,agents,agent_performance,'
                             'agent_config}';
    existing       text[];
    missing_tables text[];
    missing        text[];
    with_tools     boolean;
    optional       text[];
    loader         text;
    loader_names   text[];

    -- What every loader is, apart from its query.
    loader_is CONSTANT text :=
        'LANGUAGE plpgsql STABLE PARALLEL SAFE
         SET search_path = pg_catalog, pg_temp SET TimeZone = ''UTC''';

    -- Sums over calls AS c.
    call_sums CONSTANT text := $sql$
           count(*) AS calls,
           count(*) FILTER (WHERE c.status::text = 'completed') AS completed,
           count(*) FILTER (WHERE c.status::text = 'failed') AS failed,
           count(*) FILTER (WHERE c.status::text = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE c.status::text = 'cancelled') AS cancelled,
           sum(c.duration_minutes) AS minutes,
           sum(c.duration_minutes) FILTER (WHERE c.status::text = 'completed') AS completed_minutes,
           sum(c.credits_used) AS credits$sql$;

    -- The calls of one key, fetched once, each with the smallest window that it is in.
    own_calls CONSTANT text := $sql$
        SELECT c.id, c.agent_id, c.status, c.duration_minutes, c.credits_used,
               CASE WHEN c.created_at >= current_date - 6 THEN 7
                    WHEN c.created_at >= current_date - 29 THEN 30
                    ELSE 1000000 END AS days$sql$;

    -- The windows over sums AS s (a row per window and, perhaps, agent).
    windows CONSTANT text := $sql$
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
        GROUP BY w.name, w.days$sql$;

    -- One agent, from agents AS a and the sums over its calls AS s; %s: columns
    -- that some applications have.
    agent_json CONSTANT text := $sql$json_build_object(
            'id', a.id,
            'user_id', a.user_id,
            'name', a.name,
            'agent_type', a.agent_type,
            'is_active', a.is_active,
            'created_at', a.created_at%s,
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
                'last_call_at', s.last_call_at))$sql$;

    agent_sums CONSTANT text := call_sums || $sql$,
           count(*) FILTER (WHERE c.created_at >= current_date - 6) AS calls_7,
           count(*) FILTER (WHERE c.created_at >= current_date - 29) AS calls_30,
           max(c.created_at) AS last_call_at$sql$;

    -- The tools of an agent from agent_tools AS x and tools AS t.
    tools_json CONSTANT text := $sql$coalesce(
            json_agg(json_build_object('id', t.id, 'name', t.name, 'type', t.type,
                                       'config', t.config, 'agent_config', x.config)
                     ORDER BY t.name::text COLLATE "C", t.id)
                FILTER (WHERE x.is_active AND t.is_active),
            '[]')$sql$;

    call_columns CONSTANT text[] :=
        '{id,user_id,agent_id,status,duration_minutes,credits_used,created_at}';
    rollup_columns CONSTANT text[] :=
        '{agent_id,date,hour,total_calls,successful_calls,failed_calls,total_duration_minutes,'
        'leads_generated,qualified_leads,credits_used}';
    agent_columns text[] := '{id,user_id,name,agent_type,is_active,created_at}';
    lead_to_user  text;
    lead_to_agent text;
BEGIN
    SELECT n.nspname INTO app FROM pg_namespace AS n WHERE n.oid = app_schema;
    IF app IS NULL THEN
        RAISE EXCEPTION 'the schema of the call-centre tables does not exist'
            USING ERRCODE = 'invalid_schema_name',
                  HINT = 'Name it: SELECT cache_install_call_center(''my_schema'').';
    END IF;

    -- tools and agent_tools come together or not at all.
    with_tools := to_regclass(format('%I.tools', app)) IS NOT NULL
                  AND to_regclass(format('%I.agent_tools', app)) IS NOT NULL;
    IF with_tools THEN
        cache_names := cache_names || '{agent_tools}'::text[];
    END IF;

    -- An accessor stands for its cache: only cache_drop removes it.
    SELECT array_agg(c.name ORDER BY c.position DESC)
    INTO existing
    FROM unnest(cache_names) WITH ORDINALITY AS c (name, position)
    WHERE EXISTS (SELECT FROM pg_proc AS p
                  WHERE p.pronamespace = (SELECT e.extnamespace FROM pg_extension AS e
                                           WHERE e.extname = 'cache_ext')
                  AND p.proname = 'cache_get_' || c.name);
    IF existing IS NOT NULL THEN
        RAISE EXCEPTION 'call-centre caches are installed already: %',
                        array_to_string(existing, ', ')
            USING ERRCODE = 'duplicate_object',
                  HINT = format('To install them anew, drop them first: SELECT cache_drop(name) '
                                'FROM unnest(%L::text[]) AS name.', existing);
    END IF;

    WITH needed (relation, kind, columns) AS (
        VALUES ('users', 'uuid', '{id}'::text[]),
               ('users', 'number', '{credits}'),
               ('agents', 'uuid', '{id,user_id}'),
               ('agents', 'text', '{name,agent_type}'),
               ('agents', 'boolean', '{is_active}'),
               ('agents', 'timestamp', '{created_at}'),
               ('calls', 'uuid', '{id,agent_id,user_id}'),
               ('calls', 'number', '{duration_minutes,credits_used}'),
               ('calls', 'text', '{status}'),
               ('calls', 'timestamp', '{created_at}'),
               ('lead_analytics', 'uuid', '{call_id}'),
               ('lead_analytics', 'number', '{intent_score,urgency_score,budget_score,fit_score,'
                                            'engagement_score,total_score}'),
               ('lead_analytics', 'text', '{lead_status_tag}'),
               ('agent_analytics', 'uuid', '{agent_id}'),
               ('agent_analytics', 'date', '{date}'),
               ('agent_analytics', 'number', '{hour,total_calls,successful_calls,failed_calls,'
                                             'total_duration_minutes,leads_generated,'
                                             'qualified_leads,credits_used}'),
               ('tools', 'uuid', '{id}'),
               ('tools', 'text', '{name,type}'),
               ('tools', 'json', '{config}'),
               ('tools', 'boolean', '{is_active}'),
               ('agent_tools', 'uuid', '{agent_id,tool_id}'),
               ('agent_tools', 'json', '{config}'),
               ('agent_tools', 'boolean', '{is_active}')
    ), found AS (
        SELECT n.relation, n.kind, u.column_name, r.oid AS table_oid, a.atttypid,
               CASE n.kind
                   WHEN 'uuid' THEN t.oid = 'uuid'::regtype
                   WHEN 'json' THEN t.oid IN ('json'::regtype, 'jsonb'::regtype)
                   WHEN 'date' THEN t.oid = 'date'::regtype
                   WHEN 'timestamp' THEN t.oid IN ('timestamptz'::regtype, 'timestamp'::regtype)
                   WHEN 'boolean' THEN t.typcategory = 'B'
                   WHEN 'number' THEN t.typcategory = 'N'
                   WHEN 'text' THEN t.typcategory IN ('S', 'E')
               END AS fits
        FROM needed AS n
        CROSS JOIN unnest(n.columns) AS u (column_name)
        LEFT JOIN pg_class AS r
            ON r.relnamespace = app_schema AND r.relname = n.relation AND r.relkind IN ('r', 'p')
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = r.oid AND a.attname = u.column_name
            AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE with_tools OR n.relation NOT IN ('tools', 'agent_tools')
    )
    SELECT array_agg(DISTINCT format('table %I.%I', app, f.relation))
               FILTER (WHERE f.table_oid IS NULL),
           array_agg(CASE
                         WHEN f.atttypid IS NULL
                         THEN format('column %I.%I (%s)', f.relation, f.column_name, f.kind)
                         ELSE format('column %I.%I: %s is needed, it is %s', f.relation,
                                     f.column_name, f.kind, format_type(f.atttypid, NULL))
                     END ORDER BY f.relation, f.column_name)
               FILTER (WHERE f.table_oid IS NOT NULL AND f.fits IS NOT TRUE)
    INTO missing_tables, missing
    FROM found AS f;
    missing := missing_tables || missing;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" lacks tables or columns that the call-centre caches read', app
            USING ERRCODE = CASE WHEN missing_tables IS NOT NULL THEN 'undefined_table'
                                 ELSE 'undefined_column' END,
                  DETAIL = 'Missing: ' || array_to_string(missing, '; ') || '.',
                  HINT = 'docs/reference.md, "The call-centre caches", lists what is read.';
    END IF;

    users := format('%I.users', app);
    agents := format('%I.agents', app);
    calls := format('%I.calls', app);
    lead_analytics := format('%I.lead_analytics', app);
    lead_to_user := format('SELECT user_id FROM %I.calls WHERE id = $1.call_id', app);
    lead_to_agent := format('SELECT agent_id FROM %I.calls WHERE id = $1.call_id', app);

    SELECT array_agg(a.attname::text ORDER BY a.attnum)
    INTO optional
    FROM pg_attribute AS a
    WHERE a.attrelid = agents AND a.attname IN ('type', 'status', 'description')
    AND a.attnum > 0 AND NOT a.attisdropped;
    agent_columns := agent_columns || optional;

    -- A loader runs as the caller from now on. Whoever owns a function of its name already could
    -- change what it does, or have a call mean another one.
    loader_names := (SELECT array_agg('cache_load_' || n) FROM unnest(cache_names || 'all_agent_tools'::text) AS n);
    PERFORM cache_ext_internal.require_own_functions(app_schema, loader_names);

    -- The loaders. A status is compared as text so that an enum works as well, whether
    -- or not it has every label.
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
$loader$ $sql$, app, loader_is, own_calls, call_sums, windows);

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
$loader$ $sql$, app, loader_is, call_sums);

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
$loader$ $sql$,
        app, loader_is, agent_sums,
        format(agent_json, (SELECT string_agg(format(E',\n            %L, a.%I', o.name, o.name), ''
                                              ORDER BY o.position)
                            FROM unnest(optional) WITH ORDINALITY AS o (name, position))));

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
$loader$ $sql$,
        app, loader_is, agent_sums,
        format(agent_json, (SELECT string_agg(format(E',\n            %L, a.%I', o.name, o.name), ''
                                              ORDER BY o.position)
                            FROM unnest(optional) WITH ORDINALITY AS o (name, position))));

    EXECUTE format($sql$
CREATE OR REPLACE FUNCTION %1$I.cache_load_agent_performance(agent_id uuid) RETURNS json
%2$s AS
$loader$
BEGIN
    RETURN (
        WITH own AS MATERIALIZED (%3$s
            FROM %1$I.calls AS c
            WHERE c.agent_id = $1
        ), sums AS MATERIALIZED (
            SELECT c.days, %4$s
            FROM own AS c
            GROUP BY c.days
        ), windows AS MATERIALIZED (%5$s
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
                'longest', (SELECT max(c.duration_minutes) FROM own AS c)),
            'credits_used', t.credits,
            'leads', (
                SELECT json_build_object(
                    'total', count(*),
                    'qualified', count(*) FILTER (WHERE l.total_score >= 70),
                    'average_total_score', round(avg(l.total_score)::numeric, 1))
                FROM own AS c
                JOIN %1$I.lead_analytics AS l ON l.call_id = c.id),
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
$loader$ $sql$, app, loader_is, own_calls, call_sums, windows);

    IF with_tools THEN
        tools := format('%I.tools', app);
        agent_tools := format('%I.agent_tools', app);

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
$loader$ $sql$, app, loader_is, tools_json);

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
$loader$ $sql$, app, loader_is, tools_json);

        EXECUTE format('REVOKE ALL ON FUNCTION %I.cache_load_all_agent_tools() FROM PUBLIC', app);
    END IF;

    PERFORM cache_ext_internal.require_own_functions(app_schema, loader_names);

    -- A first run with no key finds here, and not at the first read, what the check
    -- above cannot see: a table that the caller may not read, a type without sums.
    FOREACH loader IN ARRAY ARRAY['dashboard(uuid)', 'dashboard_analytics(uuid, jsonb)',
                                  'agent(uuid)', 'agents(uuid)', 'agent_performance(uuid)']
                            || CASE WHEN with_tools THEN ARRAY['agent_tools(uuid)'] END
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I.cache_load_%s FROM PUBLIC', app, loader);
        EXECUTE format('SELECT %I.cache_load_%s', app,
                       replace(replace(loader, 'uuid', 'NULL::uuid'), 'jsonb', 'NULL::jsonb'));
    END LOOP;

    -- The caches, each followed by everything that its loader reads.
    PERFORM cache_ext_internal.cache_create(
        'dashboard', format('%I.cache_load_dashboard(uuid)', app)::regprocedure,
        ttl => '10 min', refresh_at => 0.8, max_entries => 500, max_memory => '50MB');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', users, '{id}', '{id,credits}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', agents, '{user_id}',
                                            '{id,user_id,name,is_active}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard', calls, '{user_id}', call_columns);
    PERFORM cache_ext_internal.cache_invalidate_on_path('dashboard', lead_analytics, lead_to_user);

    PERFORM cache_ext_internal.cache_create(
        'dashboard_analytics',
        format('%I.cache_load_dashboard_analytics(uuid, jsonb)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.8, budget => 'dashboard');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', users, ARRAY['id', NULL],
                                            '{id}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', agents, ARRAY['user_id', NULL],
                                            '{id,user_id,name}');
    PERFORM cache_ext_internal.cache_invalidate_on('dashboard_analytics', calls, ARRAY['user_id', NULL],
                                            call_columns);
    PERFORM cache_ext_internal.cache_invalidate_on_path(
        'dashboard_analytics', lead_analytics,
        format('SELECT user_id, NULL::jsonb FROM %I.calls WHERE id = $1.call_id', app));

    PERFORM cache_ext_internal.cache_create(
        'agent', format('%I.cache_load_agent(uuid)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.7, max_entries => 1000, max_memory => '30MB');
    PERFORM cache_ext_internal.cache_invalidate_on('agent', agents, '{id}', agent_columns);
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agent', calls, '{agent_id}',
        '{agent_id,status,duration_minutes,credits_used,created_at}');

    PERFORM cache_ext_internal.cache_create(
        'agents', format('%I.cache_load_agents(uuid)', app)::regprocedure,
        ttl => '15 min', refresh_at => 0.7, budget => 'agent');
    PERFORM cache_ext_internal.cache_invalidate_on('agents', users, '{id}', '{id}');
    PERFORM cache_ext_internal.cache_invalidate_on('agents', agents, '{user_id}', agent_columns);
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agents', calls, '{user_id}',
        '{user_id,agent_id,status,duration_minutes,credits_used,created_at}');

    PERFORM cache_ext_internal.cache_create(
        'agent_performance', format('%I.cache_load_agent_performance(uuid)', app)::regprocedure,
        ttl => '5 min', refresh_at => 0.8, max_entries => 200, max_memory => '20MB');
    PERFORM cache_ext_internal.cache_invalidate_on('agent_performance', agents, '{id}', '{id,name}');
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agent_performance', calls, '{agent_id}',
        '{id,agent_id,status,duration_minutes,credits_used,created_at}');
    PERFORM cache_ext_internal.cache_invalidate_on(
        'agent_performance', format('%I.agent_analytics', app)::regclass, '{agent_id}',
        rollup_columns);
    PERFORM cache_ext_internal.cache_invalidate_on_path('agent_performance', lead_analytics,
                                                 lead_to_agent);

    PERFORM cache_ext_internal.cache_create(
        'agent_config', ttl => '30 min', refresh_at => NULL,
        key_types => '{uuid}', value_type => 'json');

    IF with_tools THEN
        PERFORM cache_ext_internal.cache_create(
            'agent_tools', format('%I.cache_load_agent_tools(uuid)', app)::regprocedure,
            ttl => '5 min', refresh_at => 0.8,
            load_all => format('%I.cache_load_all_agent_tools()', app)::regprocedure,
            sync_every => '60 s');
        PERFORM cache_ext_internal.cache_invalidate_on('agent_tools', agents, '{id}', '{id}');
        PERFORM cache_ext_internal.cache_invalidate_on('agent_tools', agent_tools, '{agent_id}',
                                                '{agent_id,tool_id,config,is_active}');
        PERFORM cache_ext_internal.cache_invalidate_on_path(
            'agent_tools', tools,
            format('SELECT agent_id FROM %I.agent_tools WHERE tool_id = $1.id', app));
    ELSE
        RAISE NOTICE 'cache "agent_tools" is left out: schema "%" lacks tools or agent_tools', app;
    END IF;
END
$install$;

COMMENT ON FUNCTION @extschema@.cache_install_call_center(regnamespace) IS
    'declare the call-centre caches over the tables of an application''s schema';
