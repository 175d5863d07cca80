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

\set ECHO none
\i include/end.sql
