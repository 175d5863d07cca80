# Changes that reach a table without a statement of a user: logical replication, and everything else
# that goes past ordinary triggers.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', allows_streaming => 'logical');
$publisher->start;
my $subscriber = new_node('subscriber');
preload($subscriber);
$subscriber->append_conf('postgresql.conf', "wal_level = logical\n");
$subscriber->start;

my $tables = <<'END';
CREATE TABLE parted (id int, owner int, n int, PRIMARY KEY (id, owner)) PARTITION BY LIST (owner);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
END
$publisher->safe_psql('postgres', <<"END");
CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL);
$tables
CREATE PUBLICATION all_tables FOR TABLE counter, parted;
END
create_counter($subscriber, 'postgres');
$subscriber->safe_psql('postgres', <<"END");
TRUNCATE counter;
$tables
CREATE FUNCTION load_sum(o int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT coalesce(sum(n), 0) FROM parted WHERE owner = \$1';
SELECT cache_create('sum', 'load_sum(int)');
SELECT cache_invalidate_on('sum', 'parted', ARRAY['owner']);
CREATE FUNCTION sums(k int) RETURNS text LANGUAGE sql STABLE AS \$\$
  SELECT CASE WHEN e.value = to_jsonb(load_sum(k)) AND cache_get_sum(k) = load_sum(k)
              THEN 'ok ' ELSE 'ng ' END || e.source
  FROM cache_get_entry('sum', k) AS e \$\$;
END
$publisher->safe_psql('postgres', <<'END');
INSERT INTO counter SELECT i, 10 * i FROM generate_series(1, 10) AS i;
INSERT INTO parted VALUES (1, 1, 1), (2, 2, 2);
END
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION mine CONNECTION '$connection' PUBLICATION all_tables");
$subscriber->wait_for_subscription_sync($publisher, 'mine');

sub sums
{
	my (@keys) = @_;
	return join(', ', map { $subscriber->safe_psql('postgres', "SELECT sums($_)") } @keys);
}

# replicated(SQL): on the publisher, and applied.
sub replicated
{
	my ($sql) = @_;
	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup('mine');
	return;
}

is(verdict($subscriber, 'postgres', 1, 1, 2, 2), 'ok loader, ok cache, ok loader, ok cache', 'it caches');
is($subscriber->safe_psql('postgres', 'SELECT cache_get_counter(1)'), '10', 'what was copied');
replicated('UPDATE counter SET n = n + 1 WHERE id = 1');
is(verdict($subscriber, 'postgres', 1, 1, 2), 'ok loader, ok cache, ok cache', 'apply of UPDATE');
is($subscriber->safe_psql('postgres', 'SELECT cache_get_counter(1)'), '11', 'it was applied');
replicated('DELETE FROM counter WHERE id = 1');
is(verdict($subscriber, 'postgres', 1, 1, 2), 'ok loader, ok cache, ok cache', 'apply of DELETE');
replicated('INSERT INTO counter VALUES (1, 5)');
is(verdict($subscriber, 'postgres', 1, 1, 2), 'ok loader, ok cache, ok cache', 'apply of INSERT');
replicated('BEGIN; UPDATE counter SET n = 6 WHERE id = 1; UPDATE counter SET n = 6 WHERE id = 2; COMMIT');
is(verdict($subscriber, 'postgres', 1, 1, 2, 2), 'ok loader, ok cache, ok loader, ok cache', 'apply of two changes');

# TRUNCATE goes past hooks. Under an old snapshot the table is empty, too.
my $old = $subscriber->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query_safe('SELECT 1');
replicated('TRUNCATE counter');
is($old->query_safe('SELECT verdict(1)'), 'ok loader', 'apply of TRUNCATE: an old snapshot');
is(verdict($subscriber, 'postgres', 1, 1), 'ok loader, ok cache', 'apply of TRUNCATE');
$old->query_safe('COMMIT');

# Partitions.
is(sums(1, 2, 1, 2), 'ok loader, ok loader, ok cache, ok cache', 'partitions: it caches');
replicated('UPDATE parted SET n = n + 1 WHERE owner = 1');
is(sums(1, 1, 2), 'ok loader, ok cache, ok cache', 'partitions: apply of UPDATE');
replicated('UPDATE parted SET owner = 2 WHERE owner = 1');
is(sums(1, 2, 1, 2), 'ok loader, ok loader, ok cache, ok cache', 'partitions: apply of a move');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query_safe('SELECT 1');
replicated('TRUNCATE parted_2');
is($old->query_safe('SELECT sums(2)'), 'ok loader', 'partitions: apply of TRUNCATE: an old snapshot');
is(sums(2, 2), 'ok loader, ok cache', 'partitions: apply of TRUNCATE');
$old->quit;
replicated('INSERT INTO parted VALUES (3, 2, 300), (4, 1, 400)');
is(sums(1, 2, 1, 2), 'ok loader, ok loader, ok cache, ok cache', 'partitions: apply of INSERT');
replicated('BEGIN; INSERT INTO parted VALUES (5, 1, 500); TRUNCATE parted_1; INSERT INTO parted VALUES (6, 2, 600); COMMIT');
is(sums(1, 2, 1, 2), 'ok loader, ok loader, ok cache, ok cache', 'partitions: apply of INSERT and TRUNCATE');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION mine');

# A session that acts as a replica.
$subscriber->safe_psql('postgres', 'INSERT INTO counter VALUES (1, 10), (2, 20)');
is(verdict($subscriber, 'postgres', 1, 1), 'ok loader, ok cache', 'it caches');
$subscriber->safe_psql('postgres', 'SET session_replication_role = replica; UPDATE counter SET n = n + 1 WHERE id = 1');
is(verdict($subscriber, 'postgres', 1, 1), 'ok loader, ok cache', 'session_replication_role = replica');
is(stat_of($subscriber, 'postgres', 'counter', 'untriggered'), '0', 'the trigger fired');

# Triggers that are disabled.
my $untriggered = 0;
for my $sql (
	'UPDATE counter SET n = n + 1 WHERE id = 1',
	'INSERT INTO counter VALUES (3, 30)',
	'DELETE FROM counter WHERE id = 1',
	'BEGIN; SAVEPOINT s; INSERT INTO counter VALUES (1, 10); RELEASE s; COMMIT',
	"BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'")
{
	$subscriber->safe_psql('postgres', 'ALTER TABLE counter DISABLE TRIGGER ALL') if !$untriggered;
	is(verdict($subscriber, 'postgres', 1, 2), 'ok loader, ok loader', "disabled: $sql: before");
	is(verdict($subscriber, 'postgres', 1, 2), 'ok cache, ok cache', "disabled: $sql: it caches");
	$subscriber->safe_psql('postgres', $sql);
	$untriggered++;
	is(stat_of($subscriber, 'postgres', 'counter', 'untriggered'), $untriggered, "disabled: $sql: noticed");
}
is(verdict($subscriber, 'postgres', 1, 2), 'ok loader, ok loader', 'disabled: right');
$subscriber->safe_psql('postgres', 'BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; ROLLBACK');
is(verdict($subscriber, 'postgres', 1, 2), 'ok cache, ok cache', 'disabled: a rollback');
is($subscriber->safe_psql('postgres', 'BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; SELECT verdict(1); ROLLBACK'),
	'ok loader', 'disabled: own writes');
$subscriber->safe_psql('postgres', 'ALTER TABLE counter ENABLE TRIGGER ALL');

$publisher->stop;
$subscriber->stop;
done_testing();
