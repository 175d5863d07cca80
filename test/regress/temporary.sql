-- Temporary objects of a reader give no loader a row, and run nothing as its owner.
\set ECHO none
\set database regress_temporary
\i include/begin.sql

CREATE ROLE regress_temp_owner;
CREATE ROLE regress_temp_reader;
GRANT CREATE, USAGE ON SCHEMA public TO regress_temp_owner, regress_temp_reader;
CREATE FUNCTION why(text) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
    $$SELECT reason || ': ' || bypasses FROM cache_bypasses WHERE cache = $1 AND bypasses > 0 ORDER BY 1$$;

SET ROLE regress_temp_owner;
CREATE TABLE sale (k int, v int);
INSERT INTO sale VALUES (1, 10), (2, 20);
-- Each names the table in its own way, and looks for names in its own.
CREATE FUNCTION own_path(k int) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public
    AS 'BEGIN RETURN (SELECT sum(s.v) FROM sale AS s WHERE s.k = own_path.k); END';
CREATE FUNCTION own_path_sql(k int) RETURNS bigint LANGUAGE sql STABLE SET search_path = public
    AS 'SELECT sum(s.v) FROM sale AS s WHERE s.k = $1';
CREATE FUNCTION temp_first(k int) RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_temp, public
    AS 'SELECT sum(s.v) FROM sale AS s WHERE s.k = $1';
