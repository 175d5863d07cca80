# Owners and databases share workers and queue: whoever asks for most does not keep others from theirs.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('shares');
preload($node);
$node->append_conf('postgresql.conf', <<'END');
max_worker_processes = 12
cache_ext.workers = 3
cache_ext.queue_size = 16
cache_ext.naptime = '1s'
cache_ext.refresh_interval = 0
END
start_with_clock($node);

# A loader that waits in a worker for as long as somebody holds the advisory lock of its owner and key,
# and tells when it began.
my $loader = <<'END';
CREATE FUNCTION load(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF pg_backend_pid() IN (SELECT pid FROM public.cache_workers) THEN
    RAISE LOG 'begin % %', current_user, k;
    PERFORM pg_advisory_lock_shared(number, k), pg_advisory_unlock_shared(number, k);
  END IF;
  RETURN k;
END $$;
END
my %number = (greedy => 1, modest => 2);
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
for my $owner (sort keys %number)
{
	(my $function = $loader) =~ s/number/$number{$owner}/g;
	my $priority = $owner eq 'greedy' ? 2147483647 : -100;
	$node->safe_psql(
		'postgres', <<"END");
CREATE ROLE $owner LOGIN;
GRANT CREATE ON SCHEMA public TO $owner;
CREATE SCHEMA $owner AUTHORIZATION $owner;
SET ROLE $owner;
SET search_path = $owner, public;
$function
SELECT cache_create('$owner', '$owner.load(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1, priority => $priority);
SELECT cache_create('${owner}_too', '$owner.load(int)', invalidate => 'declared', ttl => '10 h', refresh_at => 0.1, priority => $priority);
END
}

my $gate = $node->background_psql('postgres');

# close_gate($owner, $key...)
sub close_gate
{
	my ($owner, @keys) = @_;
	$gate->query_safe("SELECT pg_advisory_lock($number{$owner}, $_)") for @keys;
	return;
}

sub open_gate
{
	my ($owner, @keys) = @_;
	$gate->query_safe("SELECT pg_advisory_unlock($number{$owner}, $_)") for @keys;
	return;
}

my $seconds = 0;

sub age
{
	$seconds += 7200;
	shift_clock($node, $seconds);
	return;
}

sub poll
{
	my ($sql, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($sql)");
	diag($node->safe_psql('postgres', 'SELECT * FROM cache_workers; SELECT * FROM cache_queue')) unless $ok;
	return ok($ok, $name);
}

sub read_keys
{
	my ($cache, $first, $last) = @_;
	$node->safe_psql('postgres', "SELECT cache_get_$cache(k) FROM generate_series($first, $last) AS k");
	return;
}

sub waiting
{
	my ($cache) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM cache_queue WHERE cache = '$cache'");
}

sub refreshes
{
	my ($cache, $n) = @_;
	poll("SELECT refreshes = $n FROM cache_stat WHERE cache = '$cache'", "$cache has $n refreshes");
	return;
}

read_keys($_, 1, 30) for qw(greedy modest greedy_too);

# Two of three workers for one owner, however much he wants.
age();
close_gate('greedy', 1 .. 30);
read_keys('greedy', 1, 10);
my $busy = "FROM cache_workers WHERE state = 'refresh'";
poll("SELECT count(*) = 2 $busy AND cache = 'greedy'", 'two workers are one owner\'s');
is(waiting('greedy'), '8', 'the rest waits');
read_keys('modest', 1, 5);
refreshes('modest', 5);
poll("SELECT count(*) = 2 $busy AND cache = 'greedy'", 'the third one was for others');
is(waiting('greedy'), '8', 'nothing else has moved');

# The queue has 16 places. Who has most of them gives way.
age();
close_gate('modest', 30);
read_keys('modest', 30, 30);
poll("SELECT count(*) = 1 $busy AND cache = 'modest'", 'all workers are busy');
read_keys('greedy', 1, 30);
is(waiting('greedy'), '16', 'one owner may have all places');
read_keys('modest', 1, 6);
is(waiting('modest'), '6', 'until another comes');
is(waiting('greedy'), '10', 'for whom he makes room');
read_keys('modest', 7, 20);
is(waiting('modest'), '8', 'up to one half');
read_keys('greedy', 1, 30);
is(waiting('modest'), '8', 'that is not taken away from him');
read_keys('greedy_too', 1, 10);
is(waiting('greedy_too'), '4', 'caches of one owner share alike');
is(waiting('modest'), '8', 'and take nothing from others');
open_gate('modest', 30);
open_gate('greedy', 1 .. 30);
poll('SELECT count(*) = 0 FROM cache_queue', 'all is done in the end');
poll("SELECT count(*) = 0 $busy", 'and nobody is busy');

# One worker: an owner who has just had it waits for others, whatever his priority.
$node->append_conf('postgresql.conf', 'cache_ext.workers = 1');
$node->reload;
poll("SELECT count(*) <= 1 FROM cache_workers WHERE role <> 'launcher'", 'there is one worker');
age();
close_gate('greedy', 1);
my $log = -s $node->logfile;
read_keys('greedy', 1, 1);
poll("SELECT count(*) = 1 $busy AND cache = 'greedy' AND key = '1'", 'it is busy');
read_keys('greedy', 2, 9);
read_keys('modest', 1, 3);
is(waiting($_->[0]), $_->[1], "$_->[0] waits") for [ 'greedy', 8 ], [ 'modest', 3 ];
# So that it has had more of the time than the others' few tasks will take.
ok($node->poll_query_until('postgres', "SELECT now() - task_started_at > interval '2 s' $busy"), 'for a while');
open_gate('greedy', 1);
poll('SELECT count(*) = 0 FROM cache_queue', 'all is done in the end');
poll("SELECT count(*) = 0 $busy", 'all of it');
my @order = slurp_file($node->logfile, $log) =~ /LOG:  begin (\w+ \d+)$/mg;
is(join(', ', @order[ 0 .. 3 ]), 'greedy 1, modest 1, modest 2, modest 3', 'whose turn it was') or diag("@order");
is(scalar(@order), 12, 'and everybody had his');
$gate->quit;
$node->stop;

# Two databases, and room for one worker in the server.
my $small = new_node('small');
preload($small);
$small->append_conf('postgresql.conf', <<'END');
max_worker_processes = 3
cache_ext.naptime = '1s'
cache_ext.refresh_interval = 0
END
start_with_clock($small);
$small->safe_psql('postgres', "CREATE DATABASE $_") for qw(one two);
for my $database (qw(one two))
{
	create_counter($small, $database, "ttl => '10 h', refresh_at => 0.1");
}
# Work for minutes.
$small->safe_psql(
	'one', <<'END');
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF pg_backend_pid() IN (SELECT pid FROM cache_workers) THEN PERFORM pg_sleep(0.3); END IF;
  RETURN (SELECT n FROM counter c WHERE c.id = $1);
END $$;
SELECT count(cache_get_counter(k)) FROM generate_series(1, 900) AS k;
END
$small->safe_psql('two', 'SELECT count(cache_get_counter(k)) FROM generate_series(1, 3) AS k');
shift_clock($small, 7200);
$small->safe_psql('one', 'SELECT count(cache_get_counter(k)) FROM generate_series(1, 900) AS k');
ok( $small->poll_query_until('one', "SELECT count(*) = 1 FROM cache_workers WHERE state = 'refresh' AND database = 'one'"),
	'one database has the only worker');
$small->safe_psql('two', 'SELECT count(cache_get_counter(k)) FROM generate_series(1, 3) AS k');
ok($small->poll_query_until('two', "SELECT refreshes = 3 FROM cache_stat WHERE cache = 'counter'"), 'the other gets it, too');
cmp_ok($small->safe_psql('one', 'SELECT count(*) FROM cache_queue'), '>', 0, 'although there was no end to the work');
ok( $small->poll_query_until('one', "SELECT count(*) = 1 FROM cache_workers WHERE state = 'refresh' AND database = 'one'"),
	'and gives it back');
$small->stop('immediate');
done_testing();
