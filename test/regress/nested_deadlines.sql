-- How long a value lives that is made of others: not longer than any of these, whatever ends them, from a load and from a hit, one by
-- one and many at once, over two levels, and where there are too many for their tags.
\set ECHO none
\set database regress_nested_deadlines
\i include/begin.sql
SET TimeZone = 'UTC';

-- Ends on whole seconds, hours from now: key 1 is the first to go.
CREATE TABLE item (id int PRIMARY KEY, n int, ends timestamptz);
INSERT INTO item SELECT i, i, date_trunc('second', now()) + i * interval '1 h' FROM generate_series(1, 60) AS i;
INSERT INTO item VALUES (100, 100, now() - interval '1 s');
CREATE FUNCTION plain(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM item AS i WHERE i.id = $1';
CREATE FUNCTION until(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM (SELECT n, cache_valid_until(ends) FROM item AS i WHERE i.id = $1) AS i';
-- Three ways to end, and none.
SELECT cache_create('by_ttl', 'plain(int)', ttl => '2 h'),
       cache_create('by_period', 'plain(int)', ttl => NULL, expires => 'year'),
       cache_create('by_until', 'until(int)', ttl => NULL),
       cache_create('by_none', 'plain(int)', ttl => NULL);

-- Made of 1, 3 or 40 keys, one by one and many at once; and what is made of that.
CREATE FUNCTION made(kind text, how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION f_%1$s_%2$s(first int, count int) RETURNS bigint LANGUAGE sql STABLE AS %3$L', kind, how,
        format(CASE how WHEN 'one' THEN 'SELECT sum(cache_get_by_%1$s(k)) FROM generate_series($1, $1 + $2 - 1) AS k'
                        ELSE 'SELECT sum(value) FROM cache_get_many_by_%1$s((SELECT array_agg(k) FROM generate_series($1, $1 + $2 - 1) AS k))' END, kind));
    PERFORM cache_create(format('%s_%s', kind, how), format('f_%s_%s(int,int)', kind, how)::regprocedure, ttl => NULL, invalidate => 'track');
    EXECUTE format('CREATE FUNCTION g_%1$s_%2$s(first int, count int) RETURNS bigint LANGUAGE sql STABLE AS %3$L', kind, how,
        format(CASE how WHEN 'one' THEN 'SELECT cache_get_%1$s_%2$s($1, $2)'
                        ELSE 'SELECT sum(value) FROM cache_get_many_%1$s_%2$s(ARRAY[$1], ARRAY[$2])' END, kind, how));
    PERFORM cache_create(format('%s_%s_2', kind, how), format('g_%s_%s(int,int)', kind, how)::regprocedure, ttl => NULL, invalidate => 'track');
END $$;
SET client_min_messages = error;
SELECT count(made(kind, how)) FROM unnest('{ttl,period,until,none}'::text[]) AS kind, unnest('{one,many}'::text[]) AS how;
RESET client_min_messages;

-- The earliest end of the inner values that are in the cache.
CREATE FUNCTION inner_end(kind text, first int, count int) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT min(e.expires_at) FROM generate_series(first, first + count - 1) AS k, cache_get_entry('by_' || kind, k) AS e $$;
CREATE TABLE look AS
    SELECT kind, how, level, count, first
    FROM unnest('{ttl,period,until,none}'::text[]) WITH ORDINALITY AS a (kind, o), unnest('{one,many}'::text[]) AS how, unnest('{"",_2}'::text[]) AS level,
         unnest('{1,3,40}'::int[]) AS count, unnest('{1,5}'::int[]) AS first;
CREATE FUNCTION outer_entry(l look, OUT source text, OUT expires_at timestamptz) LANGUAGE sql AS $$
    SELECT e.source, e.expires_at FROM cache_get_entry(l.kind || '_' || l.how || l.level, l.first, l.count) AS e $$;
-- An entry of weeks keeps its end in whole seconds, and so does what is made of it.
CREATE FUNCTION same(a timestamptz, b timestamptz) RETURNS bool LANGUAGE sql AS
    $$ SELECT a IS NOT DISTINCT FROM b OR coalesce(a BETWEEN b - interval '5 s' AND b + interval '5 s', false) $$;
CREATE VIEW ends AS
    WITH seen AS MATERIALIZED (SELECT l.*, e.* FROM look AS l, outer_entry(l) AS e)
    SELECT s.kind, count(*) FILTER (WHERE s.source = 'loader') AS loaded, count(*) FILTER (WHERE s.source = 'cache') AS hits,
           count(*) FILTER (WHERE same(s.expires_at, inner_end(s.kind, s.first, s.count))) AS as_inner
    FROM seen AS s GROUP BY s.kind ORDER BY s.kind COLLATE "C";

-- From loads and from hits of the inner caches; then all from the cache, with the same ends.
TABLE ends;
TABLE ends;
-- The outer ones anew, of inner ones that are there.
SELECT count(cache_invalidate_all(d.name)) FROM cache_ext_internal.cache_definition AS d WHERE d.name NOT LIKE 'by\_%';
TABLE ends;
TABLE ends;
SELECT cache, hits > 0 AS inner_hits FROM cache_stat WHERE cache LIKE 'by\_%' ORDER BY cache;
-- The key that ends first does so for all that it is a part of.
SELECT l.how, l.level, l.count, outer_entry(l) = ROW('cache'::text, i.ends) AS as_said
FROM look AS l, item AS i WHERE l.kind = 'until' AND l.first = 5 AND i.id = 5 ORDER BY 1, 2, 3;
-- What is over is a part of nothing that is cached.
CREATE TABLE over AS SELECT kind, how, level, 1 AS count, 100 AS first FROM look WHERE kind IN ('until', 'none') GROUP BY kind, how, level;
SELECT o.kind, o.how, o.level, (outer_entry(ROW(o.*)::look)).source AS first, (outer_entry(ROW(o.*)::look)).source AS second FROM over AS o ORDER BY 1, 2, 3;
\i include/end.sql
