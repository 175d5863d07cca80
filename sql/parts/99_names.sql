-- Who could create in the extension's schema before may have put a function there that a call of one of
-- ours would find instead.
DO $$
DECLARE
    theirs text := (
        SELECT pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::text, ', ')
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')
        AND EXISTS (
            SELECT FROM pg_catalog.pg_proc AS ours
            JOIN pg_catalog.pg_depend AS d
                ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                AND d.objid OPERATOR(pg_catalog.=) ours.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
            JOIN pg_catalog.pg_extension AS e
                ON d.refobjid OPERATOR(pg_catalog.=) e.oid AND e.extname OPERATOR(pg_catalog.=) 'cache_ext'
            WHERE ours.pronamespace OPERATOR(pg_catalog.=) p.pronamespace
            AND ours.proname OPERATOR(pg_catalog.=) p.proname));
BEGIN
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'functions of the same names are in the extension''s schema already: %', theirs
            USING ERRCODE = 'duplicate_function',
                  HINT = 'Drop them, or create the extension in another schema.';
    END IF;
END
$$;
