-- Loading ahead of time.

CREATE FUNCTION @extschema@.cache_sync(
    name text, OUT added bigint, OUT replaced bigint, OUT removed bigint, OUT unchanged bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_sync_1_0' LANGUAGE c VOLATILE ROWS 1;

CREATE FUNCTION @extschema@.cache_warm(name text, max_keys int DEFAULT NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_warm_1_0' LANGUAGE c VOLATILE;

CREATE FUNCTION cache_ext_internal.cache_loading_rows(
    OUT cache text, OUT syncs bigint, OUT added bigint, OUT replaced bigint, OUT removed bigint,
    OUT unchanged bigint, OUT sync_errors bigint, OUT last_sync timestamptz,
    OUT warms bigint, OUT warmed bigint, OUT warm_errors bigint, OUT last_warm timestamptz
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_loading_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_sync_stat AS
    SELECT cache, syncs, added, replaced, removed, unchanged, sync_errors AS errors, last_sync
    FROM cache_ext_internal.cache_loading_rows();

CREATE VIEW @extschema@.cache_warm_stat AS
    SELECT cache, warms, warmed, warm_errors AS errors, last_warm
    FROM cache_ext_internal.cache_loading_rows();

GRANT SELECT ON @extschema@.cache_sync_stat, @extschema@.cache_warm_stat TO PUBLIC;
