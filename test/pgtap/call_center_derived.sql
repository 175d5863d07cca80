-- What is derived from the texts of the call centre's loaders is what was declared by hand: of those that read no other caches,
-- and of the values by rows.
\set database pgtap_call_center_derived
\ir call_center/setup.sql
\set zone UTC
\ir call_center/by_rows.sql

SELECT plan(5);

SELECT lives_ok($$ SELECT cache_install_call_center('app') $$, 'the caches are installed');
-- By rows, with what these read.
SELECT cache_create('rows_' || c, format('by_rows_%s(uuid)', c)::regprocedure, invalidate => 'track')
FROM unnest('{dashboard,agents,agent,agent_performance}'::text[]) AS c;
SELECT cache_invalidate_on('rows_' || c, r::regclass, k, v)
FROM (VALUES ('dashboard', 'users', '{id}'::text[], '{id,credits}'::text[]), ('dashboard', 'agents', '{user_id}', '{id,user_id,name,is_active}'),
             ('dashboard', 'calls', '{user_id}', '{id,user_id,agent_id,status,duration_minutes,credits_used,created_at}'),
             ('agents', 'users', '{id}', '{id}'), ('agents', 'agents', '{user_id}', '{id,user_id,name,agent_type,is_active,created_at}'),
             ('agents', 'calls', '{user_id}', '{user_id,agent_id,status,duration_minutes,credits_used,created_at}'),
             ('agent', 'agents', '{id}', '{id,user_id,name,agent_type,is_active,created_at}'),
             ('agent', 'calls', '{agent_id}', '{agent_id,status,duration_minutes,credits_used,created_at}'),
             ('agent_performance', 'agents', '{id}', '{id,name}'),
             ('agent_performance', 'calls', '{agent_id}', '{id,agent_id,status,duration_minutes,credits_used,created_at}'),
             ('agent_performance', 'agent_analytics', '{agent_id}',
              '{agent_id,date,hour,total_calls,successful_calls,failed_calls,total_duration_minutes,leads_generated,qualified_leads,credits_used}'))
     AS d (c, r, k, v);
SELECT cache_invalidate_on_path('rows_dashboard', 'lead_analytics', 'SELECT user_id FROM app.calls WHERE id = $1.call_id',
    '{call_id,intent_score,urgency_score,budget_score,fit_score,engagement_score,total_score,lead_status_tag}');
SELECT cache_invalidate_on_path('rows_agent_performance', 'lead_analytics', 'SELECT agent_id FROM app.calls WHERE id = $1.call_id',
    '{call_id,total_score}');

DO $$ BEGIN
    PERFORM cache_create('derived_' || d.name,
                         format('%s(%s)', d.loader, (SELECT string_agg(t::text, ',') FROM unnest(d.key_types) AS t))::regprocedure)
    FROM cache_ext_internal.cache_definition AS d
    WHERE d.loader IS NOT NULL AND d.aggregate IS NULL AND d.name NOT IN ('dashboard', 'agents', 'agent', 'agent_performance');
END $$;

CREATE TABLE declaring AS
    SELECT replace(d.name, 'derived_', '') COLLATE "default" AS cache, x.*
    FROM cache_ext_internal.cache_definition AS d, cache_declare(d.name) AS x
    WHERE d.name LIKE 'derived\_%';

-- Columns in any order; the text of a query is another, but not what it finds: its relations and columns are compared.
CREATE VIEW dependency AS
    SELECT replace(d.cache, 'derived_', '') AS cache, d.cache LIKE 'derived\_%' AS derived, d.relation, d.key, d.path IS NOT NULL AS via,
           d.key_query IS NOT NULL AS by_path, d.key_mask, d.inserts, (SELECT array_agg(c ORDER BY c) FROM unnest(d.columns) AS c) AS columns
    FROM cache_ext_internal.cache_dependency AS d
    WHERE EXISTS (SELECT FROM declaring AS x WHERE x.cache = replace(d.cache, 'derived_', ''));

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
SELECT is((SELECT count(DISTINCT (cache, relation)) FROM dependency WHERE derived), 24::bigint, 'the tables of eight caches');

SELECT * FROM finish();
\ir call_center/teardown.sql
