-- Caches over pgbench's own tables, as \set kind says: one key each of the busiest (branch), of all three (all), or an
-- aggregate of the busiest (aggregate).
\set ON_ERROR_STOP on
SET client_min_messages = warning;

SELECT :'kind' = 'all' AS all, :'kind' = 'aggregate' AS aggregate \gset
CREATE EXTENSION cache_ext;
\if :aggregate
SELECT cache_create_aggregate('branch', 'pgbench_branches', '{bid}', '{balance: sum(bbalance)}');
\else
CREATE FUNCTION load_branch(bid int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(b.bbalance) FROM pgbench_branches AS b WHERE b.bid = $1);
SELECT cache_create('branch', loader => 'load_branch(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('branch', 'pgbench_branches', key => '{bid}', columns => '{bbalance}');
\endif
\if :all
CREATE FUNCTION load_teller(tid int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(t.tbalance) FROM pgbench_tellers AS t WHERE t.tid = $1);
SELECT cache_create('teller', loader => 'load_teller(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('teller', 'pgbench_tellers', key => '{tid}', columns => '{tbalance}');
CREATE FUNCTION load_account(aid int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(a.abalance) FROM pgbench_accounts AS a WHERE a.aid = $1);
SELECT cache_create('account', loader => 'load_account(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('account', 'pgbench_accounts', key => '{aid}', columns => '{abalance}');
SELECT count(cache_get_teller(tid)) FROM pgbench_tellers;
SELECT count(cache_get_account(aid)) FROM generate_series(1, 10000) AS aid;
\endif
SELECT count(cache_get_branch(bid)) FROM pgbench_branches;
