-- Caches over pgbench's own tables. With \set all true on all three, else on the busiest.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION cache_ext;
CREATE FUNCTION load_branch(bid int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(b.bbalance) FROM pgbench_branches AS b WHERE b.bid = $1);
SELECT cache_create('branch', loader => 'load_branch(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('branch', 'pgbench_branches', key => '{bid}', columns => '{bbalance}');
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
