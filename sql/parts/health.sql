-- What needs attention: one row per check. What concerns the server is for members of
-- pg_read_all_stats, who see what concerns all caches; others see what concerns their own.

CREATE FUNCTION cache_ext_internal.cache_health_rows(
    OUT "check" text, OUT status text, OUT value float8, OUT threshold float8, OUT detail text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_health_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_health AS SELECT * FROM cache_ext_internal.cache_health_rows();

GRANT SELECT ON @extschema@.cache_health TO PUBLIC;
