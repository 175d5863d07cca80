# Control blocks, entries and memory of what was dropped go back, by whatever way it was dropped; and
# nothing is taken from a cache that is declared, or about to be. Each way is gone through more often
# than there are control blocks; CYCLES in the environment sets how often.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $blocks = 20;
my $cycles = $ENV{CYCLES} || $blocks + 2;

my $node = new_node('left_blocks');
preload($node);
$node->append_conf('postgresql.conf', <<"END");
cache_ext.max_caches = $blocks
cache_ext.max_caches_per_role = $blocks
cache_ext.max_caches_per_database = $blocks
cache_ext.naptime = '100ms'
max_worker_processes = 6
END
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app; CREATE ROLE boss LOGIN; GRANT ALL ON DATABASE app TO boss');
# What is in use all the time, in another database.
create_counter($node, 'postgres', 'ttl => NULL');
$node->safe_psql('postgres', 'SELECT cache_get_counter(i) FROM generate_series(1, 100) AS i');
$node->safe_psql('app', 'CREATE FUNCTION load(i int) RETURNS text LANGUAGE sql STABLE RETURN repeat($1::text, 100)');

my $used = q{SELECT detail FROM cache_health AS h WHERE h.check = 'max_caches'};
my $memory = q{SELECT value FROM cache_health AS h WHERE h.check = 'memory'};
my $store = "$used; $memory; SELECT entries, bytes FROM cache_stat WHERE cache = 'counter'";

sub store { return join(' ', split(/\n/, $node->safe_psql('postgres', $store))) }

# Until what is given back in the background is back.
sub store_is
{
	my ($expected, $name) = @_;
	$node->poll_query_until('postgres', $used, "1 of $blocks") or diag('control blocks are left');
	return is(store(), $expected, $name);
}

