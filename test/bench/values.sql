-- What values.sh measures: JSON of about 1, 4, 10 and 20 KB, 400 keys each; the caches over it are made
-- of the same loaders.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE FUNCTION values_of(k int, elements int) RETURNS json LANGUAGE sql IMMUTABLE
    RETURN (SELECT json_build_object('id', k, 'name', md5(k::text), 'series', json_agg(json_build_object(
                'day', date '2026-01-01' + i, 'calls', hashint4(k * 1000 + i) & 1023,
                'name', substr(md5((k * 1000 + i)::text), 1, 6))))
            FROM generate_series(1, elements) AS i);

-- Stored as it is: what a fill costs should not be the table's decompression.
CREATE TABLE values_json (kb int, k int, v json, PRIMARY KEY (kb, k));
ALTER TABLE values_json ALTER v SET STORAGE EXTERNAL;
INSERT INTO values_json
    SELECT kb, k, values_of(k, kb * 17) FROM unnest('{1,4,10,20}'::int[]) AS kb, generate_series(1, 400) AS k;
CREATE TABLE values_jsonb (LIKE values_json INCLUDING ALL);
ALTER TABLE values_jsonb ALTER v TYPE jsonb USING NULL;
INSERT INTO values_jsonb SELECT kb, k, v::jsonb FROM values_json;
VACUUM ANALYZE values_json, values_jsonb;

DO $$
DECLARE
    kb   int;
    form text;
    type text;
BEGIN
    FOREACH kb IN ARRAY '{1,4,10,20}'::int[] LOOP
        FOREACH type IN ARRAY '{json,jsonb}'::text[] LOOP
            EXECUTE format('CREATE FUNCTION load_%s_%s(k int) RETURNS %2$s LANGUAGE sql STABLE RETURN
                            (SELECT v FROM values_%2$s AS t WHERE t.kb = %1$s AND t.k = $1)', kb, type);
        END LOOP;
        FOREACH form IN ARRAY '{off,pglz,lz4,jsonb}'::text[] LOOP
            PERFORM cache_create(format('values_%s_%s', kb, form), ttl => NULL, refresh_at => NULL, loader =>
                format('load_%s_%s(int)', kb, CASE form WHEN 'jsonb' THEN form ELSE 'json' END)::regprocedure);
        END LOOP;
    END LOOP;
END
$$;

-- Nanoseconds that this process has run.
CREATE FUNCTION values_ran() RETURNS float8 LANGUAGE sql VOLATILE
    RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8;

-- Nanoseconds per hit of the function, all keys often.
CREATE FUNCTION values_hit(accessor text) RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE
    query text := format('SELECT count(%I(k)) FROM generate_series(1, 50) AS n, generate_series(1, 400) AS k', accessor);
    start float8;
BEGIN
    EXECUTE query;
    start := values_ran();
    FOR i IN 1..5 LOOP
        EXECUTE query;
    END LOOP;
    RETURN (values_ran() - start) / 100000;
END
$$;

-- Microseconds per fill of the cache, which is empty.
CREATE FUNCTION values_fill(cache text) RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE
    start float8 := values_ran();
BEGIN
    EXECUTE format('SELECT count(cache_get_%s(k)) FROM generate_series(1, 400) AS k', cache);
    RETURN (values_ran() - start) / 400000;
END
$$;
