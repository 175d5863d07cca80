-- Pinned caches: others' values make room for them, not the other way round; and what cache_health says of it.
\set ECHO none
\set database regress_pinned
\i include/begin.sql

CREATE FUNCTION large(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT repeat('x', 100000) || k$$;
CREATE FUNCTION fill(cache text, n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    filled bigint;
BEGIN
    EXECUTE format('SELECT count(cache_get_%s(n)) FROM generate_series(1, %s) AS n', cache, n) INTO filled;
    RETURN filled;
END $$;
CREATE VIEW declared AS SELECT name, pinned FROM cache_ext_internal.cache_definition ORDER BY name;
CREATE VIEW health AS
    SELECT status, value BETWEEN 0 AND 100 AS percent, threshold, regexp_replace(detail, '\d+', 'n', 'g') AS detail
    FROM cache_health WHERE "check" = 'pinned';

-- 400 values of 100 kB are more than the memory: those of the other cache go, though it is the lighter one.
SELECT cache_create('kept', 'large(int)', pinned => true);
SELECT cache_create('other', 'large(int)');
SELECT * FROM declared;
SELECT * FROM health;
SELECT fill('kept', 200), fill('other', 400);
SELECT cache, CASE cache WHEN 'kept' THEN entries = 200 ELSE entries BETWEEN 20 AND 120 END AS as_expected,
       evictions > 0 AS evicts
FROM cache_stat ORDER BY cache;
SELECT * FROM health;
SET cache_ext.health_pinned = 99;
SELECT * FROM health;
SET cache_ext.health_pinned = 0;
SELECT status, threshold FROM health;
RESET cache_ext.health_pinned;

-- More than cache_ext.max_pinned is not protected. Whose turn it is to be evicted is seen as soon as others want room.
SHOW cache_ext.max_pinned;
SELECT fill('kept', 400), fill('other', 400);
SELECT bool_and(entries > 40) AS both_have_some FROM cache_stat;
SELECT status, value BETWEEN 75 AND 81 AS as_much_as_it_may FROM cache_health WHERE "check" = 'pinned';

-- The limits of a pinned cache hold within it.
SELECT cache_alter('kept', '{"max_entries": 10}');
SELECT fill('kept', 30);
SELECT entries FROM cache_stat WHERE cache = 'kept';
SELECT * FROM health;

-- By cache_alter: back and forth, and what is not given stays.
SELECT cache_alter('other', '{"pinned": true}');
SELECT cache_alter('kept', '{"pinned": null}');
SELECT * FROM declared;
SELECT cache_alter('other', '{"ttl": "1 min"}');
SELECT * FROM declared;
SELECT cache_alter('other', '{"pinned": "no"}');
SELECT * FROM declared;
SELECT error_of($$SELECT cache_alter('other', '{"pinned": "perhaps"}')$$);
SELECT error_of($$SELECT cache_alter('other', '{"pinned": [true]}')$$);

-- A budget is pinned, with all that share it.
SELECT error_of($$SELECT cache_create('guest', 'large(int)', budget => 'other', pinned => true)$$);
SELECT cache_create('guest', 'large(int)', budget => 'other');
SELECT error_of($$SELECT cache_alter('guest', '{"pinned": "on"}')$$);
SELECT error_of($$SELECT cache_alter('kept', '{"budget": "other", "max_entries": null, "pinned": 1}')$$);
SELECT cache_alter('guest', '{"budget": null, "pinned": true}');
SELECT * FROM declared;

-- Aggregate caches, too.
CREATE TABLE sale (shop int, amount int);
SELECT cache_create_aggregate('sold', 'sale', '{shop}', '{n: count(*)}', pinned => true);
SELECT cache_get_sold(1);
SELECT name, pinned FROM declared WHERE name = 'sold';
SELECT cache_alter('sold', '{"pinned": false}');
SELECT name, pinned FROM declared WHERE name = 'sold';

-- A member of no role that sees the server's state is not told.
CREATE ROLE regress_pinned_reader;
SET ROLE regress_pinned_reader;
SELECT count(*) FROM cache_health WHERE "check" = 'pinned';
RESET ROLE;
DROP ROLE regress_pinned_reader;

\i include/end.sql
