# A token of cache_clear_request lives for 60 seconds, and not beyond the server's end.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('clear');
preload($node);
start_with_clock($node);
create_counter($node, 'postgres');

sub fill
{
	$node->safe_psql('postgres', 'SELECT cache_get_counter(id) FROM counter WHERE id <= 3');
	return stat_of($node, 'postgres', 'counter', 'entries');
}

sub clear
{
	my ($token) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SELECT cache_clear('$token')");
	return $status == 0 ? $out : $err =~ /(token is not valid)/ ? $1 : $err;
}

sub request
{
	return $node->safe_psql('postgres', 'SELECT cache_clear_request()');
}

is(fill(), 3, 'three entries');
my $token = request();
shift_clock($node, 59);
is(clear($token), 3, 'after 59 seconds the token is good');

is(fill(), 3, 'three entries again');
$token = request();
shift_clock($node, 59 + 61);
is(clear($token), 'token is not valid', 'after 61 seconds it is not');
is(stat_of($node, 'postgres', 'counter', 'entries'), 3, 'nothing was removed');

# More roles than there is room for tokens: the oldest make room.
$token = request();
shift_clock($node, 59 + 61 + 1);
for my $i (1 .. 64)
{
	$node->safe_psql('postgres',
		"CREATE ROLE r$i SUPERUSER; SET ROLE r$i; SELECT cache_clear_request()");
}
is(clear($token), 'token is not valid', 'the oldest of too many tokens is gone');

$token = request();
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION cache_ext');
my ($status, $out, $err) = $node->psql('other', "SELECT cache_clear('$token')");
like($err, qr/token is not valid/, 'a token is good in its own database only');
$node->restart;
is(clear($token), 'token is not valid', 'nor after a restart');

$node->stop;
done_testing();
