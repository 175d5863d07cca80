# What happens to large values while queries use them where they lie in shared memory: whatever becomes
# of the entry, the cache or the extension, a cursor goes on reading what its snapshot shows, and when it
# ends, in whatever way, the memory comes back. held_queries.pl has what queries do with them.
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
# No more caches than there are: those of an extension that was dropped have to make room at once.
$node->append_conf('postgresql.conf', "cache_ext.memory = 8MB\ncache_ext.max_caches = 16\ncache_ext.max_caches_per_role = 16\ncache_ext.max_caches_per_database = 16\nmax_worker_processes = 4\n");
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
$other->rows('UPDATE source SET n = 7 * id');

# --- The end of a query, of a transaction, of a session ---

# Waits until the session sleeps in its query.
sub await_sleep
{
	my ($session) = @_;
	$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $session->pid)
	  or die 'does not sleep';
	return;
}

my $held = 'SELECT ' . join(', ', map { "cache_get_big($_), cache_get_words($_)" } 1 .. 6);
my $cursor = "DECLARE c CURSOR FOR $held, i FROM generate_series(1, 2) AS i";

# What a session with values in use does; the SQLSTATE that it ends with.
my @accidents = (
	[ 'an error', '22012', sub { $_[0]->send("$held, 1 / (i - 3) FROM generate_series(1, 5) AS i") } ],
	[ 'a timeout', '57014', sub { $_[0]->rows("SET statement_timeout = '200ms'"); $_[0]->send("$held, pg_sleep(600)") } ],
	[ 'a cancelled query', '57014', sub { $_[0]->send("$held, pg_sleep(600)"); await_sleep($_[0]); $_[0]->cancel } ],
	[ 'an error in a function', '22012', sub {
		$_[0]->send(q{DO $$ DECLARE a text; BEGIN BEGIN a := cache_get_big(1) || cache_get_big(2) || 1 / 0; EXCEPTION WHEN others THEN
			a := cache_get_big(3) || 1 / 0; END; END $$}) } ],
	[ 'a savepoint rolled back', undef, sub {
		$_[0]->rows($_) for 'BEGIN', 'SAVEPOINT s', $cursor, 'FETCH 1 FROM c', 'ROLLBACK TO s'; $_[0]->send('COMMIT') } ],
	[ 'an error in a savepoint', '25P02', sub {
		$_[0]->rows($_) for 'BEGIN', 'SAVEPOINT s', $cursor, 'FETCH 1 FROM c';
		$_[0]->send('SELECT 1 / 0'); $_[0]->finish; $_[0]->send('FETCH 1 FROM c') } ],
	[ 'a rollback', undef, sub { $_[0]->rows($_) for 'BEGIN', $cursor, 'FETCH 1 FROM c'; $_[0]->send('ROLLBACK') } ],
	[ 'a prepared transaction', undef, sub {
		$_[0]->rows($_) for 'BEGIN', $cursor, 'FETCH 1 FROM c', "PREPARE TRANSACTION 'p'"; $_[0]->send("ROLLBACK PREPARED 'p'") } ]);

# How sessions end while they have a cursor open on values.
my %exits = (
	'exit' => sub { $_[0]->quit },
	'connection lost' => sub { $_[0]->vanish },
	'pg_terminate_backend' => sub { $other->value('SELECT pg_terminate_backend(' . $_[0]->pid . ', 60000)'); $_[0]->vanish },
	'terminated in a query' => sub {
		$_[0]->send("$held, pg_sleep(600)");
		await_sleep($_[0]);
		$other->value('SELECT pg_terminate_backend(' . $_[0]->pid . ', 60000)');
		$_[0]->vanish;
	},
	'connection lost in a query' => sub { $_[0]->send("$held, 1 FROM generate_series(1, 10000)"); $_[0]->vanish });

sub fill_again
{
	$other->rows('SELECT count(cache_get_big(id)), count(cache_get_words(id)) FROM source');
	return;
}

