# What happens to a commit after our part of it: another extension writes, an error, a terminated
# backend. And snapshots that are handed from session to session.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# An extension whose callback runs after ours, since it is loaded before: it carries out a statement.
my $source = <<'END';
#include "postgres.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;
void _PG_init(void);

static char *statement;
static bool busy;

static void
late(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
	{
		busy = false;
		return;
	}
	if (statement == NULL || *statement == '\0' || busy || strncmp(statement, "off", 3) == 0)
		return;
	busy = true;
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	SPI_execute(statement, false, 0);
	SPI_finish();
	PopActiveSnapshot();
}

void
_PG_init(void)
{
	DefineCustomStringVariable("late.statement", "Carried out late in the commit.", NULL, &statement, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(late, NULL);
}
END
my $folder = PostgreSQL::Test::Utils::tempdir;
append_to_file("$folder/late.c", $source);
chomp(my $include = `pg_config --includedir-server`);
if (system('cc', '-shared', '-fPIC', '-O1', "-I$include", '-o', "$folder/late.so", "$folder/late.c") != 0)
{
	plan skip_all => 'no C compiler';
}

my $node = new_node('late');
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$folder/late.so, cache_ext'\ncache_ext.learned_keys = 0\n");
$node->start;
create_counter($node, 'postgres');

sub old_session
{
	my ($key) = @_;
	my $old = $node->background_psql('postgres');
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	like($old->query_safe("SELECT verdict($key)"), qr/^ok/, 'an old snapshot');
	return $old;
}

# In the key that the transaction had changed before, in another one, as its only change of the table, in
# many, by a transaction that has put values.
my $key = 0;
for my $case (
	['the same key', 'UPDATE counter SET n = n + 1 WHERE id = $k', 'UPDATE counter SET n = n + 1 WHERE id = $k'],
	['another key', 'UPDATE counter SET n = n + 1 WHERE id = $k + 1', 'UPDATE counter SET n = n + 1 WHERE id = $k'],
	['its first change', 'SELECT pg_current_xact_id()', 'UPDATE counter SET n = n + 1 WHERE id = $k'],
	['its first and only statement', 'SELECT 1', 'UPDATE counter SET n = n + 1 WHERE id = $k'],
	['many keys', 'SELECT 1', 'UPDATE counter SET n = n + 1'])
{
	my ($name, $early, $late) = @$case;
	for my $way ('COMMIT', 'PREPARE')
	{
		$key += 2;
		s/\$k/$key/g for my ($first, $then) = ($early, $late);
		verdict($node, 'postgres', $key);
		is(verdict($node, 'postgres', $key), 'ok cache', "$name, $way: served before");
		my $old = old_session($key);
		my $end = $way eq 'COMMIT' ? 'COMMIT' : "PREPARE TRANSACTION 'late'";
		$node->safe_psql('postgres', "BEGIN; $first; SET LOCAL late.statement = '$then'; $end");
		if ($way eq 'PREPARE')
		{
			like(verdict($node, 'postgres', $key), qr/^ok/, "$name, $way: while it is prepared");
			$node->safe_psql('postgres', "COMMIT PREPARED 'late'");
		}
		is(verdict($node, 'postgres', $key, $key), 'ok loader, ok cache', "$name, $way: invalidated");
		like($old->query_safe("SELECT verdict($key)"), qr/^ok/, "$name, $way: the old snapshot");
		$old->quit;
	}
}

# It fails after our part, or is terminated there: what was registered only invalidates too much.
verdict($node, 'postgres', 1);
for my $case (['an error', 'SELECT 1 / 0'], ['terminated', 'SELECT pg_terminate_backend(pg_backend_pid())'])
{
	my ($name, $late) = @$case;
	my $before = $node->safe_psql('postgres', 'SELECT load_counter(1)');
	for my $end ('COMMIT', "PREPARE TRANSACTION 'late'")
	{
		my $old = old_session(1);
		isnt($node->psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; "
				  . "SET LOCAL late.statement = '$late'; $end"), 0, "$name at $end") if $name eq 'terminated';
		$node->psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 1; "
			  . "SET LOCAL late.statement = '$late'; $end") if $name ne 'terminated';
		is($node->safe_psql('postgres', 'SELECT load_counter(1)'), $before, "$name at $end: it has not committed");
		like(verdict($node, 'postgres', 1), qr/^ok/, "$name at $end: right");
		is(verdict($node, 'postgres', 1), 'ok cache', "$name at $end: served");
		like($old->query_safe('SELECT verdict(1)'), qr/^ok/, "$name at $end: the old snapshot");
		$old->quit;
	}
}

