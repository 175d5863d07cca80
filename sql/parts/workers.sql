-- Background workers: the launcher, and what each worker is at. cache and key only for the cache's
-- owner and members of pg_read_all_stats.

CREATE FUNCTION cache_ext_internal.cache_worker_rows(
    OUT pid int, OUT database text, OUT role text, OUT state text, OUT cache text, OUT key text,
    OUT started_at timestamptz, OUT task_started_at timestamptz, OUT done bigint, OUT total bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_worker_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_workers AS SELECT * FROM cache_ext_internal.cache_worker_rows();

GRANT SELECT ON @extschema@.cache_workers TO PUBLIC;
