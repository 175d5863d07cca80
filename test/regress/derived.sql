-- What a loader's text proves is declared: invalidate => 'auto', cache_declare. (test/t/derived.pl compares values.)
\set ECHO none
\set database regress_derived
\i include/begin.sql
\set ECHO all
SET client_min_messages = warning;
CREATE ROLE regress_derived_other;
RESET client_min_messages;

CREATE TABLE account (id int PRIMARY KEY, owner int NOT NULL, name text NOT NULL);
CREATE TABLE call (id int PRIMARY KEY, account_id int NOT NULL, seconds int NOT NULL, note text);
CREATE TABLE lead (id int PRIMARY KEY, call_id int NOT NULL, stage varchar(20) NOT NULL);
CREATE TABLE step (id int PRIMARY KEY, lead_id int NOT NULL, n int NOT NULL);
CREATE VIEW talk AS SELECT account_id, seconds FROM call;
CREATE VIEW talk_total AS SELECT account_id, sum(seconds) AS total, max(seconds) AS longest FROM talk GROUP BY account_id;

CREATE FUNCTION load_name(account int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM account WHERE id = $1';
SELECT cache_create('name', 'load_name(int)', invalidate => 'auto');
SELECT relation, key, columns, key_query, derived FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT object FROM made_by_cache_ext WHERE object_kind = 'trigger';
SELECT cache_drop('name');

-- What becomes of a statement: by its tables. Made and dropped again.
CREATE FUNCTION derived(statement text, arguments text DEFAULT 'int', kind text DEFAULT 'LANGUAGE sql STABLE')
    RETURNS TABLE (input text, covered text, how text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION tried(%s) RETURNS text %s AS %L', arguments, kind, statement);
    PERFORM cache_create('tried', format('tried(%s)', arguments)::regprocedure, undeclared => 'ttl', invalidate => 'track');
    RETURN QUERY SELECT d.input, d.covered, coalesce(regexp_replace(d.statement, '^SELECT cache_invalidate_on[a-z_]*\(''tried'', ''[a-z_.]+'', ', ''), d.reason)
                 FROM cache_declare('tried') AS d ORDER BY d.input, d.statement;
    PERFORM cache_drop('tried');
    DROP FUNCTION tried;
END $$;
\pset format unaligned
-- By key: in any order, through equalities, views, groups, functions in SQL, WITH, UNION, sublinks.
SELECT * FROM derived('SELECT name FROM account WHERE $1 = id AND owner > 3');
SELECT * FROM derived('SELECT max(c.note) FROM account AS a JOIN call AS c ON c.account_id = a.id WHERE a.id = $1');
SELECT * FROM derived('SELECT total::text FROM talk_total WHERE account_id = $1');
SELECT * FROM derived('SELECT total::text FROM talk_total WHERE longest = $1');
SELECT * FROM derived('SELECT name FROM account WHERE id = ANY (ARRAY[$1]) AND EXISTS (SELECT FROM call AS c WHERE c.account_id = account.id)');
SELECT * FROM derived('SELECT count(*)::text FROM call WHERE account_id IN (SELECT id FROM account WHERE owner = $1)');
SELECT * FROM derived('WITH c AS (SELECT * FROM call WHERE account_id = $1) SELECT count(*)::text FROM c AS x, c AS y');
SELECT * FROM derived('SELECT note FROM call WHERE account_id = $1 UNION ALL SELECT name FROM account WHERE owner = $1');
SELECT * FROM derived('SELECT note FROM call WHERE account_id = $1 UNION ALL SELECT note FROM call WHERE id = $1');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1 AND owner = $2', 'int, int');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1 AND owner > $2', 'int, int');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1', 'bigint');
SELECT * FROM derived('SELECT max(id)::text FROM lead WHERE stage = $1', 'text');
SELECT * FROM derived('SELECT account::text FROM account WHERE id = $1');
SELECT * FROM derived('SELECT (SELECT count(*) FILTER (WHERE seconds > 3) FROM call WHERE account_id = a.id)::text FROM account AS a WHERE a.id = $1');
CREATE FUNCTION name_of(which int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM account WHERE id = which';
SELECT * FROM derived('SELECT name_of($1)');
SELECT * FROM derived('SELECT string_agg(name_of(c.account_id), '','') FROM call AS c WHERE c.id = $1');
-- By path: over one table or several; outer joins restrict the side that may be missing.
SELECT * FROM derived('SELECT count(*)::text FROM lead AS l JOIN call AS c ON c.id = l.call_id WHERE c.account_id = $1');
SELECT * FROM derived('SELECT count(n)::text FROM call AS c LEFT JOIN lead AS l ON l.call_id = c.id LEFT JOIN step AS s ON s.lead_id = l.id WHERE c.account_id = $1');
SELECT * FROM derived('SELECT count(*)::text FROM lead AS l LEFT JOIN call AS c ON l.call_id = c.id AND c.account_id = $1');
SELECT * FROM derived('SELECT count(*)::text FROM lead AS l FULL JOIN call AS c ON l.call_id = c.id WHERE c.account_id = $1');
-- Not: something is read without the key.
SELECT * FROM derived('SELECT count(*)::text FROM call AS c, call AS d WHERE c.account_id = $1');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1 OR owner = 3');
SELECT * FROM derived('SELECT name FROM account WHERE id <> $1 AND NOT owner = $1 AND CASE WHEN true THEN owner = $1 END');
SELECT * FROM derived('SELECT name FROM account WHERE id IN ($1, 3)');
SELECT * FROM derived('SELECT name FROM account WHERE id IS NOT DISTINCT FROM $1');
SELECT * FROM derived('SELECT note FROM (SELECT * FROM call ORDER BY id LIMIT 10) AS c WHERE account_id = $1');
SELECT * FROM derived('SELECT count(*)::text FROM account AS a JOIN (SELECT id, account_id FROM call UNION ALL SELECT id, call_id FROM lead) AS u ON u.account_id = a.id WHERE u.id = $1');
SELECT * FROM derived('SELECT count(*)::text FROM account AS a WHERE a.id = ALL (SELECT c.id FROM call AS c WHERE c.account_id = $1 AND c.seconds = a.owner)');
SELECT * FROM derived('SELECT account_id::text FROM call GROUP BY account_id HAVING max(account_id) = $1');
SELECT * FROM derived('SELECT count(*) || (SELECT max(stage) FROM lead WHERE call_id = $2) FROM call WHERE account_id = $1 AND account_id = $2', 'int, int');
SELECT * FROM derived('SELECT (SELECT max(stage) FROM lead WHERE call_id = $2) FROM call WHERE account_id = $1 AND account_id = $2 GROUP BY id', 'int, int');
SELECT * FROM derived('SELECT count(*)::text FROM call WHERE account_id = $1 AND account_id = $2 HAVING (SELECT count(*) FROM lead WHERE call_id = $2) > 1', 'int, int');
SELECT * FROM derived('SELECT (SELECT max(stage) FROM lead WHERE call_id = $2) FROM call WHERE account_id = $1 AND account_id = $2 GROUP BY ()', 'int, int');
SELECT * FROM derived('SELECT (SELECT max(stage) FROM lead WHERE call_id = $2) FROM call WHERE account_id = $1 AND account_id = $2 HAVING true', 'int, int');
SELECT * FROM derived('SELECT max(note) || name_of($2) FROM call WHERE account_id = $1 AND account_id = $2', 'int, int');
SELECT * FROM derived('SELECT max(name_of($2)) FROM call WHERE account_id = $1 AND account_id = $2', 'int, int');
SELECT * FROM derived('SELECT note FROM call WHERE account_id = $1 AND id = (SELECT max(id) FROM call)');
SELECT * FROM derived('SELECT note FROM call WHERE account_id = $1 AND ctid IS NOT NULL');
SELECT * FROM derived('SELECT note FROM call TABLESAMPLE system (50) REPEATABLE (1) WHERE account_id = $1');
SELECT * FROM derived('SELECT name FROM account LIMIT 1', '');
-- Not: what it reads cannot be seen.
CREATE FUNCTION peek(int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'DECLARE n bigint := (SELECT count(*) FROM account); BEGIN RETURN n; END';
CREATE FUNCTION peek_at_all(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT peek($1)';
CREATE FUNCTION peeks(int, int) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) > 1 FROM account); END';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = peeks);
CREATE DOMAIN checked AS int CHECK (peek(VALUE) >= 0);
CREATE DOMAIN small AS int CHECK (VALUE < 100);
SELECT * FROM derived('SELECT name || peek(1) FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || peek_at_all(1) FROM account WHERE id = $1');
CREATE FUNCTION by_default(int, n bigint DEFAULT peek(1)) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT $1 + n';
SELECT * FROM derived('SELECT name || by_default(1) FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || by_default(1, 2) FROM account WHERE id = $1');
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE FUNCTION mood_of(int) RETURNS mood LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT CASE WHEN count(*) > 1 THEN mood ''good'' ELSE ''bad'' END FROM account); END';
CREATE CAST (int AS mood) WITH FUNCTION mood_of(int) AS ASSIGNMENT;
CREATE FUNCTION cast_to_mood(int) RETURNS mood LANGUAGE sql STABLE AS 'SELECT $1';
SELECT * FROM derived('SELECT name || cast_to_mood(id) FROM account WHERE id = $1');
CREATE FUNCTION given_mood(int) RETURNS mood LANGUAGE sql STABLE AS $$SELECT mood 'bad'$$;
SELECT * FROM derived('SELECT name || given_mood(id) FROM account WHERE id = $1');
-- What the server's own functions call by a type.
CREATE TYPE season AS ENUM ('dry', 'wet');
CREATE TABLE weather (season season, n int);
SELECT * FROM derived('SELECT name || to_json(season ''dry'')::text FROM account WHERE id = $1');
CREATE FUNCTION season_json(season) RETURNS json LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT to_json(count(*)) FROM account); END';
CREATE CAST (season AS json) WITH FUNCTION season_json(season);
SELECT * FROM derived('SELECT name || to_json(season ''dry'')::text FROM account WHERE id = $1');
SELECT * FROM derived('SELECT jsonb_agg(w)::text FROM weather AS w WHERE n = $1');
SELECT * FROM derived('SELECT json_build_object(name, ARRAY[season ''wet''])::text FROM account WHERE id = $1');
CREATE TYPE grade AS ENUM ('low', 'high');
SELECT * FROM derived('SELECT name || (ARRAY[grade ''low''] < ARRAY[grade ''high'']) FROM account WHERE id = $1');
CREATE FUNCTION compare_grades(grade, grade) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT count(*) FROM account); END';
CREATE OPERATOR CLASS grades DEFAULT FOR TYPE grade USING btree AS
    OPERATOR 1 < (anyenum, anyenum), OPERATOR 2 <= (anyenum, anyenum), OPERATOR 3 = (anyenum, anyenum),
    OPERATOR 4 >= (anyenum, anyenum), OPERATOR 5 > (anyenum, anyenum), FUNCTION 1 compare_grades(grade, grade);
