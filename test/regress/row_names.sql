-- The bodies of accessors whose values are rows are strings, and name the type. When that is renamed, its old name may
-- come to mean a domain of somebody else's: his CHECK must not run as whoever reads.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_typist, regress_keeper, regress_reader;
CREATE ROLE regress_typist;
CREATE ROLE regress_keeper;
CREATE ROLE regress_reader;
\set database regress_row_names
\i include/begin.sql
\pset format unaligned
\pset tuples_only
GRANT CREATE ON SCHEMA public TO regress_typist, regress_keeper;
CREATE SCHEMA desk AUTHORIZATION regress_typist;
GRANT USAGE ON SCHEMA desk TO PUBLIC;
SET ROLE regress_typist;
CREATE FUNCTION desk.check_value(v anyelement) RETURNS bool LANGUAGE plpgsql AS
    $$BEGIN RAISE WARNING 'code of another role runs as %', current_user; RETURN true; END$$;

SET ROLE regress_keeper;
CREATE TABLE public.call (k int, v int);
INSERT INTO public.call VALUES (1, 10), (1, 20), (2, 30);
CREATE TYPE public.figures AS (n bigint, s bigint);
CREATE TYPE public.mood AS ENUM ('good', 'bad');
CREATE DOMAIN public.agent AS int CHECK (VALUE > 0);
CREATE FUNCTION public.load_figures(k int) RETURNS public.figures LANGUAGE sql STABLE AS
    'SELECT count(*), sum(v) FROM public.call AS c WHERE c.k = $1';
CREATE FUNCTION public.load_call(k int) RETURNS public.call LANGUAGE sql STABLE AS
    'SELECT c FROM public.call AS c WHERE c.k = $1 ORDER BY v LIMIT 1';
CREATE FUNCTION public.load_mood(k public.agent) RETURNS public.mood LANGUAGE sql STABLE RETURN 'good'::public.mood;
CREATE FUNCTION public.load_list(k int) RETURNS public.figures[] LANGUAGE sql STABLE AS
    'SELECT array_agg((v, v)::public.figures ORDER BY v) FROM public.call AS c WHERE c.k = $1';
SELECT cache_create('figures', 'public.load_figures(int)');
SELECT cache_create('call', 'public.load_call(int)');
SELECT cache_create('mood', 'public.load_mood(public.agent)');
SELECT cache_create('list', 'public.load_list(int)');
SELECT cache_create('note', key_types => '{int}', value_type => 'public.figures');
SELECT cache_create_aggregate('sums', 'public.call', '{k}', '{n: count(*), s: sum(v)}');
GRANT EXECUTE ON FUNCTION cache_get_figures, cache_get_call, cache_get_mood, cache_get_list, cache_get_note, cache_get_sums,
    cache_get_many_figures, cache_get_many_call, cache_get_many_mood, cache_get_many_list, cache_get_many_note,
    cache_get_many_sums TO regress_reader;

CREATE FUNCTION public.read_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    call text;
BEGIN
    FOREACH call IN ARRAY ARRAY[
        'cache_get_figures(1)', 'cache_get_call(1)', 'cache_get_mood(1)', 'cache_get_list(1)', 'cache_get_note(1)',
        'cache_get_sums(1)', 'cache_get_many_figures(''{1}'')', 'cache_get_many_call(''{1}'')',
        'cache_get_many_mood(''{1}'')', 'cache_get_many_list(''{1}'')', 'cache_get_many_note(''{1}'')',
        'cache_get_many_sums(''{1}'')'] LOOP
        BEGIN
            EXECUTE 'SELECT ' || call || '::text' INTO value;
            RETURN NEXT call || ' = ' || value;
        EXCEPTION WHEN OTHERS THEN
            RETURN NEXT call || ': ' || sqlstate || ' ' || sqlerrm;
        END;
    END LOOP;
END $$;
SELECT cache_put_note(1, (1, 2)::public.figures);
SET ROLE regress_reader;
SELECT public.read_all();

-- The types get other names, and somebody else takes the old ones.
SET ROLE regress_keeper;
ALTER TYPE public.figures RENAME TO numbers;
ALTER TABLE public.call RENAME TO talk;
ALTER TYPE public.mood RENAME TO temper;
ALTER TYPE public.cache_row_sums RENAME TO sums_of_calls;
SET ROLE regress_typist;
CREATE DOMAIN public.figures AS public.numbers CHECK (desk.check_value(VALUE));
CREATE DOMAIN public.call AS public.talk CHECK (desk.check_value(VALUE));
CREATE DOMAIN public.mood AS public.temper CHECK (desk.check_value(VALUE));
CREATE DOMAIN public.cache_row_sums AS public.sums_of_calls CHECK (desk.check_value(VALUE));

-- Who reads gets an error, and so does he whose types these are: until he takes the names back, or makes the caches again.
\connect - - - -
SET ROLE regress_reader;
SELECT public.read_all();
RESET ROLE;
DROP DOMAIN public.figures, public.call, public.mood, public.cache_row_sums;
SET ROLE regress_keeper;
ALTER TYPE public.numbers RENAME TO figures;
ALTER TABLE public.talk RENAME TO call;
ALTER TYPE public.temper RENAME TO mood;
ALTER TYPE public.sums_of_calls RENAME TO cache_row_sums;
SET ROLE regress_reader;
SELECT public.read_all();
RESET ROLE;

\pset format aligned
\pset tuples_only off
\i include/end.sql
DROP ROLE regress_typist, regress_keeper, regress_reader;
