# What the TAP tests share: clusters with cache_ext in them, and a cache to test with.
package CacheExt;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

our @EXPORT = qw(new_node own_extension preload start_with_clock shift_clock create_counter verdict stat_of seconds);

# A cluster that is initialized but not started, cache_ext not preloaded.
sub new_node
{
	my ($name, %init) = @_;
	my $path = delete $init{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, $path ? (install_path => $path) : ());
	$node->init(%init);
	# Tests wait for what they cause themselves; autovacuum would hold snapshots back at random.
	$node->append_conf('postgresql.conf', "autovacuum = off\nmax_prepared_transactions = 10\n");
	return $node;
}

# own_extension($node): gives a cluster that has not been started a copy of the extension that only it has.
# Returns the folder of the control file and the scripts, and that of the library; nothing where the extension
# is in the server's own folders (scripts/cluster.sh).
sub own_extension
{
	my ($node) = @_;
	my $installed = dirname($ENV{TEMP_CONFIG}) . '/extension';
	return unless -d $installed;
	my $own = $node->basedir . '/extension';
	system_or_bail('cp', '-R', $installed, $own);
	my $settings = slurp_file($ENV{TEMP_CONFIG});
	$settings =~ s/\Q$installed\E/$own/g;
	$node->append_conf('postgresql.conf', $settings);
	my %folder;
	find(sub { $folder{$_} = $File::Find::dir }, $own);
	return @folder{ 'cache_ext.control', 'cache_ext.so' };
}

sub preload
{
	my ($node) = @_;
	# Unless the test is about that, a restart does not fill the caches, and keys may be filled that are read once.
	$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'cache_ext'
cache_ext.learned_keys = 0
cache_ext.self_protection = off
END
	return;
}

# Starts the server so that its clock can be shifted.
sub start_with_clock
{
	my ($node) = @_;
	local $ENV{CACHE_EXT_TEST_CLOCK} = 1;
	$node->start;
	return;
}

# Sets the caches' clock so many seconds ahead of the server's, for all sessions and workers.
sub shift_clock
{
	my ($node, $seconds) = @_;
	$node->safe_psql('postgres', "SET cache_ext.clock_offset = '${seconds}s'");
	return;
}

# Table counter, and cache counter over it. verdict(k) says "ok" if the cache and the loader agree
# in this very statement, else "ng", and where the value came from.
sub create_counter
{
	my ($node, $database, $options) = @_;
	$options = defined $options ? ", $options" : '';
	$node->safe_psql(
		$database, <<"END");
CREATE EXTENSION IF NOT EXISTS cache_ext;
CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counter SELECT i, 10 * i FROM generate_series(1, 1000) AS i;
CREATE FUNCTION load_counter(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT n FROM counter c WHERE c.id = \$1';
SELECT cache_create('counter', 'load_counter(int)', invalidate => 'declared'$options);
SELECT cache_invalidate_on('counter', 'counter', ARRAY['id']);
CREATE FUNCTION verdict(k int) RETURNS text LANGUAGE sql STABLE AS \$\$
  SELECT CASE WHEN e.value IS NOT DISTINCT FROM to_jsonb(load_counter(k))
               AND cache_get_counter(k) IS NOT DISTINCT FROM load_counter(k)
              THEN 'ok ' ELSE 'ng ' END || e.source
  FROM cache_get_entry('counter', k) AS e \$\$;
END
	return;
}

# verdict($node, $database, $key...): their verdicts, joined by commas.
sub verdict
{
	my ($node, $database, @keys) = @_;
	return join(', ', map { $node->safe_psql($database, "SELECT verdict($_)") } @keys);
}

# A column of cache_stat.
sub stat_of
{
	my ($node, $database, $cache, $column) = @_;
	return $node->safe_psql($database, "SELECT $column FROM cache_stat WHERE cache = '$cache'");
}

# How long the code took.
sub seconds
{
	my ($code) = @_;
	my $start = time();
	$code->();
	return time() - $start;
}

1;
