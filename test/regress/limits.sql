-- Budgets, and values that are too large for them.
\set ECHO none
\set database regress_limits
\i include/begin.sql

CREATE FUNCTION bytes(n int) RETURNS text LANGUAGE sql STABLE AS $$SELECT left(repeat(repeat('x', 1000), n / 1000 + 1), n)$$;
CREATE VIEW used AS
    SELECT cache, entries, bytes, evictions, oversized FROM cache_stat ORDER BY cache;

-- By entries.
SELECT cache_create('few', 'bytes(int)', max_entries => 3);
SELECT count(cache_get_few(n)) FROM generate_series(1, 10) AS n;
SELECT entries, evictions FROM used WHERE cache = 'few';
SELECT count(*) FROM cache_entries WHERE cache = 'few';
SELECT cache_get_few(10), source FROM cache_get_entry('few', 10);
-- One that is used stays, whatever comes and goes.
SELECT cache_invalidate_all('few');
SELECT length(cache_get_few(1));
SELECT bool_and(length(cache_get_few(1)) = 1 AND length(cache_get_few(n)) = n) FROM generate_series(2, 50) AS n;
SELECT source FROM cache_get_entry('few', 1);
-- One entry is enough for the last value.
SELECT cache_alter('few', '{"max_entries": 1}');
SELECT length(cache_get_few(5)), length(cache_get_few(6)), length(cache_get_few(7));
SELECT entries FROM used WHERE cache = 'few';
SELECT source FROM cache_get_entry('few', 7);
-- More room.
SELECT cache_alter('few', '{"max_entries": 100}');
SELECT count(cache_get_few(n)) FROM generate_series(1, 100) AS n;
SELECT entries FROM used WHERE cache = 'few';
-- Less room: what is too much goes with the next value at the latest.
SELECT cache_alter('few', '{"max_entries": 10}');
SELECT length(cache_get_few(101));
SELECT entries <= 10 AS fits FROM used WHERE cache = 'few';
SELECT cache_alter('few', '{"max_entries": null}');
SELECT count(cache_get_few(n)) FROM generate_series(1, 200) AS n;
SELECT entries FROM used WHERE cache = 'few';

-- By bytes, bookkeeping included.
SELECT cache_create('small', 'bytes(int)', max_memory => '16kB');
SELECT count(cache_get_small(1000 + n)) FROM generate_series(1, 100) AS n;
SELECT entries BETWEEN 8 AND 15 AS about_as_many, bytes <= 16 * 1024 AS fits, evictions > 80 AS evicted
FROM used WHERE cache = 'small';
-- What does not fit at all is returned, not cached, and counted.
SELECT length(cache_get_small(20000)), length(cache_get_small(20000));
SELECT bytes <= 16 * 1024 AS fits, oversized FROM used WHERE cache = 'small';
SELECT reason, bypasses FROM cache_bypasses WHERE cache = 'small';
SELECT source FROM cache_get_entry('small', 20000);
SELECT cache_peek('small', 20000);
SELECT cache_refresh('small', 20000);
-- It takes nothing from what is there.
SELECT entries BETWEEN 8 AND 15 AS still_there FROM used WHERE cache = 'small';
-- With more memory it fits.
SELECT cache_alter('small', '{"max_memory": "64kB"}');
SELECT length(cache_get_small(20000));
SELECT source FROM cache_get_entry('small', 20000);
-- A budget so small that nothing fits.
SELECT cache_create('tiny', 'bytes(int)', max_memory => '16');
SELECT cache_get_tiny(1), cache_get_tiny(1);
SELECT entries, oversized FROM used WHERE cache = 'tiny';
-- Both limits at once.
SELECT cache_create('both', 'bytes(int)', max_entries => 5, max_memory => '4kB');
SELECT count(cache_get_both(n)) FROM generate_series(1, 20) AS n;
SELECT entries, bytes <= 4096 AS fits FROM used WHERE cache = 'both';
SELECT count(cache_get_both(1500 + n)) FROM generate_series(1, 20) AS n;
SELECT entries, bytes <= 4096 AS fits FROM used WHERE cache = 'both';

