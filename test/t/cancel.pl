# Everything that goes through many entries, keys or a long pattern answers to a cancel, and what was
# done until then is safe: a value less, never a wrong one.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $entries = 60000;

my $node = new_node('cancel');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.memory = '128MB'\ncache_ext.workers = 0\n");
$node->start;
$node->safe_psql(
	'postgres', <<"END");
CREATE EXTENSION cache_ext;
CREATE FUNCTION same(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
CREATE FUNCTION every() RETURNS TABLE (k int, value int) LANGUAGE sql STABLE
  AS 'SELECT i, i FROM generate_series(1, $entries) AS i';
CREATE FUNCTION size(k text) RETURNS int LANGUAGE sql STABLE AS 'SELECT length(k)';
CREATE FUNCTION elements(k jsonb) RETURNS int LANGUAGE sql STABLE AS 'SELECT jsonb_array_length(k)';
SELECT cache_create('full', 'same(int)', load_all => 'every()',
                    warm_keys => 'SELECT i FROM generate_series(1, $entries) AS i');
SELECT cache_create('long', 'size(text)');
SELECT cache_create('huge', 'elements(jsonb)');
END

sub fill
{
	$node->safe_psql('postgres', "SELECT count(*) FROM cache_sync('full')");
	return;
}

sub left
{
	return stat_of($node, 'postgres', 'full', 'entries');
}

# The statement is told to stop after so many milliseconds, which is long before its end.
sub cancelled
{
	my ($name, $after, $sql) = @_;
	my ($stdout, $stderr, $timed_out);
	my $took = seconds(
		sub {
			$node->psql(
				'postgres', "\\set VERBOSITY sqlstate\nSET statement_timeout = $after;\n$sql",
				stdout => \$stdout,
				stderr => \$stderr,
				timeout => $PostgreSQL::Test::Utils::timeout_default,
				timed_out => \$timed_out);
		});
	like($stderr, qr/ERROR:  57014/, "$name is cancelled") or diag($stdout);
	cmp_ok($took, '<', 15, "$name: soon");
	return;
}

# One that is cancelled at once has not gone through all entries when it notices.
fill();
is(left(), $entries, 'all values are there');
my @removing = (
	[ 'cache_invalidate_all', "SELECT cache_invalidate_all('full')" ],
	[ 'cache_invalidate_like', "SELECT cache_invalidate_like('full', '%')" ],
	[ 'cache_clear', "SELECT cache_clear(:'token')" ]);
for (@removing)
{
	my ($name, $sql) = @$_;
	fill();
	my $prepare = $name eq 'cache_clear' ? "RESET statement_timeout; SELECT cache_clear_request() AS token \\gset\nSET statement_timeout = 1;\n" : '';
	cancelled($name, 1, "$prepare$sql");
	cmp_ok(left(), '>', 0, "$name: values are left");
	is( $node->safe_psql('postgres', "SELECT count(*) FROM generate_series(1, $entries, 97) AS k WHERE (cache_get('full', k))::int <> k"),
		'0', "$name: and right");
}
cancelled($_->[0], 1, $_->[1])
  for [ 'cache_entries', 'SELECT count(*) FROM cache_entries' ],
  [ 'cache_verify', "SELECT * FROM cache_verify('full', $entries)" ],
  [ 'cache_sync', "SELECT * FROM cache_sync('full')" ],
  [ 'cache_warm', "SELECT cache_warm('full')" ],
  [ 'cache_get_many', "SELECT count(*) FROM cache_get_many_full(ARRAY(SELECT i FROM generate_series(1, $entries) AS i)) AS v" ];
is($node->safe_psql('postgres', "SELECT cache_invalidate_all('full') > 0"), 't', 'not cancelled it removes all');
is(left(), '0', 'nothing is left');

# Long keys, and a pattern that almost matches at every place of each.
$node->safe_psql('postgres', "SELECT count(cache_get_long(repeat('a', 7900) || g)) FROM generate_series(1, 2000) AS g");
cancelled('a slow pattern', 200, "SELECT cache_invalidate_like('long', '%' || repeat('a', 3900) || 'b%')");
is(stat_of($node, 'postgres', 'long', 'entries'), '2000', 'what does not match is left');

# One key that is 13 MB of text.
$node->safe_psql('postgres', q{SELECT cache_get_huge((SELECT jsonb_agg('1e131000'::numeric) FROM generate_series(1, 100)))});
cancelled('one comparison', 1000, "SELECT cache_invalidate_like('huge', '%' || repeat('0', 20000) || 'x%')");
cancelled('a long pattern', 100, "SELECT cache_invalidate_like('huge', repeat('%_', 100000000))");
is($node->safe_psql('postgres', "SELECT cache_invalidate_like('huge', '[1000%000, 1%]')"), '1', 'it can be found');

# The same for values that this transaction has put.
cancelled('values that were put', 200, <<"END");
BEGIN;
SET LOCAL statement_timeout = 0;
SELECT cache_put('long', '1', repeat('a', 7900) || g) FROM generate_series(1, 2000) AS g;
SET LOCAL statement_timeout = 200;
SELECT cache_invalidate_like('long', '%' || repeat('a', 3900) || 'b%');
END

$node->stop;
done_testing();
