-- A value made of many values of another cache: more than an entry has tags for. They become one tag for any key of that cache, so
-- the value is cached, and any change of a key there invalidates it.
\set ECHO none
\set database regress_many_inner
\i include/begin.sql

CREATE TABLE daily (account int, day int, n int, PRIMARY KEY (account, day));
INSERT INTO daily SELECT a, d, a * 100 + d FROM generate_series(1, 3) AS a, generate_series(1, 40) AS d;
CREATE FUNCTION day(account int, day int) RETURNS int LANGUAGE sql STABLE
    AS 'SELECT sum(n)::int FROM daily AS d WHERE d.account = $1 AND d.day = $2';
SELECT cache_create('day', 'day(int,int)', invalidate => 'declared');
SELECT cache_invalidate_on('day', 'daily', '{account,day}', '{n}');
CREATE FUNCTION month(account int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(cache_get_day($1, d)) FROM generate_series(1, 40) AS d';
SELECT cache_create('month', 'month(int)');
-- What is made of months, two levels up.
CREATE FUNCTION everything(x int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(cache_get_month(a)) FROM generate_series(1, 3) AS a';
SELECT cache_create('everything', 'everything(int)');

CREATE FUNCTION look(OUT month text, OUT everything text, OUT are_right bool) LANGUAGE plpgsql STABLE AS $$
DECLARE
    e record;
BEGIN
    are_right := true;
    month := '';
    FOR k IN 1 .. 3 LOOP
        SELECT * INTO e FROM cache_get_entry('month', k);
        are_right := are_right AND e.value = to_jsonb((SELECT sum(n) FROM daily WHERE account = k));
        month := month || CASE e.source WHEN 'cache' THEN k::text ELSE '-' END;
    END LOOP;
    SELECT * INTO e FROM cache_get_entry('everything', 0);
    are_right := are_right AND e.value = to_jsonb((SELECT sum(n) FROM daily));
    everything := e.source;
END $$;
\set look 'SELECT * FROM look();'
SELECT cache_get_month(1), cache_get_everything(0);
:look
:look
SELECT cache, reason FROM cache_bypasses WHERE cache IN ('month', 'everything') AND bypasses > 0 ORDER BY 1, 2;
-- Any day is everybody's.
UPDATE daily SET n = n + 1 WHERE account = 2 AND day = 17;
:look
:look
-- So is one that is added or goes, or a change of the cache as a whole.
INSERT INTO daily VALUES (3, 41, 1);
SELECT cache_get_day(3, 41);
DELETE FROM daily WHERE day = 41;
:look
:look
SELECT cache_invalidate_all('day');
:look
:look
-- One that does not matter to the days.
UPDATE daily SET account = account WHERE day = 1;
:look
-- A change of one's own is seen, and what is rolled back is not.
BEGIN;
UPDATE daily SET n = n + 1 WHERE account = 1 AND day = 1;
:look
ROLLBACK;
:look
-- By a key that is named.
SELECT cache_invalidate('day', 2, 5);
:look
:look

\i include/end.sql
