-- referenced_by: rows that matter only where others reference them. New ones invalidate nothing.
\set ECHO none
SET client_min_messages = warning;
\set database regress_referenced_by
\i include/begin.sql
-- Which of the first three keys are there.
CREATE FUNCTION cached() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(k || ' ' || (SELECT source FROM cache_get_entry('total', k)), ', ' ORDER BY k) FROM generate_series(1, 3) AS k $$;
SET check_function_bodies = off;
-- A value, and whether it is what the loader gives now.
CREATE FUNCTION right_of(k int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN cache_get_total(k) = load_total(k) THEN 'right ' ELSE 'WRONG ' END || cache_get_total(k) $$;
CREATE FUNCTION warm() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(right_of(k), ', ' ORDER BY k) FROM generate_series(1, 3) AS k $$;
\set ECHO all
CREATE TABLE call (id int PRIMARY KEY, person int NOT NULL, note text);
CREATE TABLE lead (id int PRIMARY KEY, call int NOT NULL REFERENCES call DEFERRABLE INITIALLY IMMEDIATE, score int NOT NULL);
INSERT INTO call SELECT g, g FROM generate_series(1, 3) AS g;
INSERT INTO lead SELECT g, g, 10 * g FROM generate_series(1, 3) AS g;
CREATE FUNCTION load_total(p int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(l.score) FROM call AS c JOIN lead AS l ON l.call = c.id WHERE c.person = p';
SELECT cache_create('total', 'load_total(int)', invalidate => 'track');
SELECT cache_invalidate_on_path('total', 'lead', 'SELECT person FROM call WHERE id = $1.call', '{call,score}');
SELECT cache_invalidate_on('total', 'call', '{person}', '{id,person}', referenced_by => 'lead');
SELECT input, covered, invalidates FROM cache_check('total') WHERE input LIKE '%call%' OR input LIKE '%lead%' ORDER BY 1, 2;
SELECT warm();

-- New calls concern nobody; leads, moved and deleted calls do.
INSERT INTO call VALUES (4, 1), (5, 2);
SELECT cached();
INSERT INTO lead VALUES (4, 4, 1);
SELECT cached(), warm();
BEGIN;
INSERT INTO call VALUES (6, 2);
INSERT INTO lead VALUES (6, 6, 1);
SELECT right_of(2);
COMMIT;
SELECT cached(), warm();
UPDATE call SET person = 3 WHERE id = 6;
SELECT cached(), warm();
UPDATE call SET note = 'x';
SELECT cached();
INSERT INTO call VALUES (7, 1), (1, 1) ON CONFLICT (id) DO UPDATE SET person = 2;
SELECT cached(), warm();
COPY call (id, person) FROM stdin;
8	1
9	2
\.
SELECT cached(), warm();

-- A row that takes the place of a removed one may be referenced: at once, in one statement, after a savepoint.
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
DELETE FROM call WHERE id = 4;
INSERT INTO call VALUES (4, 3);
COMMIT;
SELECT cached(), warm();
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
WITH gone AS (DELETE FROM call WHERE id = 4 RETURNING id) INSERT INTO call SELECT id, 1 FROM gone;
COMMIT;
SELECT cached(), warm();
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SAVEPOINT s;
DELETE FROM call WHERE id = 4;
RELEASE s;
SAVEPOINT s;
INSERT INTO call VALUES (4, 2);
COMMIT;
SELECT cached(), warm();
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE call SET id = 40 WHERE id = 4;
INSERT INTO call VALUES (4, 1);
COMMIT;
SELECT cached(), warm();
-- The lead first, the call later.
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO lead VALUES (10, 10, 100);
INSERT INTO call VALUES (10, 3);
COMMIT;
SELECT cached(), warm();
-- Without the counts nobody knows what was removed.
BEGIN;
SET LOCAL track_counts = off;
INSERT INTO call VALUES (11, 1);
COMMIT;
SELECT cached(), warm();

-- A foreign key that is not in force any more.
ALTER TABLE lead DISABLE TRIGGER ALL;
SELECT warm();
INSERT INTO lead VALUES (12, 12, 1000);
SELECT warm();
INSERT INTO call VALUES (12, 1);
SELECT cached(), warm();
ALTER TABLE lead ENABLE TRIGGER ALL;
SELECT warm();
INSERT INTO call VALUES (13, 1);
SELECT cached();
SET session_replication_role = replica;
INSERT INTO lead VALUES (14, 14, 1);
SELECT warm();
INSERT INTO call VALUES (14, 2);
RESET session_replication_role;
SELECT cached(), warm();
ALTER TABLE lead DROP CONSTRAINT lead_call_fkey;
INSERT INTO lead VALUES (15, 15, 2000);
SELECT warm();
INSERT INTO call VALUES (15, 2);
SELECT cached(), warm();
INSERT INTO call VALUES (16, 2);
SELECT cached(), warm();
SELECT input, covered, invalidates FROM cache_check('total') WHERE input LIKE '%call%' OR input LIKE '%lead%' ORDER BY 1, 2;
-- Not validated; validated.
ALTER TABLE lead ADD CONSTRAINT again FOREIGN KEY (call) REFERENCES call NOT VALID;
SELECT warm();
INSERT INTO call VALUES (17, 3);
SELECT cached(), warm();
ALTER TABLE lead VALIDATE CONSTRAINT again;
SELECT warm();
INSERT INTO call VALUES (18, 3);
SELECT cached(), warm();
-- A key that cascades, into a table whose own triggers may say no.
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
ALTER TABLE lead ADD CONSTRAINT cascades FOREIGN KEY (call) REFERENCES call ON DELETE CASCADE;
ALTER TABLE lead DROP CONSTRAINT again;
SELECT warm();
INSERT INTO call VALUES (30, 1);
SELECT cached();
INSERT INTO lead VALUES (30, 30, 5000);
SELECT warm();
CREATE TRIGGER no BEFORE DELETE ON lead FOR EACH ROW EXECUTE FUNCTION no();
DELETE FROM call WHERE id = 30;
SELECT warm();
INSERT INTO call VALUES (30, 2);
SELECT cached(), warm();
DROP TRIGGER no ON lead;
ALTER TABLE lead ADD CONSTRAINT again FOREIGN KEY (call) REFERENCES call;
ALTER TABLE lead DROP CONSTRAINT cascades;
-- A path from another table leads through the calls: it takes new rows to be told of.
CREATE TABLE remark (call int, worth int);
CREATE OR REPLACE FUNCTION load_total(p int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(l.score) + coalesce((SELECT sum(r.worth) FROM call AS c JOIN remark AS r ON r.call = c.id WHERE c.person = p), 0)
   FROM call AS c JOIN lead AS l ON l.call = c.id WHERE c.person = p';
SELECT cache_invalidate_on_path('total', 'remark', 'SELECT person FROM call WHERE id = $1.call');
INSERT INTO remark VALUES (20, 7);
SELECT warm();
INSERT INTO call VALUES (20, 1);
SELECT cached(), warm();

SELECT error_of($$SELECT cache_invalidate_on('total', 'call', '{(person + 0)}', referenced_by => 'lead')$$);
-- Children of the referencing table are under no key.
CREATE TABLE special () INHERITS (lead);
SELECT warm();
INSERT INTO special VALUES (19, 19, 3000);
SELECT warm();
INSERT INTO call VALUES (19, 1);
SELECT cached(), warm();
DROP TABLE special;
SELECT warm();

-- What cannot be declared.
CREATE TABLE other (id int PRIMARY KEY);
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
SELECT error_of($$SELECT cache_invalidate_on('total', 'call', '{person}', referenced_by => 'other')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'parts', '{id}', referenced_by => 'lead')$$);
SELECT error_of($$SELECT cache_invalidate_on('total', 'call', '{person}', referenced_by => 'pg_class')$$);
ALTER TABLE lead ALTER CONSTRAINT again NOT DEFERRABLE;
ALTER TABLE lead DISABLE TRIGGER ALL;
SELECT error_of($$SELECT cache_invalidate_on('total', 'call', '{person}', referenced_by => 'lead')$$);
\i include/end.sql
