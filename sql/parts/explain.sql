-- Look at what a read would do, and at whether the values are right.

CREATE FUNCTION @extschema@.cache_explain(
    name text, VARIADIC key "any" DEFAULT NULL,
    OUT state text, OUT reason text, OUT calculated_at timestamptz, OUT expires_at timestamptz,
    OUT hits bigint, OUT bytes bigint, OUT tags text[], OUT last_writer xid8, OUT inputs text[]
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_explain_1_0' LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1;

-- What the value of a key of an aggregate cache is made of: what lies there, and what writers add to it
-- that have registered since, in that order. Amounts as the measures are listed, a sum or an average
-- with the number of its inputs, a min or max with the least or greatest value that went, the first N of
-- a group with the first of those that went.
CREATE FUNCTION @extschema@.cache_explain_aggregate(
    name text, VARIADIC key "any" DEFAULT NULL,
    OUT part text, OUT writer xid8, OUT ended text, OUT seen bool, OUT amounts text[]
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_explain_aggregate_1_0' LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10;

-- What the values of a cache depend on, as far as its loads have shown, and how that is covered: by key, by
-- path, by table, bounded by the ttl, or not at all.
CREATE FUNCTION @extschema@.cache_check(
    name text, OUT input text, OUT kind text, OUT columns text[], OUT covered text, OUT invalidates text,
    OUT more_precise text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_check_1_0' LANGUAGE c STABLE PARALLEL UNSAFE STRICT ROWS 10;

-- Runs the loader for a sample of the live entries, under one snapshot, and compares. Values that
-- depend on the time of day differ by nature.
CREATE FUNCTION @extschema@.cache_verify(
    name text, sample int DEFAULT 100, OUT checked bigint, OUT mismatched bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cache_verify_1_0' LANGUAGE c VOLATILE STRICT ROWS 1;
