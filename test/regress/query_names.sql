-- What names in key queries and key expressions stand for. Once it is something else than when they were declared,
-- nothing of it is run, whoever made it: the whole cache is invalidated, reads bypass, and declaring again mends it.
\set ECHO none
\set database regress_query_names
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_name_owner, regress_name_stranger;
CREATE ROLE regress_name_owner;
CREATE ROLE regress_name_stranger;
\i include/begin.sql
GRANT CREATE ON SCHEMA public TO regress_name_owner, regress_name_stranger;
GRANT CREATE ON DATABASE :database TO regress_name_owner, regress_name_stranger;

SET ROLE regress_name_owner;
CREATE SCHEMA app;
GRANT CREATE, USAGE ON SCHEMA app TO regress_name_stranger;
CREATE TABLE app.a (id int PRIMARY KEY, k int);
CREATE TABLE app.c (id int PRIMARY KEY, a_id int, v int, tag varchar(20));
INSERT INTO app.a VALUES (1, 1);
INSERT INTO app.c VALUES (1, 1, 1, 'A');
GRANT ALL ON app.c TO regress_name_stranger;
CREATE VIEW app.b AS SELECT id, k FROM app.a;
CREATE TABLE app.own (ran_as text);
GRANT INSERT ON app.own TO PUBLIC;
CREATE FUNCTION app.by_path(k int) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(v) FROM app.c JOIN app.a ON a.id = c.a_id WHERE a.k = by_path.k);
CREATE FUNCTION app.by_tag(t text) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(v) FROM app.c WHERE lower(c.tag) = t);
SELECT cache_create('derived', 'app.by_path(int)');
SELECT cache_create('viewed', 'app.by_path(int)', invalidate => 'declared');
SELECT cache_invalidate_on('viewed', 'app.a', '{k}');
SELECT cache_invalidate_on_path('viewed', 'app.c', 'SELECT b.k FROM app.b WHERE b.id = $1.a_id');
SELECT cache_create('tagged', 'app.by_tag(text)', invalidate => 'declared');
SELECT cache_invalidate_on('tagged', 'app.c', '{(lower(tag))}');
RESET ROLE;
SELECT cache, relation, key_query, meaning IS NOT NULL AS known FROM cache_ext_internal.cache_dependency
WHERE path IS NULL AND key_query IS NOT NULL ORDER BY 1;
CREATE FUNCTION look(OUT cache text, OUT state text, OUT is_right bool) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'derived', min(source), bool_and(value IS NOT DISTINCT FROM to_jsonb(app.by_path(1))) FROM cache_get_entry('derived', 1)
    UNION ALL
    SELECT 'viewed', min(source), bool_and(value IS NOT DISTINCT FROM to_jsonb(app.by_path(1))) FROM cache_get_entry('viewed', 1)
    UNION ALL
    SELECT 'tagged', min(source), bool_and(value IS NOT DISTINCT FROM to_jsonb(app.by_tag('a'))) FROM cache_get_entry('tagged', 'a'::text)
$$;
ALTER FUNCTION look() OWNER TO regress_name_owner;
CREATE VIEW health AS SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
SELECT * FROM look();
SELECT * FROM look();

