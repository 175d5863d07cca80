-- Groups: what belongs to one user, say, over all caches that have the group.
\set ECHO none
\set database regress_groups
\i include/begin.sql

CREATE TABLE sale (shop int, day date, seller bigint, n int);
INSERT INTO sale SELECT g % 3, date '2026-01-01' + g % 2, g % 4, g FROM generate_series(1, 48) AS g;
CREATE FUNCTION load_shop(shop int) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(s.n) FROM sale AS s WHERE s.shop = $1);
CREATE FUNCTION load_day(day date, shop int) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(s.n) FROM sale AS s WHERE s.shop = $2 AND s.day = $1);
CREATE FUNCTION load_seller(shop int, seller bigint, day date) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT sum(s.n) FROM sale AS s WHERE s.shop = $1 AND s.seller = $2 AND s.day = $3);
SELECT cache_create('shop', 'load_shop(int)', ttl => NULL, groups => '{shop: shop}', invalidate => 'declared');
SELECT cache_create('day', 'load_day(date,int)', ttl => NULL, groups => '{shop:shop, day: day}', invalidate => 'declared');
SELECT cache_create('seller', 'load_seller(int,bigint,date)', ttl => NULL, groups => '{shop: shop,"place: shop, day"}', invalidate => 'declared');
SELECT cache_create('note', key_types => '{text,int}', value_type => 'text', groups => '{shop: 2}');
SELECT cache_create('other', 'load_shop(int)', ttl => NULL, invalidate => 'declared');
SELECT name, groups FROM cache_ext_internal.cache_definition ORDER BY name;
CREATE VIEW filled AS
    SELECT cache, count(*) AS entries, count(*) FILTER (WHERE state = 'live') AS live,
           string_agg(key, ' ' ORDER BY key COLLATE "C") FILTER (WHERE state = 'live') AS keys
    FROM cache_entries GROUP BY cache ORDER BY cache;
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_get_shop(s.shop), cache_get_other(s.shop), cache_get_day(s.day, s.shop) FROM (SELECT DISTINCT shop, day FROM sale) AS s;
    PERFORM cache_get_seller(s.shop, s.seller, s.day) FROM (SELECT DISTINCT shop, seller, day FROM sale WHERE seller < 2) AS s;
    PERFORM cache_put_note('a', s, 'n' || s), cache_put_note('b', s, 'm' || s) FROM generate_series(0, 2) AS s;
END $$;
CALL fill();
SELECT * FROM filled;

-- All of one value, whatever the column's place and type, and nothing else.
SELECT cache_invalidate_group('shop', 1);
SELECT * FROM filled;
SELECT cache_invalidate_group('day', '2026-01-02');
SELECT * FROM filled;
SELECT cache_invalidate_group('place', 0, date '2026-01-01'), cache_invalidate_group('place', 0, date '2026-01-01');
SELECT * FROM filled;
-- NULL is a value.
SELECT cache_put_note('c', NULL, 'nobody''s');
SELECT cache_invalidate_group('shop', NULL::int), cache_get_note('c', NULL);

-- It takes part in the transaction, as cache_invalidate does.
CALL fill();
BEGIN;
SELECT cache_put_note('a', 2, 'mine'), cache_put_note('new', 2, 'mine'), cache_put_note('a', 1, 'stays');
SELECT cache_invalidate_group('shop', 2) > 0 AS some;
SELECT cache_get_note('a', 2), cache_get_note('new', 2), cache_get_note('a', 1);
SELECT source FROM cache_get_entry('day', date '2026-01-01', 2);
SELECT source FROM cache_get_entry('day', date '2026-01-01', 1);
SELECT cache_put_note('a', 2, 'after');
COMMIT;
SELECT cache_get_note('a', 2), cache_get_note('new', 2), cache_get_note('a', 1);
BEGIN;
SAVEPOINT a;
SELECT cache_invalidate_group('shop', 1) > 0 AS some;
ROLLBACK TO a;
SELECT cache_get_day('2026-01-01', 1) IS NOT NULL AS loaded;
SELECT source FROM cache_get_entry('day', date '2026-01-01', 1);
COMMIT;

