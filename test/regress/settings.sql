-- The settings: their ranges, and who may change them.
\set ECHO none
\set database regress_settings
\i include/begin.sql

SELECT name, vartype, unit, context, min_val, max_val, boot_val FROM pg_settings
WHERE name LIKE 'cache\_ext.%' ORDER BY name;
SELECT error_of($$SET cache_ext.memory = '1GB'$$);
SELECT error_of($$SET cache_ext.max_caches = 5$$);
SELECT error_of($$SET cache_ext.naptime = '1 s'$$);
SELECT error_of($$SET cache_ext.no_such_setting = 1$$);
SELECT error_of($$SET cache_ext.enabled = 'perhaps'$$);
SELECT error_of($$SET cache_ext.max_path_rows = -1$$);
SELECT error_of($$SET cache_ext.max_transaction_tags = 0$$);
SELECT regexp_replace(error_of($$SET cache_ext.path_timeout = 0$$), '(\d+) ms', '\1', 'g') AS error_of;
SELECT error_of($$SET cache_ext.path_timeout = '1 apple'$$);
SET cache_ext.path_timeout = '2 s';
SHOW cache_ext.path_timeout;
CREATE ROLE regress_settings;
SET ROLE regress_settings;
SET cache_ext.enabled = off;
SELECT error_of($$SET cache_ext.track = off$$);
RESET ROLE;
DROP ROLE regress_settings;

-- For a role, a database, a function, a transaction.
RESET ALL;
CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * n';
SELECT cache_create('double', 'double(int)');
CREATE FUNCTION uncached(n int) RETURNS text LANGUAGE sql STABLE SET cache_ext.enabled = off
    AS $$SELECT source FROM cache_get_entry('double', $1)$$;
SELECT cache_get_double(1);
SELECT uncached(1), source FROM cache_get_entry('double', 1);
BEGIN;
SET LOCAL cache_ext.enabled = off;
SELECT source FROM cache_get_entry('double', 1);
COMMIT;
SELECT source FROM cache_get_entry('double', 1);
ALTER DATABASE :database SET cache_ext.enabled = off;
\connect
SELECT source FROM cache_get_entry('double', 1);
ALTER DATABASE :database RESET cache_ext.enabled;
\connect
SELECT source FROM cache_get_entry('double', 1);

-- Switched off, everything but serving goes on.
CREATE TABLE item (n int);
SELECT cache_invalidate_on('double', 'item', '{n}');
SELECT source FROM cache_get_entry('double', 1);
SET cache_ext.enabled = off;
INSERT INTO item VALUES (1);
SELECT cache_peek('double', 2);
SELECT cache_refresh('double', 2);
SELECT cache_create('store', key_types => '{int}', value_type => 'int');
SELECT cache_put_store(1, 1);
SELECT cache_get_store(1);
RESET cache_ext.enabled;
SELECT cache_get_store(1);
SELECT source FROM cache_get_entry('double', 1);

\i include/end.sql
