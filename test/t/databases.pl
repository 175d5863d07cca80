# What wants a database without connections, or the extension gone, while workers are in the middle
# of tasks that would take for ever.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $prompt = 10;
my $node = new_node('databases');
preload($node);
$node->append_conf('postgresql.conf',
	"cache_ext.naptime = '2s'\nallow_in_place_tablespaces = on\nmax_worker_processes = 16\n");
start_with_clock($node);
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION ''");
my $seconds = 0;

sub sql
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

# Workers hang in the loader while this file exists. (No lock and no row: sessions and locks would be in
# the way of what is tested.)
my $gate = $node->data_dir . '/gate';

sub close_gate
{
	append_to_file($gate, 'closed');
	return;
}

sub open_gate
{
	unlink $gate or die "unlink $gate: $!";
	return;
}

# A database with a cache whose loader hangs like that.
sub make_database
{
	my ($name) = @_;
	sql("CREATE DATABASE $name");
	create_counter($node, $name, "ttl => '10 h', refresh_at => 0.1");
	$node->safe_psql(
		$name, <<'END');
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  WHILE (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_ext worker'
        AND (pg_stat_file('gate', true)).size IS NOT NULL LOOP
    PERFORM pg_sleep(0.05);
  END LOOP;
  RETURN (SELECT n FROM counter c WHERE c.id = $1);
END $$;
SELECT count(cache_get_counter(k)) FROM generate_series(1, 9) AS k;
END
	return;
}

# Three workers of the database are busy, and more tasks wait.
sub keep_busy
{
	my ($database, $name) = @_;
	my $read = 'SELECT count(cache_get_counter(k)) FROM generate_series(1, 9) AS k';
	close_gate() unless -e $gate;
	# Another name of the database may be another value for a loader: after a change of it all is read anew.
	$node->safe_psql($database, $read);
	$seconds += 3601;
	shift_clock($node, $seconds);
	$node->safe_psql($database, $read);
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 3 FROM cache_workers WHERE database = '$database' AND state = 'refresh'"),
		"$name: three workers are busy");
	return;
}

sub during_work
{
	my ($database, $statement, $name) = @_;
	keep_busy($database, $name);
	my $took = seconds(sub { sql($statement) });
	cmp_ok($took, '<', $prompt, "$name: prompt");
	return;
}

# Afterwards the work goes on.
sub goes_on
{
	my ($database, $name) = @_;
	keep_busy($database, "$name, afterwards");
	my $before = stat_of($node, $database, 'counter', 'refreshes');
	open_gate();
	# What was interrupted is put off, and the next reader asks for it again.
	ok( $node->poll_query_until($database, "SELECT refreshes >= $before + 9 FROM cache_stat, "
			. "(SELECT count(cache_get_counter(k)) FROM generate_series(1, 9) AS k) AS r WHERE cache = 'counter'"),
		"$name: and then all is done");
	is($node->safe_psql($database, 'SELECT verdict(3)'), 'ok cache', "$name: right values");
	return;
}

make_database('work');

# Whoever may make databases, but not copy this one, has no say about its workers.
keep_busy('work', 'CREATE DATABASE TEMPLATE by a stranger');
sql('CREATE ROLE maker CREATEDB');
my $workers = sql("SELECT array_agg(pid ORDER BY pid) FROM cache_workers WHERE database = 'work'");
my ($out, $err);
$node->psql('postgres', 'SET ROLE maker; CREATE DATABASE stolen TEMPLATE work', stderr => \$err);
like($err, qr/permission denied to copy database "work"/, 'a stranger cannot copy the database');
is(sql("SELECT array_agg(pid ORDER BY pid) FROM cache_workers WHERE database = 'work' AND state = 'refresh'"),
	$workers, 'and its workers go on');

# Nor has the owner of another one to know what they do, also if the cache belongs to pg_database_owner, which he is
# a member of where he is the owner.
sql('CREATE ROLE neighbour');
sql('CREATE DATABASE garden OWNER neighbour');
$node->safe_psql('garden', 'CREATE EXTENSION cache_ext');
my $seen = "SELECT count(cache), count(key) FROM cache_workers WHERE database = 'work' AND state = 'refresh'";
is(sql($seen), '3|3', 'a superuser sees what the workers do');
open_gate();
# What they are at is of the former owner.
$node->poll_query_until('postgres',
	"SELECT count(*) = 0 FROM cache_workers WHERE database = 'work' AND state = 'refresh'")
	or die 'the workers do not end what they are at';
