-- vary_by: what the reader's session is like is a part of the key, and all that a loader sees of it.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_vary_owner, regress_vary_alice, regress_vary_bob, regress_vary_definer;
\set database regress_vary_by
\i include/begin.sql
CREATE ROLE regress_vary_owner LOGIN;
CREATE ROLE regress_vary_alice LOGIN;
CREATE ROLE regress_vary_bob LOGIN;
CREATE ROLE regress_vary_definer;
GRANT regress_vary_alice, regress_vary_bob TO regress_vary_definer;
GRANT CREATE ON SCHEMA public TO regress_vary_owner, regress_vary_definer;
-- An accessor's value, and where it comes from.
CREATE FUNCTION reads(cache text, k int) RETURNS text LANGUAGE sql
    AS $$SELECT format('%s: %s', source, value) FROM cache_get_entry(cache, k)$$;
-- Whether an expression will do.
CREATE FUNCTION by(expression text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_create(''tried'', ''public.load_total(int)'', vary_by => %L, same_for_all => ''{*}''); '
                           'SELECT cache_drop(''tried'')', ARRAY[expression])) LIMIT 1 $$;
CREATE TABLE orders (id int, org text, amount int);
ALTER TABLE orders OWNER TO regress_vary_owner;
CREATE TYPE made_here AS (a int);
\set ECHO all

\connect - regress_vary_owner
INSERT INTO orders VALUES (1, 'acme', 10), (2, 'acme', 20), (1, 'globex', 100);
CREATE FUNCTION load_total(k int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('app.org', true), 'nobody') || ' ' || coalesce(sum(amount)::text, 'nothing')
    FROM orders WHERE org = current_setting('app.org', true) AND id = k $$;
SELECT cache_create('total', 'load_total(int)', vary_by => ARRAY[$$current_setting('app.org', true)$$]);
GRANT EXECUTE ON FUNCTION cache_get_total(int), cache_get_many_total(int[])
    TO regress_vary_alice, regress_vary_bob, regress_vary_definer;

-- Each setting has values of its own; one that is unknown is not one that is empty.
\connect - regress_vary_alice
SELECT reads('total', 1), reads('total', 1);
SET app.org = 'acme';
SELECT reads('total', 1), reads('total', 1);
SET app.org = 'globex';
SELECT reads('total', 1), reads('total', 1);
SET app.org = '';
SELECT reads('total', 1), reads('total', 1);
RESET app.org;
SELECT reads('total', 1), reads('total', 3);
\connect - regress_vary_bob
SELECT reads('total', 1);
SET app.org = '';
SELECT reads('total', 1);
SET app.org = 'acme';
SELECT reads('total', 1);
BEGIN;
SELECT set_config('app.org', 'globex', true);
SELECT reads('total', 1);
SAVEPOINT s;
SET LOCAL app.org = 'acme';
SELECT reads('total', 1);
ROLLBACK TO s;
SELECT reads('total', 1);
COMMIT;
SELECT reads('total', 1);

-- A statement that changes it between rows; prepared ones; a cursor; many keys at once.
SELECT cache_get_total(1) AS total, set_config('app.org', (ARRAY['acme', 'globex'])[1 + i % 2], false) AS next
FROM generate_series(1, 4) AS i;
SELECT (cache_get_many_total('{1,2,1}')).value AS total, set_config('app.org', 'acme', false) AS next;
SET app.org = 'globex';
SELECT value AS total, set_config('app.org', 'acme', false) AS next FROM cache_get_many_total('{1,2,1}');
PREPARE total AS SELECT cache_get_total(1);
EXECUTE total;
SET app.org = 'globex';
EXECUTE total;
SET plan_cache_mode = force_generic_plan;
EXECUTE total;
SET app.org = 'acme';
EXECUTE total;
DEALLOCATE total;
BEGIN;
DECLARE c CURSOR FOR SELECT cache_get_total(1) FROM generate_series(1, 3);
FETCH c;
SET LOCAL app.org = 'globex';
FETCH c;
ROLLBACK;

-- A change of the rows of one key concerns it for all sessions, and no other key.
\connect - regress_vary_owner
SELECT cache_invalidate_on('total', 'orders', key => '{id}');
SELECT covered, invalidates FROM cache_check('total');
SET app.org = 'globex';
SELECT reads('total', 1), reads('total', 2);
SET app.org = 'acme';
SELECT reads('total', 1), reads('total', 2);
UPDATE orders SET amount = amount + 1 WHERE id = 1;
SELECT reads('total', 1), reads('total', 2);
SET app.org = 'globex';
SELECT reads('total', 1), reads('total', 2);
BEGIN;
DELETE FROM orders WHERE id = 1;
SELECT reads('total', 1);
ROLLBACK;
SELECT reads('total', 1);