flood($other);
clear_all($other);
my $empty = used_kb($other);
flood($other);
my $full = entries($other);
my $session = Wire->new($node);
for (@accidents)
{
	my ($name, $state, $do) = @$_;
	my $got;
	for (1 .. ($name =~ /timeout/ ? 3 : 20))
	{
		fill_again();
		$do->($session);
		$other->rows("SELECT cache_invalidate_all(c) FROM (VALUES ('big'), ('words')) AS c (c)");
		$got = $session->finish;
		$session->rows($_) for 'ROLLBACK', 'RESET ALL';
	}
	is($got->{state}, $state, "$name: as expected");
	clear_all($other);
	is(used_kb($other), $empty, 'and nothing keeps values');
}
$session->quit;
for my $name (sort keys %exits)
{
	for (1 .. 20)
	{
		fill_again();
		my $brief = Wire->new($node);
		$brief->rows($_) for 'BEGIN', $cursor, 'FETCH 1 FROM c';
		$other->rows("SELECT cache_invalidate_all(c) FROM (VALUES ('big'), ('words')) AS c (c)");
		$exits{$name}->($brief);
	}
	clear_all($other);
	is(used_kb($other), $empty, "$name: nothing keeps values");
}
flood($other);
cmp_ok(entries($other), '>=', 0.98 * $full, 'as many entries as before have room');

# --- Writers that use values ---

$other->rows($_) for q{
	CREATE TABLE kept (id int PRIMARY KEY, v text, w text[]);
	CREATE TABLE changed (id int);
	INSERT INTO changed VALUES (1), (2)},
  q{CREATE FUNCTION add_value() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.w := cache_get_words(NEW.id);
		RETURN NEW;
	END $$},
  'CREATE TRIGGER add_value BEFORE INSERT OR UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION add_value()',
  q{CREATE FUNCTION around_a_write(k int) RETURNS bool VOLATILE LANGUAGE plpgsql AS $$
	DECLARE
		a text := cache_get_big(k);
		n int;
	BEGIN
		SELECT s.n INTO n FROM source s WHERE id = k;
		PERFORM bump(k);
		RETURN a = big_of(k, n) AND cache_get_big(k) = big_of(k, n + 1) AND cache_get_big(k) = load_big(k);
	END $$};

