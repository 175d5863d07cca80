# On a standby no trigger fires, so every read runs its loader. After a promotion the cache is on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1);
preload($primary);
$primary->start;
create_counter($primary, 'postgres');
is(verdict($primary, 'postgres', 1, 1), 'ok loader, ok cache', 'the primary caches');
# An aggregate cache, whose writers tell what they add.
$primary->safe_psql('postgres', <<'END');
CREATE TABLE call (k int, v int);
INSERT INTO call SELECT i % 3, i FROM generate_series(1, 9) AS i;
SELECT cache_create_aggregate('sums', 'call', '{k}', '{n: count(*), s: sum(v)}');
CREATE FUNCTION sums_verdict(k int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN cache_get_sums(k)::text = (SELECT ROW(count(*), sum(c.v))::text FROM call AS c WHERE c.k = $1)
                THEN 'ok ' ELSE 'ng ' END || e.source
    FROM cache_get_entry('sums', k) AS e $$;
END

sub sums
{
	my ($node, @keys) = @_;
	return join(', ', map { $node->safe_psql('postgres', "SELECT sums_verdict($_)") } @keys);
}
is(sums($primary, 1, 1), 'ok loader, ok cache', 'the primary caches sums');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

my @bypassed = ('ok loader') x 2;
is(verdict($standby, 'postgres', 1, 1), join(', ', @bypassed), 'the standby runs the loader');
is( $standby->safe_psql('postgres', "SELECT state, reason FROM cache_explain('counter', 1)"),
	'bypass|the server is in recovery', 'and says why');
is($standby->safe_psql('postgres', "SELECT cache_peek('counter', 1) IS NULL"), 't', 'nothing is there');
for my $i (1 .. 3)
{
	$primary->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
	$primary->wait_for_catchup($standby);
	is(verdict($standby, 'postgres', 1, 1), join(', ', @bypassed), "change $i: never stale");
	$primary->safe_psql('postgres', 'UPDATE call SET v = v + 1 WHERE k = 1');
	is(sums($primary, 1), 'ok cache', "change $i: the primary's sum is adjusted");
	$primary->wait_for_catchup($standby);
	is(sums($standby, 1), 'ok loader', "change $i: the standby's is loaded");
	is( $standby->safe_psql('postgres', 'SELECT cache_get_counter(1)'),
		$primary->safe_psql('postgres', 'SELECT cache_get_counter(1)'), "change $i: as on the primary");
}
is($standby->safe_psql('postgres', "SELECT entries, hits, fills FROM cache_stat"), "0|0|0\n0|0|0", 'nothing was cached');
is($standby->safe_psql('postgres', "SELECT count(*), min(status) FROM cache_health"), '20|ok', 'all is well');
for my $sql ("SELECT cache_invalidate('counter', 1)", "SELECT cache_invalidate_all('counter')",
	"SELECT cache_create('other', 'load_counter(int)')", "SELECT cache_drop('counter')",
	'SELECT cache_clear_request()')
{
	is($standby->psql('postgres', $sql), 3, "not on a standby: $sql");
}

# Over the promotion: a transaction that is prepared, and a snapshot that was taken in recovery.
$primary->safe_psql('postgres',
	"BEGIN; UPDATE counter SET n = n + 1 WHERE id = 2; INSERT INTO call VALUES (1, 100); PREPARE TRANSACTION 'p'");
$primary->safe_psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 3; PREPARE TRANSACTION 'q'");
$primary->wait_for_catchup($standby);
my $old = $standby->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($old->query_safe('SELECT verdict(1)'), 'ok loader', 'a snapshot in recovery');
is($old->query_safe('SELECT sums_verdict(1)'), 'ok loader', 'a sum under it');
my ($young, $ender) = map { $standby->background_psql('postgres') } 1, 2;
$_->query_safe('SELECT 1') for $young, $ender;
$primary->stop('immediate');
$standby->promote;

# Sessions that date from recovery: a snapshot, and the end of what it does not see, before any use.
$young->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $then = $young->query_safe('SELECT load_counter(3)');
$ender->query_safe("COMMIT PREPARED 'q'");
is($young->query_safe('SELECT verdict(3)'), 'ok loader', 'the first use after the promotion, by an old snapshot');
is(verdict($standby, 'postgres', 3, 3), 'ok loader, ok cache', 'others do not get its value');
isnt($standby->safe_psql('postgres', 'SELECT load_counter(3)'), $then, 'it is old indeed');
$_->quit for $young, $ender;

is($old->query_safe('SELECT verdict(1)'), 'ok loader', 'it is still not served after the promotion');
is(verdict($standby, 'postgres', 1, 1, 2, 2), 'ok loader, ok cache, ok loader, ok cache', 'promoted: it caches');
$standby->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
is(verdict($standby, 'postgres', 1, 1), 'ok loader, ok cache', 'promoted: it is invalidated');
is($old->query_safe('SELECT verdict(1)'), 'ok loader', 'the snapshot from recovery is right');
# What the primary's prepared transaction adds nobody here was told.
is(sums($standby, 1, 1), 'ok loader, ok cache', 'promoted: it caches sums');
$standby->safe_psql('postgres', 'UPDATE call SET v = v + 10 WHERE k = 1');
is(sums($standby, 1), 'ok cache', 'promoted: they are adjusted');
is($old->query_safe('SELECT sums_verdict(1)'), 'ok loader', 'the sum under the snapshot from recovery is right');
$standby->safe_psql('postgres', "COMMIT PREPARED 'p'");
is(verdict($standby, 'postgres', 2, 2), 'ok loader, ok cache', 'promoted: COMMIT PREPARED of the primary\'s transaction');
is(sums($standby, 1, 1), 'ok loader, ok cache', 'promoted: it is in the sum');
is($old->query_safe('SELECT sums_verdict(1)'), 'ok loader', 'not in that of the snapshot from recovery');
$old->quit;

$standby->stop;
done_testing();
