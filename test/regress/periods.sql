-- Values that hold for a time: cache_valid_until, the option expires, the ttl of a put. (What clocks do to
-- them is in test/t/periods.pl.)
\set ECHO none
\set database regress_periods
\i include/begin.sql
SET TimeZone = 'UTC';

-- Ends on whole seconds, an hour and more from now.
CREATE TABLE price (id int PRIMARY KEY, amount int, ends timestamptz);
INSERT INTO price SELECT i, 10 * i, date_trunc('second', now()) + i * interval '1 h' FROM generate_series(1, 9) AS i;
INSERT INTO price VALUES (20, 200, NULL), (21, 210, 'infinity'), (22, 220, '-infinity'), (23, 230, now() - interval '1 s');
CREATE FUNCTION ends_in(cache text, key int) RETURNS interval LANGUAGE sql AS $$
    SELECT expires_at - (SELECT ends - interval '1 h' FROM price WHERE id = 1) FROM cache_explain(cache, key) $$;
CREATE FUNCTION read(cache text, key int) RETURNS text LANGUAGE sql AS
    'SELECT value::text || '' '' || source FROM cache_get_entry(cache, key)';

-- In SQL, as a part of the value; nothing is declared, so VOLATILE functions are looked for.
CREATE FUNCTION in_sql(id int) RETURNS jsonb LANGUAGE sql STABLE AS
    $$SELECT jsonb_build_object('amount', amount, 'forever', cache_valid_until(ends) = 'infinity') FROM price AS p WHERE p.id = $1$$;
