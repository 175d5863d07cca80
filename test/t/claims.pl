# A claim of a refresh is given back by whoever answers for it, also if a reader made it while a worker was at an
# older value of the same key.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('claims');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.naptime = '200ms'\ncache_ext.load_wait = 0\n");
start_with_clock($node);
create_counter($node, 'postgres', "ttl => '10 h', refresh_at => 0.1");
my $gate = $node->data_dir . '/gate';

# Workers wait in the loader while the file exists.
$node->safe_psql('postgres', <<'END');
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	found int := (SELECT c.n FROM counter AS c WHERE c.id = $1);
BEGIN
	WHILE (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'cache_ext worker'
		AND (pg_stat_file('gate', true)).size IS NOT NULL LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN found;
END $$;
SELECT cache_get_counter(1);
END

sub refreshing
{
	my ($workers) = @_;
	return $node->poll_query_until('postgres', "SELECT count(*) = $workers FROM cache_workers WHERE state = 'refresh'");
}

append_to_file($gate, 'closed');
shift_clock($node, 3601);
$node->safe_psql('postgres', 'SELECT cache_get_counter(1)');
refreshing(1) or die 'nobody refreshes';
# Newer than what the worker loads.
$node->safe_psql('postgres', 'UPDATE counter SET n = 11 WHERE id = 1');
is($node->safe_psql('postgres', 'SELECT cache_get_counter(1)'), '11', 'a reader loads the key meanwhile');
shift_clock($node, 7203);
is($node->safe_psql('postgres', 'SELECT verdict(1)'), 'ok cache', 'and asks for a refresh of its value');
unlink $gate or die "unlink $gate: $!";
refreshing(0) or die 'the worker does not end';
my $before = stat_of($node, 'postgres', 'counter', 'refreshes');
shift_clock($node, 7300);
ok( $node->poll_query_until('postgres',
		"SELECT refreshes > $before FROM cache_stat, (SELECT cache_get_counter(1)) AS r WHERE cache = 'counter'"),
	'which comes, if not from the worker that was at an older one');
is($node->safe_psql('postgres', 'SELECT verdict(1)'), 'ok cache', 'right value');

$node->stop;
done_testing();
