-- The table of options as the library has it: its order, its types and ranges. For tests.

CREATE FUNCTION cache_ext_internal.cache_option_rows(
    OUT name text, OUT type regtype, OUT if_null text, OUT lowest bigint, OUT highest bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_option_rows_1_0' LANGUAGE c VOLATILE;
REVOKE ALL ON FUNCTION cache_ext_internal.cache_option_rows() FROM PUBLIC;

-- For which times is it the same day, or the like, as at that one? With the option expires, and the session's TimeZone.
CREATE FUNCTION cache_ext_internal.cache_period(
    expires text, at timestamptz, OUT since timestamptz, OUT until timestamptz
)
    AS 'MODULE_PATHNAME', 'cache_period_1_0' LANGUAGE c VOLATILE STRICT;
REVOKE ALL ON FUNCTION cache_ext_internal.cache_period(text, timestamptz) FROM PUBLIC;
