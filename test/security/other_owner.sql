-- The owner of another cache, who has privileges on the extension's tables by mistake.
\set ECHO none
\set database security_other_owner
\set role postgres
\i include/world.sql

GRANT ALL ON cache_ext_internal.cache_definition, cache_ext_internal.cache_dependency TO security_other;
GRANT ALL ON SEQUENCE cache_ext_internal.cache_dependency_id_seq TO security_other;
\connect - security_other
SET client_min_messages = warning;
CREATE FUNCTION own.loader(a int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT a::bigint';
SELECT cache.cache_create('mine', 'own.loader(int)'), cache.cache_get('mine', 1);
SELECT * FROM public.attempts_on_all() WHERE statement ~ 'cache_ext_internal.cache_de(f|p)' OR outcome = 'ok';
-- A cache in the victim's group, whose key's check takes what it can get from whoever names the group.
CREATE FUNCTION own.take(a int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'security_other' THEN RAISE 'taken over: %', current_user; END IF;
    RETURN true;
END $$;
CREATE DOMAIN own.bait AS int CHECK (own.take(VALUE));
SELECT cache.cache_create('bait', key_types => '{own.bait,int}', value_type => 'int', groups => '{who: 1}');
SELECT cache.cache_invalidate_group('who', 1);
-- Rows for the victim's caches, and triggers that he must not make there.
SELECT * FROM public.attempts(
    'INSERT INTO cache_ext_internal.cache_definition SELECT (jsonb_populate_record(d, ''{"name": "mine2", "id": 1}'')).* FROM cache_ext_internal.cache_definition AS d WHERE name = ''total''',
    'INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts) VALUES (''total'', ''victim.secret'', ''{}'', 0, false)',
    'INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts) VALUES (''nobody'', ''victim.secret'', ''{}'', 0, false)',
    'CREATE TRIGGER t BEFORE INSERT ON cache_ext_internal.cache_definition FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'UPDATE cache_ext_internal.cache_definition SET settings = ''{role=postgres}'' WHERE name = ''mine''',
    'DELETE FROM cache_ext_internal.cache_definition WHERE name = ''mine''',
    'TRUNCATE cache_ext_internal.cache_dependency',
    'SELECT cache.cache_alter(''mine'', ''{"budget": "total"}'')', 'SELECT cache.cache_clear_request()');
SELECT * FROM cache.cache_get_entry('mine', 1) WHERE source = 'cache' AND value = '1';
SELECT cache.cache_drop('mine');

\connect - postgres
-- Whoever names a group calls his own caches only, though he may use the others.
GRANT security_other TO security_dbo;
SELECT * FROM public.attempts('SELECT cache.cache_invalidate_group(''who'', 1)', 'SELECT cache.cache_warm_group(''who'', 1)');
SET ROLE security_victim;
SELECT * FROM public.attempts('SELECT cache.cache_invalidate_group(''who'', 1)', 'SELECT cache.cache_warm_group(''who'', 1)');
SELECT cache.cache_put('conf', '"mine"', 1);
SET ROLE security_dbo;
SELECT * FROM public.attempts('SELECT cache.cache_invalidate_group(''who'', 1)', 'SELECT cache.cache_warm_group(''who'', 1)');
RESET ROLE;
SELECT cache.cache_drop('bait');
REVOKE ALL ON SEQUENCE cache_ext_internal.cache_dependency_id_seq FROM security_other;
REVOKE ALL ON cache_ext_internal.cache_definition, cache_ext_internal.cache_dependency FROM security_other;
SELECT * FROM public.victims_world();
\i include/end.sql
