-- The options of a cache: what cache_create and cache_alter take, refuse, and keep.
\set ECHO none
\set database regress_options
\i include/begin.sql

CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * n';
CREATE FUNCTION create_with(options text) RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_create(''x'', ''double(int)'', %s)', options))$$;
CREATE FUNCTION alter_with(options text) RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_alter(''c'', %L)', options))$$;
CREATE VIEW options AS
    SELECT name, ttl, refresh_at, max_entries, max_memory, budget, stale_for, warm_on_invalidate,
           priority
    FROM cache_ext_internal.cache_definition
    ORDER BY name;

-- As given.
SELECT cache_create('c', 'double(int)', ttl => '90 min', refresh_at => 0.5, max_entries => 10,
                    max_memory => '1MB', priority => -5);
-- As by default; nulls mean the default or no limit.
SELECT cache_create('d', 'double(int)');
SELECT cache_create('e', 'double(int)', ttl => NULL, refresh_at => NULL, stale_for => NULL,
                    warm_on_invalidate => NULL, priority => NULL);
-- Refreshing ahead needs a loader and a deadline.
SELECT cache_create('f', 'double(int)', ttl => NULL);
SELECT cache_create('g', key_types => '{int}', value_type => 'int');
SELECT * FROM options;
SELECT cache_drop(name) FROM unnest('{d,e,f,g}'::text[]) AS name;

-- Values that are refused, by cache_create and by cache_alter.
SELECT create_with($$ttl => '0'$$);
SELECT create_with($$ttl => '-1 min'$$);
SELECT create_with($$ttl => '0.4 ms'$$);
SELECT create_with($$ttl => '1 day -25 hours'$$);
SELECT create_with($$ttl => '100 years 1 day'$$);
SELECT create_with($$ttl => '178000000 years'$$);
SELECT create_with($$ttl => '9000000 hours'$$);
SELECT create_with($$ttl => 'soon'$$);
SELECT create_with($$ttl => 5$$);
SELECT create_with($$refresh_at => 0$$);
SELECT create_with($$refresh_at => 1$$);
SELECT create_with($$refresh_at => -0.5$$);
SELECT create_with($$refresh_at => 80$$);
SELECT create_with($$refresh_at => 'NaN'$$);
SELECT create_with($$refresh_at => 'infinity'$$);
SELECT create_with($$refresh_beta => 0$$);
SELECT create_with($$refresh_beta => -1$$);
SELECT create_with($$refresh_beta => 1001$$);
SELECT create_with($$refresh_beta => 'NaN'$$);
SELECT create_with($$max_entries => 0$$);
SELECT create_with($$max_entries => -1$$);
SELECT create_with($$max_entries => 3000000000$$);
SELECT create_with($$max_memory => '0'$$);
SELECT create_with($$max_memory => '-1MB'$$);
SELECT regexp_replace(create_with($$max_memory => '1TB'$$), '\d+ MB', '* MB');
SELECT create_with($$max_memory => '100000000000TB'$$);
SELECT create_with($$max_memory => 'much'$$);
SELECT create_with($$max_memory => '10 apples'$$);
SELECT create_with($$max_memory => ''$$);
SELECT create_with($$stale_for => '-1 s'$$);
SELECT create_with($$refresh_min => '-1 s'$$);
SELECT create_with($$null_ttl => '0'$$);
SELECT create_with($$ttl_min => '0'$$);
SELECT create_with($$ttl_min => '6 min'$$);
SELECT create_with($$ttl_max => '4 min'$$);
SELECT create_with($$ttl => NULL, ttl_max => '4 min'$$);
SELECT create_with($$priority => 'high'$$);
SELECT create_with($$budget => 'no_such_cache'$$);
SELECT create_with($$budget => 'x'$$);
SELECT create_with($$budget => 'c', max_entries => 1$$);
SELECT create_with($$budget => 'c', max_memory => '1MB'$$);
SELECT create_with($$no_such_option => 1$$);
SELECT count(*) AS made FROM cache_ext_internal.cache_definition WHERE name = 'x';

