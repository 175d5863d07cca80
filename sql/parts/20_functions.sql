-- Declare. EXECUTE is everybody's: what is created is created as the caller, and changing a cache
-- needs its ownership.

CREATE FUNCTION @extschema@.cache_create(
    name                text,
    loader              regprocedure DEFAULT NULL,
    ttl                 interval DEFAULT '5 min',
    refresh_at          float8 DEFAULT 0.8,
    max_entries         int DEFAULT NULL,
    max_memory          text DEFAULT NULL,
    budget              text DEFAULT NULL,
    stale_for           interval DEFAULT '0',
    load_many           regprocedure DEFAULT NULL,
    load_all            regprocedure DEFAULT NULL,
    sync_every          interval DEFAULT NULL,
    warm_keys           text DEFAULT NULL,
    warm_every          interval DEFAULT NULL,
    warm_on_invalidate  bool DEFAULT false,
    priority            int DEFAULT 0,
    key_types           regtype[] DEFAULT NULL,
    value_type          regtype DEFAULT NULL,
    null_ttl            interval DEFAULT NULL,
    ttl_min             interval DEFAULT NULL,
    ttl_max             interval DEFAULT NULL,
    load_timeout        interval DEFAULT NULL,
    warm_when_idle      bool DEFAULT false
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_create_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_alter(name text, options jsonb) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_alter_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_drop(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_drop_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_on(
    name text, relation regclass, key text[] DEFAULT '{}', columns text[] DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_invalidate_on_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_on_path(
    name text, relation regclass, key_query text
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_invalidate_on_path_1_0' LANGUAGE c VOLATILE;

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

CREATE FUNCTION @extschema@.cache_invalidate(name text, VARIADIC key "any" DEFAULT NULL)
    RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_all(name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_all_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_like(name text, pattern text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_invalidate_like_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_refresh(name text, VARIADIC key "any" DEFAULT NULL) RETURNS bool
    AS 'MODULE_PATHNAME', 'cache_refresh_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_explain(
    name text, VARIADIC key "any" DEFAULT NULL,
    OUT state text, OUT reason text, OUT calculated_at timestamptz, OUT expires_at timestamptz,
    OUT hits bigint, OUT bytes bigint, OUT tags text[], OUT last_writer xid8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_explain_1_0' LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1;

-- Runs the loader for a sample of the live entries, under one snapshot, and compares. Values that
-- depend on the time of day differ by nature.
CREATE FUNCTION @extschema@.cache_verify(
    name text, sample int DEFAULT 100, OUT checked bigint, OUT mismatched bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_verify_1_0' LANGUAGE c VOLATILE STRICT ROWS 1;
