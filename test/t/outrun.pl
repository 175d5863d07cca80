# Keys that are written to faster than they can be loaded: how long old values are served, how often workers
# load, and that the last write is never forgotten. The clock is shifted, so nothing here waits for time to pass.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('outrun');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.naptime = '2s'\ncache_ext.workers = 0\n" .
	  "cache_ext.warm_delay = '10min'\n");
start_with_clock($node);
my $now = 0;

sub let_pass
{
	my ($seconds) = @_;
	$now += $seconds;
	shift_clock($node, $now);
	return;
}

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub source
{
	my ($cache) = @_;
	return sql("SELECT value, source FROM cache_get_entry('$cache', 1)");
}

sub state_of
{
	my ($cache) = @_;
	return sql("SELECT state FROM cache_explain('$cache', 1)");
}

sub stat_is
{
	my ($cache, $column, $expected, $name) = @_;
	return is(stat_of($node, 'postgres', $cache, $column), $expected, $name);
}

sub poll
{
	my ($condition, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($condition)");
	diag(sql('SELECT * FROM cache_workers; SELECT * FROM cache_queue; SELECT * FROM cache_warm_stat; SELECT cache, fills, refreshes, errors, last_error FROM cache_stat'))
	  unless $ok;
	return ok($ok, $name);
}

# write_much: more writers, one after the other, than a ring has room for.
sub write_much
{
	my ($seconds) = @_;
	for (1 .. 20)
	{
		let_pass($seconds);
		sql('UPDATE hot SET n = n + 1 WHERE id = 1');
	}
	return;
}

sql(q{CREATE EXTENSION cache_ext; CREATE TABLE hot (id int PRIMARY KEY, n int NOT NULL); INSERT INTO hot VALUES (1, 0)});
for my $cache ([ 'hot', "stale_for => '1 h'" ], [ 'whole', "stale_for => '1 h'" ],
	[ 'again', 'warm_on_invalidate => true' ], [ 'often', "warm_on_invalidate => true, refresh_min => '0'" ])
{
	my ($name, $options) = @$cache;
	sql(qq{CREATE FUNCTION load_$name(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM hot h WHERE h.id = \$1';
		SELECT cache_create('$name', 'load_$name(int)', invalidate => 'declared', ttl => NULL, $options)});
	my $key = $name eq 'whole' ? '{}' : '{id}';
	sql("SELECT cache_invalidate_on('$name', 'hot', '$key')");
}

# Without workers. What a ring forgets is old since the first writer, and kept.
is(source('hot'), '0|loader', 'filled');
let_pass(36_000);
write_much(120);
is(source('hot'), '0|stale', 'the key is overrun, and served');
is(state_of('hot'), 'stale', 'as cache_explain says');
let_pass(1_200);
is(source('hot'), '0|stale', 'since the first writer, 58 min ago');
let_pass(130);
is(source('hot'), '20|loader', 'not for longer; a reader has loaded it');
is(source('hot'), '20|cache', 'for all');
stat_is('hot', 'stale_hits', 2, 'counted');
stat_is('hot', 'bypasses', 0, 'and nothing bypassed');

# A fill that loses its race all the same. The value is of the transaction's snapshot, and as old as that.
my $old = $node->background_psql('postgres');
for my $cache ('hot', 'whole')
{
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $then = $old->query_safe('SELECT n FROM hot');
	write_much(1);
	sql("SELECT cache_invalidate_all('$cache')") if $cache eq 'hot';
	is($old->query_safe("SELECT value FROM cache_get_entry('$cache', 1)"), $then, "$cache: the reader gets its own");
	is(source($cache), "$then|stale", 'others get it as an old value');
	is($old->query_safe("SELECT source FROM cache_get_entry('$cache', 1)"), 'cache', 'it is valid for its snapshot');
	let_pass(3_601);
	isnt(source($cache), "$then|stale", 'not for longer than stale_for after its snapshot');
	is($old->query_safe("SELECT value FROM cache_get_entry('$cache', 1)"), $then, 'the old snapshot stays right');
	like(source($cache), qr/\|(cache|loader)/, 'and does not take the new value');
	is(source($cache), sql('SELECT n FROM hot') . '|cache', 'which is the newest');
	$old->query_safe('COMMIT');
}
$old->quit;

# With workers: one refresh, and the next not before refresh_min has passed since it began.
sql(q{SELECT cache_alter('hot', '{"stale_for": "1 day", "refresh_min": "1 h"}')});
is(source('hot'), sql('SELECT n FROM hot') . '|loader', 'filled');
sql('SELECT cache_stat_reset()');
sql('ALTER SYSTEM SET cache_ext.workers = 2');
sql('SELECT pg_reload_conf()');
poll(q{current_setting('cache_ext.workers') = '2'}, 'workers are on');
write_much(1);
is(sql("SELECT count(*) FROM generate_series(1, 50) WHERE cache_get_hot(1) >= 0"), '50', 'read');
stat_is('hot', 'refreshes', 0, 'nothing is refreshed sooner');
is(sql("SELECT count(*) FROM cache_queue WHERE cache = 'hot'"), '0', 'nor asked for');
let_pass(3600);
like(source('hot'), qr/stale/, 'stale still');
poll(q{(SELECT refreshes FROM cache_stat WHERE cache = 'hot') = 1}, 'refreshed once');
my $fresh = sql('SELECT n FROM hot');
is(source('hot'), "$fresh|cache", 'with the newest value');
write_much(1);
is(source('hot'), "$fresh|stale", 'old again');
let_pass(3000);
is(source('hot'), "$fresh|stale", 'no refresh after 50 min');
is(sql("SELECT count(*) FROM cache_queue WHERE cache = 'hot'"), '0', 'is asked for');
let_pass(600);
is(source('hot'), "$fresh|stale", 'but after an hour');
poll(q{(SELECT refreshes FROM cache_stat WHERE cache = 'hot') = 2}, 'one is');
stat_is('hot', 'bypasses', 0, 'and nothing has bypassed');

# warm_on_invalidate: the same, and the last write is not forgotten.
sql('SELECT cache_alter(c, \'{"refresh_min": "1 h"}\') FROM unnest(ARRAY[\'again\']) AS c');
sql("SELECT cache_get_again(1), cache_get_often(1) FROM generate_series(1, 3)");
sql('SELECT cache_get_again(1), cache_get_often(1)');
sql('DO $$ BEGIN FOR i IN 1 .. 20 LOOP UPDATE hot SET n = n + 1; COMMIT; END LOOP; END $$');
let_pass(1200);
poll(q{(SELECT state FROM cache_explain('often', 1)) = 'hit'}, 'loaded again after warm_delay with refresh_min => 0');
isnt(state_of('again'), 'hit', 'not yet with more of it');
let_pass(3600);
poll(q{(SELECT state FROM cache_explain('again', 1)) = 'hit'}, 'once that has passed');
is(source('again'), sql('SELECT n FROM hot') . '|cache', 'with the last write');

$node->stop;
done_testing();
