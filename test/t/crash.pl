# A backend that is killed in the middle of reading, or a worker: the server starts over, with an
# empty cache that works.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('crash');
preload($node);
$node->append_conf('postgresql.conf', "restart_after_crash = on\n");
$node->start;
create_counter($node, 'postgres', "ttl => '100 s', refresh_at => 0.001, max_entries => 100");

# Kills -9 the process with that pid; returns when the server has started over.
sub killed
{
	my ($pid, $name) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
	my $log = -s $node->logfile;
	is(kill('KILL', $pid), 1, "$name: killed");
	ok($node->wait_for_log(qr/all server processes terminated; reinitializing/, $log),
		"$name: the server starts over");
	ok($node->poll_query_until('postgres', 'SELECT true'), "$name: and is back");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries'), '0',
		"$name: the cache is empty");
	is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', "$name: it fills and serves");
	$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
	is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', "$name: it is invalidated");
	return;
}

# Sessions that read, fill and evict in a loop; the victim is one of them.
my @sessions;
for my $i (1 .. 3)
{
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start(
		[
			'psql', '-X', '-d', $node->connstr('postgres') . " application_name=loop$i", '-c',
			'DO $$ BEGIN LOOP PERFORM cache_get_counter(1 + (random() * 999)::int); END LOOP; END $$'
		],
		\$in, \$out, \$err);
	push @sessions, $session;
}
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 3 FROM pg_stat_activity WHERE application_name LIKE 'loop%' AND state = 'active'"),
	'sessions read in a loop');
ok($node->poll_query_until('postgres', "SELECT evictions > 1000 FROM cache_stat"), 'they have evicted');
killed($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'loop1'"),
	'backend');
$_->finish for @sessions;

# The worker.
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 1 FROM cache_get_counter(2), pg_stat_activity WHERE backend_type = 'cache_ext worker'"),
	'a worker runs');
killed($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_ext worker'"),
	'worker');
my $refreshes = stat_of($node, 'postgres', 'counter', 'refreshes');
ok( $node->poll_query_until(
		'postgres',
		"SELECT refreshes > $refreshes FROM cache_get_counter(2), cache_stat WHERE cache = 'counter'"),
	'a new worker refreshes');

$node->stop;
done_testing();
