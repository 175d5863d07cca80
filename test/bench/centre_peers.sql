-- The figures of a user of the call centre, figures(uuid): of all time, of the last 7 and of the last 30 days, by the day in UTC, as \set
-- kind says: query, cache, counter, matview or pg_ivm. What the query says is by_query(uuid) in all of them.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
-- The sums over rows (day, calls, completed, minutes, credits), put together from `source`.
\set sums 'SELECT json_build_array(sum(calls), sum(completed), sum(minutes), sum(credits), sum(calls) FILTER (WHERE day >= current_date - 6), sum(completed) FILTER (WHERE day >= current_date - 6), sum(minutes) FILTER (WHERE day >= current_date - 6), sum(credits) FILTER (WHERE day >= current_date - 6), sum(calls) FILTER (WHERE day >= current_date - 29), sum(completed) FILTER (WHERE day >= current_date - 29), sum(minutes) FILTER (WHERE day >= current_date - 29), sum(credits) FILTER (WHERE day >= current_date - 29)) FROM '
\set by_day 'SELECT user_id, (created_at AT TIME ZONE ''UTC'')::date AS day, count(*) AS calls, count(*) FILTER (WHERE status = ''completed'') AS completed, sum(duration_minutes) AS minutes, sum(credits_used) AS credits FROM calls GROUP BY 1, 2'
SELECT :'kind' = 'query' AS query, :'kind' = 'cache' AS cache, :'kind' = 'counter' AS counter, :'kind' = 'matview' AS matview \gset

SELECT format('CREATE FUNCTION by_query(u uuid) RETURNS json LANGUAGE sql STABLE SET TimeZone = ''UTC'' AS %L',
              :'sums' || '(' || :'by_day' || ') AS s WHERE user_id = u') \gexec
\if :query
SELECT format('CREATE FUNCTION figures(u uuid) RETURNS json LANGUAGE sql STABLE SET TimeZone = ''UTC'' AS %L',
              :'sums' || '(' || :'by_day' || ') AS s WHERE user_id = u') \gexec
\elif :cache
CREATE EXTENSION cache_ext;
SELECT cache_create_aggregate('calls_by_day', 'calls', ARRAY['user_id', 'day: (created_at AT TIME ZONE ''UTC'')::date'],
    ARRAY['calls: count(*)', 'completed: count(*) FILTER (WHERE status = ''completed'')', 'minutes: sum(duration_minutes)',
          'credits: sum(credits_used)']);
SELECT cache_create_aggregate('calls_of_all_time', 'calls', ARRAY['user_id'],
    ARRAY['calls: count(*)', 'completed: count(*) FILTER (WHERE status = ''completed'')', 'minutes: sum(duration_minutes)',
          'credits: sum(credits_used)']);
-- What is older than 30 days is all less these.
CREATE FUNCTION load_figures(u uuid) RETURNS json LANGUAGE plpgsql STABLE SET TimeZone = 'UTC' AS $$
DECLARE
    days  date[] := ARRAY(SELECT current_date - a FROM generate_series(0, 29) AS a);
    users uuid[] := array_fill(u, ARRAY[30]);
BEGIN
    RETURN (
        WITH recent AS MATERIALIZED (
            SELECT key2 AS day, (value).* FROM cache_get_many_calls_by_day(users, days)
        ), s AS (
            SELECT * FROM recent
            UNION ALL
            SELECT '-infinity', t.calls - r.calls, t.completed - r.completed, t.minutes - coalesce(r.minutes, 0),
                   t.credits - coalesce(r.credits, 0)
            FROM cache_get_calls_of_all_time(u) AS t,
                 (SELECT sum(calls) AS calls, sum(completed) AS completed, sum(minutes) AS minutes, sum(credits) AS credits
                  FROM recent) AS r
        )
        SELECT json_build_array(
            sum(calls), sum(completed), sum(minutes), sum(credits), sum(calls) FILTER (WHERE day >= current_date - 6),
            sum(completed) FILTER (WHERE day >= current_date - 6), sum(minutes) FILTER (WHERE day >= current_date - 6),
            sum(credits) FILTER (WHERE day >= current_date - 6), sum(calls) FILTER (WHERE day >= current_date - 29),
            sum(completed) FILTER (WHERE day >= current_date - 29), sum(minutes) FILTER (WHERE day >= current_date - 29),
            sum(credits) FILTER (WHERE day >= current_date - 29))
        FROM s);
END $$;
SELECT cache_create('figures', 'load_figures(uuid)', ttl => NULL, refresh_at => NULL, expires => 'day UTC');
CREATE FUNCTION figures(u uuid) RETURNS json LANGUAGE sql STABLE AS 'SELECT cache_get_figures(u)';
\elif :counter
CREATE TABLE figure AS :by_day;
ALTER TABLE figure ADD PRIMARY KEY (user_id, day);
CREATE FUNCTION count_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE figure AS f SET calls = f.calls - 1, completed = f.completed - (OLD.status = 'completed')::int,
            minutes = f.minutes - OLD.duration_minutes, credits = f.credits - OLD.credits_used
        WHERE f.user_id = OLD.user_id AND f.day = (OLD.created_at AT TIME ZONE 'UTC')::date;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO figure AS f VALUES (NEW.user_id, (NEW.created_at AT TIME ZONE 'UTC')::date, 1,
            (NEW.status = 'completed')::int, NEW.duration_minutes, NEW.credits_used)
        ON CONFLICT (user_id, day) DO UPDATE SET calls = f.calls + 1, completed = f.completed + EXCLUDED.completed,
            minutes = f.minutes + EXCLUDED.minutes, credits = f.credits + EXCLUDED.credits;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_call AFTER INSERT OR UPDATE OR DELETE ON calls FOR EACH ROW EXECUTE FUNCTION count_call();
\elif :matview
CREATE MATERIALIZED VIEW figure AS :by_day;
CREATE UNIQUE INDEX ON figure (user_id, day);
\else
-- pg_ivm knows no FILTER: a row for each status.
CREATE EXTENSION pg_ivm;
SELECT pgivm.create_immv('status_figure', 'SELECT user_id, (created_at AT TIME ZONE ''UTC'')::date AS day, status, count(*) AS calls,
    sum(duration_minutes) AS minutes, sum(credits_used) AS credits FROM calls
    GROUP BY user_id, (created_at AT TIME ZONE ''UTC'')::date, status');
CREATE INDEX ON status_figure (user_id, day);
CREATE VIEW figure AS SELECT user_id, day, calls, CASE WHEN status = 'completed' THEN calls ELSE 0 END AS completed, minutes, credits
    FROM status_figure;
\endif
SELECT :'kind' IN ('counter', 'matview', 'pg_ivm') AS kept \gset
\if :kept
SELECT format('CREATE FUNCTION figures(u uuid) RETURNS json LANGUAGE sql STABLE SET TimeZone = ''UTC'' AS %L',
              :'sums' || 'figure WHERE user_id = u') \gexec
\endif
SELECT count(figures(id)) FROM users;
VACUUM ANALYZE;