-- A table on a path is renamed, and a stranger's view has its name.
SET ROLE regress_name_owner;
ALTER TABLE app.a RENAME TO a_old;
SET ROLE regress_name_stranger;
CREATE FUNCTION app.evil(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'a stranger''s code runs as %', current_user; RETURN x; END $$;
CREATE VIEW app.a AS SELECT app.evil(x) AS id, app.evil(1) AS k FROM (VALUES (1)) AS v (x);
GRANT SELECT ON app.a TO PUBLIC;
INSERT INTO app.c VALUES (2, 1, 10, 'B');
CREATE OR REPLACE FUNCTION app.evil(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN RAISE WARNING 'a stranger''s code runs as %', current_user; RETURN x; END $$;
INSERT INTO app.c VALUES (3, 1, 10, 'B');
RESET ROLE;
SELECT * FROM look();
SELECT * FROM look();
SELECT status FROM health;
-- What had the name has it again.
SET ROLE regress_name_stranger;
DROP VIEW app.a;
SET ROLE regress_name_owner;
ALTER TABLE app.a_old RENAME TO a;
RESET ROLE;
SELECT status FROM health;
SELECT cache, is_right FROM look();
SELECT * FROM look();

-- A view of a query by hand: its owner makes it anew, then a stranger.
SET ROLE regress_name_owner;
DROP VIEW app.b;
CREATE VIEW app.b AS SELECT id, k FROM app.a;
UPDATE app.c SET v = v + 1 WHERE id = 1;
RESET ROLE;
SELECT status FROM health;
SET ROLE regress_name_owner;
DROP VIEW app.b;
SET ROLE regress_name_stranger;
CREATE VIEW app.b AS SELECT app.evil(x) AS id, app.evil(1) AS k FROM (VALUES (1)) AS v (x);
GRANT SELECT ON app.b TO PUBLIC;
UPDATE app.c SET v = v + 1 WHERE id = 1;
RESET ROLE;
SELECT * FROM look() WHERE cache = 'viewed';
SELECT * FROM look() WHERE cache = 'viewed';
SELECT status FROM health;
SET ROLE regress_name_stranger;
DROP VIEW app.b;
SET ROLE regress_name_owner;
CREATE VIEW app.b AS SELECT id, k FROM app.a;
RESET ROLE;

-- The schema is renamed.
SET ROLE regress_name_owner;
ALTER SCHEMA app RENAME TO app_old;
SET ROLE regress_name_stranger;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.evil(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'a stranger''s code runs as %', current_user; RETURN x; END $$;
CREATE VIEW app.a AS SELECT app.evil(x) AS id, app.evil(1) AS k FROM (VALUES (1)) AS v (x);
CREATE VIEW app.b AS SELECT * FROM app.a;
GRANT SELECT ON app.a, app.b TO PUBLIC;
INSERT INTO app_old.c VALUES (4, 1, 10, 'B');
SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
RESET client_min_messages;
SET ROLE regress_name_owner;
ALTER SCHEMA app_old RENAME TO app;
RESET ROLE;
SELECT status FROM health;

-- A better match for a function of a key expression, by a stranger; and by the owner: the loader goes on with the
-- other one.
SET ROLE regress_name_stranger;
CREATE FUNCTION public.lower(x varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE WARNING 'a stranger''s code runs as %', current_user; RETURN 'elsewhere'; END $$;
INSERT INTO app.c VALUES (5, 1, 100, 'A');
RESET ROLE;
SELECT * FROM look() WHERE cache = 'tagged';
SELECT * FROM look() WHERE cache = 'tagged';
SELECT * FROM health;
SET ROLE regress_name_stranger;
DROP FUNCTION public.lower(varchar);
SET ROLE regress_name_owner;
CREATE FUNCTION public.lower(x varchar) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'elsewhere';
INSERT INTO app.c VALUES (6, 1, 1000, 'A');
RESET ROLE;
SELECT * FROM look() WHERE cache = 'tagged';
-- Declared again, as it is meant.
SET ROLE regress_name_owner;
SELECT cache_invalidate_on('tagged', 'app.c', '{(pg_catalog.lower(tag::text))}');
INSERT INTO app.c VALUES (7, 1, 10000, 'A');
RESET ROLE;
SELECT key_query FROM cache_ext_internal.cache_dependency WHERE cache = 'tagged';
SELECT status FROM health;
SELECT * FROM look() WHERE cache = 'tagged';
SELECT * FROM look() WHERE cache = 'tagged';

-- A literal whose type has checks: analysing the query would run them.
SET ROLE regress_name_owner;
CREATE DOMAIN app.small AS int CHECK (VALUE < 10);
SELECT error_of($$SELECT cache_invalidate_on_path('viewed', 'app.c', 'SELECT 1 WHERE $1.v = ANY (''{1,2}''::app.small[])')$$);
RESET ROLE;

\set ECHO none
\i include/end.sql
DROP OWNED BY regress_name_owner, regress_name_stranger;
DROP ROLE regress_name_owner, regress_name_stranger;
