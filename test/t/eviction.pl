# cache_ext.eviction: by cost, what is dear to load stays, what is cheap goes; a reload of the
# configuration is enough.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('eviction');
preload($node);
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION cache_ext;
	CREATE FUNCTION loads(dear bool, k int) RETURNS int STABLE LANGUAGE plpgsql AS $$
	BEGIN
		IF dear THEN PERFORM pg_sleep(0.003); END IF;
		RETURN k;
	END $$;
	SELECT cache_create('loads', 'loads(bool, int)', invalidate => 'declared', max_entries => 100);
});

# Asks for 80 keys of either kind, four times, where 100 have room; returns how many are there then.
sub present_after_use
{
	$node->safe_psql('postgres', q{
		SELECT count(cache_get_loads(dear, k)) FROM (
			SELECT dear, k FROM generate_series(1, 4) AS round, generate_series(1, 80) AS k,
				(VALUES (false), (true)) AS kinds (dear) ORDER BY round, k, dear) AS requests});
	my $counts = $node->safe_psql('postgres', q{
		SELECT count(cache_peek('loads', dear, k)) FROM generate_series(1, 80) AS k,
			(VALUES (false), (true)) AS kinds (dear) GROUP BY dear ORDER BY dear});
	return split /\n/, $counts;
}

my ($cheap, $dear) = present_after_use();
cmp_ok($dear, '<', 70, "by use it does not matter what a value costs ($cheap cheap, $dear dear)");

$node->append_conf('postgresql.conf', "cache_ext.eviction = cost\n");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cache_ext.eviction') = 'cost'");
$node->safe_psql('postgres', "SELECT cache_invalidate_all('loads')");
($cheap, $dear) = present_after_use();
cmp_ok($dear, '>', 75, "by cost what is dear stays ($cheap cheap, $dear dear)");

$node->stop;
done_testing();
