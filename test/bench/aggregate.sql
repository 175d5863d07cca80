-- One table, whose sum by key is kept up to date in one of several ways. \set kind none, cache, counter or invalidated.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TABLE hit (k int NOT NULL, amount int NOT NULL);
CREATE INDEX ON hit (k);
INSERT INTO hit SELECT i % 20, i % 100 FROM generate_series(1, 200000) AS i;
VACUUM ANALYZE hit;
SELECT :'kind' = 'cache' AS cache, :'kind' = 'counter' AS counter, :'kind' = 'invalidated' AS invalidated \gset
\if :cache
CREATE EXTENSION cache_ext;
SELECT cache_create_aggregate('total', 'hit', '{k}', '{n: count(*), amount: sum(amount)}');
CREATE FUNCTION total(k int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT t.amount FROM cache_get_total($1) AS t';
\elif :invalidated
CREATE EXTENSION cache_ext;
CREATE FUNCTION load_total(k int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(h.amount) FROM hit AS h WHERE h.k = $1';
SELECT cache_create('total', 'load_total(int)', ttl => NULL);
SELECT cache_invalidate_on('total', 'hit', '{k}');
CREATE FUNCTION total(k int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT cache_get_total($1)';
\elif :counter
CREATE TABLE total AS SELECT k, count(*) AS n, sum(amount) AS amount FROM hit GROUP BY k;
ALTER TABLE total ADD PRIMARY KEY (k);
CREATE FUNCTION count_hit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO total VALUES (NEW.k, 1, NEW.amount)
        ON CONFLICT (k) DO UPDATE SET n = total.n + 1, amount = total.amount + EXCLUDED.amount;
    RETURN NULL;
END $$;
CREATE TRIGGER count_hit AFTER INSERT ON hit FOR EACH ROW EXECUTE FUNCTION count_hit();
CREATE FUNCTION total(k int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT t.amount FROM total AS t WHERE t.k = $1';
\else
CREATE FUNCTION total(k int) RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(h.amount) FROM hit AS h WHERE h.k = $1';
\endif
SELECT count(total(k)) FROM generate_series(0, 19) AS k;
