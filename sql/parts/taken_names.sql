-- Who could create in the extension's schema before may have put a function, or a type, there that a call of one of
-- ours would find instead.
DO $$
DECLARE
    ours pg_catalog.name[] := ARRAY(
        SELECT p.proname
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_depend AS d
            ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
        JOIN pg_catalog.pg_extension AS e
            ON d.refobjid OPERATOR(pg_catalog.=) e.oid AND e.extname OPERATOR(pg_catalog.=) 'cache_ext'
        WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace);
    theirs text := (
        SELECT pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::text, ', ')
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')
        AND p.proname OPERATOR(pg_catalog.=) ANY (ours));
    -- name('literal') would mean a cast to one of these. Row types are not meant by it.
    types text := (
        SELECT pg_catalog.string_agg(t.oid::pg_catalog.regtype::text, ', ')
        FROM pg_catalog.pg_type AS t
        WHERE t.typnamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace
        AND t.typrelid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        AND t.typname OPERATOR(pg_catalog.=) ANY (ours));
BEGIN
    IF types IS NOT NULL THEN
        RAISE EXCEPTION 'types with names of functions are in the extension''s schema already: %', types
            USING ERRCODE = 'duplicate_object',
                  HINT = 'Drop them, or create the extension in another schema.';
    END IF;
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'functions of the same names are in the extension''s schema already: %', theirs
            USING ERRCODE = 'duplicate_function',
                  HINT = 'Drop them, or create the extension in another schema.';
    END IF;
END
$$;
