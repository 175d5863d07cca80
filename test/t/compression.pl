# Large values, stored compressed: smaller in the cache, and the same to every reader.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('compression');
preload($node);
$node->start;

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# One cache per type; key 1: 20 kB that compress well, 2: 20 kB that do not, 3: small, 4: NULL.
sql(q{
CREATE EXTENSION cache_ext;
CREATE TABLE source (id int PRIMARY KEY, body text);
INSERT INTO source VALUES
	(1, repeat('the same again, ', 1250)),
	(2, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 625) AS i)),
	(3, 'small'), (4, NULL);
CREATE TYPE pair AS (a text, b text);
});
my %expressions = (
	text => 'body', json => 'to_json(body)', jsonb => 'to_jsonb(body)', bytea => "decode(md5(''), 'hex') || body::bytea",
	'text[]' => 'ARRAY[body, body]', pair => "ROW(body, 'b')::pair");
my @caches;
for my $type (sort keys %expressions)
{
	my $cache = 'c' . @caches;
	push @caches, $cache;
	sql(qq{CREATE FUNCTION load_$cache(id int) RETURNS $type LANGUAGE sql STABLE AS
		'SELECT CASE WHEN body IS NOT NULL THEN @{[ $expressions{$type} =~ s/'/''/gr ]} END FROM source s WHERE s.id = \$1';
		SELECT cache_create('$cache', 'load_$cache(int)', ttl => NULL)});
}

sub bytes
{
	my ($cache, $key) = @_;
	return sql("SELECT bytes FROM cache_entries WHERE cache = '$cache' AND key = '$key'");
}

# Fills all caches, reads them again, and compares what was read with the loaders.
sub check_all
{
	my ($name) = @_;
	my $wrong = 0;
	for my $cache (@caches)
	{
		for my $round ('loaded', 'cached')
		{
			$wrong += sql("SELECT count(*) FROM source WHERE cache_get_$cache(id)::text IS DISTINCT FROM load_$cache(id)::text");
		}
		$wrong++ if sql("SELECT * FROM cache_verify('$cache')") ne '4|0';
		$wrong++ if sql("SELECT state FROM cache_explain('$cache', 1)") ne 'hit';
	}
	is($wrong, 0, $name);
	return;
}

my (%plain, %packed);
check_all('uncompressed');
$plain{$_} = bytes('c1', $_) for 1 .. 3;
for my $method ('pglz', 'lz4')
{
	sql("ALTER SYSTEM SET cache_ext.compression = '$method'");
	$node->reload;
	check_all("$method: what was stored before is still right");
	is(bytes('c1', 1), $plain{1}, 'and still there') if $method eq 'pglz';
	sql("SELECT cache_invalidate_all(cache) FROM cache_stat");
	check_all("$method: all values as the loaders have them");
	cmp_ok(bytes('c1', 1), '<', $plain{1} / 4, "$method: what compresses is small");
	is(bytes('c1', 3), $plain{3}, 'what is small stays as it is');
	is($node->safe_psql('postgres', 'SELECT pg_column_compression(cache_get_c4(1)) IS NULL'),
		't', 'a value is decompressed once, when it is read');
}
is(bytes('c1', 2), $plain{2}, 'what does not compress by a quarter stays as it is');
sql("ALTER SYSTEM SET cache_ext.compress_above = '1MB'");
$node->reload;
sql("SELECT cache_invalidate_all(cache) FROM cache_stat");
check_all('with a higher limit');
is(bytes('c1', 1), $plain{1}, 'nothing is compressed below it');

# What is put, and what is synchronised.
sql("ALTER SYSTEM RESET cache_ext.compress_above");
$node->reload;
sql(q{SELECT cache_create('put', key_types => '{int}', value_type => 'text');
	SELECT cache_put_put(1, body) FROM source WHERE id = 1});
is(sql('SELECT cache_get_put(1) = body FROM source WHERE id = 1'), 't', 'a value that was put');
cmp_ok(bytes('put', 1), '<', 5000, 'is compressed as well');
is( sql(q{CREATE FUNCTION all_c4() RETURNS TABLE (id int, v text) LANGUAGE sql STABLE AS
		'SELECT id, body FROM source';
	SELECT cache_alter('c4', '{"load_all": "all_c4"}');
	SELECT count(cache_get_c4(id)) FROM source;
	SELECT * FROM cache_sync('c4')}),
	"\n3\n0|0|0|4", 'cache_sync finds compressed values unchanged');

$node->stop;
done_testing();
