-- What values depend on besides tables, by the texts of functions: said when a cache is declared, and by cache_check.
\set ECHO none
\set database regress_inputs
\i include/begin.sql
\set ECHO all

CREATE TABLE call (id int PRIMARY KEY, account_id int NOT NULL, at timestamptz NOT NULL, seconds int NOT NULL);
INSERT INTO call VALUES (1, 1, now(), 10), (2, 2, now(), 20);

-- The time, settings, roles: in SQL, in PL/pgSQL wherever an expression may stand, and in functions that are called.
CREATE FUNCTION load_today(k int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(seconds) FROM call WHERE account_id = $1 AND at >= CURRENT_DATE';
SELECT cache_create('today', 'load_today(int)');
SELECT input, kind, covered, invalidates, more_precise FROM cache_check('today');
CREATE FUNCTION org() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.org_id', true) $$;
CREATE FUNCTION named() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN current_setting('app.' || 'other', true);
END $$;
CREATE FUNCTION load_all_kinds(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    started timestamptz = now();
    total bigint := 0;
    row call;
    other record;
    cursor_of CURSOR (a int) FOR SELECT id FROM call WHERE account_id = a AND at < LOCALTIMESTAMP;
    texts text[];
BEGIN
    IF org() IS NOT NULL THEN
        total := total + 1;
    ELSIF current_role = 'nobody' THEN
        total := -1;
    END IF;
    FOR row IN SELECT * FROM call WHERE account_id = k LOOP
        total := total + row.seconds;
        CONTINUE WHEN row.at > statement_timestamp();
    END LOOP;
    FOR other IN SELECT c.id, count(*) AS n FROM call AS c GROUP BY c.id LOOP
        total := total + other.n;
    END LOOP;
    FOR other IN cursor_of(k) LOOP
        NULL;
    END LOOP;
    FOR i IN 1 .. 2 LOOP
        texts[i] := age(row.at)::text;
    END LOOP;
    BEGIN
        SELECT sum(seconds) INTO STRICT total FROM call WHERE account_id = k;
    EXCEPTION WHEN no_data_found THEN
        RETURN named();
    END;
    CASE WHEN k = 7 THEN RETURN current_user; ELSE NULL; END CASE;
    RETURN total;
END $$;
SELECT error_of($$SELECT cache_create('kinds', 'load_all_kinds(int)')$$);
SELECT cache_create('kinds', 'load_all_kinds(int)', same_for_all => '{*}');
SELECT input, kind, covered FROM cache_check('kinds');
SELECT cache_get_kinds(1) = load_all_kinds(1) AS is_right;

-- Who has connected is another one in each session.
CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN session_user; END';
CREATE FUNCTION load_greeting(k int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'for ' || who() $$;
SELECT error_of($$SELECT cache_create('greeting', 'load_greeting(int)', undeclared => 'ttl')$$);
SELECT error_of($$SELECT cache_create('greeting', 'load_greeting(int)', vary_by => ARRAY['current_user', 'left(session_user::text, 1)'])$$);
SELECT cache_create('greeting', 'load_greeting(int)', vary_by => '{session_user}');
SELECT cache_get_greeting(1) = load_greeting(1) AS is_right;
SELECT input, kind, covered FROM cache_check('greeting');
SELECT error_of($$SELECT cache_alter('greeting', '{"vary_by": null}')$$);
CREATE ROLE regress_inputs_guest;
GRANT EXECUTE ON FUNCTION cache_get_greeting(int) TO regress_inputs_guest;
SET SESSION AUTHORIZATION regress_inputs_guest;
SELECT cache_get_greeting(1);
RESET SESSION AUTHORIZATION;
SELECT cache_get_greeting(1) = load_greeting(1) AS is_right;
DROP OWNED BY regress_inputs_guest;
DROP ROLE regress_inputs_guest;
-- What has come into the text later is told.
CREATE OR REPLACE FUNCTION named() RETURNS text LANGUAGE sql STABLE AS 'SELECT session_user::text';
SELECT input, invalidates, more_precise FROM cache_check('kinds') WHERE input = 'SESSION_USER';

-- Settings that are not named, and what to write: those of applications; those that the session has for itself.
CREATE FUNCTION load_org(k int) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT current_setting('app.org_id', true) || current_setting('app.role') $$;
SELECT error_of($$SELECT cache_create('org', 'load_org(int)', undeclared => 'ttl', vary_by => ARRAY['current_user', $q$current_setting('app.role')$q$])$$);
SELECT error_of($$SELECT cache_create('org', 'load_org(int)', invalidate => 'declared', same_for_all => '{app.role}')$$);
SELECT cache_create('org', 'load_org(int)', vary_by => ARRAY[$$current_setting('app.org_id', true)$$], same_for_all => '{App.Role}');
SELECT input, kind, covered, invalidates, more_precise FROM cache_check('org');
SELECT cache_drop('org');
CREATE FUNCTION load_memory(k int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('work_mem') || current_setting('TimeZone') $$;
SELECT error_of($$SELECT cache_create('memory', 'load_memory(int)')$$);
SELECT cache_create('memory', 'load_memory(int)', same_for_all => '{work_mem}');
-- What tells of the session or the server.
CREATE FUNCTION load_pid(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT pg_backend_pid() + k';
SELECT error_of($$SELECT cache_create('pid', 'load_pid(int)')$$);
CREATE FUNCTION load_query(k int) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_query()';
SELECT error_of($$SELECT cache_create('query', 'load_query(int)', invalidate => 'declared')$$);
-- Policies count where the loader runs as its reader, and where they hold for the owner.
CREATE TABLE note (id int, tenant text, n int);
INSERT INTO note VALUES (1, 'acme', 10), (1, 'globex', 100);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON note USING (tenant = current_setting('app.tenant', true));
CREATE POLICY writes ON note FOR INSERT WITH CHECK (tenant = current_setting('app.writer', true));
CREATE VIEW notes AS SELECT * FROM note;
CREATE FUNCTION load_note(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT sum(n) FROM notes WHERE id = k); END';
SELECT cache_create('note', 'load_note(int)');
SELECT error_of($$SELECT cache_alter('note', '{"run_as": "reader"}')$$);
SELECT cache_alter('note', $${"run_as": "reader", "vary_by": ["current_setting('app.tenant', true)"]}$$);
SELECT cache_drop('note');

-- What no text tells is met when it runs, and not published: statements that are put together, functions that these call,
-- policies that come later, texts that change.
CREATE FUNCTION asks(k int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$DECLARE v text; BEGIN v := current_setting('app.tenant', true); RETURN coalesce(v, 'none'); END$$;
CREATE FUNCTION load_any(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    result text;
BEGIN
    EXECUTE CASE k
        WHEN 1 THEN $q$SELECT current_setting('app.tenant', true)$q$
        WHEN 2 THEN 'SELECT session_user'
        WHEN 3 THEN 'SELECT asks(1)'
        WHEN 4 THEN $q$SELECT current_setting(lower('APP.TENANT'), true)$q$
        WHEN 5 THEN $q$SELECT current_setting(max('app.tenant'), true) FROM call$q$
        WHEN 6 THEN 'SELECT count(*) FROM call WHERE seconds > 15 GROUP BY current_setting(''app.x'', true)'
        WHEN 7 THEN $q$SELECT id FROM call WHERE id > (SELECT count(*) FROM call WHERE session_user = 'x') ORDER BY current_setting('app.x', true) LIMIT 1$q$
        WHEN 8 THEN $q$SELECT current_setting('TimeZone') || current_user$q$
        WHEN 9 THEN 'SELECT count(*) FROM pg_settings'
        ELSE 'SELECT sum(seconds) FROM call'
    END INTO result;
    RETURN result;
END $$;
SELECT cache_create('any', 'load_any(int)'), cache_create('any_by_hand', 'load_any(int)', invalidate => 'declared');
CREATE FUNCTION published(cache text, k int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    shown text;
BEGIN
    PERFORM cache_get_entry(cache, k), cache_get_entry(cache, k);
    SELECT format('%s, %s', state, reason) INTO shown FROM cache_explain(cache, k);
    RETURN shown;
END $$;
SELECT k, published('any', k) FROM generate_series(1, 10) AS k;
SELECT k, published('any_by_hand', k) FROM generate_series(1, 5) AS k;
-- What a load has asked for is named with what to say of it.
SELECT published('any_by_hand', 1) LIKE '%(app.tenant)';
SELECT input, kind, covered, invalidates, more_precise FROM cache_check('any_by_hand');
SELECT cache, reason, bypasses FROM cache_bypasses WHERE cache LIKE 'any%' ORDER BY 1, 2;
SELECT cache_alter('any', $${"vary_by": ["current_setting('app.tenant', true)"], "same_for_all": ["*"]}$$);
SELECT k, published('any', k) FROM generate_series(1, 10) AS k WHERE k NOT IN (2, 7, 9);
CREATE FUNCTION load_later(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
SELECT cache_create('later', 'load_later(int)');
SELECT published('later', 1);
CREATE OR REPLACE FUNCTION load_later(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k || session_user; END';
SELECT published('later', 1);
SELECT input, covered, invalidates, more_precise FROM cache_check('later');
CREATE OR REPLACE FUNCTION load_later(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k || asks(k); END';
SELECT published('later', 1);
-- Also a text that cannot be read.
CREATE OR REPLACE FUNCTION load_later(k int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$BEGIN IF k = 0 THEN RETURN no_such_column FROM call; END IF; RETURN k || current_setting('app.tenant', true); END$$;
SELECT published('later', 1);
CREATE OR REPLACE FUNCTION load_later(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
SELECT published('later', 1);
-- In a transaction in which PL/pgSQL keeps expressions.
BEGIN;
SELECT asks(1), load_any(3);
SELECT published('any_by_hand', 3);
ROLLBACK;

-- VOLATILE functions.
CREATE FUNCTION helper(k int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END';
CREATE FUNCTION load_helped(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT helper($1)';
SELECT error_of($$SELECT cache_create('helped', 'load_helped(int)')$$);
SELECT count(*) FROM cache_stat WHERE cache = 'helped';
SELECT cache_create('bounded', 'load_helped(int)', undeclared => 'ttl'), cache_create('by_hand', 'load_helped(int)', invalidate => 'declared');
SELECT error_of($$SELECT cache_alter('bounded', '{"undeclared": null}')$$), error_of($$SELECT cache_alter('by_hand', '{"invalidate": "track"}')$$);
SELECT input, kind, covered, invalidates, more_precise FROM cache_check('bounded');
SELECT cache_get_bounded(1), cache_get_by_hand(1);
SELECT input, kind, covered FROM cache_check('bounded');
SELECT input, kind, covered FROM cache_check('by_hand');
ALTER FUNCTION helper(int) STABLE;
SELECT cache_create('helped', 'load_helped(int)');
SELECT cache_get_helped(1);
SELECT input, kind, covered FROM cache_check('helped');
ALTER FUNCTION helper(int) VOLATILE;
SELECT cache_get_helped(1);
SELECT input, kind, covered, invalidates FROM cache_check('helped') ORDER BY 1;
-- Also where a list of keys is loaded. What only sets something, or returns nothing, is none.
CREATE FUNCTION every() RETURNS TABLE (k int, n bigint) LANGUAGE sql STABLE AS 'SELECT account_id, helper(account_id) FROM call';
CREATE FUNCTION load_plain(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('regress.x', '1', true), pg_sleep(0);
    RETURN (SELECT sum(seconds) FROM call WHERE account_id = k);
END $$;
SELECT error_of($$SELECT cache_create('plain', 'load_plain(int)', load_all => 'every()')$$);
SELECT cache_create('plain', 'load_plain(int)');

-- A text that is wrong, or says nothing, is not this one's business.
CREATE FUNCTION load_wrong(k int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT no_such_column FROM call WHERE id = random()); END';
CREATE FUNCTION load_dynamic(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    found text;
BEGIN
    EXECUTE 'SELECT random()' INTO found;
    RETURN found || now();
END $$;
SELECT cache_create('wrong', 'load_wrong(int)'), cache_create('dynamic', 'load_dynamic(int)');
SELECT cache_get_dynamic(1) IS NOT NULL;
SELECT input, kind, covered FROM cache_check('dynamic');
-- As the owner, who may read what the caller may not.
CREATE ROLE regress_inputs_owner;
GRANT CREATE ON SCHEMA public TO regress_inputs_owner;
SET ROLE regress_inputs_owner;
CREATE TABLE secret (n int);
CREATE FUNCTION load_secret(k int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM secret WHERE now() IS NOT NULL); END';
SELECT cache_create('secret', 'load_secret(int)');
RESET ROLE;
SELECT input, kind FROM cache_check('secret');
-- Nothing is locked any more once it has been looked at.
BEGIN;
SELECT count(*) FROM cache_check('kinds');
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'call'::regclass;
COMMIT;
SELECT cache_drop('secret');
DROP OWNED BY regress_inputs_owner CASCADE;
DROP ROLE regress_inputs_owner;

\i include/end.sql
