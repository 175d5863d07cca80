-- Changes of tables: the keys that they concern, and no others, are loaded again. Every value read
-- is compared with the loader under the same snapshot.
\set ECHO none
\set database regress_invalidate
\i include/begin.sql

CREATE TABLE item (id int PRIMARY KEY, owner int, tenant text, amount int, note text);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM item AS i WHERE i.owner = $1';
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');

-- Keys 1 to 4 of cache and loader c, each read twice.
CREATE FUNCTION look(c text, OUT k int, OUT first text, OUT again text, OUT value text, OUT is_right bool)
    RETURNS SETOF record LANGUAGE plpgsql STABLE AS $$
DECLARE
    loaded jsonb;
BEGIN
    FOR key IN 1 .. 4 LOOP
        k := key;
        EXECUTE format('SELECT to_jsonb(%I($1))', c) INTO loaded USING k;
        SELECT e.source, e.value, e.value IS NOT DISTINCT FROM loaded INTO first, value, is_right
        FROM cache_get_entry(c, k) AS e;
        SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM loaded INTO again, is_right
        FROM cache_get_entry(c, k) AS e;
        RETURN NEXT;
    END LOOP;
END $$;
\set look 'SELECT * FROM look(\'total\');'
-- The same in one line: the keys that were loaded again, and whether all were right and cached then.
CREATE FUNCTION changed(c text, OUT loaded text, OUT is_right bool) LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(l.k::text, ' ' ORDER BY l.k) FILTER (WHERE l.first = 'loader'), 'none'),
           bool_and(l.is_right AND l.again = 'cache')
    FROM look(c) AS l
$$;
\set changed 'SELECT * FROM changed(\'total\');'

:look
INSERT INTO item VALUES (1, 1, 'a', 10), (2, 2, 'a', 20), (3, 3, 'b', 30);
:look
:look
-- UPDATE: the old key and the new one.
UPDATE item SET amount = 11 WHERE id = 1;
:look
UPDATE item SET owner = 4 WHERE id = 3;
:look
UPDATE item SET owner = NULL WHERE id = 3;
:changed
UPDATE item SET owner = 3 WHERE id = 3;
:changed
UPDATE item SET owner = CASE owner WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE owner END WHERE owner IN (1, 2);
:look
-- Nothing changes, and yet a row was written; no row was written at all.
UPDATE item SET amount = amount WHERE id = 3;
:changed
UPDATE item SET amount = 0 WHERE id = 99;
:changed
DELETE FROM item WHERE id = 99;
:changed
-- DELETE.
DELETE FROM item WHERE id = 1;
:look
-- TRUNCATE concerns every key.
TRUNCATE item;
:look
-- COPY.
COPY item FROM stdin;
10	1	a	5	\N
11	3	a	6	x
\.
:look
-- ON CONFLICT.
INSERT INTO item VALUES (10, 4, 'a', 7) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount;
:look
INSERT INTO item VALUES (10, 1, 'a', 8) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner + 1;
:changed
INSERT INTO item VALUES (10, 1, 'a', 8) ON CONFLICT (id) DO NOTHING;
:changed
INSERT INTO item VALUES (10, 1, 'a', 8) ON CONFLICT (id) DO UPDATE SET amount = 0 WHERE false;
:changed
-- MERGE: 10 is updated, 11 deleted, 12 inserted.
MERGE INTO item AS i
USING (VALUES (10, 100), (11, NULL), (12, 40)) AS n (id, amount) ON i.id = n.id
WHEN MATCHED AND n.amount IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET amount = n.amount
WHEN NOT MATCHED THEN INSERT VALUES (n.id, 4, 'a', n.amount);
:look
-- Writing WITH.
WITH gone AS (DELETE FROM item WHERE id = 12 RETURNING *)
INSERT INTO item SELECT 13, 1, tenant, amount FROM gone;
:changed
-- A trigger of the table changes the key.
CREATE FUNCTION to_owner_3() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.owner := 3; RETURN NEW; END';
CREATE TRIGGER to_owner_3 BEFORE UPDATE OF note ON item FOR EACH ROW EXECUTE FUNCTION to_owner_3();
SELECT count(*) FROM look('total');
UPDATE item SET note = 'x' WHERE id = 13;
:look
DROP TRIGGER to_owner_3 ON item;
-- A trigger that cancels the change.
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER no BEFORE INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION no();
SELECT count(*) FROM look('total');
DELETE FROM item;
:changed
DROP TRIGGER no ON item;

