-- Empty all caches of this database: for whoever owns them all, with a token so that it does not
-- happen by mistake.

CREATE FUNCTION @extschema@.cache_clear_request() RETURNS text
    AS 'MODULE_PATHNAME', 'cache_clear_request_1_0' LANGUAGE c VOLATILE;
CREATE FUNCTION @extschema@.cache_clear(token text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cache_clear_1_0' LANGUAGE c VOLATILE STRICT;
REVOKE ALL ON FUNCTION @extschema@.cache_clear_request(), @extschema@.cache_clear(text) FROM PUBLIC;
