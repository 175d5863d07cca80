-- What cache_install_call_center calls, by names that nobody else can add to: in the extension's schema
-- whoever declares caches could put a function beside cache_create that fits better. Their bodies are parsed
-- here and now.
CREATE FUNCTION cache_ext_internal.cache_create(
    name text, loader regprocedure DEFAULT NULL, ttl interval DEFAULT '5 min', refresh_at float8 DEFAULT 0.8,
    max_entries int DEFAULT NULL, max_memory text DEFAULT NULL, budget text DEFAULT NULL,
    load_all regprocedure DEFAULT NULL, sync_every interval DEFAULT NULL,
    key_types regtype[] DEFAULT NULL, value_type regtype DEFAULT NULL, expires text DEFAULT NULL
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_create(
    name => $1, loader => $2, ttl => $3, refresh_at => $4, max_entries => $5, max_memory => $6, budget => $7,
    load_all => $8, sync_every => $9, key_types => $10, value_type => $11, expires => $12,
    invalidate => 'track');  -- all that is read is declared below

CREATE FUNCTION cache_ext_internal.cache_create_aggregate(
    name text, relation regclass, key text[], measures text[], max_memory text DEFAULT NULL,
    budget text DEFAULT NULL
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_create_aggregate(
    name => $1, relation => $2, key => $3, measures => $4, max_memory => $5, budget => $6);

CREATE FUNCTION cache_ext_internal.cache_invalidate_on(
    name text, relation regclass, key text[], columns text[], referenced_by regclass DEFAULT NULL
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_invalidate_on($1, $2, $3, $4, referenced_by => $5);

-- Where a foreign key says so, rows matter only once rows of that table reference them.
CREATE FUNCTION cache_ext_internal.cache_invalidate_on_referenced(
    name text, relation regclass, key text[], columns text[], referenced_by regclass
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    PERFORM cache_ext_internal.cache_invalidate_on($1, $2, $3, $4, $5);
EXCEPTION WHEN invalid_foreign_key THEN
    PERFORM cache_ext_internal.cache_invalidate_on($1, $2, $3, $4);
END
$$;

CREATE FUNCTION cache_ext_internal.cache_invalidate_on_path(
    name text, relation regclass, key_query text, columns text[]
) RETURNS void LANGUAGE sql VOLATILE
RETURN @extschema@.cache_invalidate_on_path($1, $2, $3, $4);

CREATE FUNCTION cache_ext_internal.require_own_functions(app_schema regnamespace, names text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    theirs text := (SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid)
                    FROM pg_proc AS p
                    WHERE p.pronamespace = app_schema AND p.proname = ANY (names)
                    AND p.proowner <> current_user::regrole);
BEGIN
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'a loader''s name is taken by a function of another role: %', theirs
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('The caches run their loaders as %I, so these must be that role''s: drop '
                                'the functions, or ALTER FUNCTION ... OWNER TO %I.', current_user,
                                current_user);
    END IF;
END
$$;
