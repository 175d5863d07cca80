-- What the caches have done, and what is in them.

CREATE FUNCTION cache_ext_internal.cache_stat_rows(
    OUT cache text, OUT entries bigint, OUT bytes bigint, OUT hits bigint, OUT misses bigint,
    OUT bypasses bigint, OUT stale_hits bigint, OUT fills bigint, OUT load_time_ms float8,
    OUT evictions bigint, OUT expirations bigint, OUT invalidations bigint, OUT refreshes bigint,
    OUT errors bigint, OUT hit_ratio float8, OUT saved_time_ms float8, OUT last_error text,
    OUT stats_reset timestamptz, OUT oversized bigint, OUT untriggered bigint,
    OUT spurious bigint, OUT waits bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_stat_rows_1_0' LANGUAGE c VOLATILE;

CREATE VIEW @extschema@.cache_stat AS SELECT * FROM cache_ext_internal.cache_stat_rows();

CREATE FUNCTION cache_ext_internal.cache_bypass_rows(
    OUT cache text, OUT reason text, OUT bypasses bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_bypass_rows_1_0' LANGUAGE c VOLATILE;

-- Why reads ran their loaders although the cache might have had the value.
CREATE VIEW @extschema@.cache_bypasses AS SELECT * FROM cache_ext_internal.cache_bypass_rows();

CREATE FUNCTION cache_ext_internal.cache_entry_rows(
    OUT cache text, OUT key text, OUT bytes bigint, OUT hits bigint,
    OUT calculated_at timestamptz, OUT expires_at timestamptz, OUT state text,
    OUT ttl interval, OUT inputs text[]
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_entry_rows_1_0' LANGUAGE c VOLATILE;

-- Only entries of caches that the reader owns, or all for members of pg_read_all_stats.
CREATE VIEW @extschema@.cache_entries AS SELECT * FROM cache_ext_internal.cache_entry_rows();

GRANT SELECT ON @extschema@.cache_stat, @extschema@.cache_bypasses, @extschema@.cache_entries TO PUBLIC;

CREATE FUNCTION @extschema@.cache_stat_reset(name text DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'cache_stat_reset_1_0' LANGUAGE c VOLATILE;
REVOKE ALL ON FUNCTION @extschema@.cache_stat_reset(text) FROM PUBLIC;
