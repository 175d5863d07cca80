-- Where a cache trusts a name, it trusts the function that had it when the cache was declared.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_victim, regress_evil, regress_reader;
CREATE ROLE regress_victim;
CREATE ROLE regress_evil;
CREATE ROLE regress_reader;
\set database regress_names
\i include/begin.sql
\pset format unaligned
\pset tuples_only
GRANT CREATE ON SCHEMA public TO regress_victim, regress_evil;
CREATE SCHEMA victim AUTHORIZATION regress_victim;
GRANT USAGE, CREATE ON SCHEMA victim TO regress_evil;
SET ROLE regress_victim;
CREATE TABLE victim.secret (owner int, amount int);
INSERT INTO victim.secret SELECT g, g * 10 FROM generate_series(1, 9) AS g;
CREATE FUNCTION victim.total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM victim.secret AS s WHERE s.owner = $1';
REVOKE ALL ON FUNCTION victim.total(int) FROM PUBLIC;
SELECT cache_create('total', 'victim.total(int)'), cache_invalidate_on('total', 'victim.secret', '{owner}');
SELECT cache_create('conf', key_types => '{int}', value_type => 'text');
GRANT EXECUTE ON FUNCTION cache_get_total(int), cache_get_conf(int) TO regress_reader;
SELECT cache_get_total(1), cache_put_conf(1, 'mine');

-- Names that are ours, or another cache's, cannot be the functions of a cache.
SELECT name, error_of(format('SELECT cache_create(%L, ''victim.total(int)'')', name))
FROM unnest('{entry,many,many_total,many_,total}'::text[]) AS name;
SELECT cache_create('value', key_types => '{int}', value_type => 'text');
SELECT cache_put_value(1, 'x');
SELECT cache_get_value(1);
SELECT cache_drop('value');

-- Nobody makes overloads of them, in whatever way.
SET ROLE regress_evil;
SELECT what, error_of('CREATE FUNCTION ' || what || ' RETURNS text LANGUAGE sql AS ''SELECT NULL::text''')
FROM unnest(ARRAY['public.cache_create(text, text)', 'public.cache_get(text, int)', 'public.cache_get_total(bigint)',
    'public.cache_get_total(text)', 'public.cache_get_many_total(text)', 'public.cache_put_total(int, bigint)',
    'public.cache_put_conf(int, int)', 'public.cache_get_conf()', 'public.cache_invalidate_on(text, text)']) AS what;