-- By hand as well. What is put is put for sessions like this one; so is what is only looked for.
SELECT cache_invalidate('total', 1);
SELECT cache_peek('total', 1), cache_peek('total', 2);
SET app.org = 'acme';
SELECT cache_peek('total', 1), cache_peek('total', 2);
SELECT cache_invalidate_like('total', '2');
SELECT key, inputs, state FROM cache_entries ORDER BY key;
BEGIN;
SELECT cache_put('total', '"put"', 1);
SELECT reads('total', 1);
SET app.org = 'globex';
SELECT reads('total', 1);
COMMIT;
SELECT cache_peek('total', 1);
SET app.org = 'acme';
SELECT cache_peek('total', 1);
SELECT cache_refresh('total', 1);
SELECT reads('total', 1);
BEGIN;
SELECT cache_put('total', '"put"', 1);
SELECT cache_invalidate('total', 1);
SELECT reads('total', 1);
ROLLBACK;
SELECT reads('total', 1);
SELECT reason, tags FROM cache_explain('total', 1);
SET app.org = 'globex';
SELECT reads('total', 1);
RESET app.org;
SELECT * FROM cache_verify('total');

-- What sessions were like is their owner's to see, and nobody else's.
SELECT key, inputs FROM cache_entries ORDER BY inputs, key;
\connect - postgres
GRANT pg_read_all_stats TO regress_vary_bob;
\connect - regress_vary_bob
SELECT key, inputs FROM cache_entries ORDER BY key;

-- load_many loads for the session, too.
\connect - regress_vary_owner
CREATE FUNCTION load_totals(keys int[]) RETURNS TABLE (k int, total text) LANGUAGE sql STABLE AS $$
    SELECT id, current_setting('app.org', true) || ' has ' || sum(amount)
    FROM orders WHERE org = current_setting('app.org', true) AND id = ANY (keys) GROUP BY id $$;
SELECT cache_alter('total', '{"load_many": "load_totals"}');
SET app.org = 'acme';
SELECT * FROM cache_get_many_total('{1,2,3}');
SET app.org = 'globex';
SELECT * FROM cache_get_many_total('{1,2,3}');
SELECT reads('total', 1);
SET app.org = 'acme';
SELECT reads('total', 1);

-- What it varies by can be changed, and given up: no value is taken for another's.
SET app.other = 'globex';
SELECT error_of($$SELECT cache_alter('total', '{"vary_by": ["current_setting(''app.other'', true)"], "load_many": null}')$$);
SELECT cache_alter('total', '{"vary_by": ["current_setting(''app.other'', true)"], "load_many": null, "same_for_all": ["app.org"]}');
SELECT reads('total', 1);
SELECT cache_alter('total', '{"vary_by": ["current_user", "current_setting(''app.org'', true)"]}');
SELECT reads('total', 1), reads('total', 1);
SELECT cache_alter('total', '{"vary_by": null}');
SELECT reads('total', 1), reads('total', 1);
SELECT cache_alter('total', '{"vary_by": "{}"}');
SELECT reads('total', 1), reads('total', 1);
SELECT key, inputs FROM cache_entries WHERE state = 'live';

