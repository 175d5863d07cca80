# Who declares caches without end does not take the places of others: neither one owner, nor one database.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('quotas');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.max_caches = 20\ncache_ext.workers = 0\n");
$node->start;
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(greedy modest third);
$node->safe_psql('postgres', 'CREATE DATABASE other');
for my $database (qw(postgres other))
{
	$node->safe_psql(
		$database, <<'END');
CREATE EXTENSION cache_ext;
GRANT CREATE ON SCHEMA public TO greedy, modest, third;
CREATE FUNCTION same(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
END
}

# Declares so many caches, and uses each.
sub declare
{
	my ($database, $role, $prefix, $n) = @_;
	$node->safe_psql($database,
		"SET ROLE $role;\n" . join("\n", map { "SELECT cache_create('$prefix$_', 'same(int)');" } 1 .. $n));
	$node->safe_psql($database, join("\n", map { "SELECT cache_get_$prefix$_(1);" } 1 .. $n));
	return;
}

# How many of them serve values.
sub in_use
{
	my ($database, $prefix, $n) = @_;
	my $served = 0;
	for (1 .. $n)
	{
		$served++ if $node->safe_psql($database, "SELECT source FROM cache_get_entry('$prefix$_', 1)") eq 'cache';
	}
	return $served;
}

declare('postgres', 'greedy', 'g', 25);
is(in_use('postgres', 'g', 25), 18, 'one owner may have all but a tenth');
is($node->safe_psql('postgres', q{SELECT reason FROM cache_explain('g25', 1)}),
	'more caches in use than cache_ext.max_caches, or its owner\'s or database\'s part of it, allows', 'cache_explain says why');
declare('other', 'greedy', 'g', 1);
is(in_use('other', 'g', 1), 0, 'also elsewhere');
declare('other', 'modest', 'm', 1);
is(in_use('other', 'm', 1), 1, 'others still get theirs');
declare('postgres', 'third', 't', 1);
is(in_use('postgres', 't', 1), 0, 'but in another database, as this one has all but a tenth, too');

$node->safe_psql('postgres', "SELECT cache_drop('g1')");
$node->safe_psql('postgres', 'SELECT cache_get_t1(1)');
is(in_use('postgres', 't', 1), 1, 'what is dropped makes room');

# Settings of one's own.
$node->append_conf('postgresql.conf', "cache_ext.max_caches_per_role = 1\ncache_ext.max_caches_per_database = 19\n");
$node->reload;
declare('other', 'modest', 'n', 1);
is(in_use('other', 'n', 1), 0, 'an owner may have one');
$node->append_conf('postgresql.conf', "cache_ext.max_caches_per_role = 2\n");
$node->reload;
$node->safe_psql('other', 'SELECT cache_get_n1(1)');
is(in_use('other', 'n', 1), 1, 'or two');

# A cache that changes hands counts for its new owner.
$node->safe_psql('other', 'ALTER FUNCTION cache_get_n1(int) OWNER TO third; ALTER FUNCTION cache_get_many_n1(int[]) OWNER TO third');
$node->safe_psql('other', 'SELECT cache_get_n1(1)');
$node->safe_psql('postgres', "SELECT cache_drop('g2'); SELECT cache_drop('g3')");
declare('other', 'modest', 'o', 1);
is(in_use('other', 'o', 1), 1, 'who gives one away may have another');

# pg_database_owner is another one in each database: what belongs to it counts for the owner of the database.
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(landlord squire);
my %owner = (estate => 'landlord', annex => 'landlord', manor => 'squire');
for my $database (sort keys %owner)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER $owner{$database}");
	$node->safe_psql(
		$database, <<'END');
CREATE EXTENSION cache_ext;
CREATE FUNCTION same(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT k';
END
}
$node->append_conf('postgresql.conf', "cache_ext.max_caches = 60\n");
$node->restart;
declare('estate', 'pg_database_owner', 'e', 2);
is(in_use('estate', 'e', 2), 2, 'the owner of a database may have two in its name');
declare('manor', 'pg_database_owner', 'd', 2);
is(in_use('manor', 'd', 2), 2, 'that of another database two others');
declare('annex', 'pg_database_owner', 'a', 1);
is(in_use('annex', 'a', 1), 0, 'one who has both databases no third one');
declare('annex', 'landlord', 'l', 1);
is(in_use('annex', 'l', 1), 0, 'nor in his own name');
$node->stop;
done_testing();
