-- cache_invalidate_on: what it makes, and what it refuses. What it then invalidates: invalidate.
\set ECHO none
\set database regress_dependencies
\i include/begin.sql

CREATE TABLE item (id int PRIMARY KEY, owner int, tenant text, label varchar(20), amount numeric,
                   born date);
INSERT INTO item VALUES (1, 1, 'a', 'x', 10, '2020-01-01'), (2, 1, 'b', 'y', 5, '2020-01-01'),
                        (3, 2, 'a', 'x', 7, '2020-01-01');
CREATE FUNCTION item_total(tenant text, owner int) RETURNS numeric LANGUAGE sql STABLE
    AS 'SELECT sum(i.amount) FROM item AS i WHERE i.tenant = $1 AND i.owner = $2';
CREATE FUNCTION everything() RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(amount) FROM item';
SELECT cache_create('total', 'item_total(text,int)', invalidate => 'track');
SELECT cache_create('sum', 'everything()', invalidate => 'track');

-- One pair of triggers per table, for all caches and dependencies.
SELECT cache_invalidate_on('total', 'item', '{tenant,owner}');
SELECT cache_invalidate_on('total', 'item', '{NULL,owner}', '{amount}');
SELECT cache_invalidate_on('total', 'item', '{label,NULL}');
SELECT cache_invalidate_on('total', 'item', '{NULL,NULL}');
SELECT cache_invalidate_on('total', 'item', NULL, NULL);
SELECT cache_invalidate_on('total', 'item', columns => '{}');
SELECT cache_invalidate_on('sum', 'item', columns => '{amount}');
SELECT cache, relation, key, columns, key_mask FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT * FROM made_by_cache_ext WHERE object_kind = 'trigger';
SELECT regexp_replace(pg_get_triggerdef(oid), '_[0-9a-f]{8}', '_*') AS definition, tgenabled
FROM pg_trigger
WHERE NOT tgisinternal
ORDER BY 1;
-- The same again is harmless.
SELECT cache_invalidate_on('sum', 'item', columns => '{amount}');

-- The tags of an entry: one per set of key columns.
SELECT tags FROM cache_explain('total', 'a', 1);
SELECT tags FROM cache_explain('sum');

-- Triggers stay as long as another cache needs them.
SELECT cache_drop('total');
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');
SELECT cache_drop('sum');
SELECT * FROM made_by_cache_ext;

-- The cache and the relation.
SELECT cache_create('total', 'item_total(text,int)', invalidate => 'track');
SELECT error_of($$SELECT cache_invalidate_on('no_such_cache', 'item')$$);
SELECT error_of($$SELECT cache_invalidate_on(NULL, 'item')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', NULL)$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'no_such_table')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 999999999)$$);
CREATE VIEW item_view AS SELECT * FROM item;
CREATE INDEX item_index ON item (owner);
CREATE SEQUENCE item_sequence;
CREATE TYPE item_type AS (a int);
CREATE TEMP TABLE item_temp (owner int);
CREATE UNLOGGED TABLE item_unlogged (owner int);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE item_foreign (owner int) SERVER nowhere;
CREATE MATERIALIZED VIEW item_matview AS SELECT owner, tenant FROM item;
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_view')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_index')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_sequence')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_type')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_temp')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item_foreign')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'pg_class')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'pg_stat_activity')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'information_schema.tables')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'cache_ext_internal.cache_definition')$$);
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');
SELECT cache_invalidate_on('total', 'item_unlogged', '{NULL,owner}');
-- No triggers on a materialized view: REFRESH is noticed without.
SELECT cache_invalidate_on('total', 'item_matview');
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');

-- The key.
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{owner}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,owner,id}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{{tenant,owner}}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{owner,tenant}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,amount}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,Owner}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,no_such_column}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,""}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,xmin}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', 'owner')$$);
ALTER TABLE item ADD COLUMN gone int;
ALTER TABLE item DROP COLUMN gone;
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', '{tenant,gone}')$$);
-- varchar gives text, a domain gives its base type; other types would need a cast that nobody makes.
CREATE DOMAIN small AS int;
CREATE TABLE typed (a small, b numeric, c real, d char(5), e name, f text COLLATE "C", g text[],
                    h varchar);
