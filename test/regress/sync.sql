-- load_all and cache_sync: all values by one query, compared with what is cached.
\set ECHO none
\set database regress_sync
\i include/begin.sql

CREATE TABLE tool (owner int, place text, price int, PRIMARY KEY (owner, place));
INSERT INTO tool VALUES (1, 'a', 10), (1, 'b', 20), (2, 'a', 30);
-- Nothing is declared to invalidate, so a sync is what brings changes in.
CREATE FUNCTION tool_one(owner int, place text) RETURNS json LANGUAGE sql STABLE AS
    'SELECT json_build_object(''price'', t.price) FROM tool AS t WHERE t.owner = $1 AND t.place = $2';
CREATE TABLE divisor AS SELECT 1 AS n;
CREATE FUNCTION tool_all() RETURNS TABLE (owner int, place text, value json) LANGUAGE sql STABLE AS
    'SELECT t.owner, t.place, json_build_object(''price'', t.price / CASE t.owner WHEN 3 THEN d.n ELSE 1 END) FROM tool AS t, divisor AS d
     ORDER BY t.owner';
CREATE FUNCTION tool_all_wrong() RETURNS TABLE (owner int, value json) LANGUAGE sql STABLE AS
    'SELECT t.owner, json_build_object(''price'', t.price) FROM tool AS t';
CREATE FUNCTION tool_all_argument(int) RETURNS TABLE (owner int, place text, value json)
    LANGUAGE sql STABLE AS 'SELECT 1, ''a'', ''1''::json';

SELECT error_of($$SELECT cache_create('tool', 'tool_one(int, text)', load_all => 'tool_all_wrong()')$$);
SELECT error_of($$SELECT cache_create('tool', 'tool_one(int, text)', load_all => 'tool_all_argument(int)')$$);
SELECT error_of($$SELECT cache_create('tool', load_all => 'tool_all()', key_types => '{int,text}', value_type => 'json')$$);
SELECT cache_create('tool', 'tool_one(int, text)', invalidate => 'declared');
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
SELECT error_of($$SELECT * FROM cache_sync('nothing')$$);
SELECT cache_alter('tool', '{"load_all": "tool_all"}');
SELECT load_all FROM cache_ext_internal.cache_definition;

CREATE VIEW synced AS
    SELECT syncs, added, replaced, removed, unchanged, errors, last_sync IS NOT NULL AS has_time
    FROM cache_sync_stat WHERE cache = 'tool';
CREATE VIEW cached AS SELECT key, state FROM cache_entries WHERE cache = 'tool' ORDER BY key;
SELECT * FROM synced;

SELECT * FROM cache_sync('tool');
SELECT * FROM cached;
SELECT cache_get_tool(1, 'a'), source FROM cache_get_entry('tool', 2, 'a'::text);
SELECT * FROM cache_sync('tool');

-- One of each. What is NULL because there is no row stays: nothing has gone.
SELECT cache_get_tool(9, 'z');
UPDATE tool SET price = 11 WHERE owner = 1 AND place = 'a';
DELETE FROM tool WHERE owner = 2;
INSERT INTO tool VALUES (3, 'c', 40);
SELECT cache_get_tool(1, 'a') AS old, cache_get_tool(2, 'a') AS old2;
SELECT * FROM cache_sync('tool');
SELECT * FROM cached;
SELECT cache_get_tool(1, 'a'), cache_get_tool(2, 'a'), cache_get_tool(3, 'c');
SELECT * FROM synced;
SELECT * FROM cache_verify('tool', 100);
SELECT hits, misses, fills FROM cache_stat;

-- An error leaves the old state, also one in the last row.
UPDATE divisor SET n = 0;
UPDATE tool SET price = price + 1;
DELETE FROM tool WHERE owner = 1 AND place = 'b';
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
SELECT * FROM cached;
SELECT cache_get_tool(1, 'a'), cache_get_tool(1, 'b'), cache_get_tool(3, 'c');
-- So does a key that comes twice.
CREATE OR REPLACE FUNCTION tool_all() RETURNS TABLE (owner int, place text, value json) LANGUAGE sql STABLE AS
    'SELECT t.owner, ''a'', json_build_object(''price'', t.price) FROM tool AS t';
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
SELECT * FROM synced;
ALTER FUNCTION tool_all VOLATILE;
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
CREATE OR REPLACE FUNCTION tool_all() RETURNS TABLE (owner int, place text, value json) LANGUAGE sql STABLE AS
    'SELECT t.owner, t.place, json_build_object(''price'', t.price) FROM tool AS t';

-- Not where nothing can be published.
BEGIN;
INSERT INTO divisor VALUES (2);
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
ROLLBACK;
SET cache_ext.enabled = off;
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
RESET cache_ext.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
COMMIT;
CREATE FUNCTION syncs(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT added::int FROM cache_sync(''tool'')';
SELECT cache_create('syncs', 'syncs(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_syncs(1)');

-- The owner's.
CREATE ROLE regress_sync;
SET ROLE regress_sync;
SELECT error_of($$SELECT * FROM cache_sync('tool')$$);
SELECT syncs > 0 AS seen FROM cache_sync_stat WHERE cache = 'tool';
RESET ROLE;

-- With declared dependencies an invalidated value is replaced.
SELECT cache_invalidate_on('tool', 'tool', '{owner,place}');
SELECT * FROM cache_sync('tool');
UPDATE tool SET price = price + 1 WHERE owner = 3;
SELECT * FROM cached;
SELECT * FROM cache_sync('tool');
SELECT cache_get_tool(3, 'c');
SELECT * FROM cache_verify('tool', 100);

-- Values that never expire are left alone when they agree.
SELECT cache_alter('tool', '{"ttl": null}');
SELECT * FROM cache_sync('tool');
SELECT fills AS before FROM cache_stat WHERE cache = 'tool' \gset
SELECT * FROM cache_sync('tool');
SELECT fills - :before AS written FROM cache_stat WHERE cache = 'tool';

-- A cache with one value.
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(price) FROM tool';
CREATE FUNCTION total_all() RETURNS TABLE (total bigint) LANGUAGE sql STABLE AS 'SELECT sum(price) FROM tool';
SELECT cache_create('total', 'total()', load_all => 'total_all()', invalidate => 'declared');
SELECT * FROM cache_sync('total');
UPDATE tool SET price = price + 1;
SELECT cache_get_total() AS old;
SELECT * FROM cache_sync('total');
SELECT cache_get_total() = total() AS right;

SELECT cache_stat_reset('tool');
SELECT * FROM synced;

\set ECHO none
\i include/end.sql
DROP ROLE regress_sync;
