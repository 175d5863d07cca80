-- Who may read is remembered by the session, and asked anew after whatever could change the answer.
\set ECHO none
\set database regress_rights
\i include/begin.sql

CREATE ROLE regress_reader;
CREATE ROLE regress_group;
CREATE ROLE regress_super SUPERUSER;
CREATE FUNCTION plus_one(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k + 1';
SELECT cache_create('plus', 'plus_one(int)');
SELECT cache_get_plus(1);
-- What PostgreSQL says itself.
CREATE FUNCTION allowed() RETURNS bool LANGUAGE sql STABLE AS
    $$SELECT has_function_privilege('cache_get_plus(int)', 'EXECUTE')$$;
PREPARE get AS SELECT cache_get_plus(1);
PREPARE get_many AS SELECT value FROM cache_get_many_plus('{1, 2}') LIMIT 1;
GRANT EXECUTE ON FUNCTION cache_get_many_plus(int[]) TO PUBLIC;
CREATE FUNCTION all_ways() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    call    text;
    outcome text := CASE WHEN allowed() THEN 'allowed:' ELSE 'denied:' END;
BEGIN
    FOREACH call IN ARRAY ARRAY['EXECUTE get', 'EXECUTE get_many', 'SELECT cache_get(''plus'', 1)',
                                'SELECT cache_ext_internal.cache_fetch(NULL::int, ''plus'', 1)'] LOOP
        BEGIN
            EXECUTE call;
            outcome := outcome || ' ok';
        EXCEPTION WHEN insufficient_privilege THEN
            outcome := outcome || ' ' || SQLSTATE;
        END;
    END LOOP;
    RETURN outcome;
END $$;

-- The grant itself.
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_plus(int) TO regress_reader;
SET ROLE regress_reader;
SELECT all_ways(), all_ways();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_get_plus(int) FROM regress_reader;
SELECT all_ways();
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;

-- A grant that is rolled back, whole or in part.
BEGIN;
GRANT EXECUTE ON FUNCTION cache_get_plus(int) TO regress_reader;
SET LOCAL ROLE regress_reader;
SELECT all_ways();
ROLLBACK;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
BEGIN;
SAVEPOINT s;
GRANT EXECUTE ON FUNCTION cache_get_plus(int) TO regress_reader;
SET LOCAL ROLE regress_reader;
SELECT all_ways();
ROLLBACK TO s;
SET LOCAL ROLE regress_reader;
SELECT all_ways();
COMMIT;

-- Membership of a role that may.
GRANT EXECUTE ON FUNCTION cache_get_plus(int) TO regress_group;
GRANT regress_group TO regress_reader;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
REVOKE regress_group FROM regress_reader;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
BEGIN;
GRANT regress_group TO regress_reader;
SET LOCAL ROLE regress_reader;
SELECT all_ways();
ROLLBACK;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
GRANT regress_group TO regress_reader;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
-- From 16 on each membership has an option of its own.
CREATE PROCEDURE let_inherit(allowed bool) LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE format('GRANT regress_group TO regress_reader WITH INHERIT %s', CASE WHEN allowed THEN 'TRUE' ELSE 'FALSE' END);
    ELSIF allowed THEN
        ALTER ROLE regress_reader INHERIT;
    ELSE
        ALTER ROLE regress_reader NOINHERIT;
    END IF;
END $$;
CALL let_inherit(false);
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
CALL let_inherit(true);
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
REVOKE regress_group FROM regress_reader;

-- Superusers, as long as they are.
SET ROLE regress_super;
SELECT all_ways();
RESET ROLE;
ALTER ROLE regress_super NOSUPERUSER;
SET ROLE regress_super;
SELECT all_ways();
RESET ROLE;

-- The owner of the database, by way of pg_database_owner.
GRANT EXECUTE ON FUNCTION cache_get_plus(int) TO pg_database_owner;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
ALTER DATABASE regress_rights OWNER TO regress_reader;
SET ROLE regress_reader;
SELECT all_ways();
RESET ROLE;
ALTER DATABASE regress_rights OWNER TO regress_super;
SET ROLE regress_reader;
SELECT all_ways();
SET ROLE regress_super;
SELECT all_ways();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_get_plus(int) FROM pg_database_owner;

-- One user after the other; what runs as its owner lends its right to nobody.
CREATE FUNCTION lent() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT cache_get_plus(1)';
CREATE FUNCTION both_ways() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..2 LOOP
        RETURN NEXT format('lent: %s', lent());
        BEGIN
            RETURN NEXT format('own: %s', cache_get_plus(1));
        EXCEPTION WHEN insufficient_privilege THEN
            RETURN NEXT 'own: denied';
        END;
    END LOOP;
END $$;
SET ROLE regress_reader;
SELECT both_ways();
SET ROLE regress_group;
SELECT both_ways();
RESET ROLE;

-- One expression, one transaction: the users and their rights change while it goes on.
CREATE FUNCTION read_as(role name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', role, true);
    RETURN format('%s: %s', role, cache_get_plus(1));
EXCEPTION WHEN insufficient_privilege THEN
    RETURN format('%s: denied', role);
END $$;
DO $$
BEGIN
    FOR i IN 1..3 LOOP
        RAISE NOTICE '%', read_as('regress_group');
    END LOOP;
    RAISE NOTICE '%', read_as('regress_reader');
    RESET ROLE;
    GRANT regress_group TO regress_reader;
    RAISE NOTICE '%', read_as('regress_reader');
    RAISE NOTICE '%', read_as('regress_group');
    RESET ROLE;
    REVOKE regress_group FROM regress_reader;
    RAISE NOTICE '%', read_as('regress_reader');
    RAISE NOTICE '%', read_as('regress_group');
    RESET ROLE;
    REVOKE EXECUTE ON FUNCTION cache_get_plus(int) FROM regress_group;
    RAISE NOTICE '%', read_as('regress_group');
    RESET ROLE;
END $$;

-- The name of the cache, and what it is called with, are checked at every place and every time.
SELECT cache_create('minus', key_types => '{text}', value_type => 'text');
SELECT cache_create('plus_two', 'plus_one(int)');
SELECT cache_put_minus('1', 'one');
SELECT cache_get_plus(1), cache_get_plus_two(1), cache_get_minus('1'), cache_get_plus(2);
SELECT name, cache_ext_internal.cache_fetch(NULL::int, name, 1)
FROM (VALUES ('plus'), ('plus_two'), ('plus'), ('plus_two')) AS v (name);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, name, 1) FROM (VALUES ('plus'), ('minus')) AS v (name)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, name, 1) FROM (VALUES ('plus'), ('plus'), (NULL)) AS v (name)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus_', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, '', 1)$$);
SELECT error_of(format('SELECT cache_ext_internal.cache_fetch(NULL::int, %L, 1)', repeat('plus', 40)));
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::bigint, 'plus', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus', 1::bigint)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus', 1, 2)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus', VARIADIC '{1}'::int[])$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus', n) FROM generate_series(1, 2::bigint) AS n$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch_of(NULL::int, 'minus', '{1}'::int[])$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch_of(NULL::text, 'plus', '{1}'::int[])$$);
-- Within one statement, after the first call.
SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus', n) FROM generate_series(1, 3) AS n;
-- Another cache under the same name.
PREPARE by_name AS SELECT cache_ext_internal.cache_fetch(NULL::int, 'plus_two', 1);
EXECUTE by_name;
SELECT cache_drop('plus_two');
EXECUTE by_name;
SELECT cache_create('plus_two', key_types => '{text}', value_type => 'int');
EXECUTE by_name;
DEALLOCATE ALL;

\set ECHO none
\i include/end.sql
DROP ROLE regress_reader, regress_group, regress_super;
