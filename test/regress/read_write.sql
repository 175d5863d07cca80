-- Reading, putting and removing values, by accessor and by name.
\set ECHO none
\set database regress_read_write
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item VALUES (1, 10), (2, 20), (3, NULL);
-- Says on each call that it runs.
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'total(%)', owner;
    RETURN (SELECT sum(amount) FROM item AS i WHERE i.owner = total.owner);
END $$;
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');

-- The loader runs once per key.
SELECT cache_get_total(1);
SELECT cache_get_total(1);
SELECT cache_get('total', 1);
SELECT cache_get_total(owner) FROM item ORDER BY owner;
SELECT cache_get_total(n % 3 + 1) FROM generate_series(1, 6) AS n;
SELECT * FROM cache_get_many_total('{3,2,1}');
SELECT value, source, calculated_at <= now() AS past,
       expires_at - calculated_at AS lives
FROM cache_get_entry('total', 1);
SELECT value, source FROM cache_get_entry('total', 4);
SELECT value, source FROM cache_get_entry('total', 4);

-- In prepared statements, functions, views and conditions.
PREPARE get (int) AS SELECT cache_get_total($1);
EXECUTE get(1);
EXECUTE get(5);
EXECUTE get(5);
PREPARE get_by_name (text, int) AS SELECT cache_get($1, $2);
EXECUTE get_by_name('total', 1);
EXECUTE get_by_name('total', 6);
SELECT owner FROM item WHERE cache_get_total(owner) > 15;
CREATE VIEW totals AS SELECT DISTINCT owner, cache_get_total(owner) AS total FROM item;
SELECT * FROM totals ORDER BY owner;
DO $$
BEGIN
    FOR i IN 1 .. 2 LOOP
        RAISE NOTICE '% %', cache_get_total(i), cache_get_total(i + 6);
    END LOOP;
END $$;
-- One call site, several caches.
SELECT cache_create('other', 'total(int)');
SELECT c, cache_get(c, 1) FROM unnest('{total,other,total,other}'::text[]) AS c;

-- cache_peek never loads.
SELECT cache_peek('total', 1), cache_peek('total', 99);
SELECT hits FROM cache_entries WHERE cache = 'other';
SELECT cache_peek('other', 1);
SELECT hits FROM cache_entries WHERE cache = 'other';

-- cache_refresh loads in any case.
SELECT cache_refresh('total', 1);
SELECT cache_refresh('total', 100);
SELECT cache_get_total(100);
SELECT calculated_at AS before FROM cache_get_entry('total', 1) \gset
SELECT pg_sleep(0.02);
SELECT cache_refresh('total', 1);
SELECT calculated_at > :'before' AS newer, source FROM cache_get_entry('total', 1);
BEGIN;
INSERT INTO item VALUES (1, 1);
SELECT cache_refresh('total', 1);
ROLLBACK;

