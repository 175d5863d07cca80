# The pool of workers: as many as there is work for, never two for one key, by priority, through
# everything that ends a worker, and with no room in the server.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $node = new_node('pool');
preload($node);
# Only readers ask for refreshes.
$node->append_conf('postgresql.conf',
	"cache_ext.naptime = '2s'\ncache_ext.refresh_interval = 0\nmax_worker_processes = 12\n");
start_with_clock($node);

# A loader that waits in a worker for as long as somebody holds the advisory lock of its key, and
# tells when it began and ended.
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE FUNCTION slow(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_ext worker' THEN
    RAISE LOG 'begin %', k;
    PERFORM pg_advisory_lock_shared(k);
    PERFORM pg_advisory_unlock_shared(k);
    RAISE LOG 'end %', k;
  END IF;
  RETURN k;
END $$;
CREATE FUNCTION slow_important(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT slow(k)';
SELECT cache_create('slow', 'slow(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.5);
SELECT cache_create('important', 'slow_important(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.5, priority => 5);
END

# Lets workers pass the loaders of these keys, or not.
my $gate = $node->background_psql('postgres');

sub close_gate
{
	$gate->query_safe("SELECT pg_advisory_lock($_)") for @_;
	return;
}

sub open_gate
{
	$gate->query_safe("SELECT pg_advisory_unlock($_)") for @_;
	return;
}

my $seconds = 0;

# Everything that is cached now is past its refresh point afterwards, and far from its end.
sub age
{
	$seconds += 2000;
	shift_clock($node, $seconds);
	return;
}

sub poll
{
	my ($sql, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($sql)");
	diag($node->safe_psql('postgres', 'SELECT * FROM cache_workers')) unless $ok;
	return ok($ok, $name);
}

sub read_keys
{
	my ($cache, @keys) = @_;
	$node->safe_psql('postgres', "SELECT cache_get_$cache($_)") for @keys;
	return;
}

my $busy = "FROM cache_workers WHERE state = 'refresh'";

# Three slow keys at once, and no fourth.
my @five = (1 .. 5);
read_keys('slow', @five);
age();
close_gate(@five);
read_keys('slow', @five);
poll("SELECT count(*) = 3 $busy", 'three workers are at it');
poll("SELECT array_agg(DISTINCT key ORDER BY key) = '{1,2,3}' $busy", 'with a key each');
is($node->safe_psql('postgres', "SELECT count(*) FROM cache_workers WHERE role <> 'launcher'"),
	'3', 'and there is no fourth');
is( $node->safe_psql(
		'postgres', "SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'cache_ext worker' AND query ~ '^cache_ext refresh: slow [123]\$'"),
	'3', 'pg_stat_activity shows what they are at');
is($node->safe_psql('postgres', "SELECT DISTINCT cache, database, role, started_at <= task_started_at
	$busy"), 'slow|postgres|worker|t', 'so does cache_workers');

# Who may see what.
$node->safe_psql('postgres', 'CREATE ROLE stranger; CREATE ROLE monitor IN ROLE pg_read_all_stats');
is( $node->safe_psql('postgres', "SET ROLE stranger; SELECT count(cache), count(key), count(pid), count(state) $busy"),
	'0|0|3|3', 'a stranger sees no cache and no key');
is($node->safe_psql('postgres', "SET ROLE monitor; SELECT count(cache), count(key) $busy"),
	'3|3', 'a monitor sees all');

# A key whose refresh is running is not refreshed by another worker, whoever asks.
is($node->safe_psql('postgres', "SELECT count(DISTINCT key) = count(*) $busy"), 't', 'no key twice');
open_gate(2);
poll("SELECT array_agg(DISTINCT key ORDER BY key) = '{1,3,4}' $busy", 'who is free takes the next one');
open_gate(1, 3, 4, 5);
poll("SELECT refreshes = 5 FROM cache_stat WHERE cache = 'slow'", 'all are refreshed');
poll("SELECT count(*) = 0 $busy", 'then they are idle');
is( $node->safe_psql(
		'postgres', "SELECT count(*), count(backend_xmin), count(backend_xid), count(xact_start)
		FROM pg_stat_activity WHERE backend_type = 'cache_ext worker'"),
	'3|0|0|0', 'and hold no snapshot');
is(stat_of($node, 'postgres', 'slow', 'misses'), '5', 'no read was a miss but the first ones');

# One worker: the important one first, then by the time that is left.
$node->append_conf('postgresql.conf', 'cache_ext.workers = 1');
$node->reload;
age();
read_keys('slow', 1);
poll("SELECT count(*) <= 1 FROM cache_workers WHERE role <> 'launcher'", 'the others go');
poll("SELECT refreshes = 6 FROM cache_stat WHERE cache = 'slow'", 'the one that stays does the work');
read_keys('slow', 6);
$seconds += 10;
shift_clock($node, $seconds);
read_keys('slow', 7, 99);
read_keys('important', 10);
age();
close_gate(99);
my $log = -s $node->logfile;
read_keys('slow', 99);
poll("SELECT count(*) = 1 $busy AND key = '99'", 'the only worker is busy');
read_keys('slow', 7, 6);
read_keys('important', 10);
open_gate(99);
poll("SELECT sum(refreshes) = 10 FROM cache_stat", 'all are done');
my @order = slurp_file($node->logfile, $log) =~ /LOG:  begin (\d+)$/mg;
is(join(' ', @order), '99 10 6 7', 'by priority, then by the time that is left') or diag("@order");

# No workers at all.
$node->append_conf('postgresql.conf', 'cache_ext.workers = 0');
$node->reload;
poll("SELECT count(*) = 0 FROM cache_workers WHERE role <> 'launcher'", 'without workers all go');
age();
read_keys('slow', 1, 6, 7);
is($node->safe_psql('postgres', "SELECT count(*) FROM cache_workers WHERE role <> 'launcher'"),
	'0', 'nobody comes');
$node->append_conf('postgresql.conf', 'cache_ext.workers = 3');
$node->reload;
$gate->quit;

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|could not (find|resize)/,
	'nothing bad in the log');
$node->stop;

# Little room in the server.
my $full = new_node('full');
preload($full);
# One place is the launcher's, one that of logical replication's launcher.
$full->append_conf('postgresql.conf',
	"max_worker_processes = 3\ncache_ext.naptime = '1s'\ncache_ext.refresh_interval = 0\n");
start_with_clock($full);
$full->safe_psql('postgres', "CREATE DATABASE $_") for qw(one two);
$full->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
for my $database (qw(one two))
{
	create_counter($full, $database, "ttl => '1 h', refresh_at => 0.5");
	$full->safe_psql(
		$database, <<'END');
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_ext worker' THEN
    PERFORM pg_advisory_lock_shared(1);
    PERFORM pg_advisory_unlock_shared(1);
  END IF;
  RETURN (SELECT n FROM counter c WHERE c.id = $1);
END $$;
SELECT cache_get_counter(1);
END
}
my $holder = $full->background_psql('one');
$holder->query_safe('SELECT pg_advisory_lock(1)');
shift_clock($full, 2000);
$full->safe_psql('one', 'SELECT cache_get_counter(1)');
ok($full->poll_query_until('one', "SELECT count(*) = 1 FROM cache_workers WHERE state = 'refresh'"),
	'the only place is taken');
my $full_log = -s $full->logfile;
$full->safe_psql('two', 'SELECT cache_get_counter(1)');
ok( $full->poll_query_until('one',
		"SELECT count(*) = 1 FROM cache_workers WHERE role = 'launcher' AND state = 'no room for workers'"),
	'the launcher says that there is no room');
my $health = sub {
	return $full->safe_psql('postgres', q{SELECT h.status || ', ' || h.detail
		FROM cache_health AS h WHERE h.check = 'workers'});
};
like($health->(), qr/^warning, no room in max_worker_processes: \d+ workers could not be started/, 'so does cache_health');
like(slurp_file($full->logfile), qr/no room for another worker/, 'also in the log');
# A launcher that did not wait between its attempts would make hundreds in three seconds.
sub attempts
{
	my ($n) = $health->() =~ /: (\d+) workers could not be started/;
	return $n;
}
my $attempts = attempts();
Time::HiRes::sleep(3);
cmp_ok(attempts() - $attempts, '<=', 3, 'it tries again later and later');
my $said = () = slurp_file($full->logfile, $full_log) =~ /no room for another worker/g;
cmp_ok($said, '<=', 1, 'once at most');
is(verdict($full, 'two', 1), 'ok cache', 'readers are served meanwhile');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
ok( $full->poll_query_until('two', "SELECT refreshes = 1 FROM cache_stat WHERE cache = 'counter'"),
	'when there is room again the work is done');
ok( $full->poll_query_until('one', "SELECT count(*) = 1 FROM cache_workers WHERE role = 'launcher' AND state = 'idle'"),
	'and nothing is amiss any more');
like($health->(), qr/^ok, /, 'for cache_health, too');
$holder->quit;
$full->stop;
done_testing();