CREATE FUNCTION sets_path(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    r bigint;
BEGIN
    PERFORM set_config('search_path', 'public', true);
    EXECUTE format('SELECT sum(s.v) FROM sale AS s WHERE s.k = %s', k) INTO r;
    RETURN r;
END $$;
CREATE FUNCTION no_path(k int) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = ''
    AS 'BEGIN RETURN (SELECT sum(s.v) FROM public.sale AS s WHERE s.k = no_path.k); END';
CREATE FUNCTION shows_path(k int) RETURNS text LANGUAGE sql STABLE SET search_path = public
    AS 'SELECT current_setting(''search_path'')';
-- What only a temporary object can be meant by.
CREATE FUNCTION says_temp(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    r text;
BEGIN
    EXECUTE CASE k
        WHEN 1 THEN 'SELECT v FROM pg_temp.sale LIMIT 1'
        WHEN 2 THEN 'SELECT pg_temp.evil()'
        WHEN 3 THEN 'SELECT count(*) FROM only_there'
        WHEN 4 THEN 'SELECT pg_temp.evil_sql()'
        WHEN 5 THEN 'SELECT 1::pg_temp.evil_type'
        WHEN 6 THEN 'SELECT evil_view.v FROM evil_view'
        WHEN 7 THEN 'SELECT x.v FROM (SELECT (SELECT evil_view.v FROM evil_view)) AS x (v)'
        WHEN 8 THEN 'SELECT pg_temp.evil_aggregate(1)'
        WHEN 9 THEN 'SELECT 1 OPERATOR(pg_temp.<<<) 1'
        WHEN 10 THEN 'WITH x AS (SELECT * FROM pg_temp.evil_rows()) SELECT count(*) FROM x, pg_temp.sale'
        WHEN 11 THEN 'SELECT * FROM pg_temp.evil_rows()'
        WHEN 12 THEN 'SELECT pg_temp.evil_constant(1)'
        WHEN 13 THEN 'SELECT plain_view.v FROM plain_view'
    END INTO r;
    RETURN r;
EXCEPTION WHEN undefined_table OR undefined_function OR undefined_object THEN
    -- (Names that are not there at all, and ours.)
    RETURN 'refused: ' || SQLERRM;
END $$;
SELECT count(cache_create(f, (f || '(int)')::regprocedure))
FROM unnest('{own_path,own_path_sql,temp_first,sets_path,no_path,shows_path,says_temp}'::text[]) AS f;
SELECT count(cache_invalidate_on(f, 'sale', '{k}'))
FROM unnest('{own_path,own_path_sql,temp_first,sets_path,no_path}'::text[]) AS f;
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_temp_reader;
REVOKE EXECUTE ON FUNCTION own_path(int), own_path_sql(int), temp_first(int), sets_path(int), no_path(int), says_temp(int)
    FROM PUBLIC, regress_temp_reader;

SET ROLE regress_temp_reader;
CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN RAISE WARNING 'evil runs as %', current_user; RETURN 666; END$$;
CREATE FUNCTION public.evil_too() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN RAISE WARNING 'evil runs as %', current_user; RETURN 666; END$$;
CREATE FUNCTION public.evil_check(int) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN RAISE WARNING 'evil runs as %', current_user; RETURN true; END$$;
CREATE FUNCTION pg_temp.evil_sql() RETURNS int LANGUAGE sql AS 'SELECT public.evil_too()';
CREATE FUNCTION pg_temp.evil_constant(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE WARNING 'evil runs as %', current_user; RETURN 666; END$$;
CREATE FUNCTION pg_temp.evil_rows() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT public.evil_too()';
CREATE DOMAIN pg_temp.evil_type AS int CHECK (public.evil_check(VALUE));
CREATE AGGREGATE pg_temp.evil_aggregate(int) (SFUNC = int4_sum, STYPE = bigint);
CREATE FUNCTION pg_temp.evil_plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.evil_too()';
CREATE OPERATOR pg_temp.<<< (FUNCTION = pg_temp.evil_plus, LEFTARG = int, RIGHTARG = int);
CREATE TEMP VIEW evil_view AS SELECT 1 AS k, pg_temp.evil() AS v;
CREATE TEMP VIEW sale AS SELECT 1 AS k, pg_temp.evil() AS v;
CREATE TEMP VIEW plain_view AS SELECT 1 AS v;
CREATE TEMP TABLE only_there (n int);
GRANT SELECT ON evil_view, plain_view, pg_temp.sale, only_there TO PUBLIC;
SELECT cache_get_own_path(1), cache_get_own_path_sql(1), cache_get_temp_first(1), cache_get_sets_path(1),
       cache_get_no_path(1);
SELECT cache_get_shows_path(1);
SELECT k, cache_get_says_temp(k) FROM generate_series(1, 13) AS k;
DROP VIEW pg_temp.sale;
CREATE TEMP TABLE sale AS SELECT 2 AS k, 999 AS v;
GRANT SELECT ON pg_temp.sale TO PUBLIC;
SET search_path = pg_temp, public;
SELECT cache_get_own_path(2), cache_get_own_path_sql(2), cache_get_temp_first(2), cache_get_sets_path(2),
       cache_get_no_path(2);
RESET search_path;
SELECT cache_get_says_temp(1);
RESET ROLE;
SELECT * FROM why('says_temp');
SELECT * FROM why('own_path');
SELECT cache, key FROM cache_entries WHERE cache <> 'shows_path' ORDER BY cache COLLATE "C", key;

-- A plan that was made outside of a loader does not bring them in.
GRANT EXECUTE ON FUNCTION says_temp(int), temp_first(int) TO regress_temp_reader;
CREATE FUNCTION names_it(k int) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp
    AS 'BEGIN RETURN (SELECT count(*) FROM only_there); END';
ALTER FUNCTION names_it(int) OWNER TO regress_temp_owner;
SET ROLE regress_temp_owner;
SELECT cache_create('names_it', 'names_it(int)');
GRANT EXECUTE ON FUNCTION cache_get_names_it(int) TO regress_temp_reader;
SET ROLE regress_temp_reader;
SELECT names_it(1), names_it(1), names_it(1), names_it(1), names_it(1), names_it(1), names_it(1);
SELECT error_of('SELECT cache_get_names_it(1)');
BEGIN;
SELECT temp_first(2);
SELECT cache_get_temp_first(2);
COMMIT;
RESET ROLE;

-- Rows of a temporary child belong to its parent in the session that has it, and in no other.
CREATE FUNCTION total(k int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(s.v) FROM public.sale AS s WHERE s.k = total.k); END';
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'public.sale', '{k}');
CREATE TEMP TABLE child () INHERITS (public.sale);
INSERT INTO child VALUES (1, 1000);
SELECT cache_get_total(1);
SELECT source, value FROM cache_get_entry('total', 1);
SELECT count(*) FROM cache_entries WHERE cache = 'total';
SELECT * FROM why('total');
SELECT * FROM cache_get_many_total('{1,2}');
SELECT checked, mismatched FROM cache_verify('total');
-- The outer value is not published either.
CREATE FUNCTION outer_total(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT cache_get_total(k)';
SELECT cache_create('outer_total', 'outer_total(int)');
SELECT cache_get_outer_total(1);
SELECT count(*) FROM cache_entries WHERE cache = 'outer_total';
DROP TABLE child;
SELECT cache_get_total(1), cache_get_outer_total(1);
SELECT cache, count(*) FROM cache_entries WHERE cache IN ('total', 'outer_total') GROUP BY 1 ORDER BY 1;

-- What a transaction has touched itself does not spoil what its loads read, and is not forgotten: it
-- still cannot be prepared.
SELECT cache_invalidate_all('total'), cache_invalidate_all('outer_total');
BEGIN;
SELECT count(*) FROM only_there;
SELECT cache_get_outer_total(1);
SELECT cache, count(*) FROM cache_entries WHERE cache IN ('total', 'outer_total') GROUP BY 1 ORDER BY 1;
PREPARE TRANSACTION 'temporary';
BEGIN;
SELECT count(*) FROM only_there;
SELECT error_of('SELECT cache_get_names_it(2)');
PREPARE TRANSACTION 'temporary';
SELECT count(*) FROM pg_prepared_xacts;

-- An expression that PL/pgSQL keeps from before the run, made ready under the same search path.
SET search_path = "$user", public, pg_temp;
CREATE FUNCTION pg_temp.secret() RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RETURN 'temporary'; END$$;
CREATE FUNCTION says_secret(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k || pg_temp.secret(); END';
CREATE FUNCTION helped(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN says_secret(k); END';
CREATE FUNCTION quiet(k int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
SELECT cache_create('helped', 'helped(int)'), cache_create('quiet', 'quiet(int)');
-- The first load after DDL makes plans anew by itself.
BEGIN;
SELECT cache_get_quiet(1);
SELECT says_secret(1);
SELECT error_of('SELECT cache_get_helped(1)');
COMMIT;
SELECT count(*) FROM cache_entries WHERE cache = 'helped';

\i include/end.sql
DROP ROLE regress_temp_owner, regress_temp_reader;