SELECT alter_with('{"ttl": "0"}');
SELECT alter_with('{"ttl": "-1 min"}');
SELECT alter_with('{"ttl": "101 years"}');
SELECT alter_with('{"ttl": "soon"}');
SELECT alter_with('{"ttl": true}');
SELECT alter_with('{"ttl": {"minutes": 5}}');
SELECT alter_with('{"ttl": ["5 min"]}');
SELECT alter_with('{"refresh_at": 0}');
SELECT alter_with('{"refresh_at": 1}');
SELECT alter_with('{"refresh_at": "80 %"}');
SELECT alter_with('{"refresh_beta": 0.0001}');
SELECT alter_with('{"refresh_beta": "much"}');
SELECT alter_with('{"max_entries": 0}');
SELECT alter_with('{"max_entries": 1.5}');
SELECT alter_with('{"max_entries": "many"}');
SELECT alter_with('{"max_entries": 3000000000}');
SELECT alter_with('{"max_memory": 0}');
SELECT regexp_replace(alter_with('{"max_memory": "1TB"}'), '\d+ MB', '* MB');
SELECT alter_with('{"max_memory": "much"}');
SELECT alter_with('{"stale_for": "-1 s"}');
SELECT alter_with('{"ttl": "10 min", "ttl_max": "9 min"}');
SELECT alter_with('{"priority": "high"}');
SELECT alter_with('{"warm_on_invalidate": "perhaps"}');
SELECT alter_with('{"budget": "no_such_cache"}');
SELECT alter_with('{"budget": "c"}');
SELECT alter_with('{"tll": "1 min"}');
SELECT alter_with('{"TTL": "1 min"}');
SELECT alter_with('{"": "1 min"}');
SELECT alter_with('{"name": "other"}');
SELECT alter_with('{"loader": "double(int)"}');
SELECT alter_with('[]');
SELECT alter_with('["ttl", "1 min"]');
SELECT alter_with('"ttl"');
SELECT alter_with('null');
SELECT alter_with('ttl = 1 min');
SELECT error_of($$SELECT cache_alter('no_such_cache', '{"ttl": "1 min"}')$$);
-- One wrong option, and none is changed.
SELECT alter_with('{"ttl": "1 min", "priority": 9, "refresh_at": 2}');
SELECT * FROM options;

-- Loading ahead.
SELECT create_with($$load_many => 'double(int)'$$);
SELECT create_with($$load_all => 'double(int)'$$);
SELECT create_with($$sync_every => '1 min'$$);
SELECT create_with($$sync_every => '0.5 s'$$);
SELECT create_with($$warm_keys => 'SELECT 1::text'$$);
SELECT create_with($$warm_every => '999 ms'$$);
SELECT create_with($$warm_every => '-1 min'$$);
SELECT alter_with('{"load_many": "double(int)"}');
SELECT alter_with('{"sync_every": "1 min"}');
SELECT alter_with('{"warm_every": 0}');
SELECT alter_with('{"warm_when_idle": "perhaps"}');
SELECT alter_with('{"warm_on_invalidate": true, "warm_when_idle": true, "warm_every": 90, "warm_keys": "SELECT 1"}');
SELECT warm_on_invalidate, warm_when_idle, warm_every, warm_keys FROM cache_ext_internal.cache_definition WHERE name = 'c';
SELECT alter_with('{"warm_on_invalidate": null, "warm_when_idle": null, "warm_every": null, "warm_keys": null}');
SELECT warm_on_invalidate, warm_when_idle, warm_every, warm_keys FROM cache_ext_internal.cache_definition WHERE name = 'c';

-- cache_alter sets what is present, whatever its JSON type, and leaves the rest.
SELECT cache_alter('c', '{"ttl": "1 hour"}');
SELECT * FROM options;
SELECT cache_alter('c', '{"ttl": 90, "refresh_at": "0.9", "max_entries": "20", "max_memory": 2097152,
                          "priority": 3}');
SELECT * FROM options;
SELECT cache_alter('c', '{"ttl": null, "refresh_at": null, "max_entries": null, "max_memory": null,
                          "stale_for": null, "warm_on_invalidate": null, "priority": null}');
SELECT * FROM options;
SELECT cache_alter('c', '{}');
SELECT cache_alter('c', '{"ttl": "1 min", "ttl": "2 min", "warm_on_invalidate": false}');
SELECT * FROM options;

-- By load time instead of a share.
SELECT cache_alter('c', '{"refresh_beta": 1.5}');
SELECT refresh_beta, refresh_at FROM cache_ext_internal.cache_definition WHERE name = 'c';
SELECT cache_alter('c', '{"refresh_beta": null}');
SELECT refresh_beta FROM cache_ext_internal.cache_definition WHERE name = 'c';

