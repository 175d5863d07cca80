# One worker runs the loaders of all owners, one after the other: each in the environment of its cache, and
# none finds what another has set.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('worker_environment');
preload($node);
# One worker: what a loader leaves in it is there for all.
$node->append_conf('postgresql.conf', <<'END');
cache_ext.workers = 1
cache_ext.naptime = '1min'
cache_ext.refresh_interval = 0
END
start_with_clock($node);
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE ROLE ann;
CREATE ROLE ben;
GRANT CREATE ON SCHEMA public TO ann, ben;
CREATE FUNCTION in_worker() RETURNS boolean LANGUAGE sql STABLE AS
  $$SELECT pg_backend_pid() IN (SELECT pid FROM cache_workers)$$;
SET ROLE ann;
CREATE FUNCTION load_custom(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  found text = coalesce(current_setting('app.x', true), 'none');
BEGIN
  IF in_worker() THEN RAISE LOG 'key % finds "%" in a worker', k, found; END IF;
  RETURN found;
END $$;
CREATE FUNCTION load_known(k int) RETURNS text LANGUAGE sql STABLE AS
  $$SELECT current_setting('gin_fuzzy_search_limit') || ' ' || current_setting('search_path') || ' ' || current_user$$;
SELECT cache_create('custom', 'load_custom(int)', same_for_all => '{app.x}', ttl => '10 h', refresh_at => 0.01, invalidate => 'declared');
SELECT cache_create('known', 'load_known(int)', ttl => '10 h', refresh_at => 0.01);
RESET ROLE;
SET ROLE ben;
SET search_path = public, pg_catalog;
CREATE FUNCTION load_sets(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  fails boolean = k = 0 AND in_worker();
BEGIN
  PERFORM set_config('app.x', 'of ben', false), set_config('gin_fuzzy_search_limit', '7', false),
          set_config('search_path', 'pg_catalog', false);
  IF fails THEN RAISE EXCEPTION 'fails in a worker'; END IF;
  RETURN current_setting('app.x');
END $$;
SELECT cache_create('sets', 'public.load_sets(int)', same_for_all => '{app.x}', ttl => '10 h', refresh_at => 0.01, invalidate => 'declared');
END
my $known = '0 "$user", public, pg_temp ann';
my $seconds = 0;

sub age
{
	$seconds += 1000;
	shift_clock($node, $seconds);
	return;
}

sub poll
{
	my ($sql, $name) = @_;
	return ok($node->poll_query_until('postgres', "SELECT ($sql)"), $name);
}

sub ask
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# Makes the value old, reads it once, and waits until the worker has loaded it again.
sub refreshed
{
	my ($cache, $column, $key) = @_;
	my $before = stat_of($node, 'postgres', $cache, $column);
	age();
	ask("SELECT cache_get_$cache($key)");
	poll("SELECT $column > $before FROM cache_stat WHERE cache = '$cache'", "$cache: $column, in the worker");
	return;
}

ask("SELECT cache_get_custom(1), cache_get_known(1), cache_get_sets(1), cache_get_sets(0)");
refreshed('custom', 'refreshes', 1);
refreshed('known', 'refreshes', 1);
is(ask('SELECT cache_get_custom(1)'), 'none', 'unknown in a worker');
is(ask('SELECT cache_get_known(1)'), $known, 'the owner\'s in a worker');
my $one = "SELECT pid FROM cache_workers WHERE role = 'worker'";
my $worker = ask($one);

for my $way ([ 'refreshes', 1 ], [ 'errors', 0 ])
{
	my ($column, $key) = @$way;
	refreshed('sets', $column, $key);
	refreshed('known', 'refreshes', 1);
	is(ask('SELECT cache_get_known(1)'), $known, "the owner's after another's loader ($column)");
	my $log = -s $node->logfile;
	refreshed('custom', 'refreshes', 1);
	like(slurp_file($node->logfile, $log), qr/key 1 finds "none" in a worker/, "and what was set there is unknown ($column)");
	is(ask("SELECT value, source FROM cache_get_entry('custom', 1)"), '"none"|cache', "as readers see ($column)");
	# A loader that fails may end its worker.
	is(ask($one), $worker, 'all of it in the same worker') if $column eq 'refreshes';
}
is(ask('SELECT cache_get_sets(1)'), 'of ben', 'who has set it has seen it');
$node->stop;
done_testing();
