-- What came with PostgreSQL 19.
\set ECHO none
\set database regress_since_19
\i include/begin.sql
\set ECHO all

CREATE TABLE item (id int PRIMARY KEY, n int);
INSERT INTO item VALUES (1, 1);
CREATE FUNCTION n_of(id int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM item AS i WHERE i.id = $1';
SELECT cache_create('n_of', 'n_of(int)', invalidate => 'declared');
SELECT cache_invalidate_on('n_of', 'item', '{id}');
CREATE VIEW look AS SELECT k, e.source, e.value, e.value IS NOT DISTINCT FROM to_jsonb(n_of(k)) AS is_right
    FROM generate_series(1, 2) AS k, cache_get_entry('n_of', k) AS e;
SELECT * FROM look;
SELECT * FROM look;

-- Rows that are there already are read, others are inserted.
INSERT INTO item VALUES (1, 5), (2, 2) ON CONFLICT (id) DO SELECT RETURNING id, n;
SELECT * FROM look;
SELECT * FROM look;

-- The same rows in new storage.
REPACK item;
SELECT * FROM look;
REPACK item USING INDEX item_pkey;
SELECT * FROM look;
VACUUM FULL item;
CLUSTER item;
SELECT * FROM look;

\i include/end.sql
