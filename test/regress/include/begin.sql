-- Gives a test its own database with the extension and a few helpers. Set `database` before.
\set QUIET on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :database;
CREATE DATABASE :database;
\connect :database
SET client_min_messages = warning;
CREATE EXTENSION cache_ext;

-- What the client would see of an error, without what differs between runs.
CREATE FUNCTION error_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT format('%s: %s', state, message);
    -- The server's own advice is worded differently from major to major.
    IF hint ~ '^(No (function|operator) matches|You might need to add|Valid units are)' THEN hint := ''; END IF;
    IF detail ~ '^(No (function|operator) of that name|There is no function of that name)' THEN detail := ''; END IF;
    IF detail <> '' THEN RETURN NEXT 'DETAIL: ' || detail; END IF;
    IF hint <> '' THEN RETURN NEXT 'HINT: ' || hint; END IF;
END $$;

-- Functions, triggers and rows that cache_ext made here; the random part of names is masked.
CREATE VIEW made_by_cache_ext AS
    SELECT d.object_kind, d.object
    FROM (SELECT 'function' AS object_kind, p.oid::regprocedure::text AS object
          FROM pg_proc AS p
          JOIN pg_depend AS x ON x.classid = 'pg_proc'::regclass AND x.objid = p.oid
          JOIN pg_extension AS e ON x.refobjid = e.oid AND e.extname = 'cache_ext'
          WHERE x.deptype = 'x'
          UNION ALL
          SELECT 'trigger', format('%s on %s', regexp_replace(t.tgname, '_[0-9a-f]{8}$', '_*'),
                                   t.tgrelid::regclass)
          FROM pg_trigger AS t
          WHERE t.tgname LIKE 'cache\_ext\_%'
          UNION ALL
          SELECT 'definition', name FROM cache_ext_internal.cache_definition
          UNION ALL
          SELECT 'dependency', format('%s on %s', cache, relation) FROM cache_ext_internal.cache_dependency) AS d
    ORDER BY d.object_kind COLLATE "C", d.object COLLATE "C";

RESET client_min_messages;
\set ECHO all
