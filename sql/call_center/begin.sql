-- The call-centre caches: binds seven caches, and those that they are made of, to the tables of a
-- SaaS whose users run agents that make calls. It uses nothing but the public functions.
--
-- It is one function, in files that the Makefile joins: it begins here, with what several
-- caches share, goes on with checks.sql, then one file per cache, and ends in end.sql. A
-- cache's file has its loader, a first run of it with no key (which finds now, and not at the
-- first read, what the checks cannot see: a table that the caller may not read, a type
-- without sums), the cache, and its dependencies: everything that the loader reads.
--
-- What counts and sums calls is read from aggregate caches (calls.sql), by user and agent, for all
-- time and by day. A call that changes adjusts those, so a dashboard that it concerns is made anew of
-- some dozens of hits, however many calls there are.
--
-- Each loader reads rows of one user or one agent, and each dependency names the
-- columns that the loader reads and no others, so that a change of, say,
-- users.email leaves every value where it is. Two rules keep that exact:
-- a loader that joins agents to the calls of a user takes only agents of the same
-- user, and everything that reads lead_analytics is keyed through calls.
--
-- Days are those of one time zone: "the last 7 days" are today and the six days before. At its
-- midnight the values expire.
-- success_rate is the share of completed calls among all calls, in percent; a
-- lead is qualified from a total_score of 70. A status is compared as text so that
-- an enum works as well, whether or not it has every label.
CREATE FUNCTION @extschema@.cache_install_call_center(
    app_schema regnamespace DEFAULT pg_catalog.to_regnamespace('public'),
    time_zone text DEFAULT 'UTC')
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
    ext            text;    -- the extension's schema
    cache_names    text[] := '{calls_by_user,calls_by_user_day,calls_by_user_agent,calls_by_user_agent_day,'
                             'calls_by_agent,calls_by_agent_day,dashboard_leads,agent_leads,'
                             'dashboard,dashboard_analytics,agent,agents,agent_performance,agent_config}';
    existing       text[];
    missing_tables text[];
    missing        text[];
    foreign_tables text[];
    with_tools     boolean;
    optional       text[];
    loader_names   text[];
    call_day       text;    -- the day of a call, from a row of calls
    call_measures  text[];  -- what all of its aggregate caches count and sum

    -- What every loader is, apart from its query. It may read caches, which workers may not.
    loader_is CONSTANT text := format(
        'LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
         SET search_path = pg_catalog, pg_temp SET TimeZone = %L', time_zone);
    -- When a value goes that is made of days.
    at_midnight CONSTANT text := 'day ' || time_zone;

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

    -- The days of all windows, in a loader's declarations; its first argument is as often in `keys`.
    window_days CONSTANT text := $sql$
    days date[] := ARRAY(SELECT current_date - d.ago FROM generate_series(0, 29) AS d (ago));
    keys uuid[] := array_fill($1, ARRAY[cardinality(days)]);$sql$;

    -- The calls of one key: a row for each of these days, and one for all time. %2$s: the two caches'
    -- names.
    sums CONSTANT text := $sql$
        SELECT current_date - k.key2 AS ago, (k.value).*  -- in the order of call_measures
        FROM %1$I.cache_get_many_%2$s_day(keys, days) AS k
        UNION ALL
        SELECT NULL, k.calls, k.completed, k.failed, k.in_progress, k.cancelled, k.minutes, k.credits,
               k.completed_minutes
        FROM %1$I.cache_get_%2$s($1) AS k$sql$;

    -- The windows over such sums AS s.
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
        FROM (VALUES ('last_7_days', 7), ('last_30_days', 30), ('all_time', NULL))
             AS w (name, days)
        LEFT JOIN sums AS s ON s.ago < w.days OR (s.ago IS NULL AND w.days IS NULL)
        GROUP BY w.name, w.days$sql$;

    -- One agent, from agents AS a, the sums over its calls AS s, and those of the windows AS w; %s:
    -- columns that some applications have. checks.sql knows whether this one has them.
    agent_json text := $sql$json_build_object(
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
                'calls_last_7_days', coalesce(w.calls_7, 0),
                'calls_last_30_days', coalesce(w.calls_30, 0),
                'last_call_at', s.last_call_at))$sql$;

    -- Over days AS k.
    agent_windows CONSTANT text := $sql$
           sum((k.value).calls) FILTER (WHERE k.day >= current_date - 6) AS calls_7,
           sum((k.value).calls) AS calls_30$sql$;
    -- One more measure, of those by agent.
    last_call CONSTANT text[] := ARRAY['last_call_at: max(created_at)'];

    call_columns CONSTANT text[] :=
        '{id,user_id,agent_id,status,duration_minutes,credits_used,created_at}';
    agent_columns text[] := '{id,user_id,name,agent_type,is_active,created_at}';
