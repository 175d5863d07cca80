-- run_as => 'reader': the loader has its reader's rights and row security, and the role is a part of the key.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_run_owner, regress_run_alice, regress_run_bob, regress_run_group, regress_run_stranger, regress_run_gone, regress_run_plain;
\set database regress_run_as
\i include/begin.sql
CREATE ROLE regress_run_owner LOGIN;
CREATE ROLE regress_run_alice LOGIN;
CREATE ROLE regress_run_bob LOGIN;
CREATE ROLE regress_run_group;
CREATE ROLE regress_run_stranger LOGIN;
CREATE ROLE regress_run_gone;
CREATE ROLE regress_run_plain;
GRANT regress_run_alice, regress_run_bob, regress_run_gone TO regress_run_owner;
GRANT CREATE ON SCHEMA public TO regress_run_owner;
-- What a cache gives the role, and where that comes from; ng: the loader would give him something else.
CREATE FUNCTION reads(cache text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    source text;
    value text;
    loaded text;
BEGIN
    SELECT e.source, e.value #>> '{}' INTO source, value FROM cache_get_entry(cache, 1) AS e;
    EXECUTE format('SELECT load_%s(1)::text', cache) INTO loaded;
    RETURN format('%s: %s%s', source, value, CASE WHEN value IS DISTINCT FROM loaded THEN ' ng, not ' || loaded END);
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END $$;
CREATE FUNCTION as_role(role regrole, cache text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %s', role);
    result := reads(cache);
    RESET ROLE;
    RETURN result;
END $$;
-- Twice, so that the second time it is from the cache where that may be.
CREATE PROCEDURE alice_and_bob() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 2 LOOP
        RAISE NOTICE 'alice %, bob %', as_role('regress_run_alice', 'mine'), as_role('regress_run_bob', 'mine');
    END LOOP;
END $$;
CREATE TABLE notes (owner name, of_group bool, note int);
ALTER TABLE notes OWNER TO regress_run_owner;
SET client_min_messages = notice;
\set ECHO all

SET ROLE regress_run_owner;
INSERT INTO notes VALUES ('regress_run_alice', false, 1), ('regress_run_alice', false, 2), ('regress_run_bob', false, 10),
    ('regress_run_owner', false, 100), ('', true, 1000);
GRANT SELECT ON notes TO regress_run_alice, regress_run_bob;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_user);
CREATE POLICY of_group ON notes TO regress_run_group USING (of_group);
CREATE FUNCTION load_mine(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(note) FROM notes';
SELECT cache_create('mine', 'load_mine(int)', run_as => 'reader');
SELECT cache_invalidate_on('mine', 'notes');
GRANT EXECUTE ON FUNCTION cache_get_mine(int), cache_get_many_mine(int[])
    TO regress_run_alice, regress_run_bob, regress_run_stranger, regress_run_gone;
RESET ROLE;
CALL alice_and_bob();
SELECT as_role('regress_run_owner', 'mine'), as_role('regress_run_owner', 'mine');
SELECT inputs FROM cache_entries ORDER BY inputs;

-- What changes whom a row is seen by.
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
SELECT as_role('regress_run_owner', 'mine'), as_role('regress_run_owner', 'mine');
ALTER POLICY own ON notes USING (owner <> current_user);
CALL alice_and_bob();
ALTER POLICY own ON notes USING (owner = current_user);
CALL alice_and_bob();
GRANT regress_run_group TO regress_run_bob;
CALL alice_and_bob();
ALTER ROLE regress_run_alice BYPASSRLS;
CALL alice_and_bob();
ALTER ROLE regress_run_alice NOBYPASSRLS;
REVOKE regress_run_group FROM regress_run_bob;
CALL alice_and_bob();
REVOKE SELECT ON notes FROM regress_run_alice;
CALL alice_and_bob();
GRANT SELECT (note) ON notes TO regress_run_alice;
CALL alice_and_bob();
REVOKE SELECT (note) ON notes FROM regress_run_alice;
CALL alice_and_bob();
GRANT SELECT ON notes TO PUBLIC;
CALL alice_and_bob();
REVOKE SELECT ON notes FROM PUBLIC;
GRANT SELECT ON notes TO regress_run_group;
GRANT regress_run_group TO regress_run_alice;
CALL alice_and_bob();
-- From 16 on it is the membership that says so.
CREATE PROCEDURE let_inherit(it bool) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE CASE WHEN current_setting('server_version_num')::int >= 160000
                 THEN format('GRANT regress_run_group TO regress_run_alice WITH INHERIT %s', it::text)
                 ELSE 'ALTER ROLE regress_run_alice ' || CASE WHEN it THEN 'INHERIT' ELSE 'NOINHERIT' END END;
END $$;
CALL let_inherit(false);
CALL alice_and_bob();
CALL let_inherit(true);
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
CALL alice_and_bob();
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
REVOKE regress_run_group FROM regress_run_alice;
GRANT SELECT ON notes TO regress_run_alice;
CALL alice_and_bob();
-- In the transaction that does it, and taken back.
BEGIN;
REVOKE SELECT ON notes FROM regress_run_bob;
CALL alice_and_bob();
ROLLBACK;
CALL alice_and_bob();
-- What does not concern readers leaves it; and what readers may do leaves caches whose loaders run as owners.
SET ROLE regress_run_owner;
CREATE FUNCTION load_all_notes(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM notes';
SELECT cache_create('all_notes', 'load_all_notes(int)');
SELECT cache_get_all_notes(1);
CALL alice_and_bob();
ALTER ROLE regress_run_bob PASSWORD NULL;
SELECT cache, count(*) FROM cache_entries WHERE state = 'live' GROUP BY cache ORDER BY cache;
RESET ROLE;
GRANT SELECT ON notes TO regress_run_stranger;
SELECT cache, count(*) FROM cache_entries WHERE state = 'live' GROUP BY cache ORDER BY cache;

-- A reader that owns nothing, of whom nobody is a member, and a superuser's cache.
CREATE FUNCTION load_plain(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(note) FROM notes';
SELECT cache_create('plain', 'load_plain(int)', run_as => 'reader');
GRANT EXECUTE ON FUNCTION cache_get_plain(int) TO regress_run_plain;
CREATE FUNCTION plain_twice() RETURNS text LANGUAGE sql AS
    $$SELECT as_role('regress_run_plain', 'plain') || ', ' || as_role('regress_run_plain', 'plain')$$;
SELECT plain_twice();
GRANT SELECT ON notes TO regress_run_plain;
SELECT plain_twice();
GRANT regress_run_group TO regress_run_plain;
SELECT plain_twice();
ALTER ROLE regress_run_plain BYPASSRLS;
SELECT plain_twice();
ALTER ROLE regress_run_plain NOBYPASSRLS;
SELECT plain_twice();
REVOKE regress_run_group FROM regress_run_plain;
SELECT plain_twice();
BEGIN;
GRANT regress_run_group TO regress_run_plain;
SET LOCAL ROLE regress_run_plain;
SELECT source, value FROM cache_get_entry('plain', 1);
ROLLBACK;
SELECT plain_twice();
REVOKE SELECT ON notes FROM regress_run_plain;
SELECT plain_twice();
SELECT cache_drop('plain');

-- A role that ends, and one of its name.
GRANT SELECT ON notes TO regress_run_gone;
INSERT INTO notes VALUES ('regress_run_gone', false, 7);
SELECT as_role('regress_run_gone', 'mine'), as_role('regress_run_gone', 'mine');
DROP OWNED BY regress_run_gone;
DROP ROLE regress_run_gone;
SELECT inputs FROM cache_entries WHERE cache = 'mine' AND state = 'live';
CREATE ROLE regress_run_gone;
GRANT EXECUTE ON FUNCTION cache_get_mine(int) TO regress_run_gone;
SELECT as_role('regress_run_gone', 'mine');
GRANT regress_run_gone TO regress_run_owner;
SELECT as_role('regress_run_gone', 'mine');

-- Nobody's rights are had by letting him read.
SELECT as_role('regress_run_stranger', 'mine');
SELECT reads('mine');
SELECT error_of('SELECT cache_get_mine(1)');
REVOKE EXECUTE ON FUNCTION load_mine(int) FROM PUBLIC;
SELECT as_role('regress_run_alice', 'mine');
SET ROLE regress_run_alice;
SELECT error_of('SELECT cache_get_mine(1)');
RESET ROLE;
GRANT EXECUTE ON FUNCTION load_mine(int) TO PUBLIC;
CREATE FUNCTION load_escape(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE k
        WHEN 1 THEN RETURN current_user || ' ' || current_setting('role') || ' ' || current_setting('session_authorization');
        WHEN 2 THEN SET ROLE regress_run_owner;
        WHEN 3 THEN PERFORM set_config('role', 'regress_run_owner', true);
        WHEN 4 THEN INSERT INTO notes VALUES (current_user, false, 1);
        WHEN 5 THEN RESET ROLE;
        WHEN 6 THEN SET SESSION AUTHORIZATION regress_run_bob;
    END CASE;
    RETURN 'done';
END $$;
ALTER FUNCTION load_escape OWNER TO regress_run_owner;
SET ROLE regress_run_owner;
SELECT cache_create('escape', 'load_escape(int)', run_as => 'reader');
GRANT EXECUTE ON FUNCTION cache_get_escape(int) TO regress_run_alice;
SET ROLE regress_run_alice;
SELECT cache_get_escape(1);
SELECT k, error_of(format('SELECT cache_get_escape(%s)', k)) FROM generate_series(2, 6) AS k;
SELECT current_user;
RESET ROLE;

-- As whom: SET ROLE, a function with its owner's rights, another cache's loader, verifying.
SET ROLE regress_run_owner;
CREATE FUNCTION by_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT cache_get_escape(1)';
CREATE FUNCTION load_around(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'around ' || cache_get_escape(k)$$;
SELECT cache_create('around', 'load_around(int)');
GRANT EXECUTE ON FUNCTION cache_get_around(int) TO regress_run_alice;
SET ROLE regress_run_alice;
SELECT cache_get_escape(1), by_owner(), cache_get_around(1);
SELECT source, value FROM cache_get_entry('around', 1);
SET ROLE regress_run_owner;
SELECT source, value FROM cache_get_entry('around', 1);
SELECT * FROM cache_verify('escape');
SELECT cache, inputs FROM cache_entries WHERE cache IN ('escape', 'around') ORDER BY 1, 2;

-- Many keys at once.
CREATE FUNCTION load_many_mine(keys int[]) RETURNS TABLE (k int, total bigint) LANGUAGE sql STABLE AS
    'SELECT k, (SELECT sum(note) FROM notes) FROM unnest(keys) AS k';
SELECT cache_alter('mine', '{"load_many": "load_many_mine"}');
SET ROLE regress_run_alice;
SELECT * FROM cache_get_many_mine('{1,2}');
SET ROLE regress_run_bob;
SELECT * FROM cache_get_many_mine('{1,2}');
SELECT source, value FROM cache_get_entry('mine', 2);

-- With a setting, as PostgREST has it: the role and the claims.
SET ROLE regress_run_owner;
SELECT cache_alter('mine', $${"vary_by": ["current_setting('request.jwt.claims', true)"]}$$);
ALTER POLICY own ON notes USING (owner = (current_setting('request.jwt.claims', true)::jsonb ->> 'sub'));
RESET ROLE;
CREATE FUNCTION request(who regrole, claims text) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('request.jwt.claims', claims, true); SELECT as_role(who, 'mine') $$;
SELECT request('regress_run_alice', '{"sub": "regress_run_alice"}') FROM generate_series(1, 2);
SELECT request('regress_run_alice', '{"sub": "regress_run_bob"}') FROM generate_series(1, 2);
SELECT request('regress_run_bob', '{"sub": "regress_run_bob"}') FROM generate_series(1, 2);
SELECT inputs FROM cache_entries WHERE cache = 'mine' AND state = 'live' ORDER BY inputs;

-- It can be changed; nothing of before is served.
ALTER POLICY own ON notes USING (owner = current_user);
SELECT cache_alter('mine', '{"run_as": "owner", "vary_by": null, "load_many": null}');
SET ROLE regress_run_alice;
SELECT source, value FROM cache_get_entry('mine', 1);
SET ROLE regress_run_bob;
SELECT source, value FROM cache_get_entry('mine', 1);
RESET ROLE;
SELECT cache_alter('mine', '{"run_as": "reader"}');
CALL alice_and_bob();
UPDATE notes SET note = note + 1;
CALL alice_and_bob();
SELECT error_of($$SELECT cache_alter('mine', '{"run_as": "postgres"}')$$);
SELECT error_of($$SELECT cache_alter('mine', '{"warm_keys": "SELECT 1"}')$$);

\set ECHO none
SET client_min_messages = warning;
DROP OWNED BY regress_run_owner, regress_run_alice, regress_run_bob, regress_run_group, regress_run_stranger, regress_run_gone, regress_run_plain CASCADE;
\i include/end.sql
DROP ROLE regress_run_owner, regress_run_alice, regress_run_bob, regress_run_group, regress_run_stranger, regress_run_gone, regress_run_plain;