-- cache_invalidate removes one key and says whether it was there.
SELECT cache_invalidate('total', 1);
SELECT cache_invalidate('total', 1);
SELECT cache_peek('total', 1), cache_peek('total', 2);
SELECT cache_get_total(1);
SELECT cache_get_total(1);
-- cache_invalidate_like goes by the key as cache_entries shows it; cache_invalidate_all takes all.
SELECT key FROM cache_entries WHERE cache = 'total' ORDER BY key::int;
SELECT cache_invalidate_like('total', '1%');
SELECT cache_invalidate_like('total', 'x%');
SELECT cache_invalidate_like('total', '_');
SELECT count(*) FROM cache_entries WHERE cache = 'total';
SELECT cache_peek('other', 1);
SELECT count(cache_get_total(n)) FROM generate_series(1, 3) AS n;
SELECT cache_invalidate_all('total');
SELECT cache_invalidate_all('total');
SELECT cache_peek('total', 2), cache_peek('other', 1);
SELECT cache_get_total(2);
SELECT error_of($$SELECT cache_invalidate_like('total', NULL)$$);
SELECT error_of($$SELECT cache_invalidate_like('total', '\')$$);
SELECT error_of($$SELECT cache_invalidate_all(NULL)$$);

-- By hand inside a transaction: the value goes at once, for everybody, and does not come back before
-- the commit.
SELECT cache_get_total(2);
BEGIN;
SELECT cache_invalidate('total', 2);
SELECT cache_get_total(2);
SELECT cache_get_total(2);
COMMIT;
SELECT cache_get_total(2);
SELECT cache_get_total(2);
BEGIN;
SELECT cache_invalidate('total', 2);
ROLLBACK;
SELECT cache_get_total(2);
SELECT cache_get_total(2);

-- cache_explain says what a read would do, and why.
SELECT state, reason, calculated_at IS NOT NULL AS calculated, hits, bytes > 0 AS has_bytes, tags,
       last_writer IS NOT NULL AS written
FROM cache_explain('total', 2);
SELECT state, reason, calculated_at IS NOT NULL AS calculated, hits, bytes > 0 AS has_bytes, tags
FROM cache_explain('total', 77);
SELECT cache_get_total(1);
UPDATE item SET amount = 11 WHERE owner = 1;
SELECT state, reason, last_writer IS NOT NULL AS written FROM cache_explain('total', 1);
SELECT cache_get_total(1);
SELECT state, reason FROM cache_explain('total', 1);
BEGIN;
UPDATE item SET amount = 12 WHERE owner = 1;
SELECT state, reason FROM cache_explain('total', 1);
ROLLBACK;
SELECT state FROM cache_explain('total', 1);
SET cache_ext.enabled = off;
SELECT state, reason FROM cache_explain('total', 1);
SELECT cache_get_total(1), cache_get_total(1);
RESET cache_ext.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT state, reason FROM cache_explain('total', 1);
SELECT cache_get_total(1);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT state FROM cache_explain('total', 1);
SELECT cache_get_total(1);
COMMIT;
SELECT cache_alter('total', '{"ttl": "1 s"}');
SELECT cache_get_total(2);
SELECT pg_sleep(1.1);
SELECT state, reason FROM cache_explain('total', 2);
SELECT cache_alter('total', '{"ttl": null}');
SELECT error_of($$SELECT * FROM cache_explain(NULL, 1)$$);
SELECT error_of($$SELECT * FROM cache_explain('no_such_cache', 1)$$);

-- Loaders of all kinds.
CREATE FUNCTION definer(k int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
    AS $$SELECT format('%s %s', k, current_setting('search_path'))$$;
CREATE FUNCTION constant(k int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'constant'$$;
CREATE FUNCTION parallel(k int) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT sum(amount) FROM item WHERE owner = k';
CREATE FUNCTION dynamic(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    r text;
BEGIN
    EXECUTE format('SELECT string_agg(amount::text, '','') FROM item WHERE owner <= %s', k) INTO r;
    RETURN r;
EXCEPTION WHEN division_by_zero THEN
    RETURN 'never';
END $$;
SELECT count(cache_create(split_part(f, '(', 1), f::regprocedure))
FROM unnest('{definer(int),constant(int),parallel(int),dynamic(int),md5(text),upper(text)}'::text[]) AS f;
SELECT cache_get_definer(1), cache_get_constant(1), cache_get_parallel(1), cache_get_dynamic(2), cache_get_md5('x'),
       cache_get_upper('abc');
SELECT cache_get_definer(1), cache_get_constant(1), cache_get_parallel(1), cache_get_dynamic(2), cache_get_md5('x'),
       cache_get_upper('abc');
SELECT cache, hits FROM cache_stat WHERE cache IN ('definer', 'constant', 'parallel', 'dynamic', 'md5', 'upper') ORDER BY cache;
-- In parallel queries the leader reads.
SELECT proname, proparallel FROM pg_proc WHERE proname ~ '^cache_get_(many_)?(total|parallel)$' ORDER BY proname;
SELECT name AS parallel_mode FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :parallel_mode = on;
SELECT cache_get_parallel(1), cache_get_parallel(2), cache_get('parallel', 1);
SELECT sum(cache_get_parallel(owner)) FROM item;
SELECT source FROM cache_get_entry('parallel', 2);
RESET :parallel_mode;

-- A loader's error is the reader's, and nothing is cached.
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AB123', MESSAGE = 'fails on ' || n, DETAIL = 'detail',
                          HINT = 'hint';
END $$;
CREATE FUNCTION divides(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 10 / n';
SELECT cache_create('fails', 'fails(int)');
SELECT cache_create('divides', 'divides(int)');
SELECT error_of('SELECT cache_get_fails(1)');
SELECT error_of($$SELECT cache_get('fails', 1)$$);
SELECT error_of($$SELECT cache_refresh('fails', 1)$$);
SELECT cache_get_fails(1);
SELECT cache_get_divides(0);
SELECT cache_get_divides(5);
SELECT error_of($$SELECT cache_refresh('divides', 0)$$);
SELECT cache_peek('divides', 0), cache_peek('divides', 5);
SELECT cache, entries FROM cache_stat WHERE cache IN ('fails', 'divides') ORDER BY cache;
-- After an error the session is as before: its user, its settings, its nesting.
SELECT current_user = session_user AS same_user, current_setting('transaction_read_only');
SELECT value, source FROM cache_get_entry('divides', 5);

-- Loaders over loaders.
CREATE FUNCTION double_total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT 2 * cache_get_total($1)';
SELECT cache_create('double_total', 'double_total(int)');
SELECT cache_get_double_total(1);
SELECT cache_get_double_total(1);
UPDATE item SET amount = 100 WHERE owner = 1;
SELECT cache_get_double_total(1);
SELECT cache_get_double_total(2);
SELECT cache_get_double_total(2);
UPDATE item SET amount = 200 WHERE owner = 2;
SELECT cache_get_double_total(1);
SELECT cache_get_double_total(2);
-- A loader that reads its own cache is an ordinary recursion.
CREATE FUNCTION factorial(n int) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN n < 2 THEN 1 ELSE n * (cache_get('factorial', n - 1))::numeric END
$$;
SELECT cache_create('factorial', 'factorial(int)');
SELECT cache_get_factorial(5);
SELECT cache_get_factorial(5), cache_get_factorial(6);

-- The owner may put a value over the loader's. It lives as long as that would have.
SELECT cache_put('total', '1', 1);
SELECT cache_get_total(1);
UPDATE item SET amount = 101 WHERE owner = 1;
SELECT cache_get_total(1);
-- Without a loader nothing is loaded.
SELECT cache_create('store', key_types => '{text}', value_type => 'text');
SELECT cache_get_store('a'), cache_get('store', 'a'), cache_peek('store', 'a');
SELECT * FROM cache_get_entry('store', 'a');
SELECT * FROM cache_get_many_store('{a}');
SELECT error_of($$SELECT cache_refresh('store', 'a')$$);

\i include/end.sql
