# Loaders that do not end when they are told to: their workers are terminated, their caches suspended,
# and other caches go on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('unruly');
preload($node);
# One worker: whoever keeps it keeps it from all.
$node->append_conf('postgresql.conf', <<'END');
max_worker_processes = 12
cache_ext.workers = 1
cache_ext.naptime = '2s'
cache_ext.refresh_interval = 0
cache_ext.cancel_grace = '300ms'
cache_ext.suspend_after = 2
END
start_with_clock($node);
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE ROLE evil LOGIN;
CREATE ROLE good LOGIN;
CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats;
GRANT CREATE ON SCHEMA public TO evil, good;
SET ROLE evil;
CREATE TABLE hanging ();
CREATE FUNCTION in_worker() RETURNS boolean LANGUAGE sql STABLE AS
  $$SELECT pg_backend_pid() IN (SELECT pid FROM cache_workers)$$;
CREATE FUNCTION forever() RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  LOOP
    BEGIN
      PERFORM pg_sleep(1000);
    EXCEPTION WHEN query_canceled THEN
      NULL;
    END;
  END LOOP;
END $$;
CREATE FUNCTION hang(k int) RETURNS int LANGUAGE plpgsql STABLE AS
  $$BEGIN IF in_worker() THEN PERFORM forever(); END IF; RETURN k; END$$;
-- A comparison that looks at no interrupt for a minute.
CREATE FUNCTION compute(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF in_worker() THEN
    RETURN length(CASE WHEN repeat('a', 800000 + k) LIKE '%' || repeat('a', 400000) || 'b%' THEN 'a' END);
  END IF;
  RETURN k;
END $$;
SELECT cache_create('hang', 'hang(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.1, priority => 2147483647, load_timeout => '200 ms');
SELECT cache_create('compute', 'compute(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.1, load_timeout => '200 ms');
SET ROLE good;
CREATE FUNCTION same(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
SELECT cache_create('fine', 'same(int)', invalidate => 'declared', ttl => '1 h', refresh_at => 0.1);
END

my $seconds = 0;

sub age
{
	my ($by) = @_;
	$seconds += $by;
	shift_clock($node, $seconds);
	return;
}

sub poll
{
	my ($sql, $name) = @_;
	my $ok = $node->poll_query_until('postgres', "SELECT ($sql)");
	diag($node->safe_psql('postgres', 'SELECT * FROM cache_workers; SELECT * FROM cache_suspended; SELECT * FROM cache_queue; SELECT cache, hits, misses, refreshes, errors, last_error FROM cache_stat'))
	  unless $ok;
	return ok($ok, $name);
}

sub as_role
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', $sql, connstr => $node->connstr('postgres') . " user=$role");
}

sub health
{
	return $node->safe_psql('postgres', q{SELECT status || ', ' || detail FROM cache_health AS h WHERE h.check = 'suspended'});
}

sub loads
{
	my ($cache) = @_;
	$node->safe_psql('postgres', "SELECT cache_get_$cache(k) FROM generate_series(1, 3) AS k");
	return;
}

# They are refreshed once they are read again.
loads($_) for qw(hang fine compute);
is(health(), 'ok, background work goes on for all caches', 'nothing is amiss at first');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $log = -s $node->logfile;
age(600);
loads($_) for qw(hang fine);
poll("SELECT count(*) = 1 FROM cache_suspended WHERE cache = 'hang' AND terminations = 2 AND until > since",
	'a cache is suspended when its loader has had two workers terminated');
poll("SELECT refreshes = 3 FROM cache_stat WHERE cache = 'fine'", 'the other owner\'s cache is refreshed');
poll("SELECT count(*) = 0 FROM cache_workers WHERE state NOT IN ('idle', 'look') AND role <> 'launcher'", 'no worker hangs');
my $said = () = slurp_file($node->logfile, $log) =~ /LOG:  cache_ext: worker \d+ was terminated/g;
is($said, 2, 'the log has a line for each');
like(health(), qr/^critical, hang: its loader went on after it was cancelled, and 2 workers were terminated$/, 'cache_health is critical');
is(as_role('evil', 'SELECT cache FROM cache_suspended'), 'hang', 'the owner sees it');
is(as_role('good', 'SELECT count(*) FROM cache_suspended'), '0', 'another owner does not');
is(as_role('monitor', 'SELECT cache FROM cache_suspended'), 'hang', 'a monitor does');
like(as_role('evil', q{SELECT h.status FROM cache_health AS h WHERE h.check = 'suspended'}), qr/critical/, 'his cache_health says so');
is(as_role('good', q{SELECT h.status FROM cache_health AS h WHERE h.check = 'suspended'}), 'ok', 'that of others does not');

# While it is suspended nobody asks for it, and readers are served as ever.
age(60);
loads('hang');
is($node->safe_psql('postgres', "SELECT count(*) FROM cache_queue WHERE cache = 'hang' AND due_at <= now() + interval '30 min'"),
	'0', 'no task of a suspended cache is due');
is($node->safe_psql('postgres', 'SELECT cache_get_hang(7)'), '7', 'reads load for themselves');

# cache_resume, for the owner.
my ($out, $err);
$node->psql('postgres', "SELECT cache_resume('hang')", connstr => $node->connstr('postgres') . ' user=good', stderr => \$err);
like($err, qr/must be owner of cache "hang"/, 'not for others');
is(as_role('evil', "SELECT cache_resume('hang')"), 't', 'the owner may end it');
is(as_role('evil', "SELECT cache_resume('hang')"), 'f', 'once');
is(health(), 'ok, background work goes on for all caches', 'then it is over');
age(60);
loads('hang');
poll("SELECT count(*) = 1 FROM cache_suspended WHERE cache = 'hang'", 'it is tried again, and suspended again');

# A loader that is mended.
as_role('evil', 'CREATE OR REPLACE FUNCTION hang(k int) RETURNS int LANGUAGE sql STABLE AS $$SELECT k$$');
age(61);
poll("SELECT count(*) = 0 FROM cache_suspended", 'a new loader ends it');
loads('hang');
age(600);
loads('hang');
poll("SELECT refreshes > 0 FROM cache_stat WHERE cache = 'hang'", 'and is used');

# One that ends for nobody: its worker is its owner's, others get another.
loads($_) for qw(compute fine);
age(600);
loads('compute');
poll("SELECT count(*) = 1 FROM cache_workers WHERE state = 'endless'", 'a worker does not end');
poll("SELECT count(*) = 1 FROM cache_suspended WHERE cache = 'compute' AND reason ~ 'although its worker was terminated'",
	'its cache is suspended at once');
my $before = stat_of($node, 'postgres', 'fine', 'refreshes');
age(600);
loads('fine');
poll("SELECT refreshes > $before FROM cache_stat WHERE cache = 'fine'", 'the other owner has a worker all the same');
is($node->safe_psql('postgres', "SELECT count(*) FROM cache_workers WHERE state = 'endless'"), '1', 'while that one still runs')
  or diag('the comparison was too short for this machine');

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server is the same');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'nothing bad in the log');
$node->stop('immediate');
done_testing();
