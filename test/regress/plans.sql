-- A plan that was made in a transaction with DDL that is then rolled back, or prepared, serves nobody.
\set ECHO none
\set database regress_plans
\i include/begin.sql

CREATE TABLE item (owner int, amount int);
CREATE TABLE child () INHERITS (item);
INSERT INTO item VALUES (1, 6);
INSERT INTO child VALUES (1, 1);
CREATE TYPE grade AS ENUM ('low', 'high');
CREATE TABLE mark (owner int, given grade);
INSERT INTO mark VALUES (1, 'low'), (1, 'high');
CREATE FUNCTION grade_text(grade) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'x'$$;

CREATE FUNCTION load_total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT sum(amount) FROM item AS i WHERE i.owner = load_total.owner); END';
SELECT cache_create('total', 'load_total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
CREATE FUNCTION load_marks(owner int) RETURNS text LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT string_agg(given::text, '','' ORDER BY given) FROM mark AS m WHERE m.owner = load_marks.owner); END';
SELECT cache_create('marks', 'load_marks(int)');
SELECT cache_invalidate_on('marks', 'mark', '{owner}');

-- What is cached beside what is true, and what another session is served.
CREATE VIEW compared AS
SELECT cache_get_total(1) AS total, (SELECT sum(amount) FROM item WHERE owner = 1) AS is,
	cache_get_marks(1) AS marks, (SELECT string_agg(given::text, ',' ORDER BY given) FROM mark WHERE owner = 1) AS are;
CREATE PROCEDURE change() LANGUAGE sql AS
	'UPDATE ONLY item SET amount = amount + 1; UPDATE mark SET owner = owner';
-- So often that the plans are kept for all keys.
SELECT count(cache_get_total(k)), count(cache_get_marks(k)) FROM generate_series(1, 8) AS k;

-- rolled back
BEGIN;
DROP TABLE child;
SELECT * FROM compared;
ROLLBACK;
CALL change();
SELECT * FROM compared;
\c
SELECT * FROM compared;

-- to a savepoint, and by an exception
SELECT count(cache_get_total(k)), count(cache_get_marks(k)) FROM generate_series(11, 18) AS k;
BEGIN;
SAVEPOINT before;
DROP TABLE child;
SELECT * FROM compared;
ROLLBACK TO before;
SELECT * FROM compared;
COMMIT;
CALL change();
SELECT * FROM compared;
DO $$
BEGIN
	DROP TABLE child;
	PERFORM * FROM compared;
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
CALL change();
SELECT * FROM compared;

-- prepared
BEGIN;
DROP TABLE child;
SELECT * FROM compared;
PREPARE TRANSACTION 'plans';
ROLLBACK PREPARED 'plans';
CALL change();
SELECT * FROM compared;

-- a cast, which no relation tells of
\c
SELECT cache_get_total(21);
BEGIN;
CREATE CAST (grade AS text) WITH FUNCTION grade_text(grade);
SELECT cache_get_marks(1);
ROLLBACK;
CALL change();
SELECT * FROM compared;

-- a label, a text search configuration and a role that were exchanged with others
CREATE FUNCTION load_high(owner int) RETURNS bigint LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT count(*) FROM mark AS m WHERE m.owner = load_high.owner AND m.given = ''high''); END';
SELECT cache_create('high', 'load_high(int)');
SELECT cache_invalidate_on('high', 'mark', '{owner}');
CREATE TEXT SEARCH CONFIGURATION words (COPY = english);
CREATE TEXT SEARCH CONFIGURATION other_words (COPY = simple);
CREATE FUNCTION load_words(owner int) RETURNS text LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT to_tsvector(''words'', ''dogs'') || '''' FROM mark AS m WHERE m.owner = load_words.owner LIMIT 1); END';
SELECT cache_create('words', 'load_words(int)');
SELECT cache_invalidate_on('words', 'mark', '{owner}');
CREATE ROLE regress_plans_a;
CREATE ROLE regress_plans_b;
CREATE FUNCTION load_role(owner int) RETURNS text LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT count(*) FROM mark AS m WHERE m.owner = load_role.owner) || '' '' || (''regress_plans_a''::regrole::oid::int - (SELECT oid::int FROM pg_roles WHERE rolname = ''regress_plans_a'')); END';
SELECT cache_create('role', 'load_role(int)');
SELECT cache_invalidate_on('role', 'mark', '{owner}');
\c
SET plan_cache_mode = force_generic_plan;
SELECT cache_get_total(22);
INSERT INTO mark VALUES (1, 'high');
BEGIN;
ALTER TYPE grade RENAME VALUE 'high' TO 'x';
ALTER TYPE grade RENAME VALUE 'low' TO 'high';
ALTER TEXT SEARCH CONFIGURATION words RENAME TO x;
ALTER TEXT SEARCH CONFIGURATION other_words RENAME TO words;
ALTER ROLE regress_plans_a RENAME TO regress_plans_c;
ALTER ROLE regress_plans_b RENAME TO regress_plans_a;
SELECT cache_get_high(1), cache_get_words(1), cache_get_role(1);
ROLLBACK;
CALL change();
SELECT cache_get_high(1), cache_get_words(1), cache_get_role(1);
\c
SELECT cache_get_high(1), cache_get_words(1), cache_get_role(1);
SELECT load_high(1), load_words(1), load_role(1);

\set ECHO none
\i include/end.sql
DROP ROLE regress_plans_a, regress_plans_b;
