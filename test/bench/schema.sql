-- The tables, functions and caches of the benchmarks: 10,000 keys with values of about 1 KB.
-- \set module is the path of the compiled module.c.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION cache_ext;

CREATE FUNCTION bench_constant_json(k int) RETURNS json
    AS :'module', 'bench_constant_json' LANGUAGE c STABLE PARALLEL SAFE;
CREATE FUNCTION bench_constant_jsonb(k int) RETURNS jsonb
    AS :'module', 'bench_constant_jsonb' LANGUAGE c STABLE PARALLEL SAFE;
CREATE FUNCTION bench_copied_json(k int) RETURNS json
    AS :'module', 'bench_copied_json' LANGUAGE c STABLE PARALLEL SAFE;
CREATE FUNCTION bench_kept_json(k int) RETURNS json
    AS :'module', 'bench_kept_json' LANGUAGE c STABLE PARALLEL SAFE;
CREATE FUNCTION bench_kept_jsonb(k int) RETURNS jsonb
    AS :'module', 'bench_kept_jsonb' LANGUAGE c STABLE PARALLEL SAFE;
CREATE FUNCTION bench_nothing() RETURNS trigger AS :'module', 'bench_nothing' LANGUAGE c;

CREATE FUNCTION bench_value(k int) RETURNS json LANGUAGE sql IMMUTABLE
    RETURN (SELECT json_build_object('id', k, 'name', md5(k::text), 'calls', k * 7, 'series',
                                     json_agg(json_build_object('day', i, 'calls', (k * i) % 97)))
            FROM generate_series(1, 36) AS i);

CREATE TABLE table_json (k int PRIMARY KEY, v json NOT NULL);
INSERT INTO table_json SELECT k, bench_value(k) FROM generate_series(1, 10000) AS k;
CREATE TABLE table_jsonb (k int PRIMARY KEY, v jsonb NOT NULL);
INSERT INTO table_jsonb SELECT k, v::jsonb FROM table_json;
CREATE MATERIALIZED VIEW view_json AS SELECT k, v FROM table_json;
CREATE UNIQUE INDEX ON view_json (k);
VACUUM ANALYZE table_json, table_jsonb, view_json;

CREATE FUNCTION load_bench_json(k int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT t.v FROM table_json AS t WHERE t.k = $1);
CREATE FUNCTION load_bench_jsonb(k int) RETURNS jsonb LANGUAGE sql STABLE
    RETURN (SELECT t.v FROM table_jsonb AS t WHERE t.k = $1);
SELECT cache_create('bench_json', loader => 'load_bench_json(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('bench_json', 'table_json', key => '{k}');
SELECT cache_create('bench_jsonb', loader => 'load_bench_jsonb(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('bench_jsonb', 'table_jsonb', key => '{k}');

-- Nanoseconds per row of count(expression) over the 10,000 keys n, ten times over.
CREATE FUNCTION bench_nanoseconds(expression text) RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE
    query   text := format('SELECT count(%s) FROM generate_series(1, 10000) AS n', expression);
    started timestamptz;
BEGIN
    EXECUTE query;
    started := clock_timestamp();
    FOR i IN 1..10 LOOP
        EXECUTE query;
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - started) * 1e9 / 100000;
END
$$;

-- The same of cache_get_many for all keys by one array.
CREATE FUNCTION bench_many_nanoseconds() RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE
    keys    int[] := ARRAY(SELECT (n * 7919) % 10000 + 1 FROM generate_series(1, 10000) AS n);
    started timestamptz;
BEGIN
    PERFORM count(m.value) FROM cache_get_many_bench_json(keys) AS m;
    started := clock_timestamp();
    FOR i IN 1..10 LOOP
        PERFORM count(m.value) FROM cache_get_many_bench_json(keys) AS m;
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - started) * 1e9 / 100000;
END
$$;