# Late, from the server itself: a serialization failure.
my @pair = map { $node->background_psql('postgres', on_error_stop => 0) } 1, 2;
$_->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(n) FROM counter WHERE id IN (1, 3)') for @pair;
$pair[0]->query_safe('UPDATE counter SET n = n + 1 WHERE id = 1');
$pair[1]->query_safe('UPDATE counter SET n = n + 1 WHERE id = 3');
verdict($node, 'postgres', 1, 3);
$_->query('COMMIT') for @pair;
like(verdict($node, 'postgres', 1, 3), qr/^ok \w+, ok/, 'a serialization failure at COMMIT');
is(verdict($node, 'postgres', 1, 3), 'ok cache, ok cache', 'and both are served');
$_->quit for @pair;

# A snapshot that another session has exported, before and after commits.
my ($exporter, $importer) = map { $node->background_psql('postgres') } 1, 2;
verdict($node, 'postgres', 1);
my $snapshot = $exporter->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', 'exported: others see the change');
$importer->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
is($importer->query_safe('SELECT verdict(1)'), 'ok loader', 'imported: the old value, not the one that is there');
isnt($importer->query_safe('SELECT cache_get_counter(1)'), $node->safe_psql('postgres', 'SELECT cache_get_counter(1)'),
	'imported: it is old indeed');
like($exporter->query_safe('SELECT verdict(1)'), qr/^ok/, 'exported: the exporter');
is(verdict($node, 'postgres', 1), 'ok cache', 'imported: it has put nothing in the place of the new one');
$importer->query_safe('COMMIT');
$exporter->query_safe('COMMIT');
$_->quit for $importer, $exporter;

# ON DELETE SET NULL and SET DEFAULT: the rows leave their key.
$node->safe_psql(
	'postgres', <<'END');
CREATE TABLE owner (id int PRIMARY KEY);
INSERT INTO owner SELECT generate_series(0, 5);
CREATE TABLE thing (id int PRIMARY KEY, a int REFERENCES owner ON DELETE SET NULL ON UPDATE CASCADE,
    b int DEFAULT 0 REFERENCES owner ON DELETE SET DEFAULT ON UPDATE SET NULL);
INSERT INTO thing SELECT i, i % 6, (i + 1) % 6 FROM generate_series(0, 29) AS i;
CREATE FUNCTION load_things(k int) RETURNS text LANGUAGE sql STABLE AS
  'SELECT count(*) FILTER (WHERE a = $1) || '' '' || count(*) FILTER (WHERE b = $1) FROM thing';
SELECT cache_create('things', 'load_things(int)');
SELECT cache_invalidate_on('things', 'thing', '{a}');
SELECT cache_invalidate_on('things', 'thing', '{b}');
CREATE FUNCTION things() RETURNS text LANGUAGE sql STABLE AS
  'SELECT string_agg((cache_get_things(k) = load_things(k))::text, '' '' ORDER BY k) FROM generate_series(0, 7) AS k';
END
my $right = join ' ', ('true') x 8;
for my $sql ('SELECT 1', 'DELETE FROM owner WHERE id = 1', 'UPDATE owner SET id = 7 WHERE id = 2',
	'BEGIN; SAVEPOINT s; DELETE FROM owner WHERE id = 3; ROLLBACK TO s; DELETE FROM owner WHERE id = 4; COMMIT')
{
	$node->safe_psql('postgres', $sql);
	is($node->safe_psql('postgres', 'SELECT things()'), $right, "foreign keys: $sql");
	is($node->safe_psql('postgres', 'SELECT things()'), $right, "foreign keys: $sql, again");
}

# The type of the key's column, and its name.
for my $sql ('ALTER TABLE thing ALTER COLUMN a TYPE bigint', 'UPDATE thing SET a = 5 WHERE id = 9',
	'ALTER TABLE thing RENAME COLUMN b TO c', 'ALTER TABLE thing RENAME COLUMN c TO b',
	'UPDATE thing SET b = 5 WHERE id = 9', 'ALTER TABLE thing ADD COLUMN more int',
	'ALTER TABLE thing DROP COLUMN more', 'UPDATE thing SET b = NULL WHERE id = 10')
{
	$node->safe_psql('postgres', $sql);
	next if $sql =~ /TO c/;  # its loader fails meanwhile
	is($node->safe_psql('postgres', 'SELECT things()'), $right, $sql);
}

$node->stop;
done_testing();
