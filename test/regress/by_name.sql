-- The functions that take a cache by name: how their key arguments are found.
\set ECHO none
\set database regress_by_name
\i include/begin.sql

CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE DOMAIN small AS int;
CREATE FUNCTION one(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'one ' || coalesce(k::text, 'null')$$;
CREATE FUNCTION two(a uuid, b text) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('two %s %s', a, b)$$;
CREATE FUNCTION texts(a text, b text) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('texts %L %L', a, b)$$;
CREATE FUNCTION big(k bigint) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('big %L', k)$$;
CREATE FUNCTION little(k smallint) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('little %L', k)$$;
CREATE FUNCTION moment(k timestamptz) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('moment %L', k)$$;
CREATE FUNCTION doc(k jsonb) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('doc %L', k)$$;
CREATE FUNCTION flag(k bool) RETURNS text LANGUAGE sql STABLE AS $$SELECT format('flag %L', k)$$;
CREATE FUNCTION nothing() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'nothing'$$;
SELECT count(cache_create(split_part(f, '(', 1), f::regprocedure))
FROM unnest('{one(int),"two(uuid,text)","texts(text,text)",big(bigint),little(smallint),moment(timestamptz),
              doc(jsonb),flag(bool),nothing()}'::text[]) AS f;

-- Literals take the key's type.
SELECT cache_get('one', 1), cache_get('one', '2'), cache_get('one', ' 3 ');
SELECT cache_get('two', '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e', 'b');
SELECT cache_get('big', '1'), cache_get('little', '1'), cache_get('flag', 'yes'), cache_get('doc', '[1]');
SELECT cache_get('moment', '2020-02-29 12:00:00+00') = cache_get('moment', '2020-02-29 13:00:00+01');
-- What the parser would cast by itself is cast.
SELECT cache_get('big', 1), cache_get('big', 1::smallint), cache_get('one', 1::smallint),
       cache_get('one', 1::small);
SELECT cache_get('texts', 'a'::varchar, 'b  '::char(3)), cache_get('texts', 'a'::name, 'b'::"char");
SELECT cache_get('moment', date '2020-02-29') IS NOT NULL,
       cache_get('moment', timestamp '2020-02-29 12:00') IS NOT NULL;
-- Any other type is an error.
SELECT error_of($$SELECT cache_get('one', 1::bigint)$$);
SELECT error_of($$SELECT cache_get('one', 1.5)$$);
SELECT error_of($$SELECT cache_get('one', '1'::text)$$);
SELECT error_of($$SELECT cache_get('one', true)$$);
SELECT error_of($$SELECT cache_get('little', 1)$$);
SELECT error_of($$SELECT cache_get('texts', 1, 2)$$);
SELECT error_of($$SELECT cache_get('texts', 'a', 'fine'::mood)$$);
SELECT error_of($$SELECT cache_get('doc', '{}'::json)$$);
SELECT error_of($$SELECT cache_get('flag', 1)$$);
SELECT error_of($$SELECT cache_get('one', ROW(1))$$);
SELECT error_of($$SELECT cache_get('one', ARRAY[1])$$);
SELECT error_of($$SELECT cache_get('two', 'b', '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e')$$);
SELECT error_of($$SELECT cache_get('one', 'x')$$);
SELECT error_of($$SELECT cache_get('one', '')$$);
SELECT error_of($$SELECT cache_get('moment', 'soon')$$);

-- Nulls need a type: without one there is no telling them from no argument.
SELECT cache_get('one', NULL::int), cache_get('one', NULL::smallint), cache_get('texts', NULL, 'b'),
       cache_get('texts', NULL, NULL);
SELECT error_of($$SELECT cache_get('one', NULL)$$);
SELECT error_of($$SELECT cache_get('one')$$);
SELECT error_of($$SELECT cache_get('one', NULL::text)$$);
SELECT cache_get('nothing'), cache_get('nothing', NULL);
SELECT error_of($$SELECT cache_get('nothing', 1)$$);
SELECT error_of($$SELECT cache_get('nothing', NULL::int)$$);

-- A wrong number.
SELECT error_of($$SELECT cache_get('one', 1, 2)$$);
SELECT error_of($$SELECT cache_get('two', '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e')$$);
SELECT error_of($$SELECT cache_get('two', NULL, NULL, NULL)$$);
SELECT error_of($$SELECT cache_get('texts')$$);

-- VARIADIC with an array.
SELECT cache_get('one', VARIADIC ARRAY[7]), cache_get('texts', VARIADIC ARRAY['a', 'b']),
       cache_get('texts', VARIADIC '{a,NULL}'::text[]), cache_get('big', VARIADIC '{1}'::int[]),
       cache_get('nothing', VARIADIC '{}'::int[]);
SELECT error_of($$SELECT cache_get('one', VARIADIC ARRAY[7, 8])$$);
SELECT error_of($$SELECT cache_get('one', VARIADIC '{}'::int[])$$);
SELECT error_of($$SELECT cache_get('one', VARIADIC NULL::int[])$$);
SELECT error_of($$SELECT cache_get('one', VARIADIC '{x}'::text[])$$);
SELECT error_of($$SELECT cache_get('one', VARIADIC 7)$$);
SELECT error_of($$SELECT cache_get('two', VARIADIC ARRAY['6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e', 'b'])$$);
SELECT error_of($$SELECT cache_get('texts', VARIADIC '{a,b,c}'::text[])$$);
SELECT error_of(format($$SELECT cache_get('one', VARIADIC array_fill(1, '{%s}'))$$, n)) FROM unnest('{16,17,1000}'::int[]) AS n;

-- By named argument; from expressions and parameters.
SELECT cache_get(name => 'one', VARIADIC key => ARRAY[5]);
SELECT cache_get('o' || 'ne', n + 1) FROM generate_series(1, 2) AS n;
PREPARE typed (text, int) AS SELECT cache_get($1, $2);
EXECUTE typed('one', 1);
EXECUTE typed('big', 1);
EXECUTE typed('one', NULL);
PREPARE untyped AS SELECT cache_get('one', $1);
DEALLOCATE ALL;
DO $$
DECLARE
    k int := 4;
    u uuid := '6f0a6c0e-9d5c-4a52-8d75-5d3ac93b7b8e';
BEGIN
    RAISE NOTICE '% %', cache_get('one', k), cache_get('two', u, 'x' || k);
END $$;

-- The name.
SELECT error_of($$SELECT cache_get('no_such_cache', 1)$$);
SELECT error_of($$SELECT cache_get('ONE', 1)$$);
SELECT error_of($$SELECT cache_get('', 1)$$);
SELECT error_of($$SELECT cache_get(NULL, 1)$$);
SELECT error_of(format($$SELECT cache_get('%s', 1)$$, repeat('x', 100)));

-- It is the same for all of them.
SELECT f AS function, s AS call, e AS error
FROM unnest('{cache_get,cache_get_entry,cache_peek,cache_invalidate,cache_refresh,cache_explain}'::text[])
         AS f,
     (VALUES ('NULL, 1'), ('''no_such_cache'', 1'), ('''one'', 1, 2'), ('''one'', NULL'), ('''one'', 1.5'),
             ('''one'', ''x''')) AS c (s),
     error_of(format('SELECT %s(%s)', f, s)) WITH ORDINALITY AS e (e, n)
WHERE n = 1
ORDER BY s, f;

-- What was asked for above, and nothing else, is in the cache.
SELECT cache, key, hits FROM cache_entries WHERE cache <> 'moment' ORDER BY cache, key COLLATE "C";

-- Behind the accessors: the declared types, and no others.
SELECT cache_ext_internal.cache_fetch(NULL::text, 'one', 1);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'one', '1')$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'one', 1::bigint)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'one', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'one')$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'one', 1, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'one', VARIADIC ARRAY[1])$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, 'no_such_cache', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::text, NULL, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch('a', 'one', 1)$$);
SELECT error_of($$SELECT cache_get_one('x')$$);
SELECT error_of($$SELECT cache_get_one(1::bigint)$$);
SELECT error_of($$SELECT cache_get_one()$$);
SELECT error_of($$SELECT cache_get_many_one(ARRAY['x'])$$);

\i include/end.sql
