# Loading ahead of time by the workers: syncs, and warming at the start, from time to time, after
# invalidations and in idle moments; failures of it, and its end in the middle.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $prompt = 10;

my $node = new_node('loading');
preload($node);
$node->append_conf('postgresql.conf', <<'END');
cache_ext.naptime = '500ms'
cache_ext.warm_delay = '2s'
END
start_with_clock($node);
my $hours = 0;

# Whatever was due within the next hour is due now.
sub hour_passes
{
	shift_clock($node, ++$hours * 3600);
	return;
}

sub until_true
{
	my ($condition, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition"), $name);
	return;
}

sub warm_stat
{
	my ($cache, $column) = @_;
	return $node->safe_psql('postgres',
		"SELECT $column FROM cache_warm_stat WHERE cache = '$cache'");
}

# Nothing invalidates the tools: only a sync brings changes in. (New functions invalidate everything, so they
# come before the caches.)
$node->safe_psql('postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE TABLE tool (id int PRIMARY KEY, price int);
CREATE TABLE divisor AS SELECT 1 AS n;
INSERT INTO tool SELECT i, i FROM generate_series(1, 100) AS i;
CREATE FUNCTION tool_one(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT t.price FROM tool AS t WHERE t.id = $1';
CREATE FUNCTION tool_all() RETURNS TABLE (id int, price int) LANGUAGE sql STABLE AS
  'SELECT t.id, t.price / d.n FROM tool AS t, divisor AS d';
CREATE FUNCTION tools() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT syncs || ' ' || added || ' ' || replaced || ' ' || removed || ' ' || unchanged || ' ' || errors
  FROM cache_sync_stat WHERE cache = 'tool' $$;
SELECT cache_create('tool', 'tool_one(int)', invalidate => 'declared', ttl => '100 days', refresh_at => NULL,
                    load_all => 'tool_all()', sync_every => '1 h');
END
until_true("tools() = '1 100 0 0 0 0'", 'synchronised once declared');
$node->safe_psql('postgres', 'UPDATE tool SET price = -1 WHERE id = 1; DELETE FROM tool WHERE id = 2;
	INSERT INTO tool VALUES (101, 101)');
is($node->safe_psql('postgres', 'SELECT cache_get_tool(1), cache_get_tool(2)'), '1|2', 'old values');
hour_passes();
until_true("tools() = '2 101 1 1 98 0'", 'each change was counted');
is($node->safe_psql('postgres', 'SELECT cache_get_tool(1), cache_get_tool(2), cache_get_tool(101)'),
	'-1||101', 'new values');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND backend_xmin IS NOT NULL"),
	'0', 'no snapshot is held between tasks');

# A sync that fails leaves the old state, and is tried again by itself.
$node->safe_psql('postgres', 'UPDATE divisor SET n = 0; UPDATE tool SET price = price + 1');
hour_passes();
until_true("errors >= 1 FROM cache_sync_stat WHERE cache = 'tool'", 'a failing sync is counted');
is($node->safe_psql('postgres', 'SELECT cache_get_tool(1), cache_get_tool(101)'),
	'-1|101', 'and changes nothing');
like(stat_of($node, 'postgres', 'tool', 'last_error'), qr/division by zero/, 'its error is shown');
$node->safe_psql('postgres', 'UPDATE divisor SET n = 1');
hour_passes();
until_true('cache_get_tool(101) = 102', 'it recovers');

# Also when nothing is cached any more, in this database or at all.
$node->safe_psql('postgres', "DELETE FROM tool; SELECT cache_invalidate('tool', 2)");
hour_passes();
until_true("entries = 0 FROM cache_stat WHERE cache = 'tool'", 'nothing is left');
$node->safe_psql('postgres', 'INSERT INTO tool VALUES (7, 7)');
hour_passes();
until_true("entries = 1 FROM cache_stat WHERE cache = 'tool'", 'and syncs go on');

# Warm once declared, at the start, and every so often.
$node->safe_psql('postgres', <<'END');
CREATE TABLE item (id int PRIMARY KEY, n int);
INSERT INTO item SELECT i, i FROM generate_series(1, 1000) AS i;
CREATE FUNCTION item_one(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT i.n FROM item AS i WHERE i.id = $1';
CREATE FUNCTION item_many(ids int[]) RETURNS TABLE (id int, n int) LANGUAGE sql STABLE AS
  'SELECT i.id, i.n FROM item AS i WHERE i.id = ANY ($1)';
BEGIN;
SELECT cache_create('item', 'item_one(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    load_many => 'item_many(int[])', warm_every => '30 min',
                    warm_keys => 'SELECT id FROM item WHERE id <= 300 ORDER BY id');
SELECT cache_invalidate_on('item', 'item', '{id}');
COMMIT;
END
until_true("warmed = 300 FROM cache_warm_stat WHERE cache = 'item'", 'warm once declared');
$node->stop;
start_with_clock($node);
$hours = 0;
until_true("entries = 300 FROM cache_stat WHERE cache = 'item'", 'warm after a start');
is($node->safe_psql('postgres',
		'SELECT sum(cache_get_item(i)) = sum(i) FROM generate_series(1, 300) AS i'), 't', 'right values');
is(stat_of($node, 'postgres', 'item', 'misses'), '0', 'without a miss');
$node->safe_psql('postgres', 'UPDATE item SET n = n + 1 WHERE id <= 20');
my $warms = warm_stat('item', 'warms');
hour_passes();
until_true("warms > $warms FROM cache_warm_stat WHERE cache = 'item'", 'warm again in time');
until_true("count(*) = 300 FROM cache_entries WHERE cache = 'item' AND state = 'live'", 'all valid');
is(warm_stat('item', 'warmed'), '320', 'only what was missing was loaded');
is($node->safe_psql('postgres', "SELECT mismatched FROM cache_verify('item', 1000)"), '0', 'and is right');

# After invalidations: what was hot, once for a burst of commits. A table of its own: rings that are full of other
# writers would drop the entries.
$node->safe_psql('postgres', <<'END');
CREATE TABLE hot_item AS SELECT i AS id, i AS n FROM generate_series(1, 100) AS i;
CREATE FUNCTION item_plain(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT i.n FROM hot_item AS i WHERE i.id = $1';
SELECT cache_create('hot', 'item_plain(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_on_invalidate => true);
SELECT cache_invalidate_on('hot', 'hot_item', '{id}');
END
$node->safe_psql('postgres', 'SELECT sum(cache_get_hot(i)) FROM generate_series(1, 40) AS i;
	SELECT sum(cache_get_hot(i)) FROM generate_series(1, 10) AS i');
is(stat_of($node, 'postgres', 'hot', 'fills'), '40', 'forty values, ten of them hot');
$node->safe_psql('postgres', "UPDATE hot_item SET n = n + 1 WHERE id <= 40") for 1 .. 3;
is($node->safe_psql('postgres', "SELECT count(*) FROM cache_entries WHERE cache = 'hot' AND state = 'live'"),
	'0', 'all are invalidated, and no reload has begun');
until_true("count(*) = 10 FROM cache_entries WHERE cache = 'hot' AND state = 'live' AND key::int <= 10",
	'the hot ones are loaded again');
until_true("warms = 1 FROM cache_warm_stat WHERE cache = 'hot'", 'in one run');
is(stat_of($node, 'postgres', 'hot', 'fills'), '50', 'each once, the others not at all');
is($node->safe_psql('postgres', "SELECT mismatched FROM cache_verify('hot', 100)"), '0', 'and are right');
# A rollback asks for nothing.
$node->safe_psql('postgres', 'SELECT sum(cache_get_hot(i)) FROM generate_series(1, 10) AS i');
$node->safe_psql('postgres', 'BEGIN; UPDATE hot_item SET n = n + 1; ROLLBACK');
$node->safe_psql('postgres', 'UPDATE hot_item SET n = n + 1 WHERE id = 3');
until_true("warms = 2 FROM cache_warm_stat WHERE cache = 'hot'", 'another commit, another reload');
is(stat_of($node, 'postgres', 'hot', 'fills'), '51', 'of one key');

# In idle moments only. The sessions at work are this one and those below.
my @busy = map { $node->background_psql('postgres') } 1 .. 3;
$_->query_until(qr/busy/, "\\echo busy\nSELECT pg_sleep(1000);\n") for @busy;
until_true("count(*) >= 3 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND state = 'active'", 'busy');
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION item_quiet(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT i.n FROM item AS i WHERE i.id = $1';
SELECT cache_create('quiet', 'item_quiet(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_keys => 'SELECT id FROM item', warm_when_idle => true);
SELECT cache_create('eager', 'item_quiet(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_keys => 'SELECT id FROM item', priority => -1);
END
until_true("warmed = 1000 FROM cache_warm_stat WHERE cache = 'eager'", 'others are warmed');
is(stat_of($node, 'postgres', 'quiet', 'entries'), '0', 'this one waits');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$_->{run}->finish for @busy;
# The sessions of this loop are active, too: one that meets a check puts it off by another minute.
my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;
while (warm_stat('quiet', 'warmed') ne '1000' && time() < $deadline)
{
	hour_passes();
	select(undef, undef, undef, 0.3);
}
is(warm_stat('quiet', 'warmed'), '1000', 'until the database is idle');

# A loader that fails for one key costs its batch only; one that always fails is given up on.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION picky(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT 10 / (i.id - 55) FROM item AS i WHERE i.id = $1';
CREATE FUNCTION never(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT 1 / (i.id - i.id) FROM item AS i WHERE i.id = $1';
SELECT cache_create('picky', 'picky(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_keys => 'SELECT i FROM generate_series(1, 200) AS i');
SELECT cache_create('never', 'never(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_keys => 'SELECT i FROM generate_series(1, 200) AS i');
END
until_true("warms = 1 FROM cache_warm_stat WHERE cache = 'picky'", 'one bad key');
cmp_ok(stat_of($node, 'postgres', 'picky', 'entries'), '>=', 190, 'costs its batch only');
is(stat_of($node, 'postgres', 'picky', 'errors'), '1', 'and is counted');
until_true("errors >= 1 FROM cache_warm_stat WHERE cache = 'never'", 'nothing but errors');
like(stat_of($node, 'postgres', 'never', 'last_error'), qr/division by zero/, 'shown');
$node->safe_psql('postgres', "SELECT cache_drop('never')");

# Ended in the middle, warming leaves what it has loaded, and a worker goes on with it.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION slow(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT i.n FROM item AS i, pg_sleep(0.02) WHERE i.id = $1';
SELECT cache_create('slow', 'slow(int)', invalidate => 'declared', ttl => '1 day', refresh_at => NULL,
                    warm_keys => 'SELECT id FROM item ORDER BY id');
SELECT cache_invalidate_on('slow', 'item', '{id}');
END
my $progress = "query ~ '^cache_ext warm: slow, [1-9][0-9]* of 1000 keys\$'";
until_true("count(*) = 1 FROM pg_stat_activity WHERE $progress", 'its progress is shown');
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM cache_workers WHERE cache = 'slow' AND state = 'warm'"),
	't', 'in cache_workers, too');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $progress");
my $before = stat_of($node, 'postgres', 'slow', 'entries');
cmp_ok(seconds(sub {
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)") }), '<', $prompt, 'it ends promptly');
cmp_ok(stat_of($node, 'postgres', 'slow', 'entries'), '>=', $before, 'what was loaded stays');
is($node->safe_psql('postgres', "SELECT mismatched FROM cache_verify('slow', 20)"), '0', 'and is right');

# So does a sync.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION slow_all() RETURNS TABLE (id int, n int) LANGUAGE sql STABLE AS
  'SELECT i.id, i.n FROM item AS i, pg_sleep(1000)';
CREATE FUNCTION slow_one(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT i.n FROM item AS i WHERE i.id = $1';
SELECT cache_create('slow_sync', 'slow_one(int)', invalidate => 'declared', load_all => 'slow_all()', sync_every => '1 day');
SELECT cache_get_slow_sync(1);
END
until_true("count(*) = 1 FROM pg_stat_activity WHERE query = 'cache_ext sync: slow_sync' AND wait_event = 'PgSleep'",
	'in the middle of a sync');
$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query = 'cache_ext sync: slow_sync'");
cmp_ok(seconds(sub {
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)") }), '<', $prompt, 'it ends promptly');
is($node->safe_psql('postgres', 'SELECT cache_get_slow_sync(1) = slow_one(1)'), 't', 'values are as they were');
is(stat_of($node, 'postgres', 'slow_sync', 'entries'), '1', 'nothing else is there');
cmp_ok(seconds(sub { $node->stop('fast') }), '<', $prompt, 'stop -m fast is prompt');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|could not (find|resize)/,
	'nothing bad in the log');
done_testing();
