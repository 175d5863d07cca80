-- check_type(type, stored, keys): a cache with a key of `type` and a table whose column is of type `stored`.
-- A changed row concerns the keys that = says it is equal to, and no others; each key has the value that
-- the loader gives for it, and not for one that is equal to it. Says nothing if that is so.
CREATE PROCEDURE check_type(type text, stored text, keys text[]) LANGUAGE plpgsql AS $$
DECLARE
    a      text;
    b      text;
    wanted bool;
    source text;
    right_ bool;
BEGIN
    EXECUTE format('CREATE TABLE row_of_key (k %s)', stored);
    EXECUTE format('CREATE FUNCTION by_key(k %s) RETURNS text STABLE LANGUAGE sql RETURN coalesce($1::text, ''-'') || '' ''
                    || (SELECT count(*) FROM row_of_key AS r WHERE r.k IS NOT DISTINCT FROM $1)', type);
    PERFORM cache_create('by_key', format('by_key(%s)', type)::regprocedure, invalidate => 'declared');
    PERFORM cache_invalidate_on('by_key', 'row_of_key', '{k}');
    COMMIT;
    EXECUTE format('SELECT array_agg(DISTINCT format(''%%s'', k::%s)) || NULL::text FROM unnest($1) AS k', type)
        INTO keys USING keys;
    FOREACH b IN ARRAY keys LOOP
        EXECUTE format('SELECT cache_get_by_key(%L::%s)', b, type);
    END LOOP;
    COMMIT;
    FOREACH a IN ARRAY keys LOOP
        EXECUTE format('INSERT INTO row_of_key VALUES (%L)', a);
        COMMIT;
        FOREACH b IN ARRAY keys LOOP
            EXECUTE format('SELECT %1$L::%2$s IS NOT DISTINCT FROM %3$L::%4$s', a, stored, b, type) INTO wanted;
            EXECUTE format('SELECT e.source, e.value = to_jsonb(by_key(%1$L::%2$s))
                            FROM cache_get_entry(''by_key'', %1$L::%2$s) AS e', b, type) INTO source, right_;
            IF (source = 'loader') IS DISTINCT FROM wanted OR right_ IS NOT TRUE THEN
                RAISE WARNING '% of %: % concerns %: %, right: %', type, stored, a, b, source, right_;
            END IF;
        END LOOP;
        FOREACH b IN ARRAY keys LOOP
            EXECUTE format('SELECT e.source FROM cache_get_entry(''by_key'', %1$L::%2$s) AS e', b, type) INTO source;
            IF source <> 'cache' THEN RAISE WARNING '%: % is not cached', type, b; END IF;
        END LOOP;
    END LOOP;
    -- Keys come back from their bytes.
    EXECUTE format('SELECT count(*) FROM cache_entries AS e WHERE e.cache = ''by_key'' AND e.key IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM unnest(%L::text[]) AS k WHERE k = e.key)', keys) INTO a;
    IF a <> '0' THEN RAISE WARNING '%: % keys are none of those that were read', type, a; END IF;
    PERFORM cache_drop('by_key');
    EXECUTE format('DROP FUNCTION by_key(%s)', type);
    DROP TABLE row_of_key;
    COMMIT;
END $$;