-- Warming: the key itself where the group is the whole key; keys in memory, and those that warm_keys lists.
CALL fill();
SELECT cache_alter('day', '{"warm_keys": "SELECT DISTINCT s.day, s.shop FROM sale AS s"}');
SELECT cache_invalidate_group('shop', 1) > 0 AS some;
SELECT * FROM cache_warm_group('shop', 1) ORDER BY cache, key;
SELECT * FROM cache_warm_group('shop', 1) ORDER BY cache, key;
SELECT cache_get_seller(1, 1, '2026-01-02') IS NOT NULL AS loaded;
SELECT cache_invalidate('shop', 1);
SELECT * FROM cache_warm_group('shop', 1) ORDER BY cache, key;
SELECT * FROM cache_warm_group('place', 7, date '2026-01-02');

-- Declared later, with the accessor's names, or taken away; the cache begins anew.
SELECT cache_alter('other', '{"groups": ["shop: shop"]}');
SELECT entries FROM filled WHERE cache = 'other' AND live > 0;
SELECT cache_get_other(1) IS NOT NULL AS loaded;
SELECT cache_invalidate_group('shop', 1);
SELECT cache_alter('other', '{"groups": null}'), cache_alter('seller', '{"groups": ["place: 3"]}');
SELECT cache_get_other(1) IS NOT NULL AS loaded;
SELECT cache_invalidate_group('place', date '2026-01-01') IS NOT NULL AS done;
SELECT source FROM cache_get_entry('other', 1);
SELECT name, groups FROM cache_ext_internal.cache_definition WHERE groups IS NOT NULL ORDER BY name;
SELECT cache_alter('seller', '{"groups": []}'), cache_alter('seller', '{"ttl": "1 h"}');

-- Keys of types whose equal values look different.
SELECT cache_create('amount', key_types => '{numeric,int}', value_type => 'int', groups => '{price: key1}');
SELECT cache_put_amount(1.0, 1, 1), cache_put_amount(1.00, 2, 2), cache_put_amount(2, 1, 3);
SELECT cache_invalidate_group('price', 1), cache_get_amount(1.0, 1), cache_get_amount(1.00, 2), cache_get_amount(2, 1);
-- Values that vary by the session: of all sessions.
SELECT cache_create('mine', 'load_day(date,int)', vary_by => '{"current_setting(''app.tenant'', true)"}', groups => '{shop: shop,"all: day, shop"}', invalidate => 'declared');
SET app.tenant = 'a';
SELECT cache_get_mine('2026-01-01', 1) IS NOT NULL AS loaded;
SET app.tenant = 'b';
SELECT cache_get_mine('2026-01-01', 1) IS NOT NULL AS loaded, cache_get_mine('2026-01-01', 2) IS NOT NULL AS loaded;
SELECT cache_invalidate_group('all', '2026-01-01', 1);
SELECT cache_get_mine('2026-01-01', 1) IS NOT NULL AS loaded;
SELECT cache_invalidate_group('shop', 2) > 0 AS some;
SELECT source FROM cache_get_entry('mine', date '2026-01-01', 1);
SELECT source FROM cache_get_entry('mine', date '2026-01-01', 2);
RESET app.tenant;

