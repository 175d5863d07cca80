-- cache_put: values that are put take part in transactions.
\set ECHO none
\set database regress_puts
\i include/begin.sql

SELECT cache_create('config', key_types => '{int}', value_type => 'text');
SELECT cache_create('pair', key_types => '{int,text}', value_type => 'jsonb');
SELECT cache_create('single', key_types => '{}', value_type => 'int');
CREATE VIEW all_values AS
    SELECT k, cache_get_config(k) AS config FROM generate_series(1, 4) AS k ORDER BY k;

-- By the typed function and by name.
SELECT cache_put_config(1, 'one'), cache_put('config', '"two"', 2);
SELECT cache_put_pair(1, 'a', '{"x": 1}'), cache_put('pair', '[1, 2]', 1, 'b');
SELECT cache_put_single(42);
SELECT * FROM all_values;
SELECT cache_get_pair(1, 'a'), cache_get_pair(1, 'b'), cache_get_pair(2, 'a'), cache_get_single();
SELECT value, source, expires_at - calculated_at AS lives FROM cache_get_entry('config', 1);
\connect
SELECT * FROM all_values;
SELECT cache_get_single(), cache_get('pair', 1, 'b');
-- The last one counts.
SELECT cache_put_config(1, 'eins');
SELECT cache_put_config(1, v) FROM unnest('{uno,un,ichi}'::text[]) AS v;
SELECT cache_get_config(1);

-- A null is a value; no value is no row.
SELECT cache_put_config(3, NULL);
SELECT value, source FROM cache_get_entry('config', 3);
SELECT value, source FROM cache_get_entry('config', 4);
SELECT cache_put('config', 'null', 4);
SELECT value, source FROM cache_get_entry('config', 4);
SELECT cache_put('config', NULL, 4);
SELECT value, source FROM cache_get_entry('config', 4);
-- For jsonb a null and JSON's null are different values.
SELECT cache_put('pair', NULL, 1, 'a'), cache_put('pair', 'null', 1, 'b');
SELECT cache_get_pair(1, 'a') IS NULL, cache_get_pair(1, 'b') IS NULL, cache_get_pair(1, 'b');
-- A null key.
SELECT cache_put_config(NULL, 'nothing');
SELECT cache_get_config(NULL), value, source FROM cache_get_entry('config', NULL::int);

-- Before the commit only this transaction sees them.
BEGIN;
SELECT cache_put_config(1, 'mine');
SELECT cache_put_config(4, 'mine, too');
SELECT * FROM all_values;
SELECT source FROM cache_get_entry('config', 1);
SELECT cache_peek('config', 1);
SELECT key, state FROM cache_entries WHERE cache = 'config' ORDER BY key;
ROLLBACK;
SELECT * FROM all_values;
BEGIN;
SELECT cache_put_config(1, 'committed');
SELECT cache_get_config(1);
COMMIT;
SELECT cache_get_config(1);

-- Savepoints.
BEGIN;
SELECT cache_put_config(1, 'outer');
SAVEPOINT a;
SELECT cache_put_config(1, 'inner'), cache_put_config(2, 'inner');
SELECT * FROM all_values;
ROLLBACK TO a;
SELECT * FROM all_values;
SAVEPOINT b;
SELECT cache_put_config(2, 'kept');
RELEASE b;
SAVEPOINT c;
SAVEPOINT d;
SELECT cache_put_config(3, 'lost');
RELEASE d;
ROLLBACK TO c;
COMMIT;
SELECT * FROM all_values;
-- An error in a plpgsql block is a savepoint, too.
DO $$
BEGIN
    PERFORM cache_put_config(3, 'before');
    BEGIN
        PERFORM cache_put_config(3, 'inside');
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE '%', cache_get_config(3);
    END;
END $$;
SELECT cache_get_config(3);

-- Put and invalidated in one transaction, in both orders.
BEGIN;
SELECT cache_put_config(1, 'short-lived');
SELECT cache_invalidate('config', 1);
SELECT cache_get_config(1);
COMMIT;
SELECT cache_get_config(1);
BEGIN;
SELECT cache_invalidate('config', 1);
SELECT cache_put_config(1, 'after');
SELECT cache_get_config(1);
COMMIT;
SELECT cache_get_config(1);
BEGIN;
SELECT cache_put_config(1, 'x'), cache_put_config(4, 'x');
SELECT cache_invalidate_all('config') > 0 AS some;
SELECT cache_put_config(2, 'only');
COMMIT;
SELECT * FROM all_values;
BEGIN;
SELECT cache_put_config(1, 'x'), cache_put_config(3, 'x'), cache_put_pair(1, 'x', '1');
SELECT cache_invalidate_like('config', '1'), cache_invalidate_like('pair', '(1,%');
SELECT * FROM all_values;
COMMIT;
SELECT * FROM all_values;
SELECT key FROM cache_entries WHERE cache = 'pair';

