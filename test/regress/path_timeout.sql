-- A lookup that runs out of time, or just does not, costs the commit nothing else: the timer is not
-- there any more when the procedure goes on.
\set ECHO none
\set database regress_path_timeout
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int);
INSERT INTO call VALUES (1, 1);
INSERT INTO lead VALUES (1, 1, 10);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id WHERE c.owner = $1';
SELECT cache_create('score', 'score(int)');
-- Each commit looks longer than the one before, from far below to far beyond the timeout.
SELECT cache_invalidate_on_path('score', 'lead',
    'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id AND
     (SELECT count(*) FROM generate_series(1, $1.score)) >= 0');
CREATE PROCEDURE commit_often(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        UPDATE lead SET score = i * 4 % 20000;
        COMMIT;
    END LOOP;
END $$;
SET cache_ext.path_timeout = 1;
CALL commit_often(5000);
SELECT score FROM lead;

\i include/end.sql
