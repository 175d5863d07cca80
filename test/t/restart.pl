# Restarts and crashes: the cache comes back empty and right, and so it does with transactions that
# were prepared before. Those left no trace in shared memory, and nobody tells us when they end.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('restart');
preload($node);
$node->start;
create_counter($node, 'postgres');

sub entries
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries');
}

# after('fast' or 'immediate', NAME): the cache works as if it were new.
sub works_again
{
	my ($name) = @_;
	is(entries(), '0', "$name: the cache is empty");
	is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', "$name: it fills and serves");
	$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
	is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', "$name: it is invalidated");
	return;
}

is(verdict($node, 'postgres', 1, 1, 2), 'ok loader, ok cache, ok loader', 'before');
is(entries(), '2', 'two entries');
$node->restart;
works_again('restart');
$node->stop('immediate');
$node->start;
works_again('crash');

# Prepared transactions, over each kind of restart, with each end.
for my $stop ('fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED after stop -m $stop";
		verdict($node, 'postgres', 1, 2);
		$node->safe_psql('postgres',
			"BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; PREPARE TRANSACTION 'p'");
		is(verdict($node, 'postgres', 1, 2), 'ok cache, ok cache', "$name: before the restart");
		$node->stop($stop);
		$node->start;
		is(verdict($node, 'postgres', 1, 1, 2, 2),
			'ok loader, ok cache, ok loader, ok cache', "$name: served while it is prepared");

		my $old = $node->background_psql('postgres');
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
		is($old->query_safe('SELECT verdict(1)'), 'ok cache', "$name: an old snapshot, before");
		$node->safe_psql('postgres', "$end PREPARED 'p'");
		like($old->query_safe('SELECT verdict(1)'), qr/^ok/, "$name: an old snapshot, after");
		like(verdict($node, 'postgres', 1), qr/^ok/, "$name: after it has ended");
		is(verdict($node, 'postgres', 1), 'ok cache', "$name: served after it has ended");
		like($old->query_safe('SELECT verdict(1)'), qr/^ok/, "$name: an old snapshot, late");
		is($old->query_safe('SELECT load_counter(1)') == $node->safe_psql('postgres',
				'SELECT load_counter(1)') ? 'same' : 'other',
			$end eq 'COMMIT' ? 'other' : 'same', "$name: it is old indeed");
		$old->quit;
	}
}

# It ends after an old snapshot was taken, and before anybody has used the cache in the server's new
# life: whoever uses it first has to know of it all the same.
for my $stop ('fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED after stop -m $stop, before first use";
		$node->safe_psql('postgres',
			"BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; PREPARE TRANSACTION 'p'");
		$node->stop($stop);
		$node->start;
		my $old = $node->background_psql('postgres');
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
		my $then = $old->query_safe('SELECT load_counter(1)');
		$node->safe_psql('postgres', "$end PREPARED 'p'");
		is($old->query_safe('SELECT verdict(1)'), 'ok loader', "$name: the old snapshot is first");
		like(verdict($node, 'postgres', 1), qr/^ok/, "$name: others");
		is(verdict($node, 'postgres', 1, 2, 2), 'ok cache, ok loader, ok cache', "$name: others are served");
		like($old->query_safe('SELECT verdict(1)'), qr/^ok/, "$name: the old snapshot, late");
		is($then == $node->safe_psql('postgres', 'SELECT load_counter(1)') ? 'same' : 'other',
			$end eq 'COMMIT' ? 'other' : 'same', "$name: it is old indeed");
		$old->quit;
	}
}

# One that replaces the loader: what older snapshots read changes, too, when it ends.
my $meaning = 0;
for my $stop ('fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "$end PREPARED of another loader after stop -m $stop";
		$meaning += 1000;
		$node->safe_psql('postgres', "BEGIN; CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int "
			  . "LANGUAGE sql STABLE AS 'SELECT n + $meaning FROM counter c WHERE c.id = \$1'; PREPARE TRANSACTION 'f'");
		$node->stop($stop);
		$node->start;
		my $old = $node->background_psql('postgres');
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
		is($old->query_safe('SELECT verdict(1)'), 'ok loader', "$name: an old snapshot");
		is(verdict($node, 'postgres', 1, 1), 'ok loader, ok loader', "$name: others, while it is prepared");
		my $then = $old->query_safe('SELECT load_counter(1)');
		$node->safe_psql('postgres', "$end PREPARED 'f'");
		is($old->query_safe('SELECT verdict(1)'), 'ok loader', "$name: the old snapshot, after") if $end eq 'COMMIT';
		like($old->query_safe('SELECT verdict(1)'), qr/^ok/, "$name: the old snapshot, late");
		is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', "$name: others are served");
		is($old->query_safe('SELECT load_counter(1)') == $then ? 'same' : 'other',
			$end eq 'COMMIT' ? 'other' : 'same', "$name: it matters to old snapshots");
		$old->quit;
	}
}

