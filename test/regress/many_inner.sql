-- A value that is made of values of many caches: each gives two tags or more, none of which stands for the others.
\set ECHO none
SET client_min_messages = warning;
\set database regress_many_inner
\i include/begin.sql
DO $$
BEGIN
    FOR i IN 1..31 LOOP
        EXECUTE format('CREATE TABLE t%1$s (k int PRIMARY KEY, n int NOT NULL); INSERT INTO t%1$s VALUES (1, %1$s), (2, %1$s)', i);
        EXECUTE format('CREATE FUNCTION load_t%1$s(k int) RETURNS int LANGUAGE sql STABLE AS ''SELECT n FROM t%1$s AS t WHERE t.k = $1''', i);
        PERFORM cache_create('t' || i, format('load_t%s(int)', i)::regprocedure, invalidate => 'declared');
        PERFORM cache_invalidate_on('t' || i, ('t' || i)::regclass, '{k}');
    END LOOP;
    FOR i IN 1..3 LOOP
        EXECUTE format('CREATE FUNCTION load_o%s(k int) RETURNS int LANGUAGE sql STABLE AS ''SELECT %s''', i,
                       (SELECT string_agg(format('cache_get_t%s(k)', n), ' + ') FROM generate_series(1, (ARRAY[9, 31, 33])[i]) AS n WHERE n < 32)
                       || CASE WHEN i = 3 THEN ' + cache_get_o1(k)' ELSE '' END);
        PERFORM cache_create('o' || i, format('load_o%s(int)', i)::regprocedure, invalidate => 'declared');
    END LOOP;
END $$;
CREATE FUNCTION reads(cache text, k int) RETURNS text LANGUAGE sql
    AS $$SELECT format('%s %s', source, value) FROM cache_get_entry(cache, k)$$;
\set ECHO all
-- 9 caches, 31, and these by way of others.
SELECT cache, reads(cache, 1), reads(cache, 1), reads(cache, 2) FROM unnest('{o1,o2,o3}'::text[]) AS cache;
UPDATE t9 SET n = 100 WHERE k = 1;
SELECT cache, reads(cache, 1), reads(cache, 1), reads(cache, 2) FROM unnest('{o1,o2,o3}'::text[]) AS cache;
UPDATE t31 SET n = 1000 WHERE k = 1;
SELECT cache, reads(cache, 1), reads(cache, 1), reads(cache, 2) FROM unnest('{o1,o2,o3}'::text[]) AS cache;
SELECT cache_invalidate_all('t20');
SELECT cache, reads(cache, 1), reads(cache, 1), reads(cache, 2) FROM unnest('{o1,o2,o3}'::text[]) AS cache;
SELECT cardinality(tags) FROM cache_explain('o2', 1);
\i include/end.sql
