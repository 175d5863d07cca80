-- cache_invalidate_like matches what LIKE matches.
\set ECHO none
\set database regress_like
\i include/begin.sql

CREATE FUNCTION load_length(k text) RETURNS int LANGUAGE sql STABLE AS 'SELECT length(k)';
SELECT cache_create('word', 'load_length(text)');

-- All words of up to three of these letters, two of which LIKE knows, and two of which are more than
-- one byte long.
CREATE TABLE letter AS SELECT unnest('{a,b,%,_,é,漢}'::text[]) AS l UNION ALL SELECT '\';
CREATE VIEW letter_or_nothing AS SELECT l FROM letter UNION ALL SELECT '';
CREATE TABLE word AS
    SELECT a.l || b.l || c.l AS w
    FROM letter AS a, letter_or_nothing AS b, letter_or_nothing AS c
    UNION SELECT '';
CREATE FUNCTION fill() RETURNS bigint LANGUAGE sql AS 'SELECT count(cache_get_word(w)) FROM word';
SELECT fill();

-- Each pattern in a transaction of its own, since one that has written fills nothing.
CREATE PROCEDURE check_patterns(patterns text[]) LANGUAGE plpgsql AS $$
DECLARE
    pattern text;
    expected bigint;
    n bigint;
    checked int := 0;
BEGIN
    FOREACH pattern IN ARRAY patterns LOOP
        PERFORM fill();
        COMMIT;
        expected := (SELECT count(*) FROM word WHERE w LIKE pattern);
        n := cache_invalidate_like('word', pattern);
        IF n <> expected OR EXISTS (SELECT FROM cache_entries WHERE key LIKE pattern) THEN
            RAISE WARNING '% takes % instead of %', pattern, n, expected;
        END IF;
        COMMIT;
        checked := checked + 1;
    END LOOP;
    RAISE NOTICE '% patterns', checked;
END $$;

-- A tenth of the patterns of one to four letters, those left out that end with an escape.
SELECT array_agg(x.p ORDER BY x.p COLLATE "C") AS patterns
FROM (SELECT a.l || b.l || c.l || d.l AS p,
             row_number() OVER (ORDER BY a.l COLLATE "C", b.l COLLATE "C", c.l COLLATE "C", d.l COLLATE "C") AS i
      FROM letter AS a, letter_or_nothing AS b, letter_or_nothing AS c, letter_or_nothing AS d) AS x
WHERE x.i % 10 = 0 AND (length(x.p) - length(rtrim(x.p, '\'))) % 2 = 0
\gset
CALL check_patterns(:'patterns');
CALL check_patterns(ARRAY['%', '', '_', '__', '___', '____', '%a', 'a%', '%a%', '%a%b%', '%_a', '_%_%', '%%', '%%_', 'é_%', '_é', '%漢_',
                          '\%%', '%\%', '\_', '_\\', '\\\\', '%\\%', '\a', '\é%']);
SELECT error_of($$SELECT cache_invalidate_like('word', 'a\')$$);
SELECT error_of($$SELECT cache_invalidate_like('word', '%\\\')$$);
SELECT error_of($$SELECT cache_invalidate_like('word', NULL)$$);

\i include/end.sql
