# What happens to large values while queries use them where they lie in shared memory: whatever becomes
# of the entry, the cache or the extension, a cursor goes on reading what its snapshot shows, and when it
# ends, in whatever way, the memory comes back. 033_held_queries.pl has what queries do with them.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use HeldValues;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = new_node('held_values');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.memory = 8MB\nmax_worker_processes = 4\n");
$node->start;
create_values($node);
my $other = Wire->new($node);
$other->rows($_) for q{
	CREATE TABLE lookup_text (w text PRIMARY KEY);
	INSERT INTO lookup_text SELECT md5(3 || ':21:' || i) FROM generate_series(1, 200) AS i;
	ANALYZE lookup_text, source},
  q{CREATE FUNCTION elements(a text[]) RETURNS SETOF text VOLATILE LANGUAGE sql AS $$
		SELECT e FROM unnest(a) AS e $$},
  # Changes what the values of a key depend on, in the middle of a query.
  q{CREATE FUNCTION bump(k int) RETURNS int VOLATILE LANGUAGE sql AS $$
		UPDATE source SET n = n + 1 WHERE id = k RETURNING n $$},
  # Commits, and has the entry of the value evicted, while it uses its argument.
  q{CREATE PROCEDURE commits(v text, INOUT same bool) LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE source SET n = n + 1 WHERE id = 1;
		COMMIT;
		PERFORM cache_invalidate_all('big');
		COMMIT;
		PERFORM count(cache_get_filler(-i)) FROM generate_series(1, 10000) AS i;
		COMMIT;
		same := v = big_of(1, 7);
	END $$};

# --- Cursors ---

# Cursors whose later rows are read from the value that the first one has found. They take no lock that
# anything here waits for.
my %cursors = (
	joined => 'SELECT i, v FROM (SELECT cache_get_big(id) AS v FROM generate_series(1, 1) AS id OFFSET 0) AS s,
		LATERAL generate_series(1, least(10, length(v))) AS i',
	elements => 'SELECT unnest(cache_get_words(1))',
	numbers => 'SELECT unnest(cache_get_nums(1))',
	function => 'SELECT elements(cache_get_words(2))',
	keys => 'SELECT w FROM lookup_text WHERE w = ANY (cache_get_words(3)) ORDER BY w');
my @kinds = sort keys %cursors;

# What becomes of the entries while the cursors are open.
my @ends = (
	[ 'an update', 'UPDATE source SET n = n + 1000 WHERE id < 4' ],
	[ 'an update and a reload', 'UPDATE source SET n = n + 1000 WHERE id < 4', 'SELECT count(cache_get_big(id)), count(cache_get_words(id)) FROM source' ],
	[ 'a delete', 'DELETE FROM source WHERE id < 4', 'INSERT INTO source SELECT i, 7 * i FROM generate_series(1, 3) AS i' ],
	[ 'TRUNCATE', 'CREATE TABLE copy AS SELECT * FROM source', 'TRUNCATE source', 'INSERT INTO source SELECT * FROM copy', 'DROP TABLE copy' ],
	[ 'cache_invalidate', "SELECT cache_invalidate(c, k) FROM (VALUES ('big'), ('words'), ('nums')) AS c (c), generate_series(1, 3) AS k" ],
	[ 'cache_invalidate_all', 'SELECT cache_invalidate_all(cache) FROM cache_stat' ],
	[ 'cache_clear', 'SELECT cache_clear(cache_clear_request())' ],
	[ 'cache_refresh', "SELECT cache_refresh(c, k) FROM (VALUES ('big'), ('words'), ('nums')) AS c (c), generate_series(1, 3) AS k" ],
	[ 'eviction' ],
	[ 'cache_drop', "SELECT cache_drop(c) FROM (VALUES ('big'), ('words'), ('nums')) AS c (c)",
		map { create_cache($_) } 'big', 'words', 'nums' ],
	[ 'DROP EXTENSION', 'DROP EXTENSION cache_ext CASCADE', 'CREATE EXTENSION cache_ext',
		map { create_cache($_) } 'filler', map { $_->[0] } @TYPES ]);

$other->rows("SET lock_timeout = '60s'");
flood($other);
for my $end (@ends)
{
	my ($name, @statements) = @$end;
	$other->rows('UPDATE source SET n = 7 * id');
	clear_all($other);
	my $empty = used_kb($other);
	my %wanted = map { my $sql = $cursors{$_} =~ s/cache_get_/load_/r; $_ => join '|', map { join ',', @$_ } $other->rows($sql) } @kinds;
	$wanted{portal} = $wanted{joined};
	# The caches are known and filled before the transaction begins, so it holds no lock on definitions.
	my ($reader, $suspended) = map { Wire->new($node) } 1, 2;
	for my $session ($reader, $suspended)
	{
		$session->rows('SELECT count(cache_get_big(id)), count(cache_get_words(id)), count(cache_get_nums(id)) FROM source');
		$session->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	}
	my $hits = hits($other);
	my %got = map { $_ => [] } @kinds, 'portal';
	for (@kinds)
	{
		$reader->rows("DECLARE $_ CURSOR FOR $cursors{$_}");
		push @{ $got{$_} }, $reader->rows("FETCH 2 FROM $_");
	}
	$suspended->open_portal($cursors{joined});
	push @{ $got{portal} }, $suspended->fetch(2);
	cmp_ok(hits($other) - $hits, '>=', 6, "$name: values are used from the cache");
	$other->rows($_) for @statements;
	flood($other);
	is($other->value('SELECT count(*) FROM cache_entries WHERE cache <> $$filler$$'), 0, 'and their entries are gone') if $name eq 'eviction';
	$other->rows("SELECT cache_invalidate_all('filler')");
	cmp_ok(used_kb($other), '>', $empty + 25, 'their memory is not');

	push @{ $got{$_} }, $reader->rows("FETCH ALL FROM $_") for @kinds;
	push @{ $got{portal} }, $suspended->fetch(0);
	my @wrong = grep { join('|', map { join ',', @$_ } @{ $got{$_} }) ne $wanted{$_} } sort keys %got;
	is("@wrong", '', "$name: open cursors go on as before");
	$suspended->sync;
	$_->rows('COMMIT') for $reader, $suspended;
	clear_all($other);
	cmp_ok(used_kb($other), '<=', $empty, 'and when they are closed, the memory comes back');
	$_->quit for $reader, $suspended;
}

$other->quit;
$node->stop;
done_testing();
