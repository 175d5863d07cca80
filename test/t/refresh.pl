# Refreshing ahead: with and without readers, past writers and deadlines, through failures and the
# end of workers. The clock is shifted, so nothing here waits for a time to live.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('refresh');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.naptime = '2s'\nmax_connections = 150\n");
start_with_clock($node);

# Loaders that wait in a worker while somebody holds the advisory lock of their cache, after they
# have read.
create_counter($node, 'postgres', "ttl => '1 h', refresh_at => 0.9");
$node->safe_psql(
	'postgres', <<'END');
CREATE FUNCTION in_worker() RETURNS bool LANGUAGE sql STABLE AS
  $$SELECT backend_type = 'cache_ext worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()$$;
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE result int := (SELECT n FROM counter c WHERE c.id = $1);
BEGIN
  IF in_worker() THEN
    PERFORM pg_advisory_lock_shared(1);
    PERFORM pg_advisory_unlock_shared(1);
  END IF;
  RETURN result;
END $$;
END
my $gate = $node->background_psql('postgres');
my $seconds = 0;

sub later
{
	my ($by) = @_;
	$seconds += $by;
	shift_clock($node, $seconds);
	return;
}

sub sql
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

sub poll
{
	my ($condition, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($condition)");
	diag(sql('SELECT * FROM cache_workers; SELECT cache, fills, refreshes, errors, last_error FROM cache_stat'))
	  unless $ok;
	return ok($ok, $name);
}

sub stat_is
{
	my ($cache, $column, $expected, $name) = @_;
	return is(stat_of($node, 'postgres', $cache, $column), $expected, $name);
}

my $busy = "FROM cache_workers WHERE state = 'refresh'";

# A hundred readers over an expiry: no miss, one load.
sql('SELECT cache_stat_reset(); SELECT cache_get_counter(1)');
my $script = $node->basedir . '/read.sql';
append_to_file($script, "SELECT cache_get_counter(1);\n");
my ($out, $err) = ('', '');
local $ENV{PGAPPNAME} = 'reader';
my $readers = IPC::Run::start(
	[
		'pgbench', '-n', '-c', 100, '-j', 2, '-T', 300, '-R', 400, '-f', $script, '-h', $node->host, '-p', $node->port,
		'postgres'
	],
	'>', \$out, '2>', \$err);
my $hits = sub { return stat_of($node, 'postgres', 'counter', 'hits') };
$ENV{PGAPPNAME} = 'test';
poll("SELECT count(*) = 100 FROM pg_stat_activity WHERE application_name = 'reader'", 'a hundred readers');
later(3300);
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'counter'", 'a worker loads the next value');
my $before = $hits->();
later(400);
my $at = $hits->();
poll("SELECT hits > $at + 200 FROM cache_stat WHERE cache = 'counter'", 'they go on past the end of the first value');
cmp_ok($at, '>', $before, 'and have read all the time');
stat_is('counter', 'misses', '1', 'no read was a miss but the very first');
stat_is('counter', 'fills', '2', 'and there was exactly one load more');
$readers->signal('TERM');  # whoever starts this in the background leaves it SIGINT ignored
$readers->finish;
is($err, '', 'no reader has seen an error');

sql(q{SELECT cache_alter('counter', '{"refresh_at": 0.5}')});

# A refresh does not bring back what a writer has outdated meanwhile.
later(4000);
is(verdict($node, 'postgres', 2), 'ok loader', 'filled');
$gate->query_safe('SELECT pg_advisory_lock(1)');
later(1801);
is(verdict($node, 'postgres', 2), 'ok cache', 'past its refresh point');
poll("SELECT count(*) = 1 $busy AND key = '2'", 'a worker has read the row');
sql('UPDATE counter SET n = n + 1 WHERE id = 2');
$gate->query_safe('SELECT pg_advisory_unlock(1)');
poll("SELECT count(*) = 0 $busy", 'it is done');
is(verdict($node, 'postgres', 2), 'ok loader', 'its value is not served to who sees the change');
is(verdict($node, 'postgres', 2), 'ok cache', 'then the new one is cached');

# A loader that hangs does not keep the old value alive.
$gate->query_safe('SELECT pg_advisory_lock(1)');
later(1801);
is(verdict($node, 'postgres', 2), 'ok cache', 'past its refresh point again');
poll("SELECT count(*) = 1 $busy AND key = '2'", 'a worker hangs');
sql('SET session_replication_role = replica; ALTER TABLE counter DISABLE TRIGGER ALL');
is(sql("SELECT state FROM cache_explain('counter', 2)"), 'miss', 'DDL: invalidated anyway');
sql('SELECT cache_get_counter(2)');
later(3601);
like(sql("SELECT state || ', ' || reason FROM cache_explain('counter', 2)"),
	qr/^miss, (its ttl has passed|not in the cache)$/, 'the value ends at its time, swept or not');
is(verdict($node, 'postgres', 2), 'ok loader', 'and readers load themselves');
$gate->query_safe('SELECT pg_advisory_unlock(1)');
poll("SELECT count(*) = 0 $busy", 'the worker gives up or is done');
is(verdict($node, 'postgres', 2), 'ok cache', 'which changes nothing');
sql("SELECT cache_drop('counter')");

# A worker that ends in the middle.
sql("SELECT cache_create('counter', 'load_counter(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.5)");
sql('SELECT cache_get_counter(3)');
$gate->query_safe('SELECT pg_advisory_lock(1)');
later(1801);
sql('SELECT cache_get_counter(3)');
poll("SELECT count(*) = 1 $busy AND key = '3'", 'a worker is at it');
my $pid = sql("SELECT pid $busy");
my $took = seconds(
	sub {
		sql("SELECT pg_terminate_backend($pid)");
		poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", 'SIGTERM ends it');
	});
cmp_ok($took, '<', 10, 'promptly');
later(2);
poll("SELECT count(*) = 1 $busy AND key = '3' AND pid <> $pid", 'another one takes the task over');
$gate->query_safe('SELECT pg_advisory_unlock(1)');
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'counter'", 'and finishes it');
stat_is('counter', 'misses', '1', 'readers have noticed nothing');

# One that ends while it looks what there is to do.
sql("SELECT pg_terminate_backend(pid) FROM cache_workers WHERE role = 'worker'");    # the next one knows nothing
poll("SELECT count(*) = 0 FROM cache_workers WHERE role <> 'launcher'", 'no worker');
my $blocker = $node->background_psql('postgres');
$blocker->query_safe('BEGIN; LOCK TABLE cache_ext_internal.cache_definition IN ACCESS EXCLUSIVE MODE');
later(301);
$node->safe_psql('template1', 'SELECT 1');
ok( $node->poll_query_until('template1',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'cache_ext look' AND wait_event_type = 'Lock'"),
	'a worker looks, and waits for a lock');
is( $node->safe_psql('template1',
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'cache_ext look'"),
	'1', 'SIGTERM');
$blocker->query_safe('ROLLBACK');
$blocker->quit;

# Without readers: what is hot, and what has priority; not the rest.
sql(<<'END');
CREATE FUNCTION load_vip(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
SELECT cache_create('vip', 'load_vip(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.5, priority => 1);
CREATE FUNCTION load_short(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
SELECT cache_create('short', 'load_short(int)', invalidate => 'declared', ttl => '5 min', refresh_at => 0.8);
SELECT cache_stat_reset();
SELECT cache_get_counter(10), cache_get_counter(10), cache_get_counter(11), cache_get_vip(12);
SELECT cache_get_counter(10);
END
later(1801);
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'vip'", 'a value with priority is refreshed');
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'counter'", 'so is a hot one');
is( sql("SELECT string_agg(key, ',') FROM cache_entries
		WHERE cache = 'counter' AND calculated_at > now() + '${seconds}s'::interval - interval '10 min'"),
	'10', 'but not one that was read once');
poll("SELECT count(*) = 0 FROM cache_workers WHERE state = 'look'", 'the search is over');

# Neither what a writer has invalidated.
sql('CREATE TABLE truth (k int PRIMARY KEY); INSERT INTO truth SELECT generate_series(1, 10)');
sql(q{CREATE FUNCTION load_truth(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT t.k FROM truth t WHERE t.k = $1';
	SELECT cache_create('truth', 'load_truth(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.5, priority => 1);
	SELECT cache_invalidate_on('truth', 'truth', ARRAY['k'])});
sql('SELECT cache_get_truth(1), cache_get_truth(2)');
sql('DELETE FROM truth WHERE k = 1');
later(1801);
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'truth'", 'one of two is refreshed');
is( sql("SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM cache_entries WHERE cache = 'truth'"),
	'1 invalidated, 2 live', 'the one that holds');

# What would be over before the next search is planned ahead.
later(301);
poll("SELECT count(*) = 0 FROM cache_workers WHERE state = 'look'", 'a search');
later(200);
sql('SELECT cache_get_short(1)');
sql('SELECT cache_get_short(1)');
later(102);
later(0);
poll("SELECT count(*) = 0 FROM cache_workers WHERE state = 'look'", 'the next one');
later(150);
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'short'", 'at its refresh point it is refreshed');

# load_timeout.
sql(<<'END');
CREATE FUNCTION load_stuck(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF in_worker() THEN PERFORM pg_sleep(1000); END IF;
  RETURN k;
END $$;
SELECT cache_create('stuck', 'load_stuck(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1, load_timeout => '100 ms');
SELECT cache_get_stuck(1);
END
later(3601);
sql('SELECT cache_get_stuck(1)');
poll("SELECT errors >= 1 FROM cache_stat WHERE cache = 'stuck'", 'a loader that takes too long is cancelled');
stat_is('stuck', 'last_error', 'canceling statement due to statement timeout', 'and that is told');
sql(q{SELECT cache_alter('stuck', '{"load_timeout": "1 h"}')});
$node->append_conf('postgresql.conf', "cache_ext.worker_statement_timeout = '100ms'");
$node->reload;
sql('SELECT cache_stat_reset()');
later(700);
sql('SELECT cache_get_stuck(1)');
later(3601);
sql('SELECT cache_get_stuck(1)');
poll("SELECT errors >= 1 FROM cache_stat WHERE cache = 'stuck'", 'the smaller limit counts');
sql("SELECT cache_drop('stuck')");

# A loader that fails in workers: tried again later and later.
sql(<<'END');
CREATE TABLE broken ();
INSERT INTO broken DEFAULT VALUES;
CREATE FUNCTION load_fragile(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF in_worker() AND EXISTS (SELECT FROM broken) THEN RAISE EXCEPTION 'broken for %', k; END IF;
  RETURN k;
END $$;
SELECT cache_create('fragile', 'load_fragile(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1);
SELECT count(cache_get_fragile(k)) FROM generate_series(1, 40) AS k;
END

sub errors
{
	return stat_of($node, 'postgres', 'fragile', 'errors');
}

# All that is due now has been tried: a task that came later and matters less is done.
my $fence = 100;

sub fence
{
	$fence++;
	sql("SELECT cache_get_fence($fence)");
	later(0.01);
	sql("SELECT cache_get_fence($fence)");
	$node->poll_query_until('postgres', "SELECT refreshes >= $fence - 100 FROM cache_stat WHERE cache = 'fence'")
	  or die 'the fence was not refreshed';
	$node->poll_query_until('postgres', "SELECT count(*) = 0 $busy") or die 'workers are busy';
	return;
}
sql("SELECT cache_create('fence', 'load_vip(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.0000001, refresh_min => '0', priority => -1)");
later(3601);
sql('SELECT cache_get_fragile(1)');
poll("SELECT errors >= 1 FROM cache_stat WHERE cache = 'fragile'", 'it fails');
stat_is('fragile', 'last_error', 'broken for 1', 'the error is shown');
# After failure n it waits 2^(n-1) s, a quarter more or less.
for my $n (1 .. 5)
{
	later(1.3 * 2**($n - 1));
	poll("SELECT errors >= $n + 1 FROM cache_stat WHERE cache = 'fragile'", "tried again after failure $n");
}
my $failures = errors();
later(14);
fence();
is(errors(), $failures, 'not again within 24 s after the sixth');
later(1.3 * 2**($failures - 1));
poll("SELECT errors > $failures FROM cache_stat WHERE cache = 'fragile'", 'but when it is time');

# When nothing works, asking costs nothing.
for (1 .. 6)
{
	later(601);
	sql('SELECT cache_get_fragile(1)');
	fence();
}
my $so_far = errors();
cmp_ok($so_far, '<=', $failures + 10, 'a few attempts in an hour');
sql('SELECT count(cache_get_fragile(k)) FROM generate_series(1, 40) AS k') for 1 .. 5;
fence();
cmp_ok(errors() - $so_far, '<=', 3, 'two hundred readers of forty keys cost one for each worker at most');
is(sql('SELECT cache_get_fragile(7)'), '7', 'they are served what there is');
stat_is('fragile', 'misses', '40', 'from the cache');

# Repaired, it recovers by itself.
sql('TRUNCATE broken');
later(901);
sql('SELECT count(cache_get_fragile(k)) FROM generate_series(1, 40) AS k');
poll("SELECT refreshes > 0 FROM cache_stat WHERE cache = 'fragile'", 'the next attempt works');
later(901);
sql('SELECT count(cache_get_fragile(k)) FROM generate_series(1, 40) AS k');
poll("SELECT refreshes >= 40 FROM cache_stat WHERE cache = 'fragile'", 'then all keys are refreshed');
$gate->quit;

# By load time: nothing long before the end, and one refresh close to it, though refresh_at would have asked long ago. A quick
# load counts for 10 ms, so the mean is 10 s here; 30 s before the end each read asks once in twenty times.
sql(q{SELECT cache_create('early', 'load_vip(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1, refresh_beta => 1000)});
sql('SELECT cache_get_early(1)');
later(32400);
sql('SELECT count(cache_get_early(1)) FROM generate_series(1, 1000)');
fence();
stat_is('early', 'refreshes', '0', 'an hour before the end nothing is refreshed');
later(3570);
sql('SELECT count(cache_get_early(1)) FROM generate_series(1, 1000)');
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'early'", 'half a minute before it one read has asked');
stat_is('early', 'misses', '1', 'and no reader has loaded but the first');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|could not (find|resize)/,
	'nothing bad in the log');
$node->stop;
done_testing();
