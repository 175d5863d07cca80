-- What came with PostgreSQL 18: virtual generated columns, keys over time, OLD and NEW in RETURNING.
\set ECHO none
\set database regress_since_18
\i include/begin.sql
CREATE EXTENSION btree_gist;
\set ECHO all

CREATE TABLE item (id int PRIMARY KEY, owner int, n int, tens int GENERATED ALWAYS AS (owner % 10) VIRTUAL,
                   twice int GENERATED ALWAYS AS (n * 2) VIRTUAL);
INSERT INTO item VALUES (1, 11, 5), (2, 12, 6);
CREATE FUNCTION by_ten(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM item WHERE tens = $1';
CREATE FUNCTION doubled(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(twice) FROM item WHERE owner = $1';
SELECT cache_create('by_ten', 'by_ten(int)', invalidate => 'declared');
SELECT cache_create('doubled', 'doubled(int)', invalidate => 'declared');
-- A changed row does not hold them.
SELECT error_of($$SELECT cache_invalidate_on('by_ten', 'item', '{tens}')$$);
SELECT error_of($$SELECT cache_invalidate_on('doubled', 'item', '{owner}', '{twice}')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_ten', 'item', 'SELECT $1.tens')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_ten', 'item', 'SELECT ($1).tens + 0')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_ten', 'item', 'SELECT length($1::text)')$$);
-- What they are computed from does.
SELECT cache_invalidate_on_path('by_ten', 'item', 'SELECT $1.owner % 10');
SELECT cache_invalidate_on('doubled', 'item', '{owner}', '{n}');
CREATE VIEW look AS
    SELECT k, cache_get_by_ten(k) AS by_ten, cache_get_doubled(10 + k) AS doubled,
           cache_get_by_ten(k) IS NOT DISTINCT FROM by_ten(k) AND
           cache_get_doubled(10 + k) IS NOT DISTINCT FROM doubled(10 + k) AS is_right
    FROM generate_series(1, 2) AS k;
SELECT * FROM look;
UPDATE item SET n = 7 WHERE id = 1;
SELECT * FROM look;
UPDATE item SET owner = 12 WHERE id = 1;
SELECT * FROM look;
-- The same rows show something else.
ALTER TABLE item ALTER COLUMN twice SET EXPRESSION AS (n * 3);
SELECT * FROM look;
BEGIN;
ALTER TABLE item ALTER COLUMN twice SET EXPRESSION AS (n * 4);
SELECT * FROM look;
SAVEPOINT s;
ALTER TABLE item ALTER COLUMN tens SET EXPRESSION AS (owner % 10 + 1);
SELECT * FROM look;
ROLLBACK TO s;
SELECT * FROM look;
ROLLBACK;
SELECT * FROM look;
-- A default says nothing of the rows there are.
ALTER TABLE item ALTER COLUMN n SET DEFAULT 1;
SELECT source FROM cache_get_entry('doubled', 12);

-- A path through another table by its virtual column.
CREATE TABLE person (id int PRIMARY KEY, base int, number int GENERATED ALWAYS AS (base + 1) VIRTUAL);
INSERT INTO person VALUES (11, 99), (12, 199);
CREATE FUNCTION of_person(k int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(n) FROM item AS i JOIN person AS p ON p.id = i.owner WHERE p.number = $1';
SELECT cache_create('of_person', 'of_person(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('of_person', 'item', 'SELECT number FROM person WHERE id = $1.owner');
CREATE VIEW persons AS SELECT k, cache_get_of_person(k) AS cached, cache_get_of_person(k) IS NOT DISTINCT FROM of_person(k)
    AS is_right FROM unnest('{100,200,300}'::int[]) AS k;
SELECT * FROM persons;
UPDATE person SET base = 299 WHERE id = 12;
SELECT * FROM persons;
ALTER TABLE person ALTER COLUMN number SET EXPRESSION AS (base - 99);
SELECT * FROM persons;
UPDATE item SET n = n + 1;
SELECT * FROM persons;
-- Such a column comes later.
CREATE TABLE late (id int PRIMARY KEY, k int);
INSERT INTO late VALUES (1, 1);
CREATE FUNCTION of_late(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM late WHERE late.k = $1';
SELECT cache_create('of_late', 'of_late(int)', invalidate => 'declared');
SELECT cache_invalidate_on('of_late', 'late', '{k}');
SELECT cache_get_of_late(1), cache_get_of_late(2);
ALTER TABLE late RENAME k TO base;
ALTER TABLE late ADD COLUMN k int GENERATED ALWAYS AS (base + 1) VIRTUAL;
SELECT cache_get_of_late(1) = of_late(1) AS is_right, cache_get_of_late(2) = of_late(2) AS is_right;
UPDATE late SET base = 0;
SELECT cache_get_of_late(1) = of_late(1) AS is_right, cache_get_of_late(2) = of_late(2) AS is_right;

-- Keys over time, and foreign keys to them.
CREATE TABLE job (id int, during int4range, pay int, PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE task (id int, job int, during int4range, FOREIGN KEY (job, PERIOD during) REFERENCES job (id, PERIOD during));
INSERT INTO job VALUES (1, '[1,10)', 5);
CREATE FUNCTION pay(id int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(pay * (upper(during) - lower(during))) FROM job AS j WHERE j.id = $1';
SELECT cache_create('pay', 'pay(int)', invalidate => 'declared');
SELECT cache_invalidate_on('pay', 'job', '{id}');
SELECT cache_get_pay(1);
UPDATE job SET during = '[1,8)';
INSERT INTO job VALUES (1, '[8,20)', 6);
INSERT INTO task VALUES (1, 1, '[2,12)');
SELECT cache_get_pay(1), cache_get_pay(1) = pay(1) AS is_right;
-- A path by id and range, which may find more than one row: the key is unique for equal ranges only.
CREATE FUNCTION tasks(pay int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM task AS t JOIN job AS j ON j.id = t.job AND j.during && t.during WHERE j.pay = $1';
SELECT cache_create('tasks', 'tasks(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('tasks', 'task', 'SELECT pay FROM job WHERE id = $1.job AND during && $1.during');
SELECT inserts FROM cache_ext_internal.cache_dependency WHERE cache = 'tasks' AND relation = 'job'::regclass;
SELECT cache_get_tasks(5), cache_get_tasks(6);
UPDATE job SET pay = 7 WHERE during = '[8,20)';
SELECT cache_get_tasks(k) AS cached, cache_get_tasks(k) = tasks(k) AS is_right FROM generate_series(5, 7) AS k;
DELETE FROM task;
SELECT cache_get_tasks(k) AS cached, cache_get_tasks(k) = tasks(k) AS is_right FROM generate_series(5, 7) AS k;

-- OLD and NEW.
CREATE FUNCTION cached(k int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN cache_get_doubled(k); END';
CREATE FUNCTION now(k int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN doubled(k); END';
UPDATE item SET owner = 11 WHERE id = 1
    RETURNING old.owner, new.owner, cached(old.owner) IS NOT DISTINCT FROM now(old.owner) AS is_right,
              cached(new.owner) IS NOT DISTINCT FROM now(new.owner) AS is_right;
INSERT INTO item VALUES (1, 12, 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1
    RETURNING old.n, new.n, cached(new.owner) IS NOT DISTINCT FROM now(new.owner) AS is_right;
SELECT * FROM look;

-- What a statement has read of the caches, told by EXPLAIN.
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, CACHE_EXT, COSTS off, TIMING off, SUMMARY off, BUFFERS off) ' || query;
END $$;
CREATE FUNCTION explained_as_json(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, CACHE_EXT, FORMAT json) ' || query INTO r;
    RETURN jsonb_pretty(r::jsonb -> 0 -> 'Caches');
END $$;
SELECT cache_invalidate_all('pay'), cache_invalidate_all('doubled');
SELECT explained('SELECT cache_get_pay(1)');
SELECT explained('SELECT cache_get_pay(k), cache_get_doubled(12) FROM generate_series(1, 2) AS k');
BEGIN;
UPDATE job SET pay = pay + 1;
SELECT explained('SELECT cache_get_pay(1), cache_get_pay(1)');
\pset format unaligned
SELECT explained_as_json('SELECT cache_get_pay(1)');
\pset format aligned
ROLLBACK;
SELECT explained('SELECT 1');
SELECT error_of('EXPLAIN (CACHE_EXT) SELECT 1');
SELECT error_of('EXPLAIN (CACHE_EXT off) SELECT 1');
-- One inside another counts for both; what failed counts for nobody.
SELECT explained($q$SELECT explained('SELECT cache_get_pay(1)')$q$) AS e;
SELECT error_of('EXPLAIN (ANALYZE, CACHE_EXT) SELECT cache_get_pay(1) / 0');
SELECT explained('SELECT 1');

-- Constraints that are not enforced, and NOT NULL that has a name, say nothing of the rows.
SELECT cache_get_pay(1) = pay(1) AS is_right;
ALTER TABLE job ADD CONSTRAINT positive CHECK (pay > 0) NOT ENFORCED;
ALTER TABLE job ADD CONSTRAINT paid NOT NULL pay;
SELECT source FROM cache_get_entry('pay', 1);
-- Extensions come and go.
SELECT source FROM cache_get_entry('doubled', 12);
CREATE EXTENSION citext;
DROP EXTENSION citext;
SELECT value::text::bigint IS NOT DISTINCT FROM doubled(12) AS is_right FROM cache_get_entry('doubled', 12);

\i include/end.sql
