# What is dropped takes its background work along, and whoever drops it waits for no worker.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dropped');
preload($node);
$node->append_conf('postgresql.conf', <<'END');
max_worker_processes = 12
cache_ext.workers = 1
cache_ext.naptime = '5s'
cache_ext.refresh_interval = 0
cache_ext.cancel_grace = '1s'
END
start_with_clock($node);

# A loader that has read its table, and holds the lock, while it waits in a worker.
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE TABLE goods (id int PRIMARY KEY, price int);
INSERT INTO goods SELECT i, i FROM generate_series(1, 100) AS i;
CREATE FUNCTION slow(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
  p int := (SELECT price FROM goods WHERE id = k);
BEGIN
  IF pg_backend_pid() IN (SELECT pid FROM cache_workers) THEN PERFORM pg_sleep(1000); END IF;
  RETURN p;
END $$;
CREATE FUNCTION deaf(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  LOOP
    BEGIN
      RETURN slow(k);
    EXCEPTION WHEN query_canceled THEN
      NULL;
    END;
  END LOOP;
END $$;
CREATE FUNCTION quick(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
CREATE FUNCTION declare(loader text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM cache_create('goods', loader::regprocedure, invalidate => 'declared', ttl => '10 h', refresh_at => 0.1);
  PERFORM cache_invalidate_on('goods', 'goods', '{id}');
END $$;
SELECT cache_create('other', 'quick(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1);
END

my $seconds = 0;

sub poll
{
	my ($sql, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($sql)");
	diag($node->safe_psql('postgres', 'SELECT * FROM cache_workers; SELECT * FROM cache_queue')) unless $ok;
	return ok($ok, $name);
}

# A worker is at the first of five keys, the others wait.
sub begin_work
{
	my ($loader) = @_;
	$node->safe_psql('postgres', "SELECT declare('$loader(int)')") if defined $loader;
	$node->safe_psql('postgres', 'SELECT count(cache_get_goods(k)) FROM unnest(ARRAY[1, 2, 3, 4, NULL]) AS k');
	$seconds += 7200;
	shift_clock($node, $seconds);
	$node->safe_psql('postgres', 'SELECT count(cache_get_goods(k)) FROM unnest(ARRAY[1, 2, 3, 4, NULL]) AS k');
	poll("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND wait_event = 'PgSleep'",
		'a worker is in the middle of it');
	poll("SELECT count(*) = 4 AND count(key) = 3 FROM cache_queue WHERE cache = 'goods'", 'more is waiting, a NULL among it');
	return;
}

sub idle
{
	my ($name) = @_;
	poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND wait_event = 'PgSleep'", "$name: no worker is at it");
	return;
}

# The statement does not wait until the worker's own time is over, which is a minute.
sub prompt
{
	my ($name, $sql) = @_;
	cmp_ok(seconds(sub { $node->safe_psql('postgres', $sql) }), '<', 20, "$name: prompt");
	return;
}

my $log = -s $node->logfile;
begin_work('slow');
prompt('cache_drop', "SELECT cache_drop('goods')");
idle('cache_drop');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_queue'), '0', 'nothing waits');
unlike(slurp_file($node->logfile, $log), qr/cache_ext: a refresh failed/, 'what was dropped has not failed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM goods'), '100', 'no lock is left');
$node->safe_psql('postgres', 'SELECT cache_get_other(1)');
$seconds += 7200;
shift_clock($node, $seconds);
$node->safe_psql('postgres', 'SELECT cache_get_other(1)');
poll("SELECT refreshes = 1 FROM cache_stat WHERE cache = 'other'", 'the worker does other work');

# Nothing is started for it while it is being dropped; if that is rolled back, work goes on.
begin_work('slow');
my $dropper = $node->background_psql('postgres');
$dropper->query_safe('BEGIN');
$dropper->query_safe("SELECT cache_drop('goods')");
idle('while it is dropped');
poll("SELECT count(*) = 0 FROM cache_workers WHERE state = 'refresh'", 'nor another one');
$dropper->query_safe('ROLLBACK');
poll("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND wait_event = 'PgSleep'",
	'rolled back, work goes on');
is(stat_of($node, 'postgres', 'goods', 'errors'), '0', 'and nothing has failed');
$dropper->quit;

# Whoever may not drop it stops nothing.
$node->safe_psql('postgres', 'CREATE ROLE stranger');
my $stderr;
for my $sql ("SELECT cache_drop('goods')", 'DROP EXTENSION cache_ext CASCADE')
{
	$node->psql('postgres', "SET ROLE stranger; $sql", stderr => \$stderr);
	like($stderr, qr/must be owner/, "$sql: refused");
	is($node->safe_psql('postgres', "SELECT count(*) FROM cache_workers WHERE state = 'refresh'"), '1', 'and work goes on');
}

# A loader that hears nothing costs the grace period.
$node->safe_psql('postgres', "SELECT cache_drop('goods')");
begin_work('deaf');
prompt('cache_drop of a deaf loader', "SELECT cache_drop('goods')");
idle('a deaf loader');

# The extension, alone and with its schema.
begin_work('slow');
prompt('DROP EXTENSION', 'DROP EXTENSION cache_ext CASCADE');
idle('DROP EXTENSION');
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
begin_work('deaf');
prompt('DROP EXTENSION of a deaf loader', 'DROP EXTENSION cache_ext CASCADE');
idle('DROP EXTENSION of a deaf loader');
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
begin_work('slow');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_workers WHERE state = \'refresh\''), '1', 'and caches work as ever');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'nothing bad in the log');
$node->stop;
done_testing();