# Each query, from the cache where it may be, returns nothing but "t"; then all is as it was.
for (
	[ 'a write in a WITH', 'WITH u AS (UPDATE source SET n = n + 1 WHERE id < 4 RETURNING id)
		SELECT bool_and(cache_get_big(id) = big_of(id, 7 * id) AND cache_get_big(id) = load_big(id)) FROM u' ],
	[ 'a function that writes', 'SELECT cache_get_big(1) = big_of(1, 7) AND bump(1) = 8 AND cache_get_big(1) = load_big(1) AND cache_get_big(1) = big_of(1, 7)' ],
	[ 'one that writes for every row', 'SELECT bool_and(v = big_of(1, 7) AND n = 7 + i AND w = v)
		FROM (SELECT i, cache_get_big(1) AS v, bump(1) AS n, cache_get_big(1) AS w FROM generate_series(1, 5) AS i OFFSET 0) AS r' ],
	[ 'a function that reads, writes and reads', 'SELECT bool_and(around_a_write(id)) FROM source' ],
	[ 'INSERT RETURNING', 'WITH i AS (INSERT INTO kept SELECT id, cache_get_big(id) FROM source RETURNING *)
		SELECT count(*) = 20 AND bool_and(v = big_of(id, 7 * id) AND w = words_of(id, 7 * id)) FROM i' ],
	[ 'UPDATE', 'INSERT INTO kept SELECT id FROM source; UPDATE kept SET v = cache_get_big(id) || cache_get_even(id)',
		'SELECT bool_and(v = big_of(id, 7 * id) || even_of(id, 7 * id) AND w = words_of(id, 7 * id)) FROM kept' ],
	[ 'ON CONFLICT', 'INSERT INTO kept VALUES (1); INSERT INTO kept VALUES (1, cache_get_big(2)) ON CONFLICT (id) DO UPDATE SET v = excluded.v || cache_get_big(kept.id)',
		'SELECT v = big_of(2, 14) || big_of(1, 7) FROM kept' ],
	[ 'MERGE', 'MERGE INTO kept USING source s ON kept.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, cache_get_big(s.id))',
		'SELECT count(*) = 20 AND bool_and(v = big_of(id, 7 * id)) FROM kept' ],
	[ 'CREATE TABLE AS', 'CREATE TEMP TABLE made AS SELECT id, cache_get_big(id) AS v, cache_get_pair(id) AS p FROM source',
		'SELECT bool_and(v = big_of(id, 7 * id) AND p = pair_of(id, 7 * id)) FROM made', 'DROP TABLE made' ],
	[ 'a default', 'SELECT cache_get_even(1) = even_of(1, 7)', 'ALTER TABLE changed ADD COLUMN v text DEFAULT cache_get_even(1)',
		'SELECT bool_and(v = even_of(1, 7)) FROM changed',
		'ALTER TABLE changed DROP COLUMN v' ],
	[ 'parameters', 'PREPARE same (text, text[]) AS SELECT $1 = big_of(1, 7) AND $2 = words_of(1, 7)', ('EXECUTE same (cache_get_big(1), cache_get_words(1))') x 7, 'DEALLOCATE same' ],
	[ 'an index and partitions', 'CREATE TABLE parts (v text) PARTITION BY HASH (v); CREATE TABLE p1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE p2 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1); CREATE INDEX ON parts (md5(v)); INSERT INTO parts SELECT cache_get_big(id) FROM source',
		'SELECT count(*) = 20 FROM parts JOIN source ON v = cache_get_big(id)', 'SELECT count(*) = 1 FROM parts WHERE v = cache_get_big(3)', 'DROP TABLE parts' ],
	[ 'EXPLAIN', 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT cache_get_big(1)', q{SELECT true} ])
{
	my ($name, @statements) = @$_;
	fill_again();
	my $writer = Wire->new($node);
	my @said = map { /^EXPLAIN/ ? () : map { $_->[0] } $writer->rows($_) } @statements;
	is(join('', @said), 't' x (@said || 1), $name);
	$writer->quit;
	$other->rows($_) for 'UPDATE source SET n = 7 * id WHERE n <> 7 * id', 'TRUNCATE kept';
}

# A session's cursors while it writes, commits and goes back.
$session = Wire->new($node);
fill_again();
$session->rows($_) for 'SET enable_seqscan = off', 'SET enable_sort = off', 'BEGIN', "DECLARE j CURSOR FOR $cursors{joined}",
  'DECLARE s SCROLL CURSOR FOR SELECT cache_get_big(id) FROM source WHERE id < 4 ORDER BY id';
my @read = map { $session->rows($_) } 'FETCH 2 FROM s', 'FETCH RELATIVE 0 FROM s';
my @joined = $session->rows('FETCH 2 FROM j');
$session->rows($_) for 'SAVEPOINT a', 'UPDATE source SET n = n + 1 WHERE id < 4';
push @read, map { $session->rows($_) } 'FETCH RELATIVE 0 FROM s', 'FETCH BACKWARD 1 FROM s';
is($session->value('SELECT bool_and(cache_get_big(id) = big_of(id, 7 * id + (id < 4)::int)) FROM source'), 't', 'own changes are seen');
push @joined, $session->rows('FETCH 2 FROM j');
flood($other);
$session->rows('ROLLBACK TO a');
push @read, map { $session->rows($_) } 'FETCH RELATIVE 0 FROM s', 'FETCH FORWARD 2 FROM s', 'FETCH ABSOLUTE 1 FROM s';
is($session->value('SELECT bool_and(cache_get_big(id) = big_of(id, 7 * id)) FROM source'), 't', 'and no more once they are undone');
push @joined, $session->rows('FETCH ALL FROM j');
is(join(' ', map { $_->[0] } @read), join(' ', map { big_of($_, 7 * $_) } 1, 2, 2, 2, 1, 1, 2, 3, 1), 'a cursor that scrolls keeps to its snapshot');
is(join(' ', map { @$_ } @joined), join(' ', map { ($_, big_of(1, 7)) } 1 .. 10), 'and so does one that has a value in use');
$session->rows($_) for 'COMMIT', 'BEGIN', "DECLARE h CURSOR WITH HOLD FOR $cursors{joined}", 'FETCH 2 FROM h', 'COMMIT',
  'UPDATE source SET n = n + 1 WHERE id = 1';
flood($other);
is(join(' ', map { @$_ } $session->rows('FETCH ALL FROM h')), join(' ', map { ($_, big_of(1, 7)) } 3 .. 10), 'a cursor WITH HOLD');
$session->rows($_) for 'CLOSE h', 'UPDATE source SET n = 7 WHERE id = 1';
fill_again();
is($session->value('CALL commits(cache_get_big(1), NULL)'), 't', 'a procedure that commits and goes on with its argument');
clear_all($other);
is(used_kb($other), $empty, 'nothing keeps values');
$session->quit;

$other->quit;
$node->stop;
done_testing();
