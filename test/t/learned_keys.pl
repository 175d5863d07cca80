# The keys that are read most survive restarts and crashes in a file, and warm the cache again.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('learning');
preload($node);
# Written at shutdown only, until the test wants it otherwise; and warmed by hand.
$node->append_conf('postgresql.conf',
	"cache_ext.learn_interval = '1h'\ncache_ext.learned_keys = 50\ncache_ext.workers = 0\n");
$node->start;
create_counter($node, 'postgres', "ttl => '1 day'");
$node->safe_psql('postgres', 'CREATE DATABASE other');
create_counter($node, 'other', "ttl => '1 day'");

my $file = $node->data_dir . '/pg_stat/cache_ext.keys';
my $nothing = qr/no keys are known to warm cache "counter" with/;

# Keys in the cache, as a list.
sub cached
{
	my ($database) = @_;
	return $node->safe_psql($database,
		"SELECT string_agg(key, ',' ORDER BY key::int) FROM cache_entries WHERE cache = 'counter'");
}

sub warm
{
	my ($database, $arguments) = @_;
	$arguments = defined $arguments ? ", $arguments" : '';
	my (undef, $stdout, $stderr) =
	  $node->psql($database, "SELECT cache_warm('counter'$arguments)");
	return $stdout . $stderr;
}

ok(!-e $file, 'no file at first');
like(warm('postgres'), $nothing, 'nothing is learnt at first');

# 100 keys read; those above 90 more often.
$node->safe_psql('postgres',
	'SELECT sum(cache_get_counter(k)) FROM generate_series(1, 100) AS k, generate_series(1, 2);
	 SELECT sum(cache_get_counter(k)) FROM generate_series(91, 100) AS k, generate_series(1, 3)');
$node->safe_psql('other', 'SELECT cache_get_counter(7), cache_get_counter(7)');
$node->restart;
ok(-e $file, 'written at shutdown');
is((stat($file))[2] & 07777, 0600, 'for the server alone');
is(cached('postgres'), '', 'the cache is empty');
is(warm('postgres', 10), '10', 'the hottest are loaded first');
is(cached('postgres'), join(',', 91 .. 100), 'and are those');
is(warm('postgres'), '40', 'as many as are learnt');
is(warm('other'), '1', 'each database has its own');
is(cached('other'), '7', 'the right key');
is($node->safe_psql('postgres', "SELECT checked, mismatched FROM cache_verify('counter')"),
	'50|0', 'the values are right');

# A crash: what was written last is there. Keys that are read again and again stay ahead of those
# that were.
$node->append_conf('postgresql.conf', "cache_ext.learn_interval = '1s'\n");
$node->reload;
my $written = (stat($file))[9];
my $inode = (stat($file))[1];
$node->safe_psql('postgres', 'SELECT sum(cache_get_counter(k)) FROM generate_series(201, 220) AS k, generate_series(1, 20)');
# Two writes from now on: the first may have begun before.
for (1 .. 2)
{
	my $before = (stat($file))[1];
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;
	select(undef, undef, undef, 0.05) while (time() < $deadline && (stat($file))[1] == $before);
	isnt((stat($file))[1], $before, 'written in time');
}
$node->stop('immediate');
$node->start;
is(cached('postgres'), '', 'the cache is empty after a crash');
is(warm('postgres', 20), '20', 'learnt before the crash');
is(cached('postgres'), join(',', 201 .. 220), 'the latest first');

# Damage: a byte, the end, the version, the beginning. Each time the file is ignored and says so.
$node->append_conf('postgresql.conf', "cache_ext.learn_interval = '1h'\n");
$node->restart;
my $good = slurp_file($file);
my %damage = (
	'a byte' => sub { my $f = shift; substr($f, length($f) / 2, 1) ^= "\x01"; return $f },
	'the end' => sub { return substr($_[0], 0, length($_[0]) - 3) },
	'more' => sub { return $_[0] . 'x' },
	'version' => sub { my $f = shift; substr($f, 8, 1) = "\x09"; return $f },
	'the beginning' => sub { return 'x' . $_[0] },
	'nothing' => sub { return '' },
	'size' => sub { my $f = shift; substr($f, 16, 8) = "\xff" x 8; return $f });
for my $kind (sort keys %damage)
{
	open my $out, '>:raw', $file or die;
	print $out $damage{$kind}->($good);
	close $out;
	my $log = -s $node->logfile;
	like(warm('postgres'), $nothing, "$kind: ignored");
	like(slurp_file($node->logfile, $log), qr/LOG: .*cache_ext: file "pg_stat\/cache_ext.keys" is ignored/,
		"$kind: logged");
}
# The next write puts a good one in its place.
$node->safe_psql('postgres', 'SELECT cache_get_counter(5), cache_get_counter(5)');
$node->restart;
is(warm('postgres'), '1', 'a good file again');

# Off.
$node->append_conf('postgresql.conf', "cache_ext.learned_keys = 0\n");
$node->reload;
ok( $node->poll_query_until('postgres', "SELECT current_setting('cache_ext.learned_keys') = '0'"),
	'switched off');
like(warm('postgres'), $nothing, 'and nothing is read');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'nothing bad in the log');
done_testing();
