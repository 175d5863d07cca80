# cache_health where it takes a server of its own: without preloading, without workers, without room
# for another cache, with failing refreshes, with snapshots that writers have overtaken.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('health');
$node->start;

sub health
{
	my ($check, $columns) = @_;
	$columns //= 'status';
	return $node->safe_psql('postgres',
		"SELECT $columns FROM cache_health AS h WHERE h.check = '$check'");
}

sub becomes
{
	my ($check, $status) = @_;
	return $node->poll_query_until('postgres',
		"SELECT status = '$status' FROM cache_health AS h WHERE h.check = '$check'");
}

# Not preloaded.
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
is(health('preloaded'), 'critical', 'not preloaded');
is($node->safe_psql('postgres', 'SELECT string_agg(h.check, $$ $$) FROM cache_health AS h'),
	'preloaded version prepared_transactions declarations dependencies triggers', 'what can be checked all the same');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.max_caches = 2\ncache_ext.health_min_reads = 10\n");
$node->restart;
is(health('preloaded'), 'ok', 'preloaded');

# Background workers: no launcher, then no room for a worker besides it and logical replication's.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->restart;
is(health('workers'), 'critical', 'without a launcher');
$node->append_conf('postgresql.conf', "max_worker_processes = 2\ncache_ext.queue_size = 16\n");
$node->restart;
ok(becomes('workers', 'warning'), 'a worker is wanted, if only to look for work, and cannot start');
like(health('workers', 'detail'), qr/^no room in max_worker_processes: \d+ workers/, 'and it says so');
is(health('queue', 'status, value, threshold'), 'ok|0|50', 'nothing waits');
$node->safe_psql(
	'postgres', <<'END');
CREATE FUNCTION triple(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 3 * k';
SELECT cache_create('triple', 'triple(int)', ttl => '1 h', refresh_at => 0.0000001);
SELECT cache_get_triple(i) FROM generate_series(1, 12) AS i;
END
ok( $node->poll_query_until(
		'postgres', "SELECT status = 'warning' AND s.n > 0 FROM (SELECT sum(cache_get_triple(i)) AS n
		FROM generate_series(1, 12) AS i) AS s, cache_health AS h WHERE h.check = 'queue'"),
	'the queue fills');
$node->append_conf('postgresql.conf', "max_worker_processes = 8\n");
$node->restart;
ok(becomes('workers', 'ok'), 'room for workers');
ok(becomes('queue', 'ok'), 'the queue is empty');
$node->safe_psql('postgres', q{SELECT cache_drop('triple')});

# Places for caches.
create_counter($node, 'postgres', "ttl => '100 s', refresh_at => 0.005");
$node->safe_psql('postgres', 'SELECT cache_get_counter(1)');
is(health('max_caches', 'status, value'), 'ok|50', 'half of the places for caches are taken');
$node->safe_psql(
	'postgres', <<'END');
CREATE FUNCTION double(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * k';
SELECT cache_create('b', 'double(int)');
SELECT cache_get_b(1);
END
is(health('max_caches'), 'critical', 'all of them');
$node->safe_psql('postgres', q{SELECT cache_create('c', 'double(int)'); SELECT cache_get_c(1)});
is(health('max_caches', 'detail'), '2 of 2: reads of further caches bypass', 'and it says so');
$node->safe_psql('postgres', q{SELECT cache_drop('b'), cache_drop('c')});
is(health('max_caches'), 'ok', 'one has gone');

# Writers that a snapshot does not see.
is(health('writer_rings'), 'ok', 'nobody was overtaken');
$node->safe_psql('postgres', 'SELECT cache_stat_reset()');
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query_safe('SELECT 1');
$node->safe_psql('postgres', 'TRUNCATE counter');
$old->query_safe('SELECT verdict(1)') for (1 .. 10);
is(health('writer_rings'), 'warning', 'an old snapshot bypasses');
like(health('writer_rings', 'detail'), qr/^counter: old snapshots \d+, writers in progress 0, /,
	'and why');
$old->query_safe('COMMIT');
$old->quit;
$node->safe_psql('postgres', 'SELECT cache_stat_reset()');
is(health('writer_rings'), 'ok', 'counted anew');

# Refreshes that fail.
is(health('loader_errors'), 'ok', 'no refresh has failed');
$node->safe_psql(
	'postgres', <<'END');
CREATE TABLE broken (n int);
CREATE FUNCTION fragile(k int) RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN 1 / (1 - (SELECT count(*) FROM broken)); END $$;
SELECT cache_create('fragile', 'fragile(int)', invalidate => 'declared', ttl => '100 s', refresh_at => 0.001);
SELECT cache_get_fragile(1);
INSERT INTO broken VALUES (1);
END
ok( $node->poll_query_until(
		'postgres', "SELECT status = 'warning' FROM cache_get_fragile(1), cache_health AS h
		WHERE h.check = 'loader_errors'"),
	'a refresh has failed');
like(health('loader_errors', 'detail'), qr/^fragile: \d+ of \d+ refreshes failed, .*division by zero/,
	'with the message');
$node->safe_psql('postgres', 'DELETE FROM broken; SELECT cache_stat_reset()');
ok(becomes('loader_errors', 'ok'), 'mended');

$node->stop;
done_testing();
