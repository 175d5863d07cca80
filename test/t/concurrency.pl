# What needs several sessions and cannot be an isolation spec: exported snapshots, whose names differ
# from run to run, and races, which have no steps.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('concurrency');
preload($node);
$node->start;
create_counter($node, 'postgres');

# An exported snapshot, taken over before and after a commit.
is(verdict($node, 'postgres', 1), 'ok loader', 'filled');
my $exporter = $node->background_psql('postgres');
$exporter->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $snapshot = $exporter->query_safe('SELECT pg_export_snapshot()');
my @importers;
for my $when ('before', 'after')
{
	my $importer = $node->background_psql('postgres');
	$importer->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
	push @importers, $importer;
	next if $when eq 'after';
	is($importer->query_safe('SELECT verdict(1)'), 'ok cache', 'taken over before the commit');
	$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
}
is($_->query_safe('SELECT verdict(1)'), 'ok cache', 'after the commit the old value is theirs') for @importers;
is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', 'others get the new one');
is($_->query_safe('SELECT verdict(1)'), 'ok loader', 'which is not theirs') for @importers;
is($exporter->query_safe('SELECT verdict(1)'), 'ok loader', 'nor the exporter\'s');
is($_->query_safe('SELECT load_counter(1)'), '10', 'old indeed') for @importers, $exporter;
is(verdict($node, 'postgres', 1), 'ok cache', 'and stays');
$_->quit for @importers, $exporter;

# Commits that change many keys at once, so that there is time to look between their parts; one in
# three with savepoints, one in three prepared; one at a time, or they would deadlock. A reader that is wrong divides by zero, which fails
# pgbench.
$node->safe_psql('postgres', 'SELECT cache_stat_reset()');
my $alone = 'SELECT pg_advisory_xact_lock(1);';
my $right = "SELECT 1 / (verdict(:k) LIKE 'ok%')::int;";
$node->pgbench(
	'--no-vacuum --client=6 --transactions=2000 --random-seed=1',
	0,
	[qr/number of transactions actually processed: 12000\/12000/],
	[qr/^(?!.*ERROR)/s],
	'no reader sees anything but what its snapshot does',
	{
		'writer@1' => "BEGIN;\n$alone\nUPDATE counter SET n = n + 1;\nCOMMIT;",
		'savepoints@1' => "BEGIN;\n$alone\nSAVEPOINT a;\nUPDATE counter SET n = n + 1 WHERE id <= 900;\n"
		  . "RELEASE a;\nSAVEPOINT a;\nUPDATE counter SET n = n + 1 WHERE id > 900;\nROLLBACK TO a;\nCOMMIT;",
		'prepared@1' => "BEGIN;\n$alone\nUPDATE counter SET n = n + 1 WHERE id > 5;\n"
		  . "PREPARE TRANSACTION 'p:client_id';\nCOMMIT PREPARED 'p:client_id';",
		'reader@150' => "\\set k random(1, 20)\n$right",
		'session@20' => "\\set k random(1, 20)\nBEGIN;\n$right\n$right\nCOMMIT;",
		'old@20' => "\\set k random(1, 20)\nBEGIN ISOLATION LEVEL REPEATABLE READ;\n$right\n$right\nCOMMIT;"
	});
my $hits = stat_of($node, 'postgres', 'counter', 'hits');
my $misses = stat_of($node, 'postgres', 'counter', 'misses');
cmp_ok($hits, '>', $misses, "the cache has served ($hits hits, $misses misses)");

$node->stop;
done_testing();