SELECT * FROM derived('SELECT name || (ARRAY[grade ''low''] < ARRAY[grade ''high'']) FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || array_in(''{3}'', ''checked''::regtype, -1)::text FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || ((''{3}''::text)::int[])::text FROM account WHERE id = $1');
SELECT d.* FROM pg_settings AS s,
    derived('SELECT name || ' || CASE WHEN s.setting::int >= 160000 THEN 'pg_input_is_valid(''3'', ''checked'')' ELSE 'array_in(''{3}'', ''checked''::regtype, -1)' END
            || '::text FROM account WHERE id = $1') AS d
    WHERE s.name = 'server_version_num';
-- It says until when, and reads nothing.
SELECT * FROM derived('SELECT name || cache_valid_until(''2100-01-01'') FROM account WHERE id = $1');
CREATE FUNCTION talks(who int) RETURNS TABLE (total bigint, longest int) LANGUAGE sql STABLE AS 'SELECT total, longest FROM talk_total WHERE account_id = who';
SELECT * FROM derived('SELECT name || t.total FROM account, talks($1) AS t WHERE id = $1');
SELECT * FROM derived('SELECT count(*)::text FROM cache_ext_internal.cache_definition WHERE name = $1', 'text');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1 AND owner === 3');
SELECT * FROM derived('SELECT name || 3::checked FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || 3::small FROM account WHERE id = $1');
SELECT * FROM derived('SELECT name || query_to_xml(''SELECT * FROM account'', true, true, '''')::text FROM account WHERE id = $1');
SELECT * FROM derived('BEGIN RETURN (SELECT name FROM account WHERE id = $1); EXCEPTION WHEN OTHERS THEN RETURN (SELECT max(name) FROM account); END', 'int', 'LANGUAGE plpgsql STABLE');
SELECT * FROM derived('#variable_conflict use_variable
    BEGIN RETURN (SELECT name FROM account WHERE id = $1); END', 'int', 'LANGUAGE plpgsql STABLE');
ALTER DATABASE regress_derived SET plpgsql.variable_conflict = use_variable;
SELECT * FROM derived('BEGIN RETURN (SELECT name FROM account WHERE id = $1); END', 'int', 'LANGUAGE plpgsql STABLE');
ALTER DATABASE regress_derived RESET plpgsql.variable_conflict;
SELECT * FROM derived('SELECT name FROM account WHERE id = $1', 'int', 'LANGUAGE sql STABLE SET row_security = off');
SELECT * FROM derived('SELECT name_of($1)', 'int', 'LANGUAGE sql STABLE SET search_path = public');
-- Of PL/pgSQL one expression is seen; with its own search_path what it names there.
SELECT * FROM derived('begin
    return (SELECT name FROM account WHERE id = $1);
end;', 'int', 'LANGUAGE plpgsql STABLE');
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.account (name text, id int);
SELECT * FROM derived('SELECT name FROM account WHERE id = $1', 'int', 'LANGUAGE sql STABLE SET search_path = elsewhere');
SELECT * FROM derived('SELECT name FROM account WHERE id = $1', 'int', 'LANGUAGE sql STABLE SECURITY DEFINER');
-- WITH is seen from where it is read, each time.
SELECT * FROM derived('WITH own AS (SELECT * FROM call WHERE account_id = $1) SELECT count(*)::text FROM lead AS l JOIN own ON own.id = l.call_id');
SELECT * FROM derived('WITH all_calls AS (SELECT * FROM call) SELECT count(*)::text FROM all_calls AS a JOIN all_calls AS b USING (id) WHERE a.account_id = $1');
SELECT * FROM derived('WITH RECURSIVE up AS (SELECT id, call_id FROM lead WHERE id = $1 UNION SELECT l.id, l.call_id FROM lead AS l JOIN up ON up.call_id = l.id) SELECT max(id)::text FROM up');
-- Another cache brings its own dependencies along.
SELECT cache_create('name', 'load_name(int)');
SELECT * FROM derived('SELECT cache_get_name(owner) FROM account WHERE id = $1');
SELECT cache_drop('name');

-- A partition is covered with what it is a part of: so both are restricted, or neither is.
CREATE TABLE event (account_id int, month int, n int) PARTITION BY LIST (month);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event_2 (LIKE event);
SELECT * FROM derived('SELECT sum(n)::text FROM event WHERE account_id = $1');
SELECT * FROM derived('SELECT sum(n)::text || (SELECT count(*) FROM event_1) FROM event WHERE account_id = $1');
SELECT * FROM derived('SELECT sum(n)::text || (SELECT count(*) FROM event_1 WHERE n = $1) FROM event WHERE account_id = $1');
SELECT * FROM derived('SELECT sum(n)::text || (SELECT count(*) FROM event_2) FROM event WHERE account_id = $1');
-- Policies are a part of what is read.
CREATE TABLE secret (id int, account_id int);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON secret USING (account_id IN (SELECT owner FROM account));
CREATE ROLE regress_derived_owner;
GRANT CREATE ON SCHEMA public TO regress_derived_owner;
ALTER TABLE secret OWNER TO regress_derived_owner;
ALTER TABLE account OWNER TO regress_derived_owner;
SET ROLE regress_derived_owner;
CREATE FUNCTION load_secret(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM secret WHERE account_id = $1';
SELECT cache_create('secret', 'load_secret(int)', invalidate => 'auto');
SELECT cache_drop('secret');
RESET ROLE;
-- No path leads through a table with policies: who looks a key up may see less than a view does.
CREATE TABLE detail (secret_id int, n int);
CREATE VIEW open_secret AS SELECT * FROM secret;
SELECT * FROM derived('SELECT sum(n)::text FROM detail AS d JOIN open_secret AS s ON s.id = d.secret_id WHERE s.account_id = $1');
-- Tables of others stay tracked.
ALTER TABLE call OWNER TO regress_derived_other;
GRANT SELECT ON call, lead TO regress_derived_owner;
ALTER TABLE lead OWNER TO regress_derived_owner;
SET ROLE regress_derived_owner;
CREATE FUNCTION load_leads(int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM account AS a JOIN call AS c ON c.account_id = a.id JOIN lead AS l ON l.call_id = c.id WHERE a.id = $1';
SELECT cache_create('leads', 'load_leads(int)', invalidate => 'auto');
SELECT cache_drop('leads');
RESET ROLE;

-- A derived dependency holds as long as the loader's text proves it. Then all that it reads is tracked, until cache_declare has looked again.
INSERT INTO account VALUES (1, 1, 'one'), (2, 1, 'two');
CREATE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM account WHERE owner = $1';
SELECT cache_create('count', 'load_count(int)', invalidate => 'auto', ttl => NULL);
CREATE VIEW seen AS
    SELECT v.value, v.source, (SELECT reason FROM cache_explain('count', 1) WHERE state = 'bypass' OR reason ~ 'tracked') AS explained,
           (SELECT status || ': ' || detail FROM cache_health WHERE "check" = 'dependencies') AS health
    FROM cache_get_entry('count', 1) AS v;
SELECT cache_get('count', 1);
SELECT * FROM seen;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) + 0 FROM account WHERE owner = $1 AND id < 100';
SELECT cache_get('count', 1);
SELECT * FROM seen;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM account';
SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
SELECT input, covered, invalidates, more_precise FROM cache_check('count');
SELECT cache_get('count', 1);
SELECT * FROM seen;
SELECT input, covered, invalidates, more_precise FROM cache_check('count');
INSERT INTO account VALUES (3, 2, 'three');
SELECT * FROM seen;
-- Own writes, and what is undone.
BEGIN;
INSERT INTO account VALUES (33, 2, 'three');
SELECT value, source FROM seen;
ROLLBACK;
SELECT value, source FROM seen;
-- Once more what it was: the triggers tell enough, and so does what is tracked.
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM account WHERE owner = $1';
SELECT cache_get('count', 1);
SELECT * FROM seen;
UPDATE account SET owner = 1 WHERE id = 3;
SELECT value, source FROM seen;
UPDATE account SET owner = 2 WHERE id = 3;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM account';
SELECT cache_get('count', 1);
INSERT INTO account VALUES (34, 2, 'more');
SELECT value, source FROM seen;
DELETE FROM account WHERE id = 34;
SELECT value, source FROM seen;
SELECT input, covered, reason FROM cache_declare('count');
SELECT cache_get('count', 1) FROM generate_series(1, 2);
SELECT * FROM seen;
INSERT INTO account VALUES (4, 2, 'four');
SELECT * FROM seen;
-- The same for what is behind it: a view, a column that is compared as it was not before, a policy, a partition.
CREATE VIEW accounts AS SELECT * FROM account;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) + (SELECT count(*) FROM event_2) FROM accounts AS a, event AS e WHERE a.owner = $1 AND e.account_id = $1';
SELECT input, covered, statement FROM cache_declare('count');
SELECT cache_get('count', 1);
SELECT * FROM seen;
ALTER TABLE event ATTACH PARTITION event_2 FOR VALUES IN (2);
SELECT cache_get('count', 1);
SELECT * FROM seen;
SELECT input, covered, statement FROM cache_declare('count');
CREATE OR REPLACE VIEW accounts AS SELECT a.* FROM account AS a, (SELECT max(owner) AS owner FROM account) AS m WHERE a.owner <= m.owner;
SELECT cache_get('count', 1);
SELECT * FROM seen;
SELECT input, covered, statement FROM cache_declare('count');
-- What was read by key is read as a part of something else, or the other way round.
CREATE TABLE animal (id int, owner int);
CREATE TABLE dog (tail int) INHERITS (animal);
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM dog WHERE owner = $1';
SELECT input, covered, statement FROM cache_declare('count');
SELECT cache_get('count', 1);
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM animal WHERE owner = $1';
SELECT cache_get('count', 1) FROM generate_series(1, 3);
SELECT * FROM seen;
INSERT INTO dog VALUES (1, 2, 3);
SELECT * FROM seen;
INSERT INTO animal VALUES (1, 1);
SELECT * FROM seen;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM animal';
SELECT cache_get('count', 1) FROM generate_series(1, 3);
SELECT * FROM seen;
INSERT INTO dog VALUES (2, 2, 3);
SELECT * FROM seen;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM animal WHERE owner = $1';
SELECT input, covered, statement FROM cache_declare('count');
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM dog';
SELECT cache_get('count', 1) FROM generate_series(1, 3);
SELECT * FROM seen;
INSERT INTO dog VALUES (3, 2, 3);
SELECT * FROM seen;
CREATE OR REPLACE VIEW accounts AS SELECT 0 AS id, account_id AS owner, '' AS name FROM event_1;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM accounts WHERE owner = $1';
SELECT input, covered, statement FROM cache_declare('count');
SELECT cache_get('count', 1) FROM generate_series(1, 2);
CREATE OR REPLACE VIEW accounts AS SELECT 0 AS id, e.account_id AS owner, '' AS name FROM event AS e, (SELECT count(*) FROM event) AS n;
SELECT cache_get('count', 1) FROM generate_series(1, 3);
SELECT * FROM seen;
SELECT cache_drop('count');

-- By path: a table on the way gets another name, or all that was read is gone. What is declared by hand goes on to count.
CREATE TABLE shelf (id int PRIMARY KEY, room int NOT NULL);
CREATE TABLE book (id int PRIMARY KEY, shelf_id int NOT NULL);
CREATE TABLE sign (room int PRIMARY KEY, text text);
INSERT INTO shelf VALUES (1, 1), (2, 2);
INSERT INTO book VALUES (1, 1), (2, 2), (3, 1);
INSERT INTO sign VALUES (1, 'one'), (2, 'two');
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) + (SELECT length(text) FROM sign WHERE room = $1) FROM book AS b JOIN shelf AS s ON s.id = b.shelf_id WHERE s.room = $1';
SELECT cache_create('count', 'load_count(int)');
SELECT cache_invalidate_on('count', 'sign', '{room}');
SELECT cache_get('count', 1);
SELECT * FROM seen;
ALTER TABLE shelf RENAME TO rack;
CREATE TABLE shelf (id int PRIMARY KEY, room int NOT NULL);
SELECT cache_get('count', 1);
SELECT * FROM seen;
INSERT INTO shelf VALUES (2, 1);
SELECT value, source FROM seen;
SELECT value, source FROM seen;
INSERT INTO rack VALUES (3, 1);
INSERT INTO book VALUES (4, 2);
SELECT value, source FROM seen;
SELECT value, source FROM seen;
UPDATE sign SET text = 'zwei' WHERE room = 2;
SELECT value, source FROM seen;
DROP TABLE rack;
SELECT cache_get('count', 1);
SELECT * FROM seen;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM sign, shelf';
SELECT cache_get('count', 1);
SELECT value, source FROM seen;
DROP TABLE book;
SELECT cache_get('count', 1);
SELECT * FROM seen;
INSERT INTO shelf VALUES (3, 1);
SELECT value, source FROM seen;
SELECT input, covered FROM cache_declare('count');
SELECT cache_get('count', 1);
SELECT * FROM seen;
SELECT cache_drop('count');

-- Triggers that nothing needs any more go with what they were for; where the table is another role's, cache_health names them.
CREATE VIEW triggered AS SELECT object, (SELECT status || ': ' || regexp_replace(detail, '_[0-9a-f]{8}', '_*', 'g') FROM cache_health WHERE "check" = 'triggers') AS health
    FROM made_by_cache_ext WHERE object_kind = 'trigger' AND object ~ 'row';
CREATE TABLE book (id int PRIMARY KEY, shelf_id int NOT NULL);
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM book AS b JOIN shelf AS s ON s.id = b.shelf_id WHERE s.room = $1';
SELECT cache_create('count', 'load_count(int)');
SELECT * FROM triggered;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM sign WHERE room = $1';
SELECT cache_get('count', 1);
SELECT * FROM triggered;
SELECT cache_create('other', 'load_count(int)');
SELECT input, covered FROM cache_declare('count');
SELECT * FROM triggered;
CREATE OR REPLACE FUNCTION load_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM book AS b JOIN shelf AS s ON s.id = b.shelf_id WHERE s.room = $1';
SELECT input, covered FROM cache_declare('count');
SELECT object FROM triggered;
SELECT cache_invalidate_on('count', 'book');
SELECT cache_alter('count', '{"invalidate": "track"}');
SELECT object FROM triggered;
SELECT cache_drop('other');
ALTER TABLE book OWNER TO regress_derived_other;
ALTER FUNCTION load_count(int) OWNER TO regress_derived_owner;
ALTER FUNCTION cache_get_count(int) OWNER TO regress_derived_owner;
ALTER FUNCTION cache_get_many_count(int[]) OWNER TO regress_derived_owner;
SELECT object FROM triggered;
SET ROLE regress_derived_owner;
SELECT cache_drop('count');
RESET ROLE;
SELECT * FROM triggered;
DO $$ BEGIN EXECUTE (SELECT string_agg(format('DROP TRIGGER %I ON book', tgname), '; ') FROM pg_trigger WHERE tgrelid = 'book'::regclass); END $$;
SELECT * FROM triggered;

-- What somebody declares himself takes the place of what was derived for that table, and stays as it is.
CREATE OR REPLACE FUNCTION load_name(account int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT name || (SELECT count(*) FROM step WHERE lead_id = account.id) FROM account WHERE id = $1';
SELECT cache_create('name', 'load_name(int)');
SELECT cache_invalidate_on('name', 'account');
SELECT cache_get('name', 1);
SELECT input, covered, more_precise FROM cache_check('name') ORDER BY 1;
SELECT * FROM cache_declare('name');
SELECT * FROM cache_declare('name');
SELECT relation, key, columns, derived FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT dependencies FROM cache_ext_internal.cache_definition;
SELECT cache_drop('name');
-- cache_check says what would be more precise.
CREATE OR REPLACE FUNCTION load_name(account int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM account WHERE id = $1';
SELECT cache_create('name', 'load_name(int)', invalidate => 'track');
SELECT cache_get('name', 1);
SELECT input, covered, more_precise FROM cache_check('name');
-- An option like others.
SELECT cache_alter('name', '{"invalidate": "auto"}');
SELECT invalidate FROM cache_ext_internal.cache_definition;
SELECT cache_alter('name', '{"invalidate": "declared"}');
SELECT error_of($$SELECT cache_declare('name')$$);
SELECT error_of($$SELECT cache_declare('nobody')$$);
SELECT count(*) AS rows FROM cache_declare(NULL);
SET ROLE regress_derived_other;
SELECT error_of($$SELECT cache_declare('name')$$);
RESET ROLE;
SELECT cache_drop('name');
SELECT cache_create('put', key_types => '{int}', value_type => 'int', invalidate => 'auto');

\set ECHO none
\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_derived;
DROP ROLE regress_derived_other, regress_derived_owner;
