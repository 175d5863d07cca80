# Changes of the catalogs that concern other databases (roles, memberships, settings, names of
# databases), and those of transactions that were prepared before the server started: they empty the
# caches that they can concern, and no others.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('catalog_changes');
preload($node);
$node->append_conf('postgresql.conf', 'cache_ext.workers = 0');
$node->start;
$node->safe_psql('postgres', <<'END');
CREATE ROLE keeper LOGIN;
CREATE ROLE other_keeper LOGIN;
CREATE ROLE staff;
CREATE ROLE bystander;
CREATE DATABASE one;
CREATE DATABASE two;
END

# In each database a cache of its keeper, who sees the rows that policies show him, and one that
# nothing but puts fill.
for my $case ([ 'one', 'keeper' ], [ 'two', 'other_keeper' ])
{
	my ($database, $keeper) = @$case;
	$node->safe_psql($database, <<"END");
CREATE EXTENSION cache_ext;
GRANT CREATE ON SCHEMA public TO $keeper;
CREATE TABLE item (k int, v int);
INSERT INTO item VALUES (1, 1), (1, 10);
CREATE TABLE unrelated (a int);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON item USING (v < 5);
CREATE POLICY all_rows ON item TO staff USING (true);
GRANT SELECT ON item TO PUBLIC;
SELECT cache_create('puts', key_types => '{int}', value_type => 'text', ttl => NULL);
SELECT cache_put_puts(1, 'kept');
SET ROLE $keeper;
CREATE FUNCTION total(k int) RETURNS text LANGUAGE plpgsql STABLE AS \$\$
    BEGIN RETURN (SELECT sum(v) FROM item WHERE item.k = total.k) || ' ' || current_user || ' ' || current_database(); END \$\$;
SELECT cache_create('total', 'total(int)', ttl => NULL);
SELECT cache_create('second', 'total(int)', ttl => NULL, invalidate => 'declared');
RESET ROLE;
SELECT cache_invalidate_on('total', 'item'), cache_invalidate_on('second', 'unrelated');
END
}

# Where a read of cache `total` comes from, and what it is.
sub look
{
	my ($database, $cache) = @_;
	$cache //= 'total';
	return $node->safe_psql($database, "SELECT source || ' ' || (value #>> '{}') FROM cache_get_entry('$cache', 1)");
}

