-- cache_invalidate_many, cache_refresh_many, cache_warm_many: a row for each key, whatever becomes of the others.
\set ECHO none
\set database regress_many_keys
\i include/begin.sql

CREATE TABLE visit (shop int, day date, n int);
INSERT INTO visit SELECT g % 7, date '2026-01-01' + g % 3, g FROM generate_series(1, 100) AS g;
-- Shop 5 cannot be loaded.
CREATE FUNCTION load_visits(shop int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF shop = 5 THEN RAISE EXCEPTION 'shop % is closed', shop; END IF;
    RETURN (SELECT sum(v.n) FROM visit AS v WHERE v.shop = load_visits.shop);
END $$;
CREATE FUNCTION load_day(shop int, day date) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(v.n) FROM visit AS v WHERE v.shop = $1 AND v.day = $2);
SELECT cache_create('visits', 'load_visits(int)', ttl => NULL);
SELECT cache_create('day', 'load_day(int,date)', ttl => NULL);
SELECT cache_create('word', key_types => '{text}', value_type => 'int');
SELECT cache_create('doc', key_types => '{jsonb}', value_type => 'int');
SELECT cache_create('list', key_types => '{int[]}', value_type => 'int');
SELECT cache_create('one', key_types => '{}', value_type => 'int');
CREATE DOMAIN small AS int CHECK (VALUE < 10) NOT NULL;
SELECT cache_create('small', key_types => '{small}', value_type => 'int');

-- In chunks; those of one that has failed one by one.
SELECT * FROM cache_refresh_many('visits', '[1, 2, 5, 3, 4, 1, null]');
SELECT key, state FROM cache_entries WHERE cache = 'visits' ORDER BY key;
SELECT key, outcome FROM cache_refresh_many('visits', '[1, 2, 5, 3]', batch_size => 1);
SELECT key, outcome FROM cache_refresh_many('visits', '[1, 2, 5, 3]', batch_size => 100, retries => 0);
SELECT fills FROM cache_stat WHERE cache = 'visits';
SELECT * FROM cache_refresh_many('visits', '[]');
-- What is there is left alone by cache_warm_many.
SELECT cache_invalidate('visits', 2);
SELECT * FROM cache_warm_many('visits', '[1, 2, 3, 5, 0]');
SELECT cache_get_visits(2) = load_visits(2) AS ok, source FROM cache_get_entry('visits', 2);
-- Keys of several columns, as strings or numbers; a query makes them.
SELECT * FROM cache_warm_many('day', '[[1, "2026-01-01"], ["2", "2026-01-02"], [1, null]]');
SELECT * FROM cache_warm_many('day', (SELECT jsonb_agg(DISTINCT jsonb_build_array(shop, day)) FROM visit WHERE shop < 2)) ORDER BY key;
SELECT count(*) FROM visit, cache_get_entry('day', shop, day) AS e WHERE shop < 2 AND e.source <> 'cache';
PREPARE warm AS SELECT * FROM cache_warm_many($1, $2);
EXECUTE warm('visits', '[1, 4]');

-- What a batch has taken is given back with it, not at the end of the transaction.
BEGIN;
SELECT outcome, count(*) FROM cache_refresh_many('visits', '[1, 2, 3, 4, 5, 6]', batch_size => 2) GROUP BY outcome ORDER BY 1;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'cache_ext batch';
COMMIT;

-- What is no key is reported as such.
SELECT * FROM cache_warm_many('visits', '[1, "x", [1], {"a": 1}, 99999999999, 2]');
SELECT * FROM cache_warm_many('day', '[[1, "2026-01-01"], 1, [1], [1, "2026-01-01", 2], [1, "yesterday-ish"]]');
SELECT * FROM cache_invalidate_many('small', '[1, 10, null, 9]');

