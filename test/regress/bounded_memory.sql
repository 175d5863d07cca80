-- What a session keeps of declarations is bounded by what is declared, however often it changes.
\set ECHO none
\set database regress_bounded_memory
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int);
INSERT INTO call VALUES (1, 1);
INSERT INTO lead VALUES (1, 1, 10);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id WHERE c.owner = $1';

-- Plans of key queries go with their declarations.
CREATE PROCEDURE declare_use_and_drop() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_create('score', 'score(int)');
    PERFORM cache_invalidate_on_path('score', 'lead',
                                     'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id');
    COMMIT;
    UPDATE lead SET score = score + 1;
    COMMIT;
    PERFORM cache_drop('score');
    COMMIT;
END $$;
CREATE PROCEDURE many_times(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP CALL declare_use_and_drop(); END LOOP;
END $$;
CALL many_times(20);
SELECT count(*) <= 1 AS plans_are_bounded FROM pg_backend_memory_contexts
WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT c.owner FROM call AS c%';

\i include/end.sql
