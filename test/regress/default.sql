-- What cache_create derives by itself, where nothing is said, and that it never fails where tracking would not.
\set ECHO none
\set database regress_default
\i include/begin.sql
\set ECHO all
SET client_min_messages = warning;
CREATE ROLE regress_default_other;
GRANT CREATE ON SCHEMA public TO regress_default_other;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on

CREATE TABLE account (id int PRIMARY KEY, owner int NOT NULL, name text NOT NULL);
CREATE TABLE call (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account DEFERRABLE INITIALLY DEFERRED, seconds int NOT NULL);
INSERT INTO account SELECT g, g % 2, 'a' || g FROM generate_series(1, 4) AS g;
INSERT INTO call SELECT g, g % 4 + 1, g FROM generate_series(1, 8) AS g;
CREATE VIEW dependency AS
    SELECT cache, relation, CASE WHEN path IS NOT NULL THEN 'via' WHEN key_query IS NOT NULL THEN 'path' WHEN key = '{}' THEN 'table' ELSE 'key' END AS level, derived
    FROM cache_ext_internal.cache_dependency ORDER BY id;

-- Two lines, and a write invalidates one key. (By key, through a view and a function; by path.)
CREATE VIEW talk AS SELECT account_id, sum(seconds) AS seconds FROM call GROUP BY account_id;
CREATE FUNCTION load_talk(account int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT a.name || coalesce((SELECT t.seconds FROM talk AS t WHERE t.account_id = a.id), 0) FROM account AS a WHERE a.id = $1';
SELECT cache_create('talk', 'load_talk(int)');
CREATE FUNCTION load_owned(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE n bigint;
BEGIN
    SELECT sum(c.seconds) INTO n FROM call AS c JOIN account AS a ON a.id = c.account_id WHERE a.owner = $1;
    RETURN n;
END $$;
SELECT cache_create('owned', 'load_owned(int)');
CREATE FUNCTION sources() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg(format('%s%s %s%s', k.cache, k.key, e.source, CASE WHEN e.value IS DISTINCT FROM k.now THEN ' WRONG' END), ', ' ORDER BY k.cache, k.key)
    FROM (SELECT 'owned' AS cache, g AS key, to_jsonb(load_owned(g)) AS now FROM generate_series(0, 1) AS g
          UNION ALL SELECT 'talk', g, to_jsonb(load_talk(g)) FROM generate_series(1, 4) AS g) AS k, cache_get_entry(k.cache, k.key) AS e $$;
SELECT sources();
SELECT sources();
UPDATE call SET seconds = 100 WHERE id = 1;
SELECT sources();
UPDATE account SET name = 'b' WHERE id = 3;
SELECT sources();
UPDATE account SET owner = 0 WHERE id = 3;
SELECT sources();
SELECT input, covered, invalidates, more_precise FROM cache_check('talk');
SELECT cache_drop('talk'), cache_drop('owned');

-- The NOTICE has two lines, however many tables there are, and none where no table is read.
DO $$
BEGIN
    FOR i IN 1 .. 20 LOOP EXECUTE format('CREATE TABLE t%s (id int, n int)', i); END LOOP;
    EXECUTE format('CREATE FUNCTION load_twenty(int) RETURNS bigint LANGUAGE sql STABLE AS %L', (
        SELECT 'SELECT ' || string_agg(format('(SELECT count(*) FROM t%s WHERE %s)', i, CASE WHEN i % 2 = 0 THEN 'id = $1' ELSE 'n <> $1' END), ' + ')
        FROM generate_series(1, 20) AS i));
END $$;
SELECT cache_create('twenty', 'load_twenty(int)');
SELECT cache_drop('twenty');
CREATE FUNCTION load_none(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * $1';
SELECT cache_create('none', 'load_none(int)');
SELECT cache_drop('none');
-- Put values have no loader.
SELECT cache_create('put', key_types => '{int}', value_type => 'int');
SELECT cache_drop('put');

-- Tables of others, without any right on them; views; materialized views; foreign tables; partitions; temporary tables.
CREATE TABLE theirs (id int, account_id int);
ALTER TABLE theirs OWNER TO regress_default_other;
CREATE TABLE unseen (id int, n int);
CREATE MATERIALIZED VIEW summed AS SELECT account_id, sum(seconds) AS n FROM call GROUP BY account_id;
CREATE FOREIGN DATA WRAPPER nobody;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody;
CREATE FOREIGN TABLE far (id int) SERVER nowhere;
CREATE TABLE event (account_id int, month int) PARTITION BY LIST (month);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE FUNCTION load_all_kinds(account int) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM event WHERE account_id = $1) + (SELECT count(*) FROM talk WHERE account_id = $1)
         + (SELECT count(*) FROM theirs WHERE account_id = $1) + (SELECT count(*) FROM summed WHERE account_id = $1)
         + (SELECT count(*) FROM far WHERE id = $1) + (SELECT count(*) FROM pg_database) $$;
SELECT cache_create('kinds', 'load_all_kinds(int)');
SELECT * FROM dependency;
SELECT cache_drop('kinds');
GRANT ALL ON SCHEMA public TO regress_default_other;
SET ROLE regress_default_other;
CREATE FUNCTION load_unseen(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM unseen WHERE id = $1';
CREATE FUNCTION load_theirs(int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM theirs AS t JOIN account AS a ON a.id = t.account_id WHERE a.owner = $1';
SELECT cache_create('unseen', 'load_unseen(int)'), cache_create('theirs', 'load_theirs(int)');
SELECT error_of('SELECT cache_get_unseen(1)');
SELECT cache_drop('unseen'), cache_drop('theirs');
RESET ROLE;
CREATE TEMP TABLE passing (id int);
CREATE FUNCTION load_passing(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM pg_temp.passing WHERE id = $1';
SELECT cache_create('passing', 'load_passing(int)');
SELECT cache_drop('passing');

-- Loaders that cannot be analysed, or not yet.
CREATE FUNCTION load_dynamic(int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM account WHERE owner = $1' INTO n USING $1; RETURN n; END $$;
SET check_function_bodies = off;
CREATE FUNCTION load_later(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM made_later WHERE id = $1';
RESET check_function_bodies;
SELECT cache_create('dynamic', 'load_dynamic(int)'), cache_create('later', 'load_later(int)'), cache_create('in_c', 'int4abs(int)');
SELECT cache_get_dynamic(1), cache_get_in_c(-1), (SELECT source FROM cache_get_entry('dynamic', 1));
UPDATE account SET owner = 1 WHERE id = 2;
SELECT value, source FROM cache_get_entry('dynamic', 1);
CREATE TABLE made_later (id int);
SELECT input, covered FROM cache_declare('later');
SELECT cache_drop('dynamic'), cache_drop('later'), cache_drop('in_c');

-- In functions, in DO blocks, and in migrations that have changed what is read.
CREATE FUNCTION migrate() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM cache_create('owned', 'load_owned(int)'); END $$;
SELECT migrate();
SELECT * FROM dependency;
SELECT cache_drop('owned');
DO $$
BEGIN
    CREATE TABLE made_here (id int PRIMARY KEY, n int);
    INSERT INTO made_here VALUES (1, 1);
    CREATE FUNCTION load_made(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM made_here WHERE id = $1';
    PERFORM cache_create('made', 'load_made(int)');
    UPDATE made_here SET n = 2;
END $$;
SELECT cache_get_made(1), (SELECT source FROM cache_get_entry('made', 1));
UPDATE made_here SET n = 3;
SELECT cache_get_made(1);
SELECT cache_drop('made');
-- Rolled back to a savepoint: nothing is left of it.
BEGIN;
SAVEPOINT a;
SELECT cache_create('owned', 'load_owned(int)');
ROLLBACK TO a;
SELECT * FROM made_by_cache_ext;
COMMIT;

-- Where no trigger can be made there is none, and the cache is right: events that wait, a query that reads the table,
-- somebody who forbids it.
BEGIN;
INSERT INTO call VALUES (9, 1, 1);
SELECT cache_create('owned', 'load_owned(int)');
COMMIT;
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');
SELECT cache_get_owned(1), (SELECT source FROM cache_get_entry('owned', 1));
UPDATE call SET seconds = 200 WHERE id = 1;
SELECT value = to_jsonb(load_owned(1)), source FROM cache_get_entry('owned', 1);
SELECT input, covered FROM cache_declare('owned') ORDER BY 1;
SELECT cache_drop('owned');
SELECT cache_create('owned', 'load_owned(int)') FROM account WHERE id = 1;
SELECT cache_drop('owned');
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no triggers on working days'; END $$;
CREATE EVENT TRIGGER forbid ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION forbid();
SELECT cache_create('owned', 'load_owned(int)');
SELECT error_of($$SELECT * FROM cache_declare('owned')$$);
DROP EVENT TRIGGER forbid;
SELECT cache_alter('owned', '{"invalidate": "auto"}');
SELECT cache_drop('owned');

-- What somebody declares himself takes the place of what was derived for that table, and of nothing else.
SELECT cache_create('owned', 'load_owned(int)');
SELECT * FROM dependency;
SELECT cache_invalidate_on('owned', 'call');
SELECT * FROM dependency;
SELECT dependencies FROM cache_ext_internal.cache_definition;
SELECT cache_invalidate_on_path('owned', 'call', 'SELECT a.owner FROM account AS a WHERE a.id = $1.account_id');
SELECT cache_invalidate_on('owned', 'account', key => '{owner}', columns => '{id,owner}');
SELECT * FROM dependency;
SELECT dependencies FROM cache_ext_internal.cache_definition;
SELECT cache_get_owned(1), (SELECT source FROM cache_get_entry('owned', 1));
SELECT cache_drop('owned');

-- A table that goes, or gives its name to another one, takes what was derived by key along: the one that is read instead is
-- tracked, until somebody looks again.
CREATE TABLE place (id int, n int);
INSERT INTO place VALUES (1, 1), (2, 2);
CREATE FUNCTION load_place(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM place WHERE id = $1';
SELECT cache_create('place', 'load_place(int)');
CREATE FUNCTION places() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg(format('%s %s%s', g, e.source, CASE WHEN e.value IS DISTINCT FROM to_jsonb(load_place(g)) THEN ' WRONG' END), ', ' ORDER BY g)
    FROM generate_series(1, 2) AS g, cache_get_entry('place', g) AS e $$;
SELECT places() FROM generate_series(1, 2);
BEGIN;
ALTER TABLE place RENAME TO old_place;
CREATE TABLE place AS SELECT id, n * 10 AS n FROM old_place;
COMMIT;
SELECT places() FROM generate_series(1, 3);
UPDATE place SET n = 100 WHERE id = 1;
SELECT places() FROM generate_series(1, 2);
UPDATE old_place SET n = 5 WHERE id = 2;
SELECT places() FROM generate_series(1, 2);
DROP TABLE place;
CREATE TABLE place (id int, n int);
INSERT INTO place VALUES (2, 200);
SELECT places() FROM generate_series(1, 3);
INSERT INTO place VALUES (1, 1);
SELECT places() FROM generate_series(1, 2);
SELECT "check", status FROM cache_health WHERE status <> 'ok';
SELECT input, covered FROM cache_check('place');
SELECT input, covered FROM cache_declare('place');
SELECT places() FROM generate_series(1, 2);
INSERT INTO place VALUES (1, 1);
SELECT places();
SELECT cache_drop('place');
DROP TABLE old_place;

-- As before: tracked only.
SELECT cache_create('owned', 'load_owned(int)', invalidate => 'track');
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');
SELECT cache_alter('owned', '{"invalidate": null}');
SELECT * FROM dependency;

\set ECHO none
\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_default;
DROP ROLE regress_default_other;