SELECT cache_invalidate_on('total', 'typed', '{f,a}');
SELECT cache_invalidate_on('total', 'typed', '{h,a}');
SELECT error_of($$SELECT cache_invalidate_on('total', 'typed', '{f,b}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'typed', '{f,c}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'typed', '{d,a}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'typed', '{e,a}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'typed', '{g,a}')$$);

-- The columns.
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', columns => '{no_such_column}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', columns => '{amount,NULL}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', columns => '{ctid}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', columns => '{gone}')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'item', columns => '{{amount,owner}}')$$);
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');

-- More sets of key columns than an entry can have tags.
CREATE TABLE wide (a int, b int, c int, d int, e int);
CREATE FUNCTION wide_sum(a int, b int, c int, d int, e int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM wide';
SELECT cache_create('wide', 'wide_sum(int,int,int,int,int)', invalidate => 'track');
CREATE FUNCTION depend(bits int) RETURNS text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_invalidate_on(''wide'', ''wide'', %L)',
                           (SELECT array_agg(CASE WHEN bits & (1 << i) <> 0 THEN chr(97 + i) END
                                             ORDER BY i)
                            FROM generate_series(0, 4) AS i)))
$$;
SELECT count(*) FROM generate_series(1, 16) AS bits WHERE depend(bits) = 'no error';
SELECT depend(17);
-- Sets that are there already, the whole key and the whole cache still fit.
SELECT depend(1), depend(2), depend(31), depend(0);
SELECT cache_get_wide(1, 2, 3, 4, 5), source FROM cache_get_entry('wide', 1, 2, 3, 4, 5);
INSERT INTO wide VALUES (1, 0, 0, 0, 0);
SELECT value, source FROM cache_get_entry('wide', 1, 2, 3, 4, 5);
SELECT cache_drop('wide');

-- Rolled back: the triggers go, too.
BEGIN;
CREATE TABLE brief (owner int);
SELECT cache_invalidate_on('total', 'brief', '{NULL,owner}');
SELECT cache_invalidate_on('total', 'item', '{tenant,owner}');
SAVEPOINT a;
SELECT cache_invalidate_on('total', 'wide');
ROLLBACK TO a;
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');
ROLLBACK;
SELECT * FROM made_by_cache_ext WHERE object_kind IN ('trigger', 'dependency');

-- Partitions and children: new ones, too.
CREATE TABLE part (owner int, tenant text) PARTITION BY LIST (owner);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2) PARTITION BY LIST (tenant);
CREATE TABLE part2a PARTITION OF part2 FOR VALUES IN ('a');
CREATE TABLE parent (owner int, tenant text);
CREATE TABLE child () INHERITS (parent);
SELECT cache_invalidate_on('total', 'part', '{tenant,owner}');
SELECT cache_invalidate_on('total', 'parent', '{tenant,owner}');
CREATE TABLE part3 PARTITION OF part FOR VALUES IN (3);
SELECT * FROM made_by_cache_ext WHERE object ~ 'part|parent|child';
-- One partition alone. A table with triggers of its own can still be attached.
SELECT cache_create('total2', 'item_total(text,int)', invalidate => 'track');
SELECT cache_invalidate_on('total2', 'part2a', '{tenant,owner}');
CREATE TABLE part4 (owner int, tenant text);
SELECT cache_invalidate_on('total2', 'part4', '{tenant,owner}');
ALTER TABLE part ATTACH PARTITION part4 FOR VALUES IN (4);
SELECT * FROM made_by_cache_ext WHERE object ~ 'part|parent|child';
-- Dropping the one leaves what the other needs.
SELECT cache_drop('total2');
SELECT * FROM made_by_cache_ext WHERE object ~ 'part|parent|child';
SELECT cache_drop('total');
SELECT * FROM made_by_cache_ext;

-- The trigger functions are for triggers; where no cache depends on the table they do nothing.
CREATE TRIGGER mine AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW
    EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
INSERT INTO item VALUES (9);
DROP TRIGGER mine ON item;
SELECT error_of($$SELECT cache_ext_internal.cache_invalidate_trigger()$$);
SELECT error_of($$SELECT cache_ext_internal.cache_definition_changed()$$);

\i include/end.sql
