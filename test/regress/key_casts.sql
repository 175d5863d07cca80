-- Implicit casts of key arguments run as in an expression of the caller's.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_caster;
CREATE ROLE regress_caster;
\set database regress_key_casts
\i include/begin.sql
\pset format unaligned
\pset tuples_only
CREATE FUNCTION twice(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT coalesce(2 * k, -1)';
SELECT cache_create('twice', 'twice(int)');
GRANT EXECUTE ON FUNCTION cache_get_twice(int) TO regress_caster;
CREATE TYPE level AS ENUM ('none', 'low', 'high');
CREATE FUNCTION number_of(l level, modifier int, explicit bool) RETURNS int LANGUAGE plpgsql AS
    'BEGIN RETURN CASE WHEN modifier = -1 AND NOT explicit AND l::text <> ''none'' THEN length(l::text) END; END';
CREATE CAST (level AS int) WITH FUNCTION number_of(level, int, bool) AS IMPLICIT;
-- All arguments of the cast's function are set; its NULL is a key like any other.
SELECT l, cache_get('twice', l), cache_get_twice(l) FROM unnest(enum_range(NULL::level)) AS l;
SELECT cache_get('twice', VARIADIC ARRAY['high'::level]);
-- It may be closed to the caller.
REVOKE ALL ON FUNCTION number_of(level, int, bool) FROM PUBLIC;
SET ROLE regress_caster;
SELECT error_of($$SELECT cache_get_twice('low'::level)$$);
SELECT error_of($$SELECT cache_get('twice', 'low'::level)$$);
SELECT error_of($$SELECT * FROM cache_explain('twice', 'low'::level)$$);
SELECT error_of($$SELECT cache_get('twice', 2::smallint)$$);
RESET ROLE;
\pset format aligned
\pset tuples_only off
\i include/end.sql
DROP ROLE regress_caster;
