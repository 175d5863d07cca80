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
SELECT cache_create('kinds', 'load_all_kinds(int)');
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
