-- CREATE on the extension's schema: who may declare caches of his own.
\set ECHO none
\set database security_creator
\set role security_creator
\i include/world.sql

SELECT * FROM public.attempts_on_all() WHERE outcome = 'ok';
SELECT * FROM public.attempts_on_all() WHERE statement ~ 'CREATE|ALTER';
-- A cache of his own, and a loader that he must not use.
CREATE TABLE own.item (a int PRIMARY KEY, b text);
CREATE FUNCTION own.loader(a int) RETURNS text LANGUAGE sql STABLE AS 'SELECT b FROM own.item AS i WHERE i.a = $1';
SELECT * FROM public.attempts(
    'SELECT cache.cache_create(''mine'', ''own.loader(int)'')', 'SELECT cache.cache_invalidate_on(''mine'', ''own.item'', ''{a}'')',
    'SELECT cache.cache_create(''theirs'', ''victim.total(int)'')',
    'SELECT cache.cache_create(''sharing'', ''own.loader(int)'', budget => ''total'')',
    -- A declaration locks a table: it takes the table's ownership.
    'SELECT cache.cache_invalidate_on(''mine'', ''victim.secret'')',
    'SELECT cache.cache_invalidate_on(''mine'', oid::regclass) FROM pg_class WHERE relname = ''secret''',
    'SELECT cache.cache_invalidate_on_path(''mine'', ''own.item'', ''SELECT owner FROM victim.secret WHERE owner = $1.a'')',
    'SELECT cache.cache_invalidate_on(''mine'', ''cache_ext_internal.cache_definition'')',
    'SELECT cache.cache_invalidate_on(''mine'', ''pg_catalog.pg_authid'')',
    'SELECT cache.cache_alter(''mine'', ''{"budget": "total"}'')', 'SELECT cache.cache_alter(''mine'', ''{"loader": "victim.total"}'')',
    'SELECT cache.cache_alter(''mine'', ''{"load_all": "victim.total"}'')',
    'SELECT cache.cache_create(''x'', ''cache_ext_internal.cache_fetch(anyelement, text)'')',
    'SELECT cache.cache_create(''x'', key_types => ''{internal}'', value_type => ''int'')',
    'SELECT cache.cache_create(''x'', key_types => ''{int}'', value_type => ''internal'')',
    'SELECT cache.cache_create(''x'', key_types => ''{int}'', value_type => 0::regtype)',
    'SELECT cache.cache_create(''x'', key_types => ''{NULL}'', value_type => ''int'')',
    'SELECT cache.cache_create(''x; DROP TABLE own.item'', ''own.loader(int)'')');
-- Our trigger on that table as it should not be.
SELECT * FROM public.attempts(
    'CREATE TRIGGER t AFTER INSERT ON own.item FOR EACH STATEMENT EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO own.item VALUES (1, ''a'')', 'DROP TRIGGER t ON own.item',
    'CREATE TRIGGER t BEFORE INSERT ON own.item FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO own.item VALUES (1, ''a'')', 'DROP TRIGGER t ON own.item',
    'INSERT INTO own.item VALUES (1, ''a'')', 'SELECT cache.cache_get_mine(1)');

\connect - postgres
SELECT * FROM public.victims_world();
\i include/end.sql
