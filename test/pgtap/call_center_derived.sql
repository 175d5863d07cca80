-- What is derived from the texts of the call centre's loaders is what was declared by hand.
\set database pgtap_call_center_derived
\ir call_center/setup.sql

SELECT plan(5);

SELECT lives_ok($$ SELECT cache_install_call_center('app') $$, 'the caches are installed');
DO $$ BEGIN
    PERFORM cache_create('derived_' || d.name,
                         format('%s(%s)', d.loader, (SELECT string_agg(t::text, ',') FROM unnest(d.key_types) AS t))::regprocedure)
    FROM cache_ext_internal.cache_definition AS d
    WHERE d.loader IS NOT NULL;
END $$;

CREATE TABLE declaring AS
    SELECT replace(d.name, 'derived_', '') COLLATE "default" AS cache, x.*
    FROM cache_ext_internal.cache_definition AS d, cache_declare(d.name) AS x
    WHERE d.name LIKE 'derived\_%';

-- Columns in any order; the text of a query is another, but not what it finds: its relations and columns are compared.
CREATE VIEW dependency AS
    SELECT replace(d.cache, 'derived_', '') AS cache, d.cache LIKE 'derived\_%' AS derived, d.relation, d.key, d.path IS NOT NULL AS via,
           d.key_query IS NOT NULL AS by_path, d.key_mask, d.inserts, (SELECT array_agg(c ORDER BY c) FROM unnest(d.columns) AS c) AS columns
    FROM cache_ext_internal.cache_dependency AS d;

SELECT is_empty('SELECT cache, reason FROM declaring WHERE covered = ''table''', 'all loaders can be read');
SELECT is_empty(
    $$ SELECT cache, relation, key, via, by_path, key_mask, inserts, columns FROM dependency WHERE derived
       EXCEPT SELECT cache, relation, key, via, by_path, key_mask, inserts, columns FROM dependency WHERE NOT derived $$,
    'nothing is derived but what was declared by hand');
SELECT is_empty(
    $$ SELECT cache, relation, key, via, by_path, key_mask, inserts, columns FROM dependency
       WHERE NOT derived
       EXCEPT SELECT cache, relation, key, via, by_path, key_mask, inserts, columns FROM dependency WHERE derived $$,
    'and all of that is');
SELECT is((SELECT count(DISTINCT (cache, relation)) FROM dependency WHERE derived), 20::bigint, 'twenty tables of seven caches');

SELECT * FROM finish();
\ir call_center/teardown.sql
