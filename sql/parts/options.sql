-- The table of options as the library has it: its order, its types and ranges. For tests.

CREATE FUNCTION cache_ext_internal.cache_option_rows(
    OUT name text, OUT type regtype, OUT if_null text, OUT lowest bigint, OUT highest bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_option_rows_1_0' LANGUAGE c VOLATILE;
REVOKE ALL ON FUNCTION cache_ext_internal.cache_option_rows() FROM PUBLIC;
