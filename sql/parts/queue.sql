-- What waits for the workers, of this database.

CREATE FUNCTION cache_ext_internal.cache_queue_rows(
    OUT cache text, OUT task text, OUT key text, OUT priority int, OUT due_at timestamptz,
    OUT of_use_until timestamptz
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_queue_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_queue AS SELECT * FROM cache_ext_internal.cache_queue_rows();

GRANT SELECT ON @extschema@.cache_queue TO PUBLIC;
