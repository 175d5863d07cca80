-- Caches for which nothing is done in the background, as their loaders do not end when they are told
-- to. A row for the cache's owner and members of pg_read_all_stats only.

CREATE FUNCTION cache_ext_internal.cache_suspended_rows(
    OUT cache text, OUT since timestamptz, OUT until timestamptz, OUT terminations bigint,
    OUT reason text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_suspended_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_suspended AS SELECT * FROM cache_ext_internal.cache_suspended_rows();

GRANT SELECT ON @extschema@.cache_suspended TO PUBLIC;

CREATE FUNCTION @extschema@.cache_resume(name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cache_resume_1_0' LANGUAGE c VOLATILE;
