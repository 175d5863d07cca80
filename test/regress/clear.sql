-- cache_clear_request, cache_clear: who may empty all caches, and with which token.
\set ECHO none
\set database regress_clear
\i include/begin.sql

CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * n';
SELECT cache_create('mine', 'double(int)');
SELECT cache_create('stored', key_types => '{int}', value_type => 'int');
SELECT cache_put_stored(1, 10);
SELECT sum(cache_get_mine(n)) FROM generate_series(1, 5) AS n;
SELECT cache, entries FROM cache_stat ORDER BY cache;

-- A token works once.
SELECT cache_clear_request() AS token \gset
SELECT length(:'token');
SELECT error_of($$SELECT cache_clear('00000000000000000000000000000000')$$);
SELECT error_of($$SELECT cache_clear('junk')$$);
SELECT cache_clear(NULL);
SELECT sum(entries) FROM cache_stat;
SELECT cache_clear(:'token');
SELECT cache, entries FROM cache_stat ORDER BY cache;
SELECT source FROM cache_get_entry('mine', 1);
SELECT cache_get_stored(1);
SELECT set_config('clear.token', :'token', false) IS NOT NULL AS kept;
SELECT error_of($$SELECT cache_clear(current_setting('clear.token'))$$);

-- The newest one only.
SELECT cache_clear_request() AS older \gset
SELECT cache_clear_request() AS newer \gset
SELECT set_config('clear.token', :'older', false) IS NOT NULL AS kept;
SELECT error_of($$SELECT cache_clear(current_setting('clear.token'))$$);
SELECT cache_clear(:'newer');

-- It may be another session's.
SELECT cache_get_mine(1);
SELECT cache_clear_request() AS token \gset
\connect
SELECT cache_clear(:'token');

-- What is read in the same transaction comes from the loader; rolled back, the entries are gone all
-- the same.
SELECT cache_get_mine(1);
SELECT cache_clear_request() AS token \gset
BEGIN;
SELECT cache_put_stored(2, 20);
SELECT cache_clear(:'token');
SELECT source FROM cache_get_entry('mine', 1);
SELECT cache_get_stored(2);
ROLLBACK;
SELECT source FROM cache_get_entry('mine', 1);
SELECT cache_get_mine(1);
SELECT source FROM cache_get_entry('mine', 1);

-- Not in a loader.
CREATE FUNCTION clears(n int) RETURNS text LANGUAGE sql STABLE AS 'SELECT cache_clear_request()';
SELECT cache_create('clears', 'clears(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_clears(1)');
SELECT cache_drop('clears');

-- Whoever owns all caches, and nobody else.
CREATE ROLE regress_clear_owner;
CREATE ROLE regress_clear_other;
GRANT CREATE ON SCHEMA public TO regress_clear_owner;
SET ROLE regress_clear_owner;
SELECT error_of('SELECT cache_clear_request()');
SELECT error_of($$SELECT cache_clear('x')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_clear_request(), cache_clear(text)
    TO regress_clear_owner, regress_clear_other;
SET ROLE regress_clear_owner;
SELECT cache_create('own', 'double(int)');
SELECT error_of('SELECT cache_clear_request()');
RESET ROLE;
SELECT cache_clear_request() AS token \gset
SELECT set_config('clear.token', :'token', false) IS NOT NULL AS kept;
SELECT cache_drop('mine');
SELECT cache_drop('stored');
SET ROLE regress_clear_other;
SELECT error_of('SELECT cache_clear_request()');
SET ROLE regress_clear_owner;
SELECT cache_get_own(1);
-- The token is another role's.
SELECT error_of($$SELECT cache_clear(current_setting('clear.token'))$$);
SELECT cache_clear_request() AS token \gset
SELECT cache_clear(:'token');
RESET ROLE;
SELECT cache_drop('own');
REVOKE ALL ON FUNCTION cache_clear_request(), cache_clear(text)
    FROM regress_clear_owner, regress_clear_other;
REVOKE ALL ON SCHEMA public FROM regress_clear_owner;
DROP ROLE regress_clear_owner, regress_clear_other;

\i include/end.sql
