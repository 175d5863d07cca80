-- cache_get_many for keys of several columns: the n-th key is made of the n-th elements of all arrays.
\set ECHO none
\set database regress_many_columns
\i include/begin.sql

CREATE DOMAIN shop_name AS text CHECK (VALUE <> 'bad');
CREATE TYPE figures AS (n bigint, total numeric);
CREATE TABLE sale (shop text, day date, amount numeric);
INSERT INTO sale SELECT s, DATE '2026-03-01' + d, d FROM unnest('{north,south}'::text[]) AS s,
                        generate_series(0, 2) AS d;
SET client_min_messages = notice;
CREATE FUNCTION sold(shop text, day date) RETURNS figures LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'one: % %', shop, day;
    RETURN (SELECT (count(*), sum(s.amount))::figures FROM sale AS s
            WHERE s.shop IS NOT DISTINCT FROM $1 AND s.day IS NOT DISTINCT FROM $2);
END $$;
CREATE FUNCTION sold_many(shops text[], days date[]) RETURNS TABLE (shop text, day date, f figures)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RAISE NOTICE 'many: % %', shops, days;
    RETURN QUERY SELECT k.shop, k.day, (count(s.amount), sum(s.amount))::figures
                 FROM unnest(shops, days) AS k (shop, day) LEFT JOIN sale AS s USING (shop, day)
                 GROUP BY k.shop, k.day;
END $$;
CREATE VIEW counted AS
    SELECT cache, hits, misses, bypasses, fills, entries FROM cache_stat ORDER BY cache;

SELECT cache_create('sold', 'sold(text,date)', load_many => 'sold_many(text[],date[])',
                    invalidate => 'declared');
SELECT cache_invalidate_on('sold', 'sale', '{shop,day}', '{amount}');
SELECT cache_create('alone', 'sold(text,date)', invalidate => 'declared');
SELECT cache_invalidate_on('alone', 'sale', '{shop,day}', '{amount}');
\df cache_get_many_*
SELECT cache_stat_reset();

-- One query for what is missing, in the order of the input; a NULL goes to the loader.
SELECT * FROM cache_get_many_sold('{north,south,north,nowhere,NULL}',
                                  '{2026-03-01,2026-03-02,2026-03-01,2026-03-01,2026-03-02}');
SELECT * FROM cache_get_many_sold('{south,north,nowhere,north}',
                                  '{2026-03-02,2026-03-01,2026-03-01,2026-03-03}');
SELECT key1, (value).total FROM cache_get_many_sold('{north,south}', '{2026-03-03,2026-03-03}')
ORDER BY key1 DESC;
-- A change of one of the keys concerns that one.
UPDATE sale SET amount = amount + 10 WHERE shop = 'south' AND day = '2026-03-02';
SELECT * FROM cache_get_many_sold('{south,north,nowhere}', '{2026-03-02,2026-03-01,2026-03-01}');
-- What the transaction has written is its own.
BEGIN;
UPDATE sale SET amount = amount + 1 WHERE shop = 'north' AND day = '2026-03-01';
SELECT * FROM cache_get_many_sold('{south,north}', '{2026-03-02,2026-03-01}');
ROLLBACK;
SELECT * FROM counted WHERE cache = 'sold';
-- The same key by key, for want of a load_many.
SELECT * FROM cache_get_many_alone('{north,south,north}', '{2026-03-01,2026-03-02,2026-03-01}');
SELECT * FROM cache_get_many_alone('{north,south,north}', '{2026-03-01,2026-03-02,2026-03-01}');
SELECT * FROM counted WHERE cache = 'alone';

-- Nothing asked for, and what cannot be asked for.
SELECT * FROM cache_get_many_sold('{}', '{}');
SELECT * FROM cache_get_many_sold(NULL, NULL);
SELECT * FROM cache_get_many_sold('{}', NULL);
SELECT error_of($$SELECT * FROM cache_get_many_sold('{north}', '{2026-03-01,2026-03-02}')$$);
SELECT error_of($$SELECT * FROM cache_get_many_sold('{north}', NULL)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch_of(NULL::figures, 'sold', '{north}'::text[])$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch_of(NULL::figures, 'sold', 'north'::text,
                                                           DATE '2026-03-01')$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch_of(NULL::figures, 'sold')$$);
-- Many at once, more than what is asked for ahead; elements past 10,000 are another query.
SET client_min_messages = warning;
SELECT count(*), sum((value).n), count(DISTINCT key2)
FROM cache_get_many_sold(array_fill('north'::text, ARRAY[10002]),
                         ARRAY(SELECT DATE '2026-01-01' + i FROM generate_series(0, 10001) AS i));
-- In a join, for rows of another query.
SELECT o.shop, sum((m.value).total)
FROM (SELECT shop, array_agg(day ORDER BY day) AS days FROM sale GROUP BY shop) AS o,
     cache_get_many_sold(array_fill(o.shop, ARRAY[cardinality(o.days)]), o.days) AS m
GROUP BY o.shop ORDER BY o.shop;

-- Domains are checked; without an array of one of the key types there is no such function.
CREATE FUNCTION coded(a shop_name, b int) RETURNS text LANGUAGE sql STABLE AS 'SELECT a || b';
SELECT cache_create('coded', 'coded(shop_name,int)');
SELECT * FROM cache_get_many_coded('{x,y}', '{1,2}');
SELECT error_of($$SELECT * FROM cache_get_many_coded('{x,bad}', '{1,2}')$$);
CREATE FUNCTION listed(a int[], b int) RETURNS int LANGUAGE sql STABLE AS 'SELECT a[b]';
SELECT cache_create('listed', 'listed(int[],int)');
SELECT count(*) FROM pg_proc WHERE proname = 'cache_get_many_listed';

-- They go with the cache.
SELECT cache_drop('sold'), cache_drop('coded');
SELECT proname FROM pg_proc WHERE proname LIKE 'cache\_get\_many\_%';
\i include/end.sql