-- Transactions: rolled back, changed nothing; the transaction itself sees its changes at once.
BEGIN;
UPDATE item SET amount = 0 WHERE id = 10;
SELECT k, first, again, value, is_right FROM look('total');
ROLLBACK;
:changed
BEGIN;
SAVEPOINT a;
UPDATE item SET amount = 1 WHERE id = 10;
SELECT k, first, value, is_right FROM look('total') WHERE k <= 2;
ROLLBACK TO a;
UPDATE item SET amount = 2 WHERE id = 13;
SELECT k, first, value, is_right FROM look('total') WHERE k <= 3;
COMMIT;
:changed
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
UPDATE item SET amount = 3 WHERE id = 10;
RELEASE b;
RELEASE a;
COMMIT;
:changed
DO $$
BEGIN
    UPDATE item SET amount = 4 WHERE id = 13;
    BEGIN
        UPDATE item SET amount = 5 WHERE id = 10;
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN
    END;
END $$;
:changed
-- A cursor goes on under its own snapshot; one WITH HOLD outlives the transaction.
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT k, cache_get_total(k), total(k) FROM generate_series(1, 4) AS k;
FETCH 1 FROM c;
UPDATE item SET amount = 55 WHERE id = 10;
FETCH 1 FROM c;
SELECT cache_get_total(2), total(2);
COMMIT;
FETCH ALL FROM c;
CLOSE c;
:changed
-- Locking rows changes nothing.
BEGIN;
SELECT amount FROM item WHERE id = 10 FOR UPDATE;
SELECT k, first, again, value, is_right FROM look('total') WHERE k = 2;
COMMIT;
:changed
-- REPEATABLE READ sees its own changes, too.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT k, first, again, value, is_right FROM look('total') WHERE k = 2;
UPDATE item SET amount = 56 WHERE id = 10;
SELECT k, first, again, value, is_right FROM look('total') WHERE k = 2;
COMMIT;
:changed
-- Committed inside a procedure.
CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE item SET amount = 6 WHERE id = 10;
    COMMIT;
    UPDATE item SET amount = 7 WHERE id = 10;
    ROLLBACK;
END $$;
CALL twice();
:look
-- Prepared: the change is there once it is committed.
BEGIN;
UPDATE item SET amount = 8 WHERE id = 10;
PREPARE TRANSACTION 'regress_invalidate';
:changed
COMMIT PREPARED 'regress_invalidate';
:look
BEGIN;
UPDATE item SET amount = 9 WHERE id = 10;
PREPARE TRANSACTION 'regress_invalidate';
ROLLBACK PREPARED 'regress_invalidate';
SELECT bool_and(is_right) FROM look('total');

-- A read inside the statement that writes.
INSERT INTO item VALUES (100, 1, 'a', 1);
:changed
INSERT INTO item SELECT 100 + n, 1, 'a', cache_get_total(1) FROM generate_series(1, 2) AS n
RETURNING id, amount, cache_get_total(1) = total(1) AS is_right;
:changed
CREATE FUNCTION check_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % %: % %', TG_WHEN, TG_LEVEL, TG_OP, cache_get_total(1), cache_get_total(1) = total(1);
    RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION check_total();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION check_total();
CREATE TRIGGER zz_after_row AFTER INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION check_total();
CREATE TRIGGER after_statement AFTER INSERT OR UPDATE ON item EXECUTE FUNCTION check_total();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON item DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_total();
INSERT INTO item VALUES (201, 1, 'a', 1000), (202, 1, 'a', 1000);
:changed
DROP FUNCTION check_total CASCADE;
-- Changed by a deferred trigger, that is after the last statement.
CREATE FUNCTION double_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE item SET amount = 2 * amount WHERE owner = 2;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION double_it();
INSERT INTO item VALUES (203, 3, 'a', 1);
:look
DROP FUNCTION double_it CASCADE;
:changed

-- More keys than a transaction may name: the whole cache.
SET cache_ext.max_transaction_tags = 2;
UPDATE item SET amount = amount + 1 WHERE owner IN (1, 2);
:changed
UPDATE item SET amount = amount + 1 WHERE owner IN (1, 2, 3);
:changed
RESET cache_ext.max_transaction_tags;

