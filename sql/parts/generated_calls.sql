-- Behind what is generated for a cache. EXECUTE is everybody's: a trigger is created by its table's owner,
-- an accessor is inlined, so that what it calls is called by its reader. They check what they are called
-- on, and by whom, themselves.

CREATE FUNCTION cache_ext_internal.cache_invalidate_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME', 'cache_invalidate_trigger_1_0' LANGUAGE c;

CREATE FUNCTION cache_ext_internal.cache_fetch(result anyelement, cache text, VARIADIC key "any")
    RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cache_fetch_1_0' LANGUAGE c STABLE PARALLEL RESTRICTED;

CREATE FUNCTION cache_ext_internal.cache_fetch(result anyelement, cache text)
    RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cache_fetch_1_0' LANGUAGE c STABLE PARALLEL RESTRICTED;

CREATE FUNCTION cache_ext_internal.cache_fetch_of(
    result anyelement, cache text, VARIADIC keys "any"
) RETURNS SETOF anyelement
    AS 'MODULE_PATHNAME', 'cache_fetch_of_1_0' LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1;

CREATE FUNCTION cache_ext_internal.cache_put_value(
    name text, value anyelement, ttl interval, immediate bool, VARIADIC key "any" DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_put_typed_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION cache_ext_internal.cache_add_value(
    name text, value anyelement, ttl interval, VARIADIC key "any" DEFAULT NULL
) RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_add_typed_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION cache_ext_internal.cache_replace_value(
    name text, expected anyelement, value anyelement, ttl interval,
    VARIADIC key "any" DEFAULT NULL
) RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_replace_typed_1_0' LANGUAGE c VOLATILE;

-- The three of cache_get_or_put_<name>: is there a value, that value, or the new one.
CREATE FUNCTION cache_ext_internal.cache_seek(name text, VARIADIC key "any" DEFAULT NULL)
    RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_seek_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION cache_ext_internal.cache_sought(result anyelement) RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cache_sought_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION cache_ext_internal.cache_keep_value(
    name text, value anyelement, ttl interval, VARIADIC key "any" DEFAULT NULL
) RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cache_keep_1_0' LANGUAGE c VOLATILE;
