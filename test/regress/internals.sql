-- What is no user's name lives in a schema of its own: nothing that others create is found instead.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_declarer, regress_reader;
CREATE ROLE regress_declarer;
CREATE ROLE regress_reader;
\set database regress_internals
\i include/begin.sql
\pset format unaligned
-- As cache_ext is mostly installed: in a schema of its own, open to those who declare.
DROP EXTENSION cache_ext CASCADE;
CREATE SCHEMA cache;
CREATE EXTENSION cache_ext SCHEMA cache;
GRANT USAGE ON SCHEMA cache TO PUBLIC;
GRANT CREATE ON SCHEMA cache, public TO regress_declarer;
GRANT CREATE ON SCHEMA public TO regress_reader;

-- What is in it, and who may do what with it.
SELECT nspname, nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) AS ours,
       has_schema_privilege('regress_declarer', oid, 'CREATE') AS others_create
FROM pg_namespace WHERE nspname = 'cache_ext_internal';
SELECT relname, relkind, ARRAY(SELECT DISTINCT grantee::regrole FROM aclexplode(relacl)) AS grantees FROM pg_class
WHERE relnamespace = 'cache_ext_internal'::regnamespace AND relkind <> 'i' ORDER BY relname;
SELECT p.proname, has_function_privilege('regress_reader', p.oid, 'EXECUTE') AS everybody
FROM pg_proc AS p WHERE p.pronamespace = 'cache_ext_internal'::regnamespace ORDER BY 1, p.oid;
-- What is left in the extension's schema are names for users.
SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'cache'::regnamespace;
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'cache'::regnamespace ORDER BY relname;
SELECT error_of(format('CREATE TABLE %s.t (a int)', 'cache_ext_internal')) FROM
    (SELECT set_config('role', 'regress_declarer', false)) AS r;
SELECT error_of('CREATE FUNCTION cache_ext_internal.cache_fetch(bigint, text, int) RETURNS bigint
                 LANGUAGE sql AS ''SELECT 666::bigint''');

-- An accessor calls what it was made with.
CREATE TABLE item (owner int, amount int);
INSERT INTO item SELECT i, 10 * i FROM generate_series(1, 9) AS i;
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(i.amount) FROM item AS i WHERE i.owner = $1';
CREATE FUNCTION a_pair(a int) RETURNS pair LANGUAGE sql STABLE AS $$SELECT ROW($1, 'x')::pair$$;
SELECT cache.cache_create('total', 'total(int)'), cache.cache_invalidate_on('total', 'item', '{owner}');
SELECT cache.cache_create('pair', 'a_pair(int)');
SELECT cache.cache_create('word', key_types => '{int,text}', value_type => 'text');
GRANT EXECUTE ON FUNCTION cache.cache_get_total(int), cache.cache_get_many_total(int[]),
    cache.cache_get_pair(int), cache.cache_put_word(int, text, text, interval, bool), cache.cache_get_word(int, text)
    TO regress_reader;
CREATE FUNCTION cache.cache_fetch(r bigint, c text, k int) RETURNS bigint LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'somebody else''s code runs as %', current_user; RETURN 666; END$$;
CREATE FUNCTION cache.cache_fetch(r pair, c text, k int) RETURNS pair LANGUAGE sql AS 'SELECT NULL::pair';
CREATE FUNCTION cache.cache_fetch_of(r bigint, c text, k int[]) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT 666::bigint';
CREATE FUNCTION cache.cache_put_value(c text, v text, t interval, k int, k2 text) RETURNS void LANGUAGE sql AS 'SELECT';
CREATE FUNCTION cache.unnest(int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT 666';
SET ROLE regress_reader;
SET search_path = cache, public, pg_catalog;
SELECT cache_get_total(1), cache_get_pair(2);
SELECT * FROM cache_get_many_total('{1,2}');
SELECT cache_put_word(1, 'a', 'one');
SELECT cache_get_word(1, 'a');
RESET search_path;
-- So does one that is made later.
SET ROLE regress_declarer;
SELECT cache.cache_create('total2', 'total(int)');
SELECT cache.cache_get_total2(3);
RESET ROLE;
SELECT cache.cache_get_total(1), cache.cache_get_total2(4);
-- Inlined: a plan calls cache_fetch itself.
EXPLAIN (VERBOSE, COSTS OFF) SELECT cache.cache_get_total(i.owner), cache.cache_get_pair(i.owner) FROM item AS i;
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM cache.cache_get_many_total('{1}');
SELECT proname, pg_get_function_sqlbody(oid), prosrc FROM pg_proc
WHERE proname IN ('cache_get_total', 'cache_put_word', 'cache_get_pair') ORDER BY proname;

-- The extension's schema can have another name, and nothing is lost.
ALTER SCHEMA cache RENAME TO store;
SELECT store.cache_get_total(1), store.cache_get_pair(2), store.cache_get('total', 1);
SELECT source FROM store.cache_get_entry('total', 1);
SELECT * FROM store.cache_get_many_total('{1,2}');
SELECT store.cache_put_word(1, 'b', 'two');
SELECT store.cache_get_word(1, 'b'), store.cache_get('word', 1, 'b');
UPDATE item SET amount = 11 WHERE owner = 1;
SELECT store.cache_get_total(1);
SELECT cache, entries, errors FROM store.cache_stat ORDER BY cache COLLATE "C";
SET ROLE regress_declarer;
SELECT store.cache_create('later', 'total(int)'), store.cache_invalidate_on('later', 'item', '{owner}');
SELECT store.cache_get_later(1), store.cache_alter('later', '{"ttl": "1 min"}');
SELECT store.cache_drop('later');
SELECT store.cache_invalidate('total', 1);
-- A session that has known the old name.
RESET ROLE;
ALTER SCHEMA store RENAME TO cache;
SELECT cache.cache_get_total(1), source FROM cache.cache_get_entry('total', 1);
SELECT error_of('ALTER EXTENSION cache_ext SET SCHEMA public');

-- All of it goes with the extension, without CASCADE; what others have made stays.
DROP EXTENSION cache_ext;
SELECT p.oid::regprocedure FROM pg_proc AS p WHERE proname LIKE 'cache\_%' ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT count(*) FROM pg_namespace WHERE nspname = 'cache_ext_internal';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'item'::regclass;
-- A schema of that name that was there before is not taken for ours.
CREATE SCHEMA cache_ext_internal AUTHORIZATION regress_declarer;
SELECT error_of('CREATE EXTENSION cache_ext SCHEMA cache');

\set ECHO none
\pset format aligned
\i include/end.sql
DROP OWNED BY regress_declarer, regress_reader;
DROP ROLE regress_declarer, regress_reader;
