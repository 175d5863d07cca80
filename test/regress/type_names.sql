-- name('literal') means a type of that name before it means a function: types of the names of our functions,
-- and of accessors, would have code of their owner run as whoever calls.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_typist, regress_keeper;
CREATE ROLE regress_typist;
CREATE ROLE regress_keeper;
\set database regress_type_names
\i include/begin.sql
\pset format unaligned
\pset tuples_only
GRANT CREATE ON SCHEMA public TO regress_typist, regress_keeper;
CREATE SCHEMA desk AUTHORIZATION regress_typist;
SET ROLE regress_typist;
CREATE FUNCTION desk.check_value(v text) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN RAISE WARNING 'code of another role runs as %', current_user; RETURN true; END$$;
CREATE DOMAIN public.cache_get_early AS text CHECK (desk.check_value(VALUE));
CREATE TYPE public.cache_put_early2 AS ENUM ('a');
SET ROLE regress_keeper;
SELECT cache_create('rate', key_types => '{text}', value_type => 'numeric');
SELECT cache_put_rate('EUR', 1.5);

-- A cache is not made where its functions could be taken for a type.
SELECT error_of($$SELECT cache_create('early', key_types => '{text}', value_type => 'numeric')$$);
SELECT error_of($$SELECT cache_create('early2', key_types => '{text}', value_type => 'numeric')$$);

-- Nobody makes such types, of whatever kind, in whatever way.
SET ROLE regress_typist;
SELECT what, error_of('CREATE ' || what) FROM unnest(ARRAY[
    'DOMAIN public.cache_drop AS text CHECK (desk.check_value(VALUE))',
    'DOMAIN public.cache_get_rate AS text CHECK (desk.check_value(VALUE))',
    'TYPE public.cache_get_many_rate AS ENUM (''{EUR}'')', 'TYPE public.cache_sync AS RANGE (SUBTYPE = int)',
    'TYPE public.harmless AS RANGE (SUBTYPE = int, MULTIRANGE_TYPE_NAME = public.cache_get)']) AS what;
CREATE DOMAIN public.harmless AS text CHECK (desk.check_value(VALUE));
CREATE DOMAIN desk.cache_drop AS text CHECK (desk.check_value(VALUE));
SELECT error_of('ALTER DOMAIN public.harmless RENAME TO cache_invalidate_all');
SELECT error_of('ALTER DOMAIN desk.cache_drop SET SCHEMA public');
SELECT error_of('ALTER TYPE desk.cache_drop SET SCHEMA public');
RESET ROLE;
SELECT error_of('CREATE TYPE public.cache_resume');
-- A row type is not taken for a function, and a name of nobody's is free.
SET ROLE regress_typist;
CREATE TYPE public.cache_get_rate AS (a int);
CREATE DOMAIN public.cache_get_none AS text;

RESET ROLE;
SELECT cache_get_rate('EUR'), cache_get('rate', 'EUR'), cache_invalidate_all('rate'), cache_drop('rate');

-- Nor is the extension made where such a type lies.
DROP VIEW made_by_cache_ext;
DROP EXTENSION cache_ext;
SET ROLE regress_typist;
CREATE DOMAIN public.cache_drop AS text CHECK (desk.check_value(VALUE));
RESET ROLE;
SELECT error_of('CREATE EXTENSION cache_ext');
DROP DOMAIN public.cache_drop;
SELECT error_of('CREATE EXTENSION cache_ext');

\pset format aligned
\pset tuples_only off
\i include/end.sql
DROP ROLE regress_typist, regress_keeper;
