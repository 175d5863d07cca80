# A cache that got no place in shared memory: it bypasses, and takes nothing that it could not judge.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('no_room');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.max_caches = 1\n");
$node->start;
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE FUNCTION name_of(k int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'name ' || k$$;
SELECT cache_create('inside', key_types => '{int}', value_type => 'text');
SELECT cache_put_inside(1, 'x');
SELECT cache_create('config', key_types => '{int}', value_type => 'text');
SELECT cache_create('name', 'name_of(int)');
END

# What statements in one session print, and what they complain about.
sub says
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0);
	return $out . ($err =~ /ERROR:\s+(.*)/ ? " [$1]" : '');
}
my $no_room = qr/\[cache "config" has no room in shared memory\]/;
like(says("SELECT cache_put_config(1, 'one')"), $no_room, 'a value is refused');
like(says('SELECT cache_put_config(1, NULL)'), $no_room, 'and so is a NULL');
like(says("SELECT cache_put('config', NULL, 1)"), $no_room, 'by name');
like(says("SELECT cache_put('config', 'null', 1)"), $no_room, 'a null of JSON as well');
like(
	says('BEGIN; SAVEPOINT s; SELECT cache_put_config(1, NULL); ROLLBACK TO s; SELECT cache_get_config(1); COMMIT'),
	$no_room, 'in a transaction that reads it then');
is( says(
		q{SELECT string_agg(value, ',') FROM cache_get_many_name('{3,3,4,NULL,3}');
SELECT cache_get_name(5); SELECT cache_peek('name', 5); SELECT cache_refresh('name', 5);
SELECT cache_invalidate('name', 5), cache_invalidate_all('name'), cache_invalidate_like('name', '%');
SELECT count(*) FROM cache_verify('name', 10);}),
	"name 3,name 3,name 4,name 3\nname 5\n\nf\n0|0|0\n1",
	'everything else works without');
is($node->safe_psql('postgres', q{SELECT hits, misses, fills FROM cache_stat WHERE cache = 'inside'}),
	'0|0|1', 'and nothing of it was counted elsewhere');
is($node->safe_psql('postgres', q{SELECT cache_get_inside(1)}), 'x', 'the cache that has a place');
unlike(slurp_file($node->logfile), qr/was terminated by signal/, 'no process has died');
$node->stop;
done_testing();