SELECT cache_create('in_sql', 'in_sql(int)', ttl => NULL);
SELECT read('in_sql', 1), read('in_sql', 1), ends_in('in_sql', 1);
SELECT read('in_sql', 21), read('in_sql', 21), ends_in('in_sql', 21) IS NULL;
-- In a column that nobody uses.
CREATE FUNCTION unused(id int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT amount FROM (SELECT amount, cache_valid_until(ends) FROM price AS p WHERE p.id = $1) AS p';
SELECT cache_create('unused', 'unused(int)', ttl => NULL);
SELECT read('unused', 2), read('unused', 2), ends_in('unused', 2);
-- In PL/pgSQL, several times: the earliest counts, and what says nothing does not.
CREATE FUNCTION earliest(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM cache_valid_until(ends) FROM price AS p WHERE p.id BETWEEN $1 AND 9;
    PERFORM cache_valid_until(NULL), cache_valid_until('infinity'), cache_valid_until(NULL, NULL);
    RETURN amount FROM price AS p WHERE p.id = $1;
END $$;
SELECT cache_create('earliest', 'earliest(int)', ttl => '3 h');
SELECT read('earliest', 2), read('earliest', 2), ends_in('earliest', 2);
SELECT read('earliest', 20), read('earliest', 20);
-- The ttl, if that is earlier.
SELECT read('earliest', 5), ends_in('earliest', 5) < interval '4 h' AS by_ttl;

-- What is over, or never was, goes to its reader only.
SELECT read('unused', 22), read('unused', 22), read('unused', 23), read('unused', 23);
SELECT reason, bypasses FROM cache_bypasses WHERE cache = 'unused';
SELECT state, reason, expires_at FROM cache_explain('unused', 22);
CREATE FUNCTION later(id int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT 1 FROM cache_valid_until(NULL, now() + interval ''1 s'')';
SELECT cache_create('later', 'later(int)');
SELECT read('later', 1), read('later', 1);

-- Outside of loads, and in queries that are none.
SELECT cache_valid_until('2020-01-01'), cache_valid_until(NULL), cache_valid_until('infinity', '-infinity');
SELECT provolatile, proparallel, proisstrict, pronargs, has_function_privilege('public', oid, 'EXECUTE')
FROM pg_proc WHERE proname = 'cache_valid_until' ORDER BY pronargs;
-- Other VOLATILE functions count as they did, those around it, too.
CREATE FUNCTION around(timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE AS 'BEGIN RETURN cache_valid_until($1); END';
CREATE FUNCTION wrapped(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 FROM around(now() + ''1 h'')';
SELECT cache_create('wrapped', 'wrapped(int)');
ALTER FUNCTION around(timestamptz) VOLATILE;
SELECT read('wrapped', 1), read('wrapped', 1);
ALTER FUNCTION around(timestamptz) STABLE;
SELECT read('wrapped', 1), read('wrapped', 1);

-- Values that are made of others: from a load, from a hit, from a batch.
CREATE FUNCTION outside(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_unused($1) + 1';
CREATE FUNCTION sums(id int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(value) FROM cache_get_many_unused(ARRAY[$1, $1 + 1])';
SELECT cache_create('outside', 'outside(int)', ttl => NULL), cache_create('sums', 'sums(int)', ttl => NULL);
SELECT read('outside', 3), ends_in('outside', 3), ends_in('unused', 3);
SELECT read('outside', 2), read('outside', 2), ends_in('outside', 2);
SELECT read('sums', 2), read('sums', 2), ends_in('sums', 2);
SELECT read('outside', 22), read('outside', 22);
-- A batch, a sync.
CREATE FUNCTION batch(ids int[]) RETURNS TABLE (id int, amount int) LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM cache_valid_until(min(ends)) FROM price AS p WHERE p.id = ANY ($1);
    RETURN QUERY SELECT p.id, p.amount FROM price AS p WHERE p.id = ANY ($1);
END $$;
CREATE FUNCTION everything() RETURNS TABLE (id int, amount int) LANGUAGE sql STABLE AS
    'SELECT * FROM batch(ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9])';
SELECT cache_create('batched', 'unused(int)', ttl => NULL, load_many => 'batch(int[])', load_all => 'everything()');
SELECT sum(value) FROM cache_get_many_batched('{3,4,5}');
SELECT ends_in('batched', k) FROM unnest('{3,4,5}'::int[]) AS k;
SELECT added, replaced, removed, unchanged FROM cache_sync('batched');
SELECT DISTINCT ends_in('batched', k) FROM generate_series(1, 9) AS k;

-- In a parallel worker nobody would hear of it.
CREATE TABLE many AS SELECT i FROM generate_series(1, 20000) AS i;
ANALYZE many;
CREATE FUNCTION mislabelled(int) RETURNS bool LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS 'BEGIN RETURN cache_valid_until(now() + interval ''1 h'') IS NOT NULL; END';
CREATE FUNCTION in_workers(id int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN count(*) FROM many WHERE mislabelled(i); END';
SELECT cache_create('in_workers', 'in_workers(int)', invalidate => 'declared');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SELECT error_of('SELECT cache_get_in_workers(1)');
ALTER FUNCTION mislabelled(int) PARALLEL RESTRICTED;
SELECT cache_get_in_workers(1), source FROM cache_get_entry('in_workers', 1);
RESET ALL;
SET TimeZone = 'UTC';

-- expires: what is refused.
CREATE FUNCTION with_expires(expires text) RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_create(''x'', ''unused(int)'', expires => %L)', expires))$$;
SELECT e, with_expires(e) FROM unnest('{"",day UTC extra,days,second,decade,day Europe/Nowhere,day CEST," day"}'::text[]) AS e;
-- (Not every server has it.)
SELECT with_expires('day CET') ~ CASE WHEN EXISTS (SELECT FROM pg_timezone_names WHERE name = 'CET') THEN 'takes this for an abbreviation'
                                      ELSE 'does not know the time zone' END AS refused;
SELECT error_of($$SELECT cache_alter('later', '{"expires": "noon"}')$$);
-- What is taken, in any case.
CREATE FUNCTION taken(expires text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_create('x', 'unused(int)', expires => taken.expires);
    PERFORM cache_drop('x');
    RETURN 'taken';
END $$;
SELECT e, taken(e) FROM unnest('{day,Minute,HOUR,week europe/berlin,month UTC,quarter  Asia/Tokyo,year Etc/GMT-14}'::text[]) AS e;
SELECT cache_alter('later', '{"expires": "day Asia/Kathmandu"}');
SELECT cache_alter('later', '{"priority": 1}');
SELECT name, expires FROM cache_ext_internal.cache_definition WHERE name = 'later';
SELECT cache_alter('later', '{"expires": null}');
SELECT name, expires FROM cache_ext_internal.cache_definition WHERE name = 'later';

-- The end of the day, in the cache's own zone, whatever the reader's is.
CREATE FUNCTION today(zone text) RETURNS date LANGUAGE sql STABLE AS 'SELECT current_date';
SET TimeZone = 'Pacific/Kiritimati';
SELECT cache_create('today', 'today(text)', ttl => NULL, expires => 'day');
SET TimeZone = 'UTC';
SELECT (value #>> '{}')::date = (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS there,
       expires_at = ((value #>> '{}')::date + 1)::timestamp AT TIME ZONE 'Pacific/Kiritimati' AS at_midnight
FROM cache_get_entry('today', 'x');

-- Days that begin or end otherwise, and hours.
CREATE FUNCTION period(expires text, at timestamptz) RETURNS text LANGUAGE sql
    AS 'SELECT format(''%s to %s'', since, until) FROM cache_ext_internal.cache_period(expires, at)';
SELECT e, period(e, at) FROM (VALUES
    ('day', timestamptz '2027-03-28 12:00'),
    ('day Europe/Berlin', '2027-03-28 12:00'), ('day Europe/Berlin', '2027-03-27 22:59:59.999999'), ('day Europe/Berlin', '2027-10-31 00:30'),
    ('hour Europe/Berlin', '2026-10-25 00:30'), ('hour Europe/Berlin', '2026-10-25 01:30'), ('hour Asia/Kathmandu', '2026-10-25 01:20'),
    -- No midnight; two midnights; the day before once more.
    ('day Asia/Beirut', '2021-03-28 10:00'), ('day Asia/Beirut', '2021-03-27 21:59:59'),
    ('day America/Havana', '2020-11-01 04:30'), ('day America/Havana', '2020-11-01 05:30'),
    ('day America/St_Johns', '2007-11-04 02:29:30'), ('day America/St_Johns', '2007-11-04 02:30:30'), ('day America/St_Johns', '2007-11-04 02:31:30'),
    -- A day that was left out.
    ('day Pacific/Apia', '2011-12-30 09:59:59'), ('day Pacific/Apia', '2011-12-30 10:00'),
    ('week Europe/Berlin', '2027-01-03 12:00'), ('month Europe/Berlin', '2027-03-15'), ('quarter Europe/Berlin', '2027-12-31 12:00'),
    ('year Europe/Berlin', '2026-12-31 23:00'), ('year', '1999-12-31 23:59:59'), ('minute Asia/Kathmandu', '1985-06-01 00:00:30')) AS v (e, at);

-- All zones: the clock shows another day (or the like) just before, and just after, and never in between.
CREATE FUNCTION shown(unit text, at timestamptz, zone text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT date_trunc(unit, at AT TIME ZONE zone)::text ||
           CASE WHEN unit = 'hour' THEN (at AT TIME ZONE zone - at AT TIME ZONE 'UTC')::text ELSE '' END $$;
WITH times AS (
    SELECT timestamptz '2019-12-30' + n * interval '37 days 5 h 13 min 7 s' AS at FROM generate_series(1, 80) AS n
    UNION ALL SELECT '2026-10-24 12:00:00+00'::timestamptz + n * interval '31 min' FROM generate_series(1, 60) AS n),
zones AS (
    SELECT name, row_number() OVER (ORDER BY name) AS n FROM pg_timezone_names
    WHERE name !~ '^(posix|right)/|localtime'
    AND NOT EXISTS (SELECT FROM pg_timezone_abbrevs AS a WHERE upper(a.abbrev) = upper(name))),
periods AS (
    SELECT unit, name, at, since, until
    FROM zones, (SELECT *, row_number() OVER () AS n FROM times) AS t, unnest('{hour,day,week,month,quarter,year}'::text[]) AS unit,
         LATERAL cache_ext_internal.cache_period(unit || ' ' || name, at)
    WHERE (t.n + zones.n) % 20 = 0)
SELECT count(*) > 15000 AS many, count(*) FILTER (WHERE since <= at AND at < until) = count(*) AS within,
       count(*) FILTER (WHERE shown(unit, since, name) <> shown(unit, at, name)) AS begins_too_early,
       count(*) FILTER (WHERE shown(unit, until - interval '1 us', name) <> shown(unit, at, name)) AS ends_too_late,
       count(*) FILTER (WHERE shown(unit, since - interval '1 us', name) = shown(unit, at, name)) AS begins_too_late,
       count(*) FILTER (WHERE shown(unit, until, name) = shown(unit, at, name)) AS ends_too_early
FROM periods;

-- The ttl of a put.
SELECT cache_create('rate', key_types => '{int}', value_type => 'int', ttl => '1 h'),
       cache_create('single', key_types => '{}', value_type => 'int', ttl => NULL),
       cache_create('daily', key_types => '{int}', value_type => 'int', ttl => '100 years', expires => 'day');
CREATE FUNCTION lives(cache text, key int) RETURNS interval LANGUAGE sql AS
    'SELECT expires_at - calculated_at FROM cache_get_entry(cache, key)';
BEGIN;
SELECT cache_put_rate(1, 10, '2 min'), cache_put_rate(2, 20), cache_put_rate(3, 30, NULL), cache_put_rate(4, 40, ttl => '1 mon'),
       cache_put_rate(5, 50, '1 ms'), cache_put_single(1, '3 h');
SELECT k, lives('rate', k) FROM generate_series(1, 5) AS k;
COMMIT;
SELECT k, lives('rate', k) FROM generate_series(1, 4) AS k;
SELECT expires_at - calculated_at FROM cache_get_entry('single');
SELECT cache_put_rate(1, 11), cache_put_single(2);
SELECT lives('rate', 1), (SELECT expires_at IS NULL FROM cache_get_entry('single')) AS single;
BEGIN;
SELECT cache_put_daily(1, 1);
SELECT expires_at = date_trunc('day', now()) + interval '1 day' AS midnight FROM cache_get_entry('daily', 1);
COMMIT;
SELECT ttl, error_of(format('SELECT cache_put_rate(1, 12, %L)', ttl)) FROM unnest('{0,-1 s,0.5 ms,101 years,1 mon -30 days}'::text[]) AS ttl;
SELECT cache_get_rate(1), cache_get_rate(2);
\i include/end.sql
