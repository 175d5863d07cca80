-- EXECUTE on one accessor: to read it, and nothing else.
\set ECHO none
\set database security_reader
\set role security_reader
\i include/world.sql

SELECT * FROM public.attempts_on_all() WHERE outcome = 'ok';
SELECT count(*) FROM public.attempts_on_all() WHERE outcome <> 'ok';
SELECT * FROM public.attempts_by_trigger() WHERE outcome = 'ok';
-- Objects of his own, in front of everything.
CREATE FUNCTION own.cache_fetch(r bigint, c text, k int) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';
CREATE FUNCTION own.unnest(int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT 666';
CREATE FUNCTION own.sum_first(bigint, int) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';
CREATE AGGREGATE own.sum (int) (SFUNC = own.sum_first, STYPE = bigint);
CREATE FUNCTION own.equal(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR own.= (FUNCTION = own.equal, LEFTARG = int, RIGHTARG = int);
SET search_path = own, cache, pg_catalog;
SELECT cache_get_total(3), cache_get('total', 4);
SELECT key, value FROM cache_get_many_total('{5,6}');
RESET search_path;
-- A type of his own that casts itself to the key, by a function that asks for more than the value.
CREATE TYPE own.key AS (k int);
CREATE FUNCTION own.to_key(own.key, int, bool) RETURNS int LANGUAGE plpgsql AS
    $$BEGIN RETURN ($1).k + CASE WHEN $2 = -1 AND NOT $3 THEN 0 ELSE 100 END; END$$;
CREATE CAST (own.key AS int) WITH FUNCTION own.to_key(own.key, int, bool) AS IMPLICIT;
SELECT cache.cache_get('total', ROW(7)::own.key);
SELECT cache.cache_get_total(ROW(7)::own.key);

\connect - postgres
SELECT * FROM public.victims_world();
\i include/end.sql
