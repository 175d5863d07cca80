-- What one session declares, changes and caches, as another one sees it; and another database.
\set ECHO none
\set database regress_sessions
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
INSERT INTO item VALUES (1, 10), (2, 20);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM item AS i WHERE i.owner = $1';
CREATE VIEW look AS
    SELECT k, e.source, e.value, e.value = to_jsonb(total(k)) AS is_right
    FROM generate_series(1, 2) AS k, cache_get_entry('total', k) AS e ORDER BY k;
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT * FROM look;

-- Values outlive the session that loaded them.
\connect
SELECT * FROM look;
UPDATE item SET amount = 11 WHERE owner = 1;
\connect
SELECT * FROM look;

-- Definitions: dependencies, options, the loader.
SELECT cache_alter('total', '{"ttl": "1 hour"}');
\connect
SELECT * FROM look;
SELECT expires_at - calculated_at AS lives FROM cache_get_entry('total', 1);
CREATE TABLE more (owner int);
SELECT cache_invalidate_on('total', 'more', '{owner}');
\connect
SELECT * FROM look;
INSERT INTO more VALUES (2);
\connect
SELECT * FROM look;
CREATE OR REPLACE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT 2 * sum(amount) FROM item AS i WHERE i.owner = $1';
\connect
SELECT * FROM look;
SELECT cache_drop('total');
\connect
SELECT error_of('SELECT * FROM look');
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
\connect
SELECT * FROM look;

-- Another session that is at work meanwhile: through a prepared transaction.
BEGIN;
UPDATE item SET amount = 12 WHERE owner = 1;
PREPARE TRANSACTION 'regress_sessions_1';
\connect
SELECT cache_invalidate_on('total', 'more', '{owner}');
SELECT * FROM look;
BEGIN;
INSERT INTO more VALUES (2);
PREPARE TRANSACTION 'regress_sessions_2';
\connect
SELECT * FROM look;
COMMIT PREPARED 'regress_sessions_1';
COMMIT PREPARED 'regress_sessions_2';
\connect
SELECT k, source, is_right FROM look;

-- The same names in another database are other caches.
SELECT k, source FROM look;
\set first :database
\set database regress_sessions_2
\set ECHO none
\i include/begin.sql
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 100::bigint';
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT count(*) FROM cache_stat;
SELECT cache_create('total', 'total(int)');
SELECT value, source FROM cache_get_entry('total', 1);
SELECT cache, key FROM cache_entries ORDER BY key;
SELECT cache_invalidate_all('total');
\connect :first
SELECT k, source FROM look;
-- A copy of a database has its definitions, and caches of its own.
\connect regress_sessions_2
CREATE DATABASE regress_sessions_3 TEMPLATE regress_sessions;
\connect regress_sessions_3
SELECT cache, entries FROM cache_stat;
SELECT k, source, is_right FROM look;
INSERT INTO item VALUES (1, 1000);
SELECT k, source, is_right FROM look;
SELECT value FROM cache_get_entry('total', 1);
\connect :first
SELECT k, source, is_right FROM look;
-- Dropped and made again, a database starts with nothing.
\connect regress_sessions_2
DROP DATABASE regress_sessions_3;
CREATE DATABASE regress_sessions_3 TEMPLATE regress_sessions;
\connect regress_sessions_3
SELECT k, source, is_right FROM look;
\connect regress_sessions_2
DROP DATABASE regress_sessions_3;
ALTER DATABASE regress_sessions RENAME TO regress_sessions_3;
\connect regress_sessions_3
SELECT k, source, is_right FROM look;
\connect regress_sessions_2
DROP DATABASE regress_sessions_3;

\i include/end.sql
