-- Read, write, refresh, by the cache's name.

CREATE FUNCTION @extschema@.cache_get(name text, VARIADIC key "any" DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'cache_get_1_0' LANGUAGE c STABLE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.cache_get_entry(
    name text, VARIADIC key "any" DEFAULT NULL,
    OUT value jsonb, OUT calculated_at timestamptz, OUT expires_at timestamptz, OUT source text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_get_entry_1_0' LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1;

CREATE FUNCTION @extschema@.cache_peek(name text, VARIADIC key "any" DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'cache_peek_1_0' LANGUAGE c STABLE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.cache_put(name text, value jsonb, VARIADIC key "any" DEFAULT NULL)
    RETURNS void
    AS 'MODULE_PATHNAME', 'cache_put_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_add(name text, value jsonb, VARIADIC key "any" DEFAULT NULL)
    RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_add_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_replace(
    name text, expected jsonb, value jsonb, VARIADIC key "any" DEFAULT NULL
) RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_replace_1_0' LANGUAGE c VOLATILE;

-- Said by loaders. VOLATILE, so that it is called where and when they say; it reads nothing.
CREATE FUNCTION @extschema@.cache_valid_until(until timestamptz) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cache_valid_until_1_0' LANGUAGE c VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION @extschema@.cache_valid_until(until timestamptz, since timestamptz)
    RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cache_valid_until_1_0' LANGUAGE c VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION @extschema@.cache_invalidate(name text, VARIADIC key "any" DEFAULT NULL)
    RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_all(name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_all_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_like(name text, pattern text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_like_1_0' LANGUAGE c VOLATILE;

-- Many keys, as a JSON array; a row for each of them.
CREATE FUNCTION @extschema@.cache_invalidate_many(
    name text, keys jsonb,
    OUT key jsonb, OUT outcome text, OUT sqlstate text, OUT message text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_invalidate_many_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_refresh_many(
    name text, keys jsonb, batch_size int DEFAULT NULL, retries int DEFAULT NULL,
    background bool DEFAULT false,
    OUT key jsonb, OUT outcome text, OUT sqlstate text, OUT message text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_refresh_many_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_warm_many(
    name text, keys jsonb, batch_size int DEFAULT NULL, retries int DEFAULT NULL,
    background bool DEFAULT false,
    OUT key jsonb, OUT outcome text, OUT sqlstate text, OUT message text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_warm_many_1_0' LANGUAGE c VOLATILE;

-- What belongs to one value of a group (option groups), over all caches of the caller.
CREATE FUNCTION @extschema@.cache_invalidate_group(name text, VARIADIC value "any")
    RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_group_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_warm_group(
    name text, VARIADIC value "any",
    OUT cache text, OUT key text, OUT outcome text, OUT sqlstate text, OUT message text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_warm_group_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_refresh(name text, VARIADIC key "any" DEFAULT NULL) RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_refresh_1_0' LANGUAGE c VOLATILE;