# A prepared transaction that moves a call to another user, and a lead of that call that comes after
# the crash and is not committed when the move is.
$node->safe_psql(
	'postgres', <<'END');
CREATE TABLE call (id int PRIMARY KEY, owner int NOT NULL);
CREATE TABLE lead (id int PRIMARY KEY, call_id int NOT NULL, score int NOT NULL);
INSERT INTO call VALUES (1, 1), (2, 2);
INSERT INTO lead VALUES (1, 1, 10), (2, 2, 20);
CREATE FUNCTION load_score(owner int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT coalesce(sum(l.score), 0) FROM lead l JOIN call c ON c.id = l.call_id WHERE c.owner = $1';
SELECT cache_create('score', 'load_score(int)');
SELECT cache_invalidate_on('score', 'call', ARRAY['owner']);
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner FROM call WHERE id = $1.call_id');
END

sub scores
{
	return $node->safe_psql('postgres',
		'SELECT bool_and(cache_get_score(k) = load_score(k)) FROM generate_series(1, 2) AS k');
}
my $move = "BEGIN; UPDATE call SET owner = 3 - owner WHERE id = 1; PREPARE TRANSACTION 'mover'";
my $add = "BEGIN; INSERT INTO lead VALUES (%d, 1, 100); PREPARE TRANSACTION 'child'";
$node->safe_psql('postgres', $move);
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', sprintf($add, 3));
$node->safe_psql('postgres', "COMMIT PREPARED 'mover'");
is(scores(), 't', 'path: the mover was prepared before the crash, and has ended');
$node->safe_psql('postgres', "COMMIT PREPARED 'child'");
is(scores(), 't', 'path: the child has followed');

# The other way round: the child was prepared before the crash.
$node->safe_psql('postgres', sprintf($add, 4));
$node->stop('immediate');
$node->start;
is(scores(), 't', 'path: the child is prepared');
$node->safe_psql('postgres', $move);
$node->safe_psql('postgres', "COMMIT PREPARED 'mover'");
is(scores(), 't', 'path: the call has moved');
$node->safe_psql('postgres', "COMMIT PREPARED 'child'");
is(scores(), 't', 'path: the child that was prepared before the crash has ended');

# The mapping is used by a writer before anybody has read the cache.
$node->safe_psql('postgres', $move);
$node->safe_psql('postgres', sprintf($add, 5));
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', "COMMIT PREPARED 'mover'");
is(scores(), 't', 'path: both prepared before the crash, one has ended');
$node->safe_psql('postgres', "COMMIT PREPARED 'child'");
is(scores(), 't', 'path: both have ended');

# Keys between which a row's instant lies: over a restart it is forgotten which instants a prepared transaction has changed,
# but not that it has changed something. Both periods are right, whoever reads them, and later ones know the instants again.
$node->safe_psql(
	'postgres', <<'END');
CREATE TABLE sale (org int NOT NULL, at date NOT NULL, n int NOT NULL);
INSERT INTO sale VALUES (1, '2025-10-05', 1), (1, '2025-11-05', 2);
CREATE FUNCTION load_month(org int, since date, until date) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(n) FROM sale s WHERE s.org = $1 AND s.at >= $2 AND s.at < $3';
SELECT cache_create('month', 'load_month(int,date,date)', invalidate => 'declared');
SELECT cache_invalidate_on('month', 'sale', '{org}', instant => 'at', since => 'since', until => 'until');
END
my $months = q{SELECT string_agg(CASE WHEN e.value = to_jsonb(load_month(1, a, b)) THEN 'ok ' ELSE 'ng ' END || e.source, ', ' ORDER BY a)
  FROM (VALUES ('2025-10-01'::date, '2025-11-01'::date), ('2025-11-01', '2025-12-01')) AS p(a, b), cache_get_entry('month', 1, a, b) AS e};

sub months { return $node->safe_psql('postgres', $months); }

for my $stop ('fast', 'immediate')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $name = "instants, $end PREPARED after stop -m $stop";
		$node->safe_psql('postgres', "BEGIN; INSERT INTO sale VALUES (1, '2025-11-20', 10); PREPARE TRANSACTION 'p'");
		$node->stop($stop);
		$node->start;
		is(months(), 'ok loader, ok loader', "$name: nothing is there");
		is(months(), 'ok cache, ok cache', "$name: served while it is prepared");
		my $old = $node->background_psql('postgres');
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
		is($old->query_safe($months), 'ok cache, ok cache', "$name: an old snapshot, before");
		$node->safe_psql('postgres', "$end PREPARED 'p'");
		unlike(months(), qr/ng/, "$name: after it has ended");
		is(months(), 'ok cache, ok cache', "$name: served after it has ended");
		unlike($old->query_safe($months), qr/ng/, "$name: an old snapshot, after");
		$old->quit;
		$node->safe_psql('postgres', "INSERT INTO sale VALUES (1, '2025-11-21', 100)");
		is(months(), 'ok cache, ok loader', "$name: later ones concern their own instants");
	}
}

$node->stop;
done_testing();
