-- Accessors whose values are rows, or of other types with a name that their owner may change: they go on after that, and
-- nothing of whoever takes the old name runs as the reader, by a CHECK, a cast, or in any other way.
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
CREATE FUNCTION public.load_list(k int) RETURNS public.figures[] LANGUAGE plpgsql STABLE AS
    $$BEGIN RETURN (SELECT array_agg((v, v)::text ORDER BY v) FROM public.call AS c WHERE c.k = $1); END $$;
SELECT cache_create('figures', 'public.load_figures(int)');
SELECT cache_create('call', 'public.load_call(int)');
SELECT cache_create('mood', 'public.load_mood(public.agent)');
SELECT cache_create('list', 'public.load_list(int)');
SELECT cache_create('note', key_types => '{int}', value_type => 'public.figures');
SELECT cache_create_aggregate('sums', 'public.call', '{k}', '{n: count(*), s: sum(v)}');
GRANT EXECUTE ON FUNCTION cache_get_figures, cache_get_call, cache_get_mood, cache_get_list, cache_get_note, cache_get_sums,
    cache_get_many_figures, cache_get_many_call, cache_get_many_list, cache_get_many_note,
    cache_get_many_sums TO regress_reader;

CREATE FUNCTION public.read_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    call text;
BEGIN
    FOREACH call IN ARRAY ARRAY[
        'cache_get_figures(1)', 'cache_get_call(1)', 'cache_get_mood(1)', 'cache_get_list(1)', 'cache_get_note(1)',
        'cache_get_sums(1)', 'cache_get_many_figures(''{1}'')', 'cache_get_many_call(''{1}'')',
        'cache_get_many_list(''{1}'')', 'cache_get_many_note(''{1}'')',
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

-- The types get other names, and other columns, and somebody else takes the old names: for domains, which have a CHECK, and
-- for types with a cast.
SET ROLE regress_keeper;
ALTER TYPE public.figures RENAME TO numbers;
ALTER TYPE public.numbers ALTER ATTRIBUTE n TYPE numeric;
ALTER TABLE public.call RENAME TO talk;
ALTER TABLE public.talk ADD COLUMN w int DEFAULT 7;
ALTER TABLE public.talk RENAME TO call;
ALTER TYPE public.mood RENAME TO temper;
ALTER TYPE public.cache_row_sums RENAME TO sums_of_calls;
SELECT cache_put_note(1, (1, 2)::public.numbers);
CREATE FUNCTION public.read_twice() RETURNS SETOF text LANGUAGE sql AS 'SELECT public.read_all(); SELECT public.read_all()';
SET ROLE regress_typist;
CREATE DOMAIN public.figures AS public.numbers CHECK (desk.check_value(VALUE));
CREATE DOMAIN public.mood AS public.temper CHECK (desk.check_value(VALUE));
CREATE DOMAIN public.cache_row_sums AS public.sums_of_calls CHECK (desk.check_value(VALUE));
\connect - - - -
SET ROLE regress_reader;
SELECT public.read_twice();
SET ROLE regress_typist;
DROP DOMAIN public.figures, public.mood;
CREATE TYPE public.figures AS (n int);
CREATE TYPE public.cache_row_sums AS (n int);
CREATE FUNCTION desk.hack() RETURNS public.numbers LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE WARNING 'code of another role runs as %', current_user; RETURN NULL; END$$;
CREATE FUNCTION desk.hack(public.figures) RETURNS public.numbers LANGUAGE sql IMMUTABLE RETURN desk.hack();
CREATE FUNCTION desk.hacks(public.figures[]) RETURNS public.numbers[] LANGUAGE sql IMMUTABLE RETURN ARRAY[desk.hack()];
CREATE CAST (public.figures AS public.numbers) WITH FUNCTION desk.hack(public.figures) AS ASSIGNMENT;
CREATE CAST (public.figures[] AS public.numbers[]) WITH FUNCTION desk.hacks(public.figures[]) AS ASSIGNMENT;
\connect - - - -
SET ROLE regress_reader;
SELECT public.read_twice();
RESET ROLE;

-- The types do not go without the caches.
DROP TYPE public.numbers;

\pset format aligned
\pset tuples_only off
\i include/end.sql
DROP ROLE regress_typist, regress_keeper, regress_reader;