-- Who reads: a function of somebody's reads as him.
CREATE FUNCTION hello(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'loaded as ' || current_user$$;
SELECT cache_create('hello', 'hello(int)', vary_by => '{current_user}');
GRANT EXECUTE ON FUNCTION cache_get_hello(int) TO regress_vary_alice, regress_vary_bob, regress_vary_definer;
\connect - postgres
SET ROLE regress_vary_definer;
CREATE FUNCTION hello_as_definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT reads('hello', 1)$$;
SELECT hello_as_definer();
SET ROLE regress_vary_alice;
SELECT reads('hello', 1), hello_as_definer();
SET ROLE regress_vary_bob;
SELECT reads('hello', 1);
RESET ROLE;
SELECT inputs FROM cache_entries ORDER BY inputs;

-- Row security of the owner's, by a setting, as PostgREST makes it.
\connect - regress_vary_owner
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON orders USING (org = (current_setting('request.jwt.claims', true)::jsonb ->> 'org'));
CREATE FUNCTION load_mine(k int) RETURNS int LANGUAGE sql STABLE AS $$SELECT sum(amount)::int FROM orders$$;
SELECT cache_create('mine', 'load_mine(int)', vary_by => ARRAY[$$current_setting('request.jwt.claims', true)$$]);
GRANT EXECUTE ON FUNCTION cache_get_mine(int) TO regress_vary_alice, regress_vary_bob;
\connect - postgres
BEGIN;
SET LOCAL ROLE regress_vary_alice;
SELECT set_config('request.jwt.claims', '{"org": "acme"}', true);
SELECT reads('mine', 1), reads('mine', 1);
COMMIT;
BEGIN;
SET LOCAL ROLE regress_vary_alice;
SELECT set_config('request.jwt.claims', '{"org": "globex"}', true);
SELECT reads('mine', 1), reads('mine', 1);
COMMIT;
BEGIN;
SET LOCAL ROLE regress_vary_bob;
SELECT set_config('request.jwt.claims', '{"org": "acme"}', true);
SELECT reads('mine', 1);
COMMIT;
SET ROLE regress_vary_owner;
ALTER POLICY of_tenant ON orders USING (org <> (current_setting('request.jwt.claims', true)::jsonb ->> 'org'));
RESET ROLE;
SELECT set_config('request.jwt.claims', '{"org": "acme"}', false);
SELECT reads('mine', 1);
-- Such a table's rows through a view.
\connect - regress_vary_owner
CREATE VIEW seen WITH (security_invoker) AS SELECT * FROM orders;
CREATE FUNCTION load_seen(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RETURN (SELECT sum(amount) FROM seen); END$$;
SELECT cache_create('seen', 'load_seen(int)', vary_by => ARRAY[$$current_setting('request.jwt.claims', true)$$]);
SET request.jwt.claims = '{"org": "acme"}';
SELECT reads('seen', 1), reads('seen', 1);
SET request.jwt.claims = '{"org": "globex"}';
SELECT reads('seen', 1), reads('seen', 1);

-- An expression is a part of the key, and loaders see nothing of it.
CREATE FUNCTION load_claims(k int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT coalesce(current_setting('request.jwt.claims', true), 'nothing')$$;
SELECT cache_create('claims', 'load_claims(int)',
                    vary_by => ARRAY[$$current_setting('request.jwt.claims', true)::jsonb ->> 'org'$$],
                    same_for_all => '{request.jwt.claims}');
SELECT reads('claims', 1), reads('claims', 1);
SET request.jwt.claims = '{"org": "globex", "more": 1}';
SELECT reads('claims', 1);
SET request.jwt.claims = '{"org": "acme"}';
SELECT reads('claims', 1);
SET request.jwt.claims = '{';
SELECT error_of($$SELECT cache_get_claims(1)$$);
RESET request.jwt.claims;

-- Inside another cache's loader the session is that cache's: it sees what that one varies by.
CREATE FUNCTION inner_one(k int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT coalesce(current_setting('app.org', true), 'nobody')$$;
SELECT cache_create('inner_one', 'inner_one(int)', vary_by => ARRAY[$$current_setting('app.org', true)$$]);
CREATE FUNCTION outer_one(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'outer of ' || cache_get_inner_one(k)$$;
SELECT cache_create('outer_one', 'outer_one(int)');
SET app.org = 'acme';
SELECT reads('inner_one', 1), reads('outer_one', 1), reads('outer_one', 1);
SET app.org = 'globex';
SELECT reads('inner_one', 1), reads('outer_one', 1);
SELECT cache_alter('outer_one', $${"vary_by": ["current_setting('app.org', true)"]}$$);
SELECT reads('outer_one', 1), reads('outer_one', 1);
SET app.org = 'acme';
SELECT reads('outer_one', 1), reads('outer_one', 1);
SELECT cache_invalidate('inner_one', 1);
SELECT reads('outer_one', 1);
SELECT cache_create('by_session', 'inner_one(int)', vary_by => '{session_user}', same_for_all => '{app.org}');
CREATE FUNCTION tells_all(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT cache_get_by_session(k)$$;
SELECT cache_create('tells_all', 'tells_all(int)');
SELECT reads('tells_all', 1), reads('tells_all', 1);
SELECT reason FROM cache_bypasses WHERE cache = 'tells_all';

-- One value for each session, without a key.
CREATE FUNCTION load_only() RETURNS text LANGUAGE sql STABLE AS
    $$SELECT current_setting('app.org', true) || count(*) FROM orders$$;
SELECT cache_create('only', 'load_only()', same_for_all => '{request.jwt.claims}',
                    vary_by => ARRAY[$$current_setting('app.org', true)$$]);
SELECT cache_get_only();
SET app.org = 'globex';
SELECT cache_get_only();
SELECT cache_invalidate('only');

-- What is there for all keys at once is for one session; and workers are like readers only in settings and roles.
SELECT error_of($$SELECT cache_warm('only')$$);
SELECT error_of($$SELECT cache_sync('only')$$);
CREATE FUNCTION all_totals() RETURNS TABLE (k int, total text) LANGUAGE sql STABLE AS $$SELECT 1, ''$$;
SELECT o, error_of(format($$SELECT cache_alter('inner_one', %L)$$, o))
FROM unnest(ARRAY['{"vary_by": ["left(current_user, 1)"], "same_for_all": ["app.org"], "warm_every": "1 min"}',
                  '{"vary_by": ["session_user"], "same_for_all": ["app.org"], "warm_on_invalidate": true}',
                  '{"vary_by": ["session_user"], "same_for_all": ["app.org"], "warm_when_idle": true}',
                  '{"vary_by": ["session_user"], "same_for_all": ["app.org"], "stale_for": "1 s"}',
                  '{"same_for_all": "app.org"}', '{"same_for_all": ["app"]}', '{"same_for_all": ["a b.c"]}', '{"same_for_all": [null]}',
                  '{"load_all": "all_totals"}', '{"warm_keys": "SELECT 1"}',
                  '{"vary_by": "x"}', '{"vary_by": ["1", 2]}', '{"vary_by": {"a": 1}}', '{"ttl": ["1 s"]}',
                  '{"vary_by": "{{a},{b}}"}', '{"vary_by": "{NULL}"}',
                  '{"vary_by": "{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17}"}',
                  '{"vary_by": "{current_setting(''plpgsql.variable_conflict'')}"}']) AS o;

-- The language: nothing that is a function or table of somebody's, or looks into the database.
\connect - postgres
CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION pg_temp.mine(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE DOMAIN pg_temp.json AS text;
SELECT e AS "will do", by(e) FROM unnest(ARRAY[
    $$current_setting('a.b')$$, $$current_setting('a.b', true)$$, 'current_user', 'session_user', 'user', $$'\d'$$,
    $$current_setting('x.y', true) IN ('a', 'b')$$, $$CASE current_user WHEN 'a' THEN 1 ELSE 2 END$$,
    $$nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'$$, $$coalesce(upper(current_user), 'x')$$,
    $$current_setting('r.c', true)::jsonb #>> '{app,org}'$$, 'greatest(1, 2)', $$lower('A') LIKE 'a%'$$,
    $$current_setting('a.b', true)::int > 3 AND current_user IS NOT NULL$$]) AS e;
SELECT e AS "will not", by(e) FROM unnest(ARRAY[
    '', '*', 'a', 'a.b', '$1', '1 +', '1,2', '1; SELECT 1', '1 AS x', '1 FROM pg_class', '(SELECT 1)', 'DISTINCT 1', '1 ORDER BY 1',
    'count(*)', 'lag(1) OVER ()', 'generate_series(1, 2)::text', 'row(1)::text', 'public.plain(1)', 'plain(1)', 'mine(1)',
    '1 OPERATOR(public.+) 1', $$'x' COLLATE "C"$$, $$'(1)'::public.made_here$$, $$'(1)'::made_here$$, $$made_here('(1)')$$,
    $$'pg_class'::regclass$$, $$'a'::pg_class$$, $$'{}'::json[]$$, 'now()', 'clock_timestamp()::text', 'random()::text', 'current_date::text',
    'current_catalog', 'current_schema', 'pg_sleep(1)', $$nextval('s')$$, $$to_regclass('x')::text$$, $$pg_read_file('x')$$,
    $$satisfies_hash_partition(1, 2, 3, 4)$$, $$table_to_xml('pg_class', true, true, '')::text$$, $$has_table_privilege('pg_class', 'select')$$,
    $$current_setting('work_mem')$$, $$current_setting('cache_ext.enabled')$$, $$current_setting('a b.c')$$, $$current_setting('.a')$$,
    $$current_setting('a.b', NULL)$$, $$current_setting(current_user::text)$$, $$set_config('a.b', 'c', false)$$]) AS e;
-- Whatever the session has made of its own texts, and names.
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET search_path = pg_temp, public, cache_ext;
SELECT public.by($$current_setting('a.b', true)::json ->> 'sub\d'$$);
RESET ALL;
-- By hand into the table, as a restore would.
CREATE TABLE restored AS SELECT * FROM cache_ext_internal.cache_definition WHERE name = 'only';
SELECT cache_drop('only');
SET ROLE regress_vary_owner;
CREATE FUNCTION cache_get_only() RETURNS text LANGUAGE sql RETURN 'x';
RESET ROLE;
UPDATE restored SET vary_by = '{plain(1)}';
SELECT error_of('INSERT INTO cache_ext_internal.cache_definition SELECT * FROM restored');

\set ECHO none
SET client_min_messages = warning;
DROP OWNED BY regress_vary_owner, regress_vary_alice, regress_vary_bob, regress_vary_definer CASCADE;
\i include/end.sql
DROP ROLE regress_vary_owner, regress_vary_alice, regress_vary_bob, regress_vary_definer;
