# The clock that tests may shift: only where the server was started for it, only by superusers, and
# for every process at once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $plain = new_node('plain');
preload($plain);
$plain->start;
my ($out, $err);
is($plain->psql('postgres', 'SET cache_ext.clock_offset = 1', stderr => \$err), 3, 'no such setting');
like($err, qr/invalid configuration parameter name/, 'in a server that was not started for tests');
$plain->stop;

my $node = new_node('shifted');
preload($node);
start_with_clock($node);
create_counter($node, 'postgres', "ttl => '1 h', refresh_at => NULL");
my $other = $node->background_psql('postgres');
is($other->query_safe('SELECT verdict(1)'), 'ok loader', 'filled');
is($other->query_safe('SELECT verdict(1)'), 'ok cache', 'a hit');
shift_clock($node, 3_590);
is($other->query_safe('SELECT verdict(1)'), 'ok cache', 'still one ten seconds before its end');
shift_clock($node, 3_601);
is($other->query_safe('SELECT verdict(1)'), 'ok loader', 'then another session sees it expired');
is($other->query_safe('SELECT verdict(1)'), 'ok cache', 'a value of the shifted time');
is( $other->query_safe(
		"SELECT calculated_at BETWEEN now() + interval '59 min' AND now() + interval '61 min'
		FROM cache_explain('counter', 1)"),
	't', 'was calculated in that time');
$other->quit;
$node->safe_psql('postgres', 'CREATE ROLE somebody');
is($node->psql('postgres', 'SET ROLE somebody; SET cache_ext.clock_offset = 0', stderr => \$err),
	3, 'superusers only');
like($err, qr/permission denied to set parameter/, 'and others are told so');
$node->stop;
done_testing();
