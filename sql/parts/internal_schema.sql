\echo Use "CREATE EXTENSION cache_ext" to load this file. \quit

-- What is no user's name lives in a schema of its own. Whoever may create in the extension's schema
-- (everybody who declares a cache must) can put a function beside ours there, which a call would find
-- instead; here nobody can. USAGE is everybody's: accessors, and the triggers on tables, are created by
-- their owners and name what is in here.
CREATE SCHEMA cache_ext_internal;
REVOKE ALL ON SCHEMA cache_ext_internal FROM PUBLIC;
GRANT USAGE ON SCHEMA cache_ext_internal TO PUBLIC;