-- Triggers disabled or not fired: noticed at the commit, for the whole cache.
ALTER TABLE item DISABLE TRIGGER USER;
:changed
UPDATE item SET amount = 50 WHERE owner = 2;
:changed
ALTER TABLE item ENABLE TRIGGER USER;
:changed
-- (ENABLE TRIGGER has made ordinary triggers of them, which nobody relies on.)
UPDATE item SET amount = 51 WHERE owner = 2;
:changed
SET session_replication_role = replica;
UPDATE item SET amount = 52 WHERE owner = 2;
:changed
RESET session_replication_role;
SELECT untriggered > 0 AS noticed FROM cache_stat WHERE cache = 'total';
DO $$
DECLARE
    t text;
BEGIN
    SELECT tgname INTO t FROM pg_trigger WHERE tgrelid = 'item'::regclass AND tgname LIKE 'cache\_ext\_row%';
    EXECUTE format('ALTER TABLE item ENABLE ALWAYS TRIGGER %I', t);
END $$;
:changed
SET session_replication_role = replica;
UPDATE item SET amount = 53 WHERE owner = 2;
:changed
RESET session_replication_role;
UPDATE item SET amount = 54 WHERE owner = 2;
:changed
SELECT cache_drop('total');

-- `columns`: only changes of these columns, of the key, and whole rows matter.
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}', '{amount}');
:changed
UPDATE item SET note = 'changed', tenant = 'z';
:changed
UPDATE item SET amount = amount, owner = owner;
:changed
UPDATE item SET amount = 53 WHERE owner = 2;
:changed
UPDATE item SET owner = 4 WHERE owner = 3;
:changed
INSERT INTO item VALUES (300, 1);
:changed
DELETE FROM item WHERE id = 300;
:changed
-- Columns whose values are stored out of line or compressed.
CREATE FUNCTION notes(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(length(note)) FROM item AS i WHERE i.owner = $1';
SELECT cache_create('notes', 'notes(int)');
SELECT cache_invalidate_on('notes', 'item', '{owner}', '{note}');
ALTER TABLE item ALTER note SET STORAGE EXTERNAL;
UPDATE item SET note = repeat('x', 10000);
SELECT * FROM changed('notes');
UPDATE item SET amount = amount + 1;
SELECT * FROM changed('notes');
UPDATE item SET note = repeat('x', 9999) || 'y' WHERE owner = 4;
SELECT * FROM changed('notes');
UPDATE item SET note = note || 'z' WHERE owner = 4;
SELECT * FROM changed('notes');
SELECT cache_drop('notes'), cache_drop('total');

-- No key: every change concerns the whole cache. Two dependencies: the wider one counts.
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item');
:changed
UPDATE item SET amount = 60 WHERE owner = 2;
:changed
SELECT cache_drop('total');
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT cache_invalidate_on('total', 'item', columns => '{note}');
:changed
UPDATE item SET amount = 61 WHERE owner = 2;
:changed
UPDATE item SET note = 'short' WHERE owner = 2;
:changed
SELECT cache_drop('total');

-- Key columns that the table does not have.
CREATE TABLE rate (tenant text PRIMARY KEY, factor int);
CREATE FUNCTION by_tenant(tenant text, owner int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(amount) * (SELECT max(factor) FROM rate AS r WHERE r.tenant = $1)
     FROM item AS i WHERE i.tenant = $1 AND i.owner = $2';
INSERT INTO rate VALUES ('a', 1), ('b', 2);
TRUNCATE item;
INSERT INTO item VALUES (1, 1, 'a', 1), (2, 2, 'a', 2), (3, 1, 'b', 3), (4, 2, 'b', 4);
SELECT cache_create('by_tenant', 'by_tenant(text,int)');
SELECT cache_invalidate_on('by_tenant', 'item', '{tenant,owner}', '{amount}');
SELECT cache_invalidate_on('by_tenant', 'rate', '{tenant,NULL}');
CREATE FUNCTION by_tenants() RETURNS TABLE (tenant text, owner int, source text, value jsonb, is_right bool)
    LANGUAGE sql STABLE AS $$
    SELECT t, o, e.source, e.value, e.value IS NOT DISTINCT FROM to_jsonb(by_tenant(t, o))
    FROM unnest('{a,b,NULL}'::text[]) AS t, unnest('{1,2}'::int[]) AS o, cache_get_entry('by_tenant', t, o) AS e
    ORDER BY 1, 2
$$;
SELECT * FROM by_tenants();
UPDATE rate SET factor = 10 WHERE tenant = 'a';
SELECT * FROM by_tenants();
UPDATE item SET amount = 20 WHERE id = 2;
SELECT * FROM by_tenants();
-- A null key column is a key like any other.
INSERT INTO rate VALUES ('c', 1);
INSERT INTO item VALUES (5, 1, NULL, 5);
SELECT * FROM by_tenants();
UPDATE rate SET tenant = 'd' WHERE tenant = 'b';
SELECT * FROM by_tenants();

-- Cascades.
CREATE TABLE owner (id int PRIMARY KEY);
INSERT INTO owner VALUES (1), (2), (3), (4);
CREATE TABLE thing (owner int REFERENCES owner ON DELETE CASCADE ON UPDATE CASCADE, n int);
INSERT INTO thing VALUES (1, 1), (2, 2), (3, 3), (4, 4);
CREATE FUNCTION things(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(n) FROM thing AS t WHERE t.owner = $1';
SELECT cache_create('things', 'things(int)');
SELECT cache_invalidate_on('things', 'thing', '{owner}');
SELECT * FROM changed('things');
DELETE FROM owner WHERE id = 1;
SELECT * FROM changed('things');
UPDATE owner SET id = 1 WHERE id = 2;
SELECT * FROM changed('things');
TRUNCATE owner CASCADE;
SELECT * FROM changed('things');
SELECT cache_drop('things');
DROP TABLE thing;

-- Partitions.
CREATE TABLE thing (owner int, n int, p int) PARTITION BY LIST (p);
CREATE TABLE thing1 PARTITION OF thing FOR VALUES IN (1);
CREATE TABLE thing2 (p int, junk int, owner int, n int);
ALTER TABLE thing2 DROP COLUMN junk;
ALTER TABLE thing ATTACH PARTITION thing2 FOR VALUES IN (2);
CREATE TABLE thing3 PARTITION OF thing FOR VALUES IN (3, 4) PARTITION BY LIST (p);
CREATE TABLE thing3a PARTITION OF thing3 FOR VALUES IN (3);
INSERT INTO thing SELECT o, 1, p FROM generate_series(1, 4) AS o, generate_series(1, 3) AS p;
SELECT cache_create('things', 'things(int)');
SELECT cache_invalidate_on('things', 'thing', '{owner}');
SELECT * FROM look('things');
INSERT INTO thing VALUES (1, 1, 2);
SELECT * FROM changed('things');
INSERT INTO thing3a VALUES (2, 1, 3);
SELECT * FROM changed('things');
UPDATE thing SET n = 2 WHERE owner = 3 AND p = 2;
SELECT * FROM changed('things');
UPDATE thing2 SET owner = 4 WHERE owner = 3;
SELECT * FROM changed('things');
DELETE FROM thing WHERE owner = 4;
SELECT * FROM changed('things');
-- A row moves to another partition, with its key and with another one.
UPDATE thing SET p = 3 WHERE owner = 1 AND p = 1;
SELECT * FROM changed('things');
UPDATE thing SET p = 1, owner = 2 WHERE owner = 1 AND p = 3;
SELECT * FROM changed('things');
COPY thing FROM stdin;
3	7	1
\.
SELECT * FROM changed('things');
BEGIN;
UPDATE thing SET n = 8 WHERE owner = 3;
SELECT k, first, value, is_right FROM look('things') WHERE k = 3;
ROLLBACK;
SELECT * FROM changed('things');
TRUNCATE thing2;
SELECT * FROM changed('things');
TRUNCATE thing;
SELECT * FROM changed('things');
-- Partitions that come and go.
INSERT INTO thing VALUES (1, 1, 1), (2, 1, 2);
SELECT * FROM changed('things');
CREATE TABLE thing3b PARTITION OF thing3 FOR VALUES IN (4);
SELECT * FROM changed('things');
INSERT INTO thing VALUES (3, 1, 4);
SELECT * FROM changed('things');
ALTER TABLE thing DETACH PARTITION thing2;
SELECT * FROM look('things');
UPDATE thing2 SET n = 100;
SELECT * FROM changed('things');
ALTER TABLE thing ATTACH PARTITION thing2 FOR VALUES IN (2);
SELECT * FROM look('things');
ALTER TABLE thing DETACH PARTITION thing2 CONCURRENTLY;
SELECT * FROM look('things');
DROP TABLE thing3b;
SELECT * FROM changed('things');
CREATE TABLE thing5 (owner int, n int, p int);
INSERT INTO thing5 VALUES (4, 4, 5);
ALTER TABLE thing ATTACH PARTITION thing5 FOR VALUES IN (5);
SELECT * FROM look('things');
UPDATE thing5 SET n = 5;
SELECT * FROM changed('things');
ALTER TABLE thing ATTACH PARTITION thing2 DEFAULT;
SELECT * FROM changed('things');
-- One partition alone.
CREATE FUNCTION only5(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(n) FROM thing5 AS t WHERE t.owner = $1';
SELECT cache_create('only5', 'only5(int)');
SELECT cache_invalidate_on('only5', 'thing5', '{owner}');
SELECT * FROM changed('only5');
INSERT INTO thing VALUES (3, 1, 5), (2, 1, 1);
SELECT * FROM changed('only5');
SELECT * FROM changed('things');
TRUNCATE thing;
SELECT * FROM changed('only5');
SELECT cache_drop('things'), cache_drop('only5');
DROP TABLE thing;

-- Children by inheritance.
CREATE TABLE thing (owner int, n int);
CREATE TABLE child (m int) INHERITS (thing);
SELECT cache_create('things', 'things(int)');
SELECT cache_invalidate_on('things', 'thing', '{owner}');
SELECT * FROM changed('things');
INSERT INTO child VALUES (1, 1, 1), (2, 2, 2);
SELECT * FROM changed('things');
UPDATE thing SET n = n + 1 WHERE owner = 1;
SELECT * FROM changed('things');
CREATE TABLE late () INHERITS (thing);
SELECT * FROM changed('things');
INSERT INTO late VALUES (3, 3);
SELECT * FROM changed('things');
UPDATE late SET n = 4 WHERE owner = 3;
SELECT * FROM changed('things');
TRUNCATE ONLY child;
SELECT * FROM changed('things');
ALTER TABLE late NO INHERIT thing;
SELECT * FROM look('things');
ALTER TABLE late INHERIT thing;
SELECT * FROM look('things');
SELECT cache_drop('things');

-- A parent without columns: pg_inherits alone tells that a child has left. (Not even plans of the session are made
-- anew, so the loaders have none.)
CREATE TABLE root ();
CREATE TABLE branch () INHERITS (root);
CREATE TABLE leaf (x int) INHERITS (branch);
CREATE TABLE leaf_2 (x int) INHERITS (branch);
INSERT INTO leaf VALUES (1), (2);
INSERT INTO leaf_2 VALUES (3);
CREATE FUNCTION roots(k int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'DECLARE n bigint; BEGIN EXECUTE ''SELECT count(*) FROM root'' INTO n; RETURN n; END';
CREATE FUNCTION branches(k int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'DECLARE n bigint; BEGIN EXECUTE ''SELECT count(*) FROM branch'' INTO n; RETURN n; END';
SELECT cache_create('roots', 'roots(int)'), cache_create('branches', 'branches(int)');
SELECT cache_invalidate_on('roots', 'root'), cache_invalidate_on('branches', 'branch');
\set trees 'SELECT c, t.*, (SELECT value FROM cache_get_entry(c, 1)) FROM unnest(\'{roots,branches}\'::text[]) AS c, changed(c) AS t;'
:trees
-- In the transaction itself, which has no other changes, and after it was rolled back.
BEGIN;
ALTER TABLE leaf NO INHERIT branch;
SELECT c, bool_and(l.is_right), bool_or(l.first = 'cache') AS hits FROM unnest('{roots,branches}'::text[]) AS c, look(c) AS l
GROUP BY c ORDER BY c;
ROLLBACK;
:trees
BEGIN;
SAVEPOINT s;
ALTER TABLE leaf NO INHERIT branch;
ROLLBACK TO s;
COMMIT;
:trees
ALTER TABLE leaf NO INHERIT branch;
:trees
BEGIN;
SAVEPOINT s;
ALTER TABLE leaf_2 NO INHERIT branch;
RELEASE s;
COMMIT;
:trees
ALTER TABLE leaf INHERIT branch;
:trees
-- Not counted.
BEGIN;
SET LOCAL track_counts = off;
ALTER TABLE leaf NO INHERIT branch;
COMMIT;
:trees
ALTER TABLE leaf INHERIT branch;
:trees
BEGIN;
SET LOCAL allow_system_table_mods = on;
DELETE FROM pg_inherits WHERE inhrelid = 'leaf'::regclass;
COMMIT;
:trees
SELECT cache_drop('roots'), cache_drop('branches');
DROP TABLE root CASCADE;

-- Materialized views and unlogged tables.
CREATE MATERIALIZED VIEW sums AS SELECT owner, sum(n) AS n FROM thing GROUP BY owner;
CREATE FUNCTION sums(owner int) RETURNS numeric LANGUAGE sql STABLE
    AS 'SELECT n FROM sums AS s WHERE s.owner = $1';
SELECT cache_create('sums', 'sums(int)');
SELECT cache_invalidate_on('sums', 'sums', '{owner}');
SELECT * FROM look('sums');
UPDATE thing SET n = n + 1;
SELECT * FROM changed('sums');
REFRESH MATERIALIZED VIEW sums;
SELECT * FROM look('sums');
CREATE UNIQUE INDEX ON sums (owner);
UPDATE thing SET n = n + 1;
REFRESH MATERIALIZED VIEW CONCURRENTLY sums;
SELECT * FROM changed('sums');
ALTER TABLE thing SET UNLOGGED;
SELECT cache_create('things', 'things(int)');
SELECT cache_invalidate_on('things', 'thing', '{owner}');
SELECT * FROM changed('things');
INSERT INTO thing VALUES (4, 4);
SELECT * FROM changed('things');

-- COPY FREEZE.
BEGIN;
TRUNCATE late;
COPY late FROM stdin (FREEZE);
3	30
\.
COMMIT;
SELECT * FROM look('things');

-- A key that is text.
CREATE TABLE word (w varchar(20), n int);
CREATE FUNCTION words(w text) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(n) FROM word WHERE word.w = $1';
SELECT cache_create('words', 'words(text)');
SELECT cache_invalidate_on('words', 'word', '{w}');
SELECT w, e.value, e.source FROM unnest('{a,A,"a ",ä,""}'::text[]) AS w, cache_get_entry('words', w) AS e;
INSERT INTO word VALUES ('a', 1), ('ä', 2);
SELECT w, e.value, e.source FROM unnest('{a,A,"a ",ä,""}'::text[]) AS w, cache_get_entry('words', w) AS e;

-- ATTACH and INHERIT by way of ONLY.
CREATE TABLE year (id int, k int) PARTITION BY LIST (id);
CREATE TABLE year_1 PARTITION OF year FOR VALUES IN (1);
CREATE TABLE year_2 (id int, k int);
CREATE TABLE year_other (id int, k int);
INSERT INTO year_1 VALUES (1, 1);
INSERT INTO year_2 VALUES (2, 1);
CREATE FUNCTION of_year(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM year AS y WHERE y.k = $1';
SELECT cache_create('of_year', 'of_year(int)');
SELECT cache_invalidate_on('of_year', 'year', '{k}');
SELECT cache_get_of_year(1), of_year(1);
ALTER TABLE ONLY year ATTACH PARTITION year_2 FOR VALUES IN (2);
SELECT cache_get_of_year(1), of_year(1);
INSERT INTO year_2 VALUES (2, 1);
SELECT cache_get_of_year(1), of_year(1);
CREATE TABLE old (id int, k int);
CREATE FUNCTION of_old(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM old AS o WHERE o.k = $1';
SELECT cache_create('of_old', 'of_old(int)');
SELECT cache_invalidate_on('of_old', 'old', '{k}');
SELECT cache_get_of_old(1), of_old(1);
INSERT INTO year_other VALUES (1, 1);
ALTER TABLE ONLY year_other INHERIT old;
SELECT cache_get_of_old(1), of_old(1);
INSERT INTO year_other VALUES (1, 1);
SELECT cache_get_of_old(1), of_old(1);

\i include/end.sql