CREATE FUNCTION public.harmless(text, text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';


SET ROLE regress_evil;
CREATE FUNCTION victim.cache_create(text, text) RETURNS text LANGUAGE sql AS 'SELECT ''a schema of another name''';
SELECT error_of('ALTER FUNCTION public.harmless(text, text) RENAME TO cache_create');
SELECT error_of('ALTER FUNCTION victim.cache_create(text, text) SET SCHEMA public');
CREATE PROCEDURE victim.cache_get(text, int) LANGUAGE sql AS 'SELECT 1';
SELECT error_of('ALTER PROCEDURE victim.cache_get(text, int) SET SCHEMA public');
SELECT error_of('CREATE AGGREGATE public.cache_get(int) (SFUNC = int4pl, STYPE = int)');
-- A cache is not made where its functions would not be the only ones of their names.
CREATE FUNCTION public.cache_get_later(text) RETURNS int LANGUAGE sql AS 'SELECT 666';
CREATE FUNCTION public.cache_put_later2(text) RETURNS int LANGUAGE sql AS 'SELECT 666';
SET ROLE regress_victim;
SELECT error_of($$SELECT cache_create('later', 'victim.total(int)')$$);
SELECT error_of($$SELECT cache_create('later2', key_types => '{int}', value_type => 'text')$$);

-- Who may put: whoever may execute the function that was made for it. One that was there before the server
-- knew the library (as the superuser makes it here, with the hooks off) is none.
RESET ROLE;
SET ROLE regress_evil;
SELECT error_of($$SELECT cache_put('total', '424242', 1)$$);
SELECT error_of($$SELECT cache_put('conf', '"x"', 1)$$);
CREATE FUNCTION public.not_yet(int, bigint) RETURNS void LANGUAGE sql AS 'SELECT';
RESET ROLE;
UPDATE pg_proc SET proname = 'cache_put_total' WHERE oid = 'public.not_yet(int,bigint)'::regprocedure;
SET ROLE regress_evil;
SELECT 'public.cache_put_total(int,bigint)'::regprocedure;
SELECT error_of($$SELECT cache_put('total', '424242', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_put_value('total', 424242::bigint, NULL, false, 1)$$);
SET ROLE regress_victim;
SELECT cache_get_total(1), cache_put('conf', '"mine"', 2);

-- The accessor is gone, and somebody else has one of its name: he gets nothing of what is cached.
DROP FUNCTION cache_get_total(int);
SET ROLE regress_evil;
SELECT error_of($$CREATE FUNCTION public.cache_get_total(int) RETURNS bigint LANGUAGE sql
                  AS 'SELECT 666::bigint'$$);
CREATE FUNCTION public.soon(owner int) RETURNS bigint LANGUAGE sql STABLE
    RETURN cache_ext_internal.cache_fetch(NULL::bigint, 'total', $1);
RESET ROLE;
UPDATE pg_proc SET proname = 'cache_get_total' WHERE oid = 'public.soon(int)'::regprocedure;
SET ROLE regress_evil;
ALTER FUNCTION public.cache_get_total(int) DEPENDS ON EXTENSION cache_ext;
SELECT error_of(sql) FROM unnest(ARRAY['SELECT public.cache_get_total(1)', $$SELECT cache_get('total', 1)$$,
    $$SELECT cache_alter('total', '{"ttl": null}')$$, $$SELECT cache_drop('total')$$,
    $$SELECT cache_invalidate_all('total')$$, $$SELECT cache_put('total', '1', 1)$$]) AS sql;
SELECT count(*) FROM cache_entries WHERE cache = 'total';
RESET ROLE;
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
-- The former owner can end it; the function of the other role stays.
SET ROLE regress_victim;
SELECT cache_drop('total');
RESET ROLE;
SELECT oid::regprocedure, proowner::regrole FROM pg_proc WHERE proname IN ('cache_get_total', 'cache_put_total', 'cache_get_many_total') ORDER BY 1;
DROP FUNCTION cache_get_total(int), cache_put_total(int, bigint);
SET ROLE regress_victim;
SELECT cache_create('total', 'victim.total(int)'), cache_invalidate_on('total', 'victim.secret', '{owner}');
SELECT cache_get_total(1);
-- Given to another role by its owner it is still the one, and that role's.
RESET ROLE;
GRANT EXECUTE ON FUNCTION victim.total(int) TO regress_evil;
GRANT SELECT ON victim.secret TO regress_evil;
ALTER FUNCTION cache_get_total(int) OWNER TO regress_evil;
SET ROLE regress_evil;
SELECT cache_get_total(2), cache_alter('total', '{"ttl": "1 min"}');
RESET ROLE;
ALTER FUNCTION cache_get_total(int) OWNER TO regress_victim;
REVOKE EXECUTE ON FUNCTION victim.total(int) FROM regress_evil;
SET ROLE regress_victim;
SELECT cache_get_total(3);
-- The owner may drop it and make it again by hand.
SELECT pg_get_functiondef('cache_get_total(int)'::regprocedure) AS definition \gset
DROP FUNCTION cache_get_total(int);
:definition;
SELECT cache_get_total(3), source FROM cache_get_entry('total', 3);

-- The loader is gone, and somebody else has one of its name: his does not run as the cache's owner.
DROP FUNCTION victim.total(int);
SET ROLE regress_evil;
CREATE FUNCTION victim.total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$BEGIN RAISE NOTICE 'runs as %', current_user; RETURN 666; END$$;
SET ROLE regress_victim;
SELECT error_of('SELECT cache_get_total(4)');
SELECT cache_alter('total', '{"ttl": "2 min"}');
SELECT error_of('SELECT cache_get_total(4)');
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
RESET ROLE;
ALTER FUNCTION victim.total(int) OWNER TO regress_victim;
SELECT cache_get_total(4);
-- One by a superuser, who could do anything anyway, is taken.
DROP FUNCTION victim.total(int);
CREATE FUNCTION victim.total(owner int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(amount) + 1 FROM victim.secret AS s WHERE s.owner = $1';
SELECT cache_get_total(4);
-- load_many and load_all of another role are left alone; named by the cache's owner they are his choice.
SET ROLE regress_victim;
CREATE FUNCTION victim.totals(owners int[]) RETURNS TABLE (owner int, total bigint) LANGUAGE sql STABLE AS
    'SELECT s.owner, sum(amount) + 1 FROM victim.secret AS s WHERE s.owner = ANY ($1) GROUP BY 1';
SELECT cache_alter('total', '{"load_many": "victim.totals"}');
SELECT * FROM cache_get_many_total('{5,6}');
DROP FUNCTION victim.totals(int[]);
SET ROLE regress_evil;
CREATE FUNCTION victim.totals(owners int[]) RETURNS TABLE (owner int, total bigint) LANGUAGE plpgsql STABLE AS
    $$BEGIN RAISE NOTICE 'runs as %', current_user; RETURN QUERY SELECT o, 666::bigint FROM unnest(owners) AS o; END$$;
SET ROLE regress_victim;
SELECT * FROM cache_get_many_total('{7,8}');
SELECT cache_alter('total', '{"ttl": "3 min"}');
SELECT cache_invalidate_all('total') > 0;
SELECT * FROM cache_get_many_total('{7,8}');
SELECT cache_alter('total', '{"load_many": null}'), cache_alter('total', '{"load_many": "victim.totals"}');
SELECT cache_invalidate_all('total') > 0;
SELECT * FROM cache_get_many_total('{7,8}');

-- A restore makes the functions first. If somebody's lies beside them when the row comes that declares the
-- cache, that is said, and no more: it is in the way of no other cache's row.
RESET ROLE;
CREATE TEMP TABLE restored AS SELECT * FROM cache_ext_internal.cache_definition WHERE name = 'conf';
GRANT ALL ON restored TO regress_victim;
GRANT SELECT, INSERT ON cache_ext_internal.cache_definition TO regress_victim;
SELECT pg_get_functiondef('cache_get_conf(int)'::regprocedure) AS accessor \gset
SET ROLE regress_victim;
SELECT cache_drop('conf');
SET ROLE regress_evil;
CREATE FUNCTION public.cache_get_conf(text) RETURNS int LANGUAGE sql AS 'SELECT 666';
CREATE DOMAIN public.cache_put_conf AS text;
SET ROLE regress_victim;
:accessor;
ALTER FUNCTION cache_get_conf(int) DEPENDS ON EXTENSION cache_ext;
CREATE FUNCTION restore() RETURNS text LANGUAGE sql AS
    $$SELECT error_of('INSERT INTO cache_ext_internal.cache_definition SELECT * FROM restored')$$;
BEGIN;
SELECT restore();
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
ROLLBACK;
SET ROLE regress_evil;
DROP FUNCTION public.cache_get_conf(text);
SET ROLE regress_victim;
BEGIN;
SELECT restore();
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
ROLLBACK;
SET ROLE regress_evil;
DROP DOMAIN public.cache_put_conf;
SET ROLE regress_victim;
SELECT restore();
SELECT cache_get_conf(1);
RESET ROLE;
REVOKE ALL ON cache_ext_internal.cache_definition FROM regress_victim;
DROP FUNCTION restore();


-- Dropping a cache drops the functions that were made for it, and no others.
RESET ROLE;
DROP FUNCTION cache_get_many_total(int[]);
CREATE FUNCTION public.soon(int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
UPDATE pg_proc SET proname = 'cache_get_many_total' WHERE oid = 'public.soon(int[])'::regprocedure;
SET ROLE regress_victim;
SELECT cache_drop('total'), cache_drop('conf');
RESET ROLE;
SELECT oid::regprocedure, proowner::regrole FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proname ~ 'total|conf' ORDER BY 1;

-- An extension schema in which somebody was before.
CREATE SCHEMA laid;
GRANT CREATE, USAGE ON SCHEMA laid TO regress_evil;
DROP EXTENSION cache_ext CASCADE;
SET ROLE regress_evil;
CREATE FUNCTION laid.cache_create(text, text) RETURNS void LANGUAGE sql AS 'SELECT';
RESET ROLE;
SELECT error_of('CREATE EXTENSION cache_ext SCHEMA laid');
DROP FUNCTION laid.cache_create(text, text);
CREATE EXTENSION cache_ext SCHEMA laid;

\set ECHO none
\pset format aligned
\pset tuples_only off
\i include/end.sql
DROP OWNED BY regress_victim, regress_evil, regress_reader;
DROP ROLE regress_victim, regress_evil, regress_reader;
