-- A value made of many values of another cache: more than an entry has tags for. Those of one first column become one tag, or else
-- all of them one for any key of that cache, so the value is cached, and a change of such a key invalidates it.
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
        are_right := are_right AND e.value = to_jsonb((SELECT sum(n) FROM daily WHERE account = k AND day <= 40));
        month := month || CASE e.source WHEN 'cache' THEN k::text ELSE '-' END;
    END LOOP;
    SELECT * INTO e FROM cache_get_entry('everything', 0);
    are_right := are_right AND e.value = to_jsonb((SELECT sum(n) FROM daily WHERE account <= 3 AND day <= 40));
    everything := e.source;
END $$;
\set look 'SELECT * FROM look();'
SELECT cache_get_month(1), cache_get_everything(0);
:look
:look
SELECT cache, reason FROM cache_bypasses WHERE cache IN ('month', 'everything') AND bypasses > 0 ORDER BY 1, 2;
-- A day is that of its account, and of who reads all.
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
-- Moved from one account to another; both at once; a day of nobody's.
UPDATE daily SET account = 1, day = 50 WHERE account = 3 AND day = 40;
:look
:look
UPDATE daily SET n = n + 1 WHERE day = 3 AND account IN (1, 3);
:look
:look
UPDATE daily SET account = 4 WHERE day = 50;
:look
-- In a savepoint that is rolled back, and one that is not.
BEGIN;
SAVEPOINT a;
UPDATE daily SET n = n + 1 WHERE account = 1 AND day = 1;
ROLLBACK TO a;
SAVEPOINT b;
UPDATE daily SET n = n + 1 WHERE account = 2 AND day = 1;
RELEASE b;
COMMIT;
:look
:look

-- A dependency by the second column only: by the first it cannot be told what changes. Any key it is, then.
CREATE TABLE holiday (day int PRIMARY KEY, factor int);
INSERT INTO holiday VALUES (1, 2);
CREATE FUNCTION pay(account int, day int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT d.n * coalesce((SELECT h.factor FROM holiday AS h WHERE h.day = $2), 1) FROM daily AS d WHERE d.account = $1 AND d.day = $2';
SELECT cache_create('pay', 'pay(int,int)', invalidate => 'declared');
SELECT cache_invalidate_on('pay', 'daily', '{account,day}', '{n}');
CREATE FUNCTION pays(account int) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT sum(cache_get_pay($1, d)) FROM generate_series(1, 39) AS d';
SELECT cache_create('pays', 'pays(int)');
CREATE VIEW paid AS
    SELECT a, e.source, e.value = to_jsonb((SELECT sum(n * coalesce(factor, 1)) FROM daily LEFT JOIN holiday USING (day)
                                            WHERE account = a AND day < 40)) AS is_right
    FROM generate_series(1, 2) AS a, cache_get_entry('pays', a) AS e ORDER BY a;
TABLE paid;
TABLE paid;
UPDATE daily SET n = n + 1 WHERE account = 1 AND day = 5;
TABLE paid;
-- Declared now, while values lie there that are gathered by the first column.
SELECT cache_invalidate_on('pay', 'holiday', '{NULL,day}', '{factor}');
TABLE paid;
UPDATE holiday SET factor = 3;
TABLE paid;
TABLE paid;
UPDATE daily SET n = n + 1 WHERE account = 1 AND day = 5;
TABLE paid;

-- Of an aggregate cache: who writes adjusts its values, and invalidates what is made of them.
SELECT cache_create_aggregate('sums', 'daily', '{account,day}', '{s: sum(n)}');
CREATE FUNCTION total(account int) RETURNS numeric LANGUAGE sql STABLE AS
    'SELECT sum((value).s) FROM cache_get_many_sums((SELECT array_agg($1) FROM generate_series(1, 300)), (SELECT array_agg(d) FROM generate_series(1, 300) AS d))';
SELECT cache_create('total', 'total(int)');
CREATE VIEW totals AS
    SELECT a, e.source, e.value = to_jsonb((SELECT sum(n)::numeric FROM daily WHERE account = a)) AS is_right
    FROM generate_series(1, 3) AS a, cache_get_entry('total', a) AS e ORDER BY a;
TABLE totals;
TABLE totals;
UPDATE daily SET n = n + 1 WHERE account = 1 AND day = 5;
TABLE totals;
INSERT INTO daily VALUES (2, 299, 1);
TABLE totals;
TABLE totals;
SELECT fills FROM cache_stat WHERE cache = 'sums';

\i include/end.sql
