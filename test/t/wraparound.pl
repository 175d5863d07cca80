# Transaction ids that wrap around: what is prepared, running or read by an old snapshot from before is
# told apart from what comes after, by 64-bit ids.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('wraparound');
preload($node);
$node->start;
create_counter($node, 'postgres');
$node->safe_psql('postgres', 'ALTER DATABASE template0 ALLOW_CONNECTIONS true');

# Moves the next id of the stopped cluster, by less than half of the circle, and makes the segment of
# pg_xact that it lies in.
sub next_xid
{
	my ($xid) = @_;
	$node->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet' ], 'nothing is left of older ids');
	$node->stop;
	command_ok([ 'pg_resetwal', '-x', $xid, $node->data_dir ], "the next id is $xid");
	my $segment = sprintf('%s/pg_xact/%04X', $node->data_dir, $xid >> 20);
	open my $file, '>', $segment or die "$segment: $!";
	binmode $file;
	print $file "\0" x (32 * 8192);
	close $file;
	$node->start;
	return;
}

sub current_xid
{
	return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())');
}

next_xid(1_500_000_000);
next_xid(3_000_000_000);
next_xid(4_294_967_000);
my $epoch = 4_294_967_296;
cmp_ok(current_xid(), '<', $epoch, 'before the wrap');

sub served
{
	my ($name) = @_;
	unlike(verdict($node, 'postgres', 1 .. 6), qr/ng/, "$name: right");
	is(verdict($node, 'postgres', 1 .. 6), join(', ', ('ok cache') x 6), "$name: and served");
	return;
}

sub write_to
{
	my ($key) = @_;
	$node->safe_psql('postgres', "UPDATE counter SET n = n + 1 WHERE id = $key");
	return;
}

served('before');
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($old->query_safe('SELECT verdict(1)'), 'ok cache', 'an old snapshot');
$node->safe_psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 2; PREPARE TRANSACTION 'p'");
$node->safe_psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 4; PREPARE TRANSACTION 'q'");
my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN; UPDATE counter SET n = n + 1 WHERE id = 3');
write_to(1);
served('writers before the wrap');
like($old->query_safe('SELECT verdict(1)'), qr/^ok/, 'the old snapshot, before the wrap');
cmp_ok(current_xid(), '<', $epoch, 'still before the wrap');

$node->safe_psql('postgres',
	'DO $$ BEGIN FOR i IN 1 .. 400 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
cmp_ok(current_xid(), '>', $epoch, 'after the wrap');

served('after the wrap');
is($old->query_safe("SELECT string_agg(left(verdict(k), 2), ' ') FROM generate_series(1, 6) AS k"),
	join(' ', ('ok') x 6), 'the old snapshot, after the wrap');
write_to(1);
served('a writer after the wrap');
like($old->query_safe('SELECT verdict(1)'), qr/^ok/, 'the old snapshot, after a writer');

# A snapshot that lies on both sides.
my $young = $node->background_psql('postgres');
$young->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($young->query_safe("SELECT string_agg(verdict(k), ', ') FROM generate_series(1, 6) AS k"),
	join(', ', ('ok cache') x 6), 'a snapshot from after the wrap is served');
is($young->query_safe('SELECT pg_snapshot_xmin(s)::text::numeric < 4294967296 '
		  . 'AND pg_snapshot_xmax(s)::text::numeric > 4294967296 FROM pg_current_snapshot() AS s'),
	't', 'it lies on both sides');

sub old_snapshots
{
	my ($name, $key) = @_;
	for my $session (['old', $old], ['young', $young])
	{
		like($session->[1]->query_safe("SELECT verdict($key)"), qr/^ok/, "$name: the $session->[0] snapshot");
	}
	return;
}

$writer->query_safe('COMMIT');
is(verdict($node, 'postgres', 3), 'ok loader', 'committed after the wrap: invalidated');
served('committed after the wrap');
old_snapshots('committed after the wrap', 3);
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
is(verdict($node, 'postgres', 2), 'ok loader', 'prepared before, committed after: invalidated');
served('prepared before, committed after');
old_snapshots('prepared before, committed after', 2);

# More writers than a ring holds, of ids on both sides.
for my $round (1 .. 20)
{
	write_to(5);
	write_to(6) if $round % 3 == 0;
	my $right = verdict($node, 'postgres', 5, 6);
	fail("round $round: $right") if $right =~ /ng/;
}
served('many writers');
old_snapshots('many writers', 5);
$_->query_safe('COMMIT') for $old, $young;

# Prepared before the wrap, and the server crashes after it.
$_->quit for $old, $young, $writer;
$node->stop('immediate');
$node->start;
served('after a crash');
my $late = $node->background_psql('postgres');
$late->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($late->query_safe('SELECT verdict(4)'), 'ok cache', 'after a crash: an old snapshot');
$node->safe_psql('postgres', "COMMIT PREPARED 'q'");
is(verdict($node, 'postgres', 4), 'ok loader', 'after a crash: COMMIT PREPARED invalidates');
like($late->query_safe('SELECT verdict(4)'), qr/^ok/, 'after a crash: the old snapshot');
served('after a crash, all ended');
$late->quit;

$node->stop;
done_testing();
