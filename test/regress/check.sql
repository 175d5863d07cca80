-- cache_check, and what cache_health makes of it: every kind of input, in every way that it is covered.
\set ECHO none
\set database regress_check
\i include/begin.sql

CREATE TABLE account (id int PRIMARY KEY, credit numeric, email text);
CREATE TABLE call (id int PRIMARY KEY, account_id int, seconds int, status text, note text);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int, note text);
CREATE TABLE rate (r numeric, "Unit" text);
INSERT INTO account VALUES (1, 10, 'a'), (2, 20, 'b');
INSERT INTO call VALUES (1, 1, 10, 'done', 'x'), (2, 2, 20, 'done', 'y');
INSERT INTO lead VALUES (1, 1, 5, 'x'), (2, 2, 6, 'y');
INSERT INTO rate VALUES (1, 'EUR');
CREATE FUNCTION board(account int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT (SELECT a.credit FROM account AS a WHERE a.id = $1) || ' ' ||
           (SELECT sum(c.seconds) FROM call AS c WHERE c.account_id = $1 AND c.status = 'done') || ' ' ||
           (SELECT sum(l.score) FROM lead AS l JOIN call AS c ON c.id = l.call_id WHERE c.account_id = $1) || ' ' ||
           (SELECT max(r.r) FROM rate AS r) || coalesce(current_setting('app.tenant', true), '') || (now() IS NULL) || (current_user IS NULL) $$;
CREATE VIEW inputs AS SELECT status, value, detail FROM cache_health WHERE "check" = 'inputs';
CREATE FUNCTION checked(name text, OUT input text, OUT kind text, OUT columns text, OUT covered text, OUT invalidates text) RETURNS SETOF record
    LANGUAGE sql BEGIN ATOMIC SELECT c.input, c.kind, c.columns::text, c.covered, c.invalidates FROM cache_check(checked.name) AS c
                             ORDER BY c.input COLLATE "C", c.kind DESC, c.columns; END;

-- Tracked: the columns are those that the text reads.
SELECT cache_create('board', 'board(int)', same_for_all => '{app.tenant}', invalidate => 'track');
SELECT cache_get_board(1), cache_get_board(2);
SELECT * FROM checked('board');
SELECT input, more_precise FROM cache_check('board') WHERE more_precise IS NOT NULL ORDER BY input COLLATE "C";
TABLE inputs;
-- What it says of them is so.
CREATE FUNCTION kept() RETURNS text LANGUAGE sql STABLE AS
    $$SELECT string_agg(k::text, ',' ORDER BY k) FROM generate_series(1, 2) AS k, cache_get_entry('board', k) AS e WHERE e.source = 'cache'$$;
SELECT kept();
UPDATE call SET note = 'z' WHERE id = 1;
SELECT kept(), kept();
-- By key and by path; a column by which a row tells its key concerns the one that it had, too.
SELECT count(*) FROM cache_declare('board');
SELECT * FROM checked('board') WHERE kind IN ('table', 'column');
SELECT kept(), kept();
UPDATE call SET note = 'z' WHERE id = 1;
UPDATE lead SET note = 'z' WHERE id = 1;
UPDATE account SET email = 'z' WHERE id = 1;
SELECT kept();
UPDATE call SET seconds = 11 WHERE id = 1;
SELECT kept(), kept();
UPDATE call SET account_id = 2 WHERE id = 1;
SELECT kept(), kept();
UPDATE lead SET call_id = 2 WHERE id = 1;
SELECT kept(), kept();
UPDATE rate SET "Unit" = 'USD';
SELECT kept(), kept();
-- The time, settings and roles, once they are answered.
SELECT cache_alter('board', '{"expires": "day"}');
SELECT input, covered, invalidates, more_precise FROM cache_check('board') WHERE kind = 'time';
TABLE inputs;
SELECT cache_alter('board', '{"vary_by": ["current_setting(''app.tenant'', true)"], "refresh_at": null}');
SELECT cache_get_board(1) IS NOT NULL;
SELECT input, covered, invalidates, more_precise FROM cache_check('board') WHERE kind NOT IN ('table', 'column');
SELECT input, invalidates FROM cache_check('board') WHERE covered = 'key';
SELECT cache_alter('board', '{"run_as": "reader"}');
SELECT cache_get_board(1) IS NOT NULL;
SELECT input, covered, invalidates FROM cache_check('board') WHERE kind NOT IN ('table', 'column');
TABLE inputs;
SELECT cache_drop('board');

-- Declared by hand: a table and a column that were forgotten, and what would be narrower.
SELECT cache_create('board', 'board(int)', same_for_all => '{app.tenant}', invalidate => 'declared');
SELECT cache_invalidate_on('board', 'account'), cache_invalidate_on('board', 'call', '{account_id}', '{seconds}'),
       cache_invalidate_on_path('board', 'lead', 'SELECT c.account_id FROM call AS c WHERE c.id = $1.call_id', '{note}');
SELECT cache_get_board(1), cache_get_board(2);
SELECT * FROM checked('board') WHERE kind IN ('table', 'column') OR kind IS NULL;
SELECT input, more_precise FROM cache_check('board') WHERE kind IN ('table', 'column') AND more_precise IS NOT NULL;
TABLE inputs;
UPDATE call SET status = 'failed' WHERE id = 2;
SELECT kept();
-- The statements do what they say.
SELECT more_precise FROM cache_check('board') WHERE covered = 'ttl' AND kind = 'column' \gexec
SELECT input, covered FROM cache_check('board') WHERE kind = 'column' AND covered = 'ttl';
SELECT * FROM inputs;
SELECT cache_invalidate_on('board', 'rate');
SELECT kept(), kept();
UPDATE call SET status = 'done' WHERE id = 2;
SELECT kept();
SELECT cache_invalidate_on('board', 'rate', '{}', '{r}');
SELECT * FROM checked('board') WHERE input LIKE '%rate%';
TABLE inputs;
-- Columns that the row tells its key by in an expression; a whole row; one table twice.
CREATE TABLE event (at timestamp, kind text);
CREATE FUNCTION by_day(d date) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT string_agg(e::text, ',') FROM event AS e WHERE e.at::date = $1$$;
SELECT cache_create('by_day', 'by_day(date)', invalidate => 'declared');
SELECT cache_invalidate_on('by_day', 'event', '{(at::date)}'), cache_get_by_day('2026-03-01');
SELECT * FROM checked('by_day');
SELECT cache_invalidate_on('by_day', 'event', '{(at::date)}', '{kind}');
SELECT * FROM checked('by_day');
SELECT cache_drop('by_day'), cache_drop('board');

-- What cannot be tracked: none, or bound to the ttl.
CREATE FUNCTION roles(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM pg_database WHERE oid = $1';
CREATE FUNCTION noise() RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION noisy(k int) RETURNS float8 LANGUAGE plpgsql STABLE AS 'DECLARE x float8; BEGIN EXECUTE ''SELECT noise()'' INTO x; RETURN x; END';
CREATE FUNCTION loud(k int) RETURNS float8 LANGUAGE sql STABLE AS 'SELECT noise()';
SELECT cache_create('none', 'roles(int)', invalidate => 'track'), cache_create('bound', 'roles(int)', invalidate => 'track', undeclared => 'ttl'),
       cache_create('noisy', 'noisy(int)', invalidate => 'track'), cache_create('loud', 'loud(int)', invalidate => 'track', undeclared => 'ttl'),
       cache_create('hand', 'loud(int)', invalidate => 'declared');
SELECT cache_get(c, 1) IS NOT NULL FROM unnest('{none,bound,noisy,loud,hand}'::text[]) AS c;
SELECT c, i.* FROM unnest('{none,bound,noisy,loud,hand}'::text[]) AS c, checked(c) AS i;
TABLE inputs;
-- Of caches that he may not see nobody is told; one cannot be used; a table is locked.
CREATE ROLE regress_check_guest;
SET ROLE regress_check_guest;
SELECT count(*) FROM cache_health WHERE "check" = 'inputs';
SELECT error_of($$SELECT * FROM cache_check('none')$$);
RESET ROLE;
DROP ROLE regress_check_guest;
DROP FUNCTION loud CASCADE;
SELECT status, value FROM inputs;
BEGIN;
LOCK rate;
SELECT count(*) FROM inputs;
ROLLBACK;
-- Nothing is left locked, and no setting changed.
BEGIN;
SELECT count(*) FROM inputs;
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('account'::regclass, 'call'::regclass);
SHOW lock_timeout;
COMMIT;

\i include/end.sql