-- cache_invalidate_many: as cache_invalidate, for each.
SELECT cache_add('word', '1', 'a'), cache_add('word', '2', 'b'), cache_add('word', '3', 'c');
SELECT * FROM cache_invalidate_many('word', '["a", "b", "x", null, "a"]');
SELECT key FROM cache_entries WHERE cache = 'word';
SELECT cache_add('doc', '1', '{"a": [1]}'::jsonb), cache_add('doc', '2', '[1, 2]'::jsonb), cache_add('doc', '3', 'null'::jsonb);
SELECT * FROM cache_invalidate_many('doc', '[{"a": [1]}, [1, 2], null]');
SELECT cache_add('list', '1', '{1,2}'::int[]), cache_add('list', '1', '{}'::int[]);
SELECT * FROM cache_invalidate_many('list', '[[1, 2], []]');
SELECT cache_add('one', '1');
SELECT * FROM cache_invalidate_many('one', '[[], [1]]');
-- In a transaction the keys count as changed, and what it has put goes.
BEGIN;
SELECT cache_put('word', '5', 'p'), cache_put('word', '6', 'q');
SELECT outcome FROM cache_invalidate_many('visits', '[1, 2]');
SELECT outcome FROM cache_invalidate_many('word', '["p"]');
SELECT cache_get_word('p'), cache_get_word('q');
SELECT source FROM cache_get_entry('visits', 1);
SELECT source FROM cache_get_entry('visits', 3);
SELECT error_of($$SELECT cache_refresh_many('visits', '[3]')$$);
SAVEPOINT a;
SELECT outcome FROM cache_invalidate_many('word', '["q"]');
ROLLBACK TO a;
SELECT cache_get_word('q');
COMMIT;
SELECT cache_get_word('p'), cache_get_word('q');

-- What may pass is tried again; what does not ends that key only.
CREATE FUNCTION load_busy(shop int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF shop = 1 THEN RAISE lock_not_available; END IF;
    IF shop = 2 THEN RAISE serialization_failure USING MESSAGE = 'again'; END IF;
    RETURN shop;
END $$;
SELECT cache_create('busy', 'load_busy(int)');
SELECT clock_timestamp() AS before \gset
SELECT * FROM cache_warm_many('busy', '[1, 3]', retries => 1);
SELECT clock_timestamp() - :'before' >= interval '30 ms' AS waited;
SELECT * FROM cache_warm_many('busy', '[2, 3]', retries => 0);
CREATE TABLE closed (until timestamptz);
CREATE FUNCTION load_later(shop int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF clock_timestamp() < (SELECT max(c.until) FROM closed AS c) THEN RAISE serialization_failure; END IF;
    RETURN shop;
END $$;
SELECT cache_create('later', 'load_later(int)', undeclared => 'ttl');
INSERT INTO closed VALUES (clock_timestamp() + '150 ms');
SELECT * FROM cache_warm_many('later', '[1, 2]', retries => 20);
-- A cancel ends all of it, what has been loaded stays.
CREATE FUNCTION load_slow(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF n = 3 THEN PERFORM pg_sleep(60); END IF;
    RETURN n;
END $$;
SELECT cache_create('slow', 'load_slow(int)', undeclared => 'ttl');
SET statement_timeout = '500 ms';
SELECT cache_warm_many('slow', '[1, 2, 3, 4]', batch_size => 2);
SELECT cache_warm_many('busy', '[2]', retries => 100);
RESET statement_timeout;
SELECT key FROM cache_entries WHERE cache = 'slow' ORDER BY key;

-- What is refused.
SELECT error_of($$SELECT cache_refresh_many('visits', NULL)$$);
SELECT error_of($$SELECT cache_refresh_many('visits', '1')$$);
SELECT error_of($$SELECT cache_refresh_many('day', '{"a": 1}')$$);
SELECT error_of($$SELECT cache_refresh_many('nothing', '[1]')$$);
SELECT error_of($$SELECT cache_refresh_many('word', '["a"]')$$);
SELECT error_of($$SELECT cache_warm_many('visits', '[1]', batch_size => 0)$$);
SELECT error_of($$SELECT cache_warm_many('visits', '[1]', retries => -1)$$);
CREATE FUNCTION invalidates(int) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT count(*) FROM cache_invalidate_many('visits', '[1]')$$;
SELECT cache_create('invalidates', 'invalidates(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_invalidates(1)');
CREATE ROLE regress_many_keys;
SET ROLE regress_many_keys;
SELECT what, error_of(what) FROM unnest(ARRAY[$$SELECT cache_invalidate_many('visits', '[1]')$$,
    $$SELECT cache_refresh_many('visits', '[1]')$$, $$SELECT cache_warm_many('visits', '[1]')$$,
    $$SELECT cache_warm_many('visits', '[1]', background => true)$$]) AS what;
RESET ROLE;
DROP ROLE regress_many_keys;

-- In the background: there are no workers here (test/t/many_keys.pl has some).
SELECT * FROM cache_warm_many('day', '[[1, "2026-01-01"], [5, "2026-01-02"], [3, "x"]]', background => true);
CREATE FUNCTION load_long(k text) RETURNS int LANGUAGE sql STABLE RETURN length(k);
SELECT cache_create('long', 'load_long(text)');
SELECT outcome, message FROM cache_warm_many('long', jsonb_build_array(repeat('x', 600)), background => true);
SELECT outcome, message FROM cache_warm_many('long', jsonb_build_array(repeat('x', 600)));

\i include/end.sql