-- Put values depend on tables, too.
CREATE TABLE setting (id int PRIMARY KEY, v text);
INSERT INTO setting VALUES (1, 'a'), (2, 'b');
SELECT cache_invalidate_on('config', 'setting', '{id}');
SELECT cache_put_config(id, v) FROM setting;
UPDATE setting SET v = 'A' WHERE id = 1;
SELECT * FROM all_values;
-- What is put after the change, in the same transaction, is the new value.
BEGIN;
UPDATE setting SET v = 'AA' WHERE id = 1;
SELECT cache_put_config(1, v) FROM setting WHERE id = 1;
SELECT cache_get_config(1);
COMMIT;
SELECT cache_get_config(1);
SELECT cache_get_config(1);
-- What is put before it is not: it is gone.
BEGIN;
SELECT cache_put_config(2, v) FROM setting WHERE id = 2;
UPDATE setting SET v = 'BB' WHERE id = 2;
SELECT cache_get_config(2);
COMMIT;
SELECT cache_get_config(2);
-- Even if the row had been changed already.
BEGIN;
UPDATE setting SET v = 'B1' WHERE id = 2;
SELECT cache_put_config(2, 'B1');
SELECT cache_get_config(2);
UPDATE setting SET v = 'B2' WHERE id = 2;
SELECT cache_get_config(2);
COMMIT;
SELECT cache_get_config(2);
-- A change that is rolled back leaves it.
BEGIN;
SELECT cache_put_config(2, 'B2');
SAVEPOINT a;
UPDATE setting SET v = 'B3' WHERE id = 2;
SELECT cache_get_config(2);
ROLLBACK TO a;
SELECT cache_get_config(2);
SAVEPOINT a;
SELECT cache_invalidate('config', 2);
SAVEPOINT b;
TRUNCATE setting;
RELEASE b;
ROLLBACK TO a;
COMMIT;
SELECT cache_get_config(2);
-- Rolled back with the change.
SELECT cache_put_config(2, 'BB');
BEGIN;
UPDATE setting SET v = 'BBB' WHERE id = 2;
SELECT cache_put_config(2, 'BBB');
ROLLBACK;
SELECT cache_get_config(2);

-- A prepared transaction cannot publish: its values are lost, and so are those that they replace.
SELECT cache_put_config(3, 'old');
BEGIN;
SELECT cache_put_config(3, 'new');
SELECT cache_get_config(3);
PREPARE TRANSACTION 'regress_puts';
SELECT cache_get_config(3);
COMMIT PREPARED 'regress_puts';
SELECT cache_get_config(3);
SELECT cache_put_config(3, 'old');
BEGIN;
SELECT cache_put_config(3, 'new');
PREPARE TRANSACTION 'regress_puts';
ROLLBACK PREPARED 'regress_puts';
SELECT cache_get_config(3) IS DISTINCT FROM 'new' AS not_new;

-- The ttl runs from the commit.
SELECT cache_alter('config', '{"ttl": "1 ms"}');
SELECT cache_put_config(1, 'soon gone');
SELECT pg_sleep(0.05);
SELECT cache_get_config(1);
SELECT cache_alter('config', '{"ttl": null}');
SELECT cache_put_config(1, 'forever');
SELECT value, expires_at FROM cache_get_entry('config', 1);

-- What is refused.
SELECT error_of($$SELECT cache_put('no_such_cache', '1', 1)$$);
SELECT error_of($$SELECT cache_put(NULL, '1', 1)$$);
SELECT error_of($$SELECT cache_put('config', '"x"')$$);
SELECT error_of($$SELECT cache_put('config', '"x"', 1, 2)$$);
SELECT error_of($$SELECT cache_put('config', '"x"', 'y')$$);
SELECT error_of($$SELECT cache_put('config', 'x', 1)$$);
SELECT error_of($$SELECT cache_put('single', '"x"')$$);
SELECT error_of($$SELECT cache_put('single', '99999999999')$$);
SELECT error_of($$SELECT cache_put('single', '{"x": 1}')$$);
SELECT error_of($$SELECT cache_put_config('x', 'y')$$);
SELECT error_of($$SELECT cache_put_config(1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_put_value('config', 1, NULL, false, 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_put_value('config', 'x'::text, NULL, false)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_put_value('config', 'x'::text, NULL, false, 'y'::text)$$);
BEGIN READ ONLY;
SELECT cache_put_config(1, 'read only');
COMMIT;
SELECT cache_get_config(1);

-- A loader cannot put.
CREATE FUNCTION puts(int) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT cache_put_config(1, 'from a loader')::text$$;
CREATE FUNCTION invalidates(int) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT cache_invalidate('config', $1)$$;
SELECT cache_create('puts', 'puts(int)', undeclared => 'ttl');
SELECT cache_create('invalidates', 'invalidates(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_puts(1)');
SELECT error_of('SELECT cache_get_invalidates(1)');
SELECT cache_get_config(1);

\i include/end.sql