# What a statement has emptied, by where the next reads come from.
sub emptied
{
	my ($statement, $in) = @_;
	look($_) for ('one', 'two');
	$node->safe_psql($in // 'postgres', $statement);
	return join(' ', grep { look($_) =~ /^loader/ } ('one', 'two')) || 'nothing';
}

is(look('one'), 'loader 1 keeper one', 'one, before');
is(look('one'), 'cache 1 keeper one', 'one is cached');
is(emptied('CREATE ROLE newcomer IN ROLE staff'), 'nothing', 'a new role');
is(emptied('GRANT CREATE ON DATABASE one TO keeper'), 'one', 'a privilege on the database, from another one');
is(emptied('GRANT CREATE ON DATABASE two TO keeper'), 'nothing', 'on a database where the role owns nothing');
is(emptied('GRANT CREATE ON DATABASE one TO bystander'), 'nothing', 'a privilege of nobody who owns anything');
is(emptied('REVOKE TEMP ON DATABASE two FROM PUBLIC'), 'two', 'a privilege of PUBLIC on a database');
is(emptied('ALTER ROLE keeper CREATEDB CREATEROLE REPLICATION'), 'nothing', 'what a role may do at the server');
is(emptied("ALTER ROLE keeper PASSWORD 'x'"), 'nothing', 'a password');
is(emptied('GRANT staff TO bystander'), 'nothing', 'a membership of nobody who owns anything');
is(emptied('GRANT staff TO keeper'), 'one', 'a membership of an owner, from another database');
is(look('one'), 'cache 11 keeper one', '... is noticed');
is(emptied('REVOKE staff FROM keeper'), 'one', '... and its end');
is(look('one'), 'cache 1 keeper one', '... too');
$node->safe_psql('postgres', 'GRANT bystander TO keeper, other_keeper');
is(emptied('REVOKE staff FROM bystander'), 'one two', 'a membership of a role whose members own something');
is(emptied('ALTER ROLE keeper BYPASSRLS'), 'one', 'BYPASSRLS');
is(look('one'), 'cache 11 keeper one', '... is noticed');
is(emptied('ALTER ROLE keeper NOBYPASSRLS'), 'one', 'NOBYPASSRLS');
is(emptied('ALTER ROLE keeper RENAME TO steward'), 'one two', 'the name of an owner');
is(look('one'), 'cache 1 steward one', '... is noticed');
is(emptied('ALTER ROLE steward RENAME TO keeper'), 'one two', 'and back');
is(emptied('ALTER ROLE bystander RENAME TO onlooker'), 'one two', 'the name of a role whose members own something');
is(emptied('REVOKE onlooker FROM keeper, other_keeper'), 'one two', 'they leave it');
is(emptied('ALTER ROLE onlooker RENAME TO bystander'), 'one two', 'the name of somebody else, which a loader may show');
is(emptied('DROP ROLE newcomer'), 'one two', 'a role that goes');
is(emptied('ALTER ROLE keeper SET extra_float_digits = 0'), 'one', 'a setting of an owner');
is(emptied('ALTER DATABASE two SET extra_float_digits = 0'), 'two', 'a setting of a database');
is(emptied('ALTER ROLE bystander SET extra_float_digits = 0'), 'nothing', 'a setting of somebody else');
is(emptied('ALTER ROLE ALL SET extra_float_digits = 0'), 'one two', 'a setting of all');
is(emptied('ALTER DATABASE one CONNECTION LIMIT 50'), 'nothing', 'a limit of a database');
is(emptied('CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1', 'one'), 'one', 'a function');
is(emptied('CREATE DATABASE three TEMPLATE template0; DROP DATABASE three'), 'nothing', 'other databases');
look('two');
$node->safe_psql('postgres', 'ALTER DATABASE two RENAME TO deux');
is(look('deux'), 'loader 1 other_keeper deux', 'the name of the database');
$node->safe_psql('postgres', 'ALTER DATABASE deux RENAME TO two');
is($node->safe_psql($_, q(SELECT cache_peek('puts', 1))), '"kept"', "$_: what was put stays") for ('one', 'two');

# Prepared, and then the server starts anew. reads(): two reads of each cache.
sub reads
{
	my ($database) = @_;
	return join ', ', map { my $cache = $_; join ' ', map { (split ' ', look($database, $cache))[0] } 1 .. 2 } ('total', 'second');
}

sub prepared
{
	my ($name, $statement, $expected_one, $expected_two) = @_;
	$node->safe_psql('one', "BEGIN; $statement; PREPARE TRANSACTION 'cache_ext_catalogs'");
	$node->restart;
	is(reads('one'), $expected_one, "$name: in its database");
	is(reads('two'), $expected_two, "$name: in another");
	$node->safe_psql('one', "COMMIT PREPARED 'cache_ext_catalogs'");
	is(reads('one'), 'loader cache, loader cache', "$name: afterwards") if $expected_one =~ /loader loader/;
	$node->restart;
	is(reads('one'), 'loader cache, loader cache', "$name: after another start");
	return;
}

my $served = 'loader cache, loader cache';
my $refused = 'loader loader, loader loader';
prepared('a function', 'CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql RETURN 2', $refused, $served);
prepared('our trigger is disabled', 'ALTER TABLE item DISABLE TRIGGER USER', 'loader loader, loader cache', $served);
prepared('a new table', 'CREATE TABLE fresh (a int PRIMARY KEY)', $served, $served);
prepared('a membership', 'GRANT staff TO other_keeper', $served, $refused);
prepared('the name of a role', 'ALTER ROLE bystander RENAME TO onlooker', $refused, $refused);
prepared('rows', 'INSERT INTO item VALUES (2, 2)', $served, $served);

done_testing();