-- Larger than the memory of all caches: likewise.
SELECT cache_create('vast', 'bytes(int)');
SELECT length(cache_get_vast(40000000));
SELECT entries, oversized FROM used WHERE cache = 'vast';
SELECT length(cache_get_vast(1000000)), source FROM cache_get_entry('vast', 1000000);
-- Put, it is an error, since nobody else could load it.
SELECT cache_create('store', key_types => '{int}', value_type => 'text', max_memory => '16kB');
SELECT error_of($$SELECT cache_put_store(1, repeat('x', 20000))$$);
SELECT error_of($$SELECT cache_put('store', to_jsonb(repeat('x', 20000)), 1)$$);
SELECT cache_put_store(1, repeat('x', 10000)), cache_put_store(2, repeat('y', 10000));
SELECT cache_get_store(1) IS NULL AS made_room, length(cache_get_store(2));
BEGIN;
SELECT cache_put_store(3, repeat('x', 10000));
SELECT cache_put_store(4, repeat('y', 10000));
COMMIT;
SELECT cache_get_store(3) IS NULL AS made_room, length(cache_get_store(4));
-- Many at once.
SELECT cache_alter('store', '{"max_memory": "8MB"}');
SELECT count(cache_put_store(n, n::text)) FROM generate_series(1, 20000) AS n;
SELECT entries FROM used WHERE cache = 'store';
SELECT bool_and(cache_get_store(n) = n::text) FROM generate_series(1, 20000) AS n;

-- More than the memory of all caches together: the old values make room.
SELECT count(cache_get_vast(100000 + n)) FROM generate_series(1, 500) AS n;
SELECT entries < 500 AS some_went, evictions > 0 AS evicted, bytes > 1000000 AS used FROM used WHERE cache = 'vast';
SELECT source FROM cache_get_entry('vast', 100500);
SELECT bypasses FROM cache_bypasses WHERE cache = 'vast' AND reason = 'no memory could be evicted';
SELECT cache_drop('vast');

-- A shared budget: the guest's values count in the owner's.
SELECT cache_create('host', 'bytes(int)', max_entries => 4);
SELECT cache_create('guest', 'bytes(int)', budget => 'host');
SELECT count(cache_get_host(n)) FROM generate_series(1, 4) AS n;
SELECT cache, entries FROM used WHERE cache IN ('host', 'guest');
SELECT count(cache_get_guest(n)) FROM generate_series(1, 3) AS n;
SELECT sum(entries) FROM used WHERE cache IN ('host', 'guest');
SELECT source FROM cache_get_entry('guest', 3);
SELECT count(cache_get_guest(n)) FROM generate_series(1, 20) AS n;
SELECT sum(entries) FROM used WHERE cache IN ('host', 'guest');
-- Emptying one leaves the other.
SELECT cache_invalidate_all('host') + cache_invalidate_all('guest') AS all_of_them;
SELECT length(cache_get_host(1)), length(cache_get_guest(1)), length(cache_get_guest(2));
SELECT cache_invalidate_all('guest');
SELECT cache, entries FROM used WHERE cache IN ('host', 'guest');
SELECT source FROM cache_get_entry('host', 1);
-- The owner of a budget stays as long as others share it.
SELECT error_of($$SELECT cache_drop('host')$$);
SELECT cache_get_guest(1) = 'x', source FROM cache_get_entry('guest', 1);
SELECT error_of($$SELECT cache_alter('guest', '{"max_entries": 10}')$$);
-- On its own again, and back.
SELECT cache_alter('guest', '{"budget": null}');
SELECT count(cache_get_guest(n)) FROM generate_series(1, 30) AS n;
SELECT cache, entries FROM used WHERE cache IN ('host', 'guest');
SELECT cache_alter('guest', '{"budget": "host"}');
SELECT count(cache_get_guest(n)) FROM generate_series(1, 30) AS n;
SELECT sum(entries) <= 4 AS fits FROM used WHERE cache IN ('host', 'guest');
SELECT cache_drop('guest');
SELECT cache_drop('host');

-- Nothing is left of what was dropped.
SELECT count(cache_drop(name)) FROM cache_ext_internal.cache_definition;
SELECT count(*) FROM cache_entries;
SELECT cache_create('new', 'bytes(int)', max_memory => '8MB');
SELECT count(cache_get_new(100000 + n)) FROM generate_series(1, 70) AS n;
SELECT entries, evictions FROM used;

\i include/end.sql