-- Caches of others are left alone.
CREATE ROLE regress_groups_owner;
GRANT CREATE, USAGE ON SCHEMA public TO regress_groups_owner;
GRANT SELECT ON sale TO regress_groups_owner;
SET ROLE regress_groups_owner;
SELECT error_of($$SELECT cache_invalidate_group('shop', 1)$$);
CREATE FUNCTION load_theirs(shop int) RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT sum(s.n) FROM sale AS s WHERE s.shop = $1);
SELECT cache_create('theirs', 'load_theirs(int)', groups => '{shop: shop}', invalidate => 'declared');
SELECT cache_get_theirs(1) IS NOT NULL AS loaded;
RESET ROLE;
SELECT cache_get_shop(1) IS NOT NULL AS loaded;
SET ROLE regress_groups_owner;
SELECT cache_invalidate_group('shop', 1);
SELECT cache, outcome FROM cache_warm_group('shop', 1);
RESET ROLE;
SELECT source FROM cache_get_entry('shop', 1);
-- Those that a superuser or a member could use, too: the values are converted to the types of the caches.
SELECT cache_invalidate_group('shop', 1) > 0 AS some, (SELECT live FROM filled WHERE cache = 'theirs') AS live;
SET ROLE regress_groups_owner;
CREATE FUNCTION runs_as(int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'as %', current_user; RETURN true; END $$;
CREATE DOMAIN spying AS int CHECK (runs_as(VALUE));
SELECT cache_create('spy', key_types => '{spying,spying}', value_type => 'int', groups => '{shop: 1,spy: 1}');
RESET ROLE;
CREATE ROLE regress_groups_member IN ROLE regress_groups_owner;
SELECT cache_invalidate_group('shop', 1) IS NOT NULL AS done;
SELECT count(*) > 0 AS warmed FROM cache_warm_group('shop', 1);
SELECT error_of($$SELECT cache_invalidate_group('spy', 1)$$);
SELECT error_of($$SELECT cache_warm_group('spy', 1)$$);
SET ROLE regress_groups_member;
SELECT error_of($$SELECT cache_invalidate_group('spy', 1)$$);
SELECT error_of($$SELECT cache_warm_group('spy', 1)$$);
SET ROLE regress_groups_owner;
SELECT cache_invalidate_group('spy', 1);
RESET ROLE;

-- What is refused.
SELECT error_of($$SELECT cache_invalidate_group('nothing', 1)$$);
SELECT error_of($$SELECT cache_invalidate_group(NULL, 1)$$);
SELECT error_of($$SELECT cache_invalidate_group('shop', 1, 2)$$);
SELECT error_of($$SELECT cache_invalidate_group('shop', VARIADIC '{1}'::int[])$$);
SELECT error_of($$SELECT cache_invalidate_group('shop', 'x')$$);
SELECT error_of($$SELECT cache_invalidate_group('shop', now())$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{shop}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{shop: nothing}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{Shop: shop}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{"shop: shop, 1"}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{shop: shop,shop: 1}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{shop: 0}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{"shop: "}')$$);
SELECT error_of($$SELECT cache_create('bad', 'load_shop(int)', groups => '{NULL}')$$);
SELECT error_of($$SELECT cache_create('bad', key_types => '{}', value_type => 'int', groups => '{shop: 1}')$$);
SELECT error_of($$SELECT cache_create_aggregate('sum', 'sale', '{shop}', '{n: sum(n)}'); SELECT cache_alter('sum', '{"groups": ["shop: shop"]}')$$);
SELECT error_of(format($$SELECT cache_create('bad', key_types => array_fill('int'::regtype, ARRAY[16]), value_type => 'int', groups => %L)$$,
    (SELECT array_agg(format('g%s: %s', g, g)) FROM generate_series(1, 17) AS g)));
SELECT error_of(format($$SELECT cache_create('full', key_types => array_fill('int'::regtype, ARRAY[16]), value_type => 'int', groups => %L)$$,
    (SELECT array_agg(format('g%s: %s', g, g)) FROM generate_series(1, 16) AS g)));
SELECT error_of($$SELECT cache_invalidate_on('full', 'sale', '{shop,seller,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}')$$);
SELECT error_of($$SELECT cache_invalidate_on('full', 'sale', '{shop,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}')$$);
-- Groups that are replaced make room, those of a dependency do not; two of the same columns are one tag.
SELECT cache_alter('full', jsonb_build_object('groups', (SELECT jsonb_agg(format('h%s: %s, %s', g, g, g % 16 + 1)) FROM generate_series(1, 15) AS g)));
SELECT cache_alter('full', '{"groups": ["h1: 1, 2", "h2: 2, 1"]}');
SELECT cache_invalidate_on('full', 'sale', '{shop,seller,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}');
SELECT cache_invalidate_on('full', 'sale', '{NULL,NULL,shop,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}');
SELECT cache_alter('full', jsonb_build_object('groups', (SELECT jsonb_agg(format('h%s: %s, %s', g, g, g % 16 + 1)) FROM generate_series(1, 14) AS g) || '["again: 3, 2"]'));
SELECT error_of(format('SELECT cache_alter(%L, %L)', 'full', jsonb_build_object('groups',
    (SELECT jsonb_agg(format('h%s: %s, %s', g, g, g % 16 + 1)) FROM generate_series(1, 14) AS g) || '["more: 5"]')));
CREATE FUNCTION invalidates(int) RETURNS bigint LANGUAGE sql STABLE AS $$SELECT cache_invalidate_group('shop', $1)$$;
SELECT cache_create('invalidates', 'invalidates(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_invalidates(1)');
BEGIN;
INSERT INTO sale VALUES (1, '2026-01-01', 1, 1);
SELECT error_of($$SELECT cache_warm_group('shop', 1)$$);
ROLLBACK;
DROP OWNED BY regress_groups_owner;
DROP ROLE regress_groups_owner, regress_groups_member;

\i include/end.sql
