# Background workers: refresh ahead of time, loaders that fail there, and everything that wants a
# database, an extension or a server without them.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

# Statements that wait for a worker to go give it 5 s, then PostgreSQL gives up after 5 more.
my $prompt = 10;

my $node = new_node('workers');
preload($node);
# Tasks wake whom they need, so nobody depends on the nap; and an idle worker stays for six of them,
# longer than a statement waits for it to go by itself.
$node->append_conf('postgresql.conf',
	"cache_ext.naptime = '5s'\nallow_in_place_tablespaces = on\n");
$node->start;

# A long time to live, of which a value is fresh for a small part only: so a slow machine may be late
# for a refresh by a lot without a value expiring.
my $refreshing = "ttl => '100 s', refresh_at => 0.005";

sub workers_in
{
	my ($database) = @_;
	return "SELECT count(*) = 1 FROM pg_stat_activity "
	  . "WHERE backend_type = 'cache_ext worker' AND datname = '$database'";
}

# Reads until the worker has refreshed some more values.
sub refreshed
{
	my ($database, $name) = @_;
	my $before = stat_of($node, $database, 'counter', 'refreshes');
	ok( $node->poll_query_until(
			$database, "SELECT refreshes >= $before + 2 FROM cache_stat, cache_get_counter(1)
			WHERE cache = 'counter'"),
		$name);
	return;
}

# Refresh-ahead.
$node->safe_psql('postgres', 'CREATE DATABASE work');
create_counter($node, 'work', $refreshing);
$node->safe_psql(
	'work', <<'END');
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  RAISE LOG 'loaded by a %', (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid());
  RETURN (SELECT n FROM counter c WHERE c.id = $1);
END $$;
SELECT cache_stat_reset();
END
my $log = -s $node->logfile;
$node->safe_psql('work', 'SELECT cache_get_counter(1)');
my $first = $node->safe_psql('work', "SELECT calculated_at FROM cache_explain('counter', 1)");
refreshed('work', 'values that are read are refreshed');
is(stat_of($node, 'work', 'counter', 'misses'), '1', 'no read was a miss but the first');
is(stat_of($node, 'work', 'counter', 'fills - refreshes'), '1', 'each refresh is one load');
is($node->safe_psql('work', "SELECT calculated_at > '$first' FROM cache_explain('counter', 1)"),
	't', 'the value is newer');
my @loads = slurp_file($node->logfile, $log) =~ /LOG:  loaded by a (.*)$/mg;
is(scalar(grep { $_ eq 'client backend' } @loads), 1, 'the first load was a session\'s');
cmp_ok(scalar(grep { $_ eq 'cache_ext worker' } @loads), '>=', 2, 'the others were a worker\'s');
is(verdict($node, 'work', 1), 'ok cache', 'and it is right');
ok($node->poll_query_until('postgres', workers_in('work')), 'one worker, in its database');

# It refreshes under a snapshot of its own, so commits meanwhile are seen by whoever reads next.
$node->safe_psql('work', 'UPDATE counter SET n = n + 1 WHERE id = 1');
is(verdict($node, 'work', 1, 1), 'ok loader, ok cache', 'invalidated as ever');

# A worker that is told to go; the next task starts another.
my $pid = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_ext worker'");
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
refreshed('work', 'before SIGTERM');
is($node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'cache_ext worker'"), 't', 'SIGTERM');
refreshed('work', 'after SIGTERM');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server is the same');

# A loader that fails in the worker.
$node->safe_psql(
	'work', <<'END');
CREATE TABLE broken ();
CREATE FUNCTION load_fragile(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF EXISTS (SELECT FROM broken) THEN RAISE EXCEPTION 'the loader is broken'; END IF;
  RETURN k;
END $$;
SELECT cache_create('fragile', 'load_fragile(int)', invalidate => 'declared', ttl => '5 s', refresh_at => 0.01);
SELECT cache_get_fragile(7);
INSERT INTO broken DEFAULT VALUES;
END
my (%answers, $stderr);
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	my ($result, $answer);
	$result = $node->psql('work', "SELECT value, source FROM cache_get_entry('fragile', 7)",
		stdout => \$answer, stderr => \$stderr);
	last if $result == 3;
	$answers{$answer}++;
	Time::HiRes::sleep(0.1);
}
is(join(', ', keys %answers), '7|cache', 'the value is served until it expires');
like($stderr, qr/ERROR:  the loader is broken/, 'then readers get the loader\'s own error');
cmp_ok(stat_of($node, 'work', 'fragile', 'errors'), '>=', 1, 'errors in the worker are counted');
is(stat_of($node, 'work', 'fragile', 'last_error'), 'the loader is broken', 'and the last one is shown');
is(stat_of($node, 'work', 'fragile', 'refreshes'), '0', 'none was a refresh');
$node->safe_psql('work', 'TRUNCATE broken');
is($node->safe_psql('work', 'SELECT cache_get_fragile(7)'), '7', 'repaired');
refreshed('work', 'the worker goes on with other caches');

# What needs a database without connections.
sub undisturbed
{
	my ($database, $sql, $name) = @_;
	refreshed($database, "$name: a worker is there");
	ok($node->poll_query_until('postgres', workers_in($database)), "$name: and connected");
	my $took = seconds(sub { $node->safe_psql('postgres', $sql) });
	cmp_ok($took, '<', $prompt, "$name: prompt");
	return;
}
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION ''");
undisturbed('work', 'CREATE DATABASE copy TEMPLATE work', 'CREATE DATABASE TEMPLATE');
is($node->safe_psql('copy', 'SELECT verdict(1)'), 'ok loader', 'the copy works');
is($node->safe_psql('copy', 'SELECT verdict(1)'), 'ok cache', 'and caches');
undisturbed('work', 'ALTER DATABASE work SET TABLESPACE elsewhere', 'ALTER DATABASE SET TABLESPACE');
undisturbed('work', 'ALTER DATABASE work RENAME TO job', 'ALTER DATABASE RENAME');
refreshed('job', 'and it goes on');
undisturbed('copy', 'DROP DATABASE copy', 'DROP DATABASE');
is(verdict($node, 'job', 1), 'ok cache', 'other databases do not suffer');

# What fails lets the workers in again.
refreshed('job', 'before a statement that fails');
my $holder = $node->background_psql('job');
$holder->query_safe('SELECT 1');
is($node->psql('postgres', 'DROP DATABASE job'), 3, 'somebody is connected');
$holder->quit;
refreshed('job', 'after a statement that failed');

# DROP EXTENSION, and back.
refreshed('job', 'before DROP EXTENSION');
cmp_ok(seconds(sub { $node->safe_psql('job', 'DROP EXTENSION cache_ext') }), '<', $prompt, 'DROP EXTENSION');
$node->safe_psql('job', 'DROP TABLE counter; DROP FUNCTION verdict, load_counter');
create_counter($node, 'job', $refreshing);
refreshed('job', 'after CREATE EXTENSION');

# The server stops while a worker is busy.
$node->safe_psql(
	'job', <<'END');
CREATE FUNCTION load_slow(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_ext worker' THEN
    PERFORM pg_sleep(1000);
  END IF;
  RETURN k;
END $$;
SELECT cache_create('slow', 'load_slow(int)', invalidate => 'declared', ttl => '100 s', refresh_at => 0.001);
END
ok( $node->poll_query_until(
		'job', "SELECT count(*) = 1 FROM cache_get_slow(1), pg_stat_activity
		WHERE backend_type = 'cache_ext worker' AND wait_event = 'PgSleep'"),
	'a worker is in the middle of a loader');
cmp_ok(seconds(sub { $node->stop('fast') }), '<', $prompt, 'stop -m fast is prompt');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|could not (find|resize)/,
	'nothing bad in the log');
done_testing();