-- A new ttl holds for what is loaded from then on.
SELECT cache_alter('c', '{"ttl": "1 min"}');
SELECT expires_at - calculated_at AS lives, source FROM cache_get_entry('c', 1);
SELECT expires_at - calculated_at AS lives, source FROM cache_get_entry('c', 1);
SELECT cache_alter('c', '{"ttl": "2 min"}');
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('c', 1);
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('c', 2);
SELECT cache_alter('c', '{"ttl": null}');
SELECT expires_at, source FROM cache_get_entry('c', 3);
SELECT expires_at, source FROM cache_get_entry('c', 3);
SELECT expires_at IS NULL AS never_expires FROM cache_entries WHERE key = '3';
-- Months and years are as long as EXTRACT(epoch ...) takes them to be.
SELECT cache_alter('c', '{"ttl": "2 years 1 mon 1 day 1.5 s"}');
SELECT extract(epoch FROM expires_at) - extract(epoch FROM calculated_at)
       = extract(epoch FROM interval '2 years 1 mon 1 day 1.5 s') AS same
FROM cache_get_entry('c', 4);
SELECT cache_alter('c', '{"ttl": "100 years"}');

-- The smallest ttl: a value that has expired is loaded again.
SELECT cache_alter('c', '{"ttl": "1 ms", "refresh_at": null}');
SELECT value FROM cache_get_entry('c', 5);
SELECT pg_sleep(0.05);
SELECT value, source FROM cache_get_entry('c', 5);
SELECT cache_alter('c', '{"ttl": "5 min", "refresh_at": 0.8}');

-- Rolled back.
BEGIN;
SELECT cache_alter('c', '{"ttl": "7 min"}');
SELECT ttl FROM options;
SELECT expires_at IS NULL AS not_cached, source FROM cache_get_entry('c', 6);
ROLLBACK;
SELECT ttl FROM options;
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('c', 6);
BEGIN;
SAVEPOINT a;
SELECT cache_alter('c', '{"ttl": "8 min"}');
ROLLBACK TO a;
COMMIT;
SELECT ttl FROM options;
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('c', 7);

-- A budget is shared with a cache that has its own.
SELECT cache_create('guest', 'double(int)', budget => 'c');
SELECT create_with($$budget => 'guest'$$);
SELECT alter_with('{"budget": "guest"}');
SELECT cache_create('other', 'double(int)', max_entries => 5);
SELECT alter_with('{"budget": "other"}');
SELECT error_of($$SELECT cache_alter('other', '{"budget": "c"}')$$);
SELECT error_of($$SELECT cache_alter('guest', '{"max_entries": 5}')$$);
SELECT cache_alter('other', '{"budget": "c", "max_entries": null}');
SELECT name, budget, max_entries FROM options;
SELECT cache_drop('other');
SELECT error_of($$SELECT cache_drop('c')$$);
SELECT cache_alter('guest', '{"budget": null, "max_entries": 5}');
SELECT cache_drop('c');
SELECT name, budget, max_entries FROM options;

-- What a session has set for the texts of values changes nothing of what is stored: neither what was not named, nor
-- what is given.
CREATE FUNCTION sum_of(a int, b int) RETURNS int LANGUAGE sql STABLE AS 'SELECT a + b';
CREATE TABLE pair (a int, b int);
CREATE VIEW declared AS
    SELECT d.name, d.ttl, d.refresh_at, d.stale_for, d.load_all, c.key, c.key_query
    FROM cache_ext_internal.cache_definition AS d LEFT JOIN cache_ext_internal.cache_dependency AS c ON c.cache = d.name
    ORDER BY name, c.id;
CREATE FUNCTION all_sums() RETURNS TABLE (a int, b int, value int) LANGUAGE sql STABLE AS 'SELECT 1, 2, 3';
SELECT cache_create('one', 'sum_of(int,int)', refresh_at => 0.123456789, ttl => '1 year 2 mons 3 days 04:05:06.789');
SET extra_float_digits = -15;
SET IntervalStyle = 'sql_standard';
SET DateStyle = 'SQL, DMY';
SET array_nulls = off;
SELECT cache_alter('one', '{"priority": 1}');
SELECT cache_create('two', 'sum_of(int,int)', refresh_at => 0.123456789, ttl => '1 year 2 mons 3 days 04:05:06.789',
                    stale_for => '1 day -2:00');
SELECT cache_alter('two', '{"load_all": "all_sums()"}');
SELECT cache_invalidate_on('two', 'pair', ARRAY[NULL, 'b']);
SELECT cache_invalidate_on_path('two', 'pair', 'SELECT ($1::pair).a, ($1::pair).b');
SELECT cache_invalidate_on_path('two', 'pair', 'SELECT length($1::text), NULL::int');
RESET ALL;
SELECT * FROM declared WHERE name IN ('one', 'two');

\i include/end.sql