sub app
{
	my ($sql, $times) = @_;
	return $node->safe_psql('app', "$sql\n" x ($times // 1));
}

# A cycle may use $n for the number of control blocks that others have.
my $use = q{SELECT cache_create('c', 'public.load(int)'); SELECT count(cache_get_c(i)) FROM generate_series(1, 50) AS i;
	SELECT state FROM cache_explain('c', 7);};
my $served = "50\nlive\n";

# Whatever is allocated once is allocated now.
app("CREATE EXTENSION cache_ext; $use DROP EXTENSION cache_ext;");
$node->poll_query_until('postgres', $used, "1 of $blocks");
my $before = store();
like($before, qr/^1 of $blocks [0-9.e-]+ 100\|\d+$/, 'one cache is in use');

sub cycle
{
	my ($name, $sql, $before_it, $after_it) = @_;
	app($before_it) if $before_it;
	my $out = app($sql, $cycles);
	# (cache_create prints an empty line)
	my $hits = () = $out =~ /^hit$/mg;
	is($hits, $cycles, "$name: the cache was in use, $cycles times");
	app($after_it) if $after_it;
	return store_is($before, "$name: the store is as it was");
}
cycle('DROP EXTENSION', "CREATE EXTENSION cache_ext; $use DROP EXTENSION cache_ext;");
cycle('cache_drop', "$use SELECT cache_drop('c');", 'CREATE EXTENSION cache_ext', 'DROP EXTENSION cache_ext');
cycle('DROP SCHEMA', "CREATE SCHEMA s; CREATE EXTENSION cache_ext SCHEMA s; SET search_path = s; $use DROP SCHEMA s CASCADE;");
cycle('DROP OWNED', "SET ROLE boss; CREATE SCHEMA s; CREATE EXTENSION cache_ext SCHEMA s; SET search_path = s, public; $use
	RESET ROLE; DROP OWNED BY boss; GRANT ALL ON DATABASE app TO boss; DROP EXTENSION IF EXISTS cache_ext CASCADE;
	DROP SCHEMA IF EXISTS s CASCADE;",
	'GRANT ALL ON SCHEMA public TO boss; SET client_min_messages = error');
cycle('the accessor first', "$use DROP FUNCTION cache_get_c(int); SELECT cache_drop('c');",
	'CREATE EXTENSION cache_ext', 'DROP EXTENSION cache_ext');
cycle('the accessor first, then all', "CREATE EXTENSION cache_ext; $use DROP FUNCTION cache_get_c(int); DROP EXTENSION cache_ext;");
cycle('in one transaction', "BEGIN; CREATE EXTENSION cache_ext; COMMIT; $use BEGIN; SAVEPOINT a; SELECT cache_drop('c');
	DROP EXTENSION cache_ext; RELEASE a; COMMIT;");
cycle('PREPARE of cache_drop', "$use BEGIN; SELECT cache_drop('c'); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p';",
	'CREATE EXTENSION cache_ext', 'DROP EXTENSION cache_ext');
cycle('PREPARE of DROP EXTENSION', "CREATE EXTENSION cache_ext; $use BEGIN; DROP EXTENSION cache_ext; PREPARE TRANSACTION 'p';
	COMMIT PREPARED 'p';");

# A template and its copies: the same caches in other databases.
$node->safe_psql('postgres', 'CREATE DATABASE model');
$node->safe_psql('model', 'CREATE EXTENSION cache_ext; CREATE FUNCTION load(i int) RETURNS text LANGUAGE sql STABLE RETURN repeat($1::text, 100);' . $use);
my $hits = 0;
for (1 .. $cycles)
{
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE model');
	my $out = $node->safe_psql('copy', q{SELECT count(cache_get_c(i)) FROM generate_series(1, 50) AS i; SELECT state FROM cache_explain('c', 7)});
	++$hits if $out eq "50\nhit";
	$node->safe_psql('postgres', 'DROP DATABASE copy WITH (FORCE)');
}
is($hits, $cycles, "DROP DATABASE: caches were in use, $cycles times");
$node->safe_psql('postgres', 'DROP DATABASE model');
store_is($before, 'DROP DATABASE: the store is as it was');

# A declaration that is rolled back was never made; with and without somebody to find that out.
my $undone = "BEGIN; SELECT cache_create('c', 'load(int)'); SELECT cache_get_c(1); ROLLBACK;";
app('CREATE EXTENSION cache_ext');
for (1 .. $cycles) { app($undone) }
store_is($before, 'ROLLBACK of cache_create: the store is as it was');
$node->append_conf('postgresql.conf', "cache_ext.workers = 0\n");
$node->reload;
for (1 .. $cycles) { app($undone) }
# Another database has no say in it, but its own sessions have.
app($undone);
app('SELECT count(*) FROM cache_stat');
store_is($before, 'the same without workers, by whoever reads the definitions next');
$node->append_conf('postgresql.conf', "cache_ext.workers = 3\n");
$node->reload;

# What is not dropped after all keeps what it has.
app($use);
my $one = "2 of $blocks";
my $hit = q{SELECT state FROM cache_explain('c', 7)};
app(q{BEGIN; SELECT cache_drop('c'); ROLLBACK});
app(q{BEGIN; SAVEPOINT a; SELECT cache_drop('c'); ROLLBACK TO a; COMMIT});
is(app($hit), 'hit', 'a cache_drop that is rolled back');
app(q{BEGIN; DROP EXTENSION cache_ext; ROLLBACK});
is(app($hit), 'hit', 'a DROP EXTENSION that is rolled back');
is($node->safe_psql('postgres', $used), $one, 'still there');
app(q{BEGIN; SELECT cache_drop('c'); PREPARE TRANSACTION 'p'});
is($node->safe_psql('postgres', $used), $one, 'still there while it is not known');
my $filled = stat_of($node, 'app', 'c', 'fills');
app(q{ROLLBACK PREPARED 'p'});
app($use =~ s/SELECT cache_create.*?;//r);
is(app($hit), 'hit', 'ROLLBACK PREPARED');
is(stat_of($node, 'app', 'c', 'fills'), $filled + 50, 'its control block is the same, and counts on');
app("SELECT cache_drop('c')");

# Nor does a cache that is not declared yet lose its control block to whoever looks meanwhile.
my $declaring = $node->background_psql('app');
$declaring->query_safe(q{BEGIN; SELECT cache_create('late', 'load(int)'); SELECT cache_get_late(1)});
for (1 .. 3)
{
	app(q{SELECT cache_create('other', 'load(int)'); SELECT cache_get_other(1)});
	app(q{SELECT cache_drop('other')});
	$node->poll_query_until('postgres', $used, $one);
}
is($node->safe_psql('postgres', $used), $one, 'a cache that is being declared has its control block');
$declaring->query_safe('COMMIT');
$declaring->quit;
is(stat_of($node, 'app', 'late', 'bypasses'), '1', 'and keeps it');
is(app('SELECT cache_get_late(1) IS NOT NULL; SELECT state FROM cache_explain(\'late\', 1)'), "t\nhit", 'it is used');
app('DROP EXTENSION cache_ext');
store_is($before, 'all is back');

# A session that has not heard of the drop.
app("CREATE EXTENSION cache_ext; $use");
my $reader = $node->background_psql('app');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache_get_c(1)');
app("SELECT cache_drop('c')");
$reader->query("SELECT cache_get_c(1)");
$reader->query('ROLLBACK');
$reader->quit;
store_is($before, 'what a session makes that has not heard of the drop goes, too');

# The server has room for one worker, and two databases want one: the log says so once, however long
# they take turns.
$node->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_logical_replication_workers = 0\n");
my $offset = -s $node->logfile;
$node->restart;
app('CREATE EXTENSION IF NOT EXISTS cache_ext');
my $said = sub { return scalar(() = slurp_file($node->logfile, $offset) =~ /no room for another worker/g) };
my $rounds = 0;
for (my $more = 20; $more > 0 && $rounds < 200; ++$rounds)
{
	my %loader = (app => 'load(int)', postgres => 'load_counter(int)');
	my @both = map {
		my @sql = ("SELECT cache_create('c$rounds', '$loader{$_}')", "SELECT cache_get_c$rounds(1)", "SELECT cache_drop('c$rounds')");
		IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr($_), map { ('-c', $_) } @sql ], '>', \my $out, '2>', \my $err)
	} sort keys %loader;
	$_->finish for @both;
	--$more if $said->() > 0;
}
is($said->(), 1, 'no room for workers: said once');

$node->stop;
done_testing();
