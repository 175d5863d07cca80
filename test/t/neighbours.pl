# What the owner of one database does to its workers is no affair of the other databases.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('neighbours');
preload($node);
$node->append_conf('postgresql.conf', <<'END');
cache_ext.naptime = '200ms'
cache_ext.worker_statement_timeout = '30s'
max_worker_processes = 12
log_min_messages = log
END
start_with_clock($node);

# A cache that is synchronized every second; "bad" says whether that fails.
sub make_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	create_counter($node, $name);
	$node->safe_psql($name, <<'END');
CREATE TABLE bad (yes bool);
INSERT INTO bad VALUES (false);
CREATE FUNCTION load_all() RETURNS TABLE (id int, n int) LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF (SELECT b.yes FROM bad AS b) THEN RAISE EXCEPTION 'bad'; END IF;
	RETURN QUERY SELECT c.id, c.n FROM counter AS c;
END $$;
SELECT cache_alter('counter', '{"load_all": "load_all()", "sync_every": "1s"}');
END
	return;
}

sub syncs
{
	my ($database) = @_;
	return $node->safe_psql($database, "SELECT syncs FROM cache_sync_stat WHERE cache = 'counter'");
}

# Some more syncs come.
sub goes_on
{
	my ($database, $name) = @_;
	my $before = syncs($database);
	ok($node->poll_query_until($database, "SELECT syncs > $before + 1 FROM cache_sync_stat WHERE cache = 'counter'"), $name);
	return;
}

make_database('good');
goes_on('good', 'a database is synchronized');

# A copy has the same caches, under the same numbers.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE good');
$node->safe_psql('good', q{SELECT cache_alter('counter', '{"sync_every": null}')});
$node->safe_psql('copy', 'UPDATE bad SET yes = true');
my $seconds = 0;
for my $failure (1 .. 12)
{
	my $before = stat_of($node, 'copy', 'counter', 'errors');
	$seconds += 3600;
	shift_clock($node, $seconds);
	$node->poll_query_until('copy', "SELECT errors > $before FROM cache_stat WHERE cache = 'counter'")
		or die 'the copy does not fail';
}
# What was dropped is not tried again.
my $retrying = q{SELECT detail ~ ' 0 to be tried again' OR detail !~ 'tried again' FROM cache_health WHERE "check" = 'queue'};
is($node->safe_psql('copy', $retrying), 'f', 'the copy is to be tried again');
$node->safe_psql('good', q{SELECT cache_alter('counter', '{"sync_every": "1s"}')});
goes_on('good', 'which does not put the original off');
$node->safe_psql('copy', "SELECT cache_drop('counter')");
ok($node->poll_query_until('copy', $retrying), 'and is not, once it is dropped');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# A database whose transactions would wait for those of others to end.
make_database('slow');
my $writer = $node->background_psql('good');
$writer->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE counter SET n = n WHERE id = 1');
$node->safe_psql('postgres', <<'END');
ALTER DATABASE slow SET default_transaction_isolation = 'serializable';
ALTER DATABASE slow SET default_transaction_read_only = on;
ALTER DATABASE slow SET default_transaction_deferrable = on;
ALTER DATABASE slow SET lock_timeout = '1ms';
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND datname = 'slow';
END
{
	# Not so for us.
	local $ENV{PGOPTIONS} = '-c default_transaction_deferrable=off';
	goes_on('slow', 'settings of a database do not stop its workers');
}
$writer->query_safe('COMMIT');
$writer->quit;
$node->safe_psql('postgres', 'ALTER DATABASE slow RESET ALL');

# One that is being renamed, for long.
my $renamer = $node->background_psql('postgres');
$renamer->query_safe('BEGIN; ALTER DATABASE slow RENAME TO sluggish');
goes_on('good', 'a database is renamed in a transaction that goes on: others are not put off');
is($node->safe_psql('good', "SELECT count(*) FROM cache_workers WHERE role = 'worker' AND database = 'slow'"),
	'0', 'and no worker waits for it');
$renamer->query_safe('COMMIT');
$renamer->quit;
goes_on('sluggish', 'then it is synchronized again');

# One that workers do not get into.
$node->append_conf('postgresql.conf', "authentication_timeout = '5s'\n");
$node->reload;
my $reader = $node->background_psql('sluggish');
$reader->query_safe('BEGIN; LOCK TABLE pg_class IN ACCESS SHARE MODE');
my $vacuum = $node->background_psql('sluggish');
$vacuum->query_until(qr/^$/, "VACUUM FULL pg_class;\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^VACUUM' AND wait_event_type = 'Lock'")
	or die 'the catalog is not locked';
my $log = -s $node->logfile;
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'cache_ext worker' AND datname = 'sluggish'");
$node->wait_for_log(qr/was terminated, as it was not connected to its database within authentication_timeout/, $log);
pass('a worker that does not get into its database is ended');
goes_on('good', 'others go on');
$reader->query_safe('COMMIT');
$reader->quit;
$vacuum->query_safe('SELECT 1');
$vacuum->quit;
$seconds += 3600;
shift_clock($node, $seconds);
goes_on('sluggish', 'and so does it, once that is possible');

# The limit of connecting is none of what comes after.
$node->append_conf('postgresql.conf', "cache_ext.worker_statement_timeout = 0\n");
$node->reload;
$node->safe_psql('good', <<'END');
CREATE OR REPLACE FUNCTION load_all() RETURNS TABLE (id int, n int) LANGUAGE sql STABLE AS
	'SELECT c.id, c.n FROM counter AS c, pg_sleep(6)';
END
my $errors = stat_of($node, 'good', 'counter', 'errors');
goes_on('good', 'a loader takes its time where there is no limit');
is(stat_of($node, 'good', 'counter', 'errors'), $errors, 'and is not cancelled');

$node->stop;
done_testing();