$node->safe_psql('work',
	'ALTER FUNCTION load_counter SECURITY DEFINER; ALTER FUNCTION cache_get_counter(int) OWNER TO pg_database_owner');
keep_busy('work', 'a cache of pg_database_owner');
is(sql($seen), '3|3', 'a superuser sees what they do for pg_database_owner');
is($node->safe_psql('garden', "SET ROLE neighbour; $seen"), '0|0', 'the owner of another database does not');
sql('ALTER DATABASE work OWNER TO neighbour');
is($node->safe_psql('work', "SET ROLE neighbour; $seen"), '3|3', 'that of this one does');
is($node->safe_psql('garden', "SET ROLE neighbour; $seen"), '0|0', 'but only here');
open_gate();
during_work('work', 'CREATE DATABASE copy TEMPLATE work', 'CREATE DATABASE TEMPLATE');
goes_on('work', 'CREATE DATABASE TEMPLATE');
during_work('work', 'ALTER DATABASE work SET TABLESPACE elsewhere', 'ALTER DATABASE SET TABLESPACE');
goes_on('work', 'ALTER DATABASE SET TABLESPACE');
during_work('work', 'ALTER DATABASE work RENAME TO job', 'ALTER DATABASE RENAME');
goes_on('job', 'ALTER DATABASE RENAME');

# The copy has declarations of its own, and is no worse for having been copied in the middle.
is($node->safe_psql('copy', 'SELECT count(cache_get_counter(k)) FROM generate_series(1, 9) AS k'),
	'9', 'the copy works');
during_work('copy', 'DROP DATABASE copy', 'DROP DATABASE');
is(sql("SELECT count(*) FROM cache_workers WHERE database = 'copy' OR (database IS NULL AND role <> 'launcher')"),
	'0', 'nobody is left of it');

# DROP EXTENSION, rolled back and for good; workers are in nobody's way.
keep_busy('job', 'DROP EXTENSION');
my $took = seconds(sub { $node->safe_psql('job', 'BEGIN; DROP EXTENSION cache_ext; ROLLBACK') });
cmp_ok($took, '<', $prompt, 'DROP EXTENSION and ROLLBACK: prompt');
is($node->safe_psql('job', 'SELECT verdict(3)'), 'ok cache', 'nothing has changed');
open_gate();
ok($node->poll_query_until('job', "SELECT refreshes > 0 FROM cache_stat WHERE cache = 'counter'"),
	'and the workers go on');
keep_busy('job', 'DROP EXTENSION for good');
$took = seconds(sub { $node->safe_psql('job', 'DROP EXTENSION cache_ext') });
cmp_ok($took, '<', $prompt, 'DROP EXTENSION: prompt');
open_gate();
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cache_workers WHERE database = 'job'"),
	'the workers find nothing more to do and go');
$node->safe_psql('job', 'DROP TABLE counter; DROP FUNCTION verdict, load_counter');

# A database that does not let workers in is left alone, later and later, and found again.
make_database('shut');
ok( $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM cache_workers WHERE database = 'shut'"),
	'no worker there yet');
my $session = $node->background_psql('shut');
$session->query_safe('SELECT 1');
sql('ALTER DATABASE shut ALLOW_CONNECTIONS false');
my $log = -s $node->logfile;
$seconds += 3601;
shift_clock($node, $seconds);
$session->query_safe('SELECT count(cache_get_counter(k)) FROM generate_series(1, 9) AS k');
$node->wait_for_log(qr/database "shut" is not currently accepting connections/, $log);
$session->query_safe("SELECT pg_sleep(0.2)");
my $attempts = () = slurp_file($node->logfile, $log) =~ /"shut" is not currently accepting connections/g;
cmp_ok($attempts, '<=', 6, 'attempts are few');
sql('ALTER DATABASE shut ALLOW_CONNECTIONS true');
$seconds += 301;
shift_clock($node, $seconds);
ok( $node->poll_query_until('shut', "SELECT refreshes > 0 FROM cache_stat WHERE cache = 'counter'"),
	'it is tried again');
$session->quit;

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|could not (find|resize)/,
	'nothing bad in the log');
$node->stop;
done_testing();
