-- Whether everything is there that the loaders read, and nothing that would be in the way.
BEGIN
    SELECT n.nspname INTO app FROM pg_namespace AS n WHERE n.oid = app_schema;
    IF app IS NULL THEN
        RAISE EXCEPTION 'the schema of the call-centre tables does not exist'
            USING ERRCODE = 'invalid_schema_name',
                  HINT = 'Name it: SELECT cache_install_call_center(''my_schema'').';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = time_zone) THEN
        RAISE EXCEPTION 'time zone "%" is not known', time_zone
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It must be one of pg_timezone_names, such as UTC or Europe/Berlin.';
    END IF;
    SELECT n.nspname INTO ext
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'cache_ext';

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
                  WHERE p.pronamespace = ext::regnamespace AND p.proname = 'cache_get_' || c.name);
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
        SELECT n.relation, n.kind, u.column_name, r.oid AS table_oid, r.relowner, a.atttypid,
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
               FILTER (WHERE f.table_oid IS NOT NULL AND f.fits IS NOT TRUE),
           array_agg(DISTINCT format('%I.%I of %I', app, f.relation, f.relowner::regrole))
               FILTER (WHERE NOT pg_has_role(f.relowner, 'USAGE')
                             OR f.relowner <> (SELECT r.relowner FROM pg_class AS r
                                               WHERE r.relnamespace = app_schema AND r.relname = 'users'))
    INTO missing_tables, missing, foreign_tables
    FROM found AS f;
    missing := missing_tables || missing;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" lacks tables or columns that the call-centre caches read', app
            USING ERRCODE = CASE WHEN missing_tables IS NOT NULL THEN 'undefined_table'
                                 ELSE 'undefined_column' END,
                  DETAIL = 'Missing: ' || array_to_string(missing, '; ') || '.',
                  HINT = 'docs/reference.md, "The call-centre caches", lists what is read.';
    END IF;
    -- Planning alone may run functions of a table's owner, in its policies and indexes.
    IF foreign_tables IS NOT NULL THEN
        RAISE EXCEPTION 'the call-centre tables are not all of one owner, whose rights % has: %', current_user,
                        array_to_string(foreign_tables, ', ')
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Have their owner install the caches, and all of them belong to him.';
    END IF;

    users := format('%I.users', app);
    agents := format('%I.agents', app);
    calls := format('%I.calls', app);
    lead_analytics := format('%I.lead_analytics', app);

    SELECT array_agg(a.attname::text ORDER BY a.attnum)
    INTO optional
    FROM pg_attribute AS a
    WHERE a.attrelid = agents AND a.attname IN ('type', 'status', 'description')
    AND a.attnum > 0 AND NOT a.attisdropped;
    agent_columns := agent_columns || optional;
    agent_json := format(agent_json, (
        SELECT string_agg(format(E',\n            %L, a.%I', o.name, o.name), '' ORDER BY o.position)
        FROM unnest(optional) WITH ORDINALITY AS o (name, position)));

    -- Measures and keys of aggregate caches are IMMUTABLE: no cast of an enum to text. Of an enum a
    -- label counts that it has now.
    SELECT CASE WHEN a.atttypid = 'timestamp'::regtype THEN 'created_at::date'
                ELSE format('(created_at AT TIME ZONE %L)::date', time_zone) END
    INTO call_day
    FROM pg_attribute AS a
    WHERE a.attrelid = calls AND a.attname = 'created_at';
    SELECT array_agg(format('%s: count(*)%s', m.name, ' FILTER (WHERE ' || m.condition || ')')
                     ORDER BY m.position)
           || '{minutes: sum(duration_minutes),credits: sum(credits_used)}'::text[]
           || format('completed_minutes: sum(duration_minutes) FILTER (WHERE %s)',
                     min(m.condition) FILTER (WHERE m.name = 'completed'))
    INTO call_measures
    FROM (
        SELECT l.name, l.position,
               CASE WHEN l.name = 'calls' THEN NULL
                    WHEN t.typcategory <> 'E' THEN format('status::text = %L', l.name)
                    WHEN e.oid IS NULL THEN 'false'
                    ELSE format('status = %L::%I.%I', l.name, n.nspname, t.typname) END AS condition
        FROM unnest('{calls,completed,failed,in_progress,cancelled}'::text[])
             WITH ORDINALITY AS l (name, position)
        JOIN pg_attribute AS a ON a.attrelid = calls AND a.attname = 'status'
        JOIN pg_type AS t ON t.oid = a.atttypid
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN pg_enum AS e
            ON e.enumtypid = coalesce(nullif(t.typbasetype, 0), t.oid) AND e.enumlabel = l.name
    ) AS m;

    -- A loader runs as the caller from now on. Whoever owns a function of its name already could
    -- change what it does, or have a call mean another one. Looked for again once each was created.
    loader_names := (SELECT array_agg('cache_load_' || n) FROM unnest(cache_names || 'all_agent_tools'::text) AS n);
    PERFORM cache_ext_internal.require_own_functions(app_schema, loader_names);
