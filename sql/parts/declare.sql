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
    warm_when_idle      bool DEFAULT false,
    invalidate          text DEFAULT 'auto',
    undeclared          text DEFAULT 'bypass',
    expires             text DEFAULT NULL,
    vary_by             text[] DEFAULT NULL,
    run_as              text DEFAULT 'owner',
    refresh_min         interval DEFAULT NULL,
    same_for_all        text[] DEFAULT NULL,
    pinned              bool DEFAULT false,
    refresh_beta        float8 DEFAULT NULL,
    groups              text[] DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_create_1_0' LANGUAGE c VOLATILE;

-- Counts, sums, averages, least and greatest values and the first N by key, which writers bring up to date.
CREATE FUNCTION @extschema@.cache_create_aggregate(
    name                text,
    relation            regclass,
    key                 text[],
    measures            text[],
    filter              text DEFAULT NULL,
    ttl                 interval DEFAULT NULL,
    refresh_at          float8 DEFAULT 0.8,
    max_entries         int DEFAULT NULL,
    max_memory          text DEFAULT NULL,
    budget              text DEFAULT NULL,
    warm_keys           text DEFAULT NULL,
    warm_every          interval DEFAULT NULL,
    warm_when_idle      bool DEFAULT false,
    priority            int DEFAULT 0,
    load_timeout        interval DEFAULT NULL,
    pinned              bool DEFAULT false,
    refresh_beta        float8 DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_create_aggregate_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_alter(name text, options jsonb) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_alter_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_drop(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_drop_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_on(
    name text, relation regclass, key text[] DEFAULT '{}', columns text[] DEFAULT NULL,
    instant text DEFAULT NULL, since text DEFAULT NULL, until text DEFAULT NULL,
    bounds text DEFAULT '[)', referenced_by regclass DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_invalidate_on_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_invalidate_on_path(
    name text, relation regclass, key_query text, columns text[] DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_invalidate_on_path_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION @extschema@.cache_declare(
    name text, OUT input text, OUT covered text, OUT statement text, OUT reason text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_declare_1_0' LANGUAGE c VOLATILE STRICT ROWS 10;
