# The library without shared memory: reads run the loader, triggers do nothing, managing caches says
# what to put into postgresql.conf, and nothing else is in anybody's way.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('not_preloaded');
$node->start;

# CREATE EXTENSION, and DROP EXTENSION.
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
$node->safe_psql('postgres', 'DROP EXTENSION cache_ext');
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');

# refused(SQL): the error has SQLSTATE 55000 and a hint that can be pasted.
sub refused
{
	my ($sql) = @_;
	my ($result, $stdout, $stderr) =
	  $node->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	is($result, 3, "fails: $sql");
	like($stderr, qr/ERROR:  55000: /, 'with its SQLSTATE');
	like($stderr, qr/HINT:.*postgresql\.conf.*\bshared_preload_libraries = 'cache_ext'/,
		'and the line to add');
	return;
}

$node->safe_psql('postgres', 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$');
refused("SELECT cache_create('c', 'f(int)')");
$node->safe_psql('postgres', 'DROP EXTENSION cache_ext; DROP FUNCTION f');

# What was declared with the library preloaded.
preload($node);
$node->restart;
create_counter($node, 'postgres');
$node->safe_psql('postgres',
	"SELECT cache_create('conf', key_types => '{int}', value_type => 'text')");
is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', 'preloaded: served');
my $dump = $node->basedir . '/preloaded.sql';
$node->run_log([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ]);

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;

# Reads, with one warning per session.
my ($result, $stdout, $stderr) =
  $node->psql('postgres', "SELECT verdict(1); SELECT verdict(1); SELECT cache_get_counter(2);");
is($stdout, "ok loader\nok loader\n20", 'not preloaded: the loader answers');
my @warnings = $stderr =~ /^.*WARNING:.*$/mg;
is(scalar @warnings, 1, 'one warning') or diag($stderr);
like($stderr, qr/shared_preload_libraries = 'cache_ext'/, 'that tells the line to add');
is($node->safe_psql('postgres', "SELECT state, reason FROM cache_explain('counter', 1)"),
	'bypass|cache_ext is not in shared_preload_libraries', 'cache_explain knows why');
is($node->safe_psql('postgres', 'SELECT key, value FROM cache_get_many_counter(ARRAY[1, 2])'),
	"1|10\n2|20", 'many keys');
is($node->safe_psql('postgres', "SELECT cache_get_conf(1) IS NULL, cache_peek('counter', 1) IS NULL"),
	't|t', 'what has no loader is absent');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_stat'), '2', 'the views work');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries'), '0', 'without entries');

# Triggers.
$node->safe_psql(
	'postgres', <<'END');
UPDATE counter SET n = n + 1 WHERE id = 1;
INSERT INTO counter VALUES (1001, 1);
DELETE FROM counter WHERE id = 1001;
BEGIN; UPDATE counter SET n = n + 1 WHERE id = 2; ROLLBACK;
BEGIN; UPDATE counter SET n = n + 1 WHERE id = 3; PREPARE TRANSACTION 'p';
COMMIT PREPARED 'p';
CREATE TABLE counter_copy AS TABLE counter;
TRUNCATE counter;
INSERT INTO counter TABLE counter_copy;
ALTER TABLE counter ADD COLUMN note text;
END
is(verdict($node, 'postgres', 1, 3), 'ok loader, ok loader', 'writes go through');

# Managing.
refused("SELECT cache_create('c', 'load_counter(int)')");
refused("SELECT cache_alter('counter', '{\"ttl\": \"1 min\"}')");
refused("SELECT cache_invalidate_on('counter', 'counter_copy')");
refused("SELECT cache_invalidate_on_path('counter', 'counter_copy', 'SELECT \$1.id')");
refused("SELECT cache_put_conf(1, 'x')");
refused("SELECT cache_invalidate('counter', 1)");
refused("SELECT cache_invalidate_all('counter')");
refused("SELECT cache_invalidate_like('counter', '%')");
refused('SELECT cache_stat_reset()');

# Dump and restore.
my $other = $node->basedir . '/not_preloaded.sql';
$node->run_log([ 'pg_dump', '-f', $other, $node->connstr('postgres') ]);
for my $file ($dump, $other)
{
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr('restored') ],
		"restore of $file");
	is($node->safe_psql('restored', 'SELECT count(*) FROM cache_stat'), '2', 'declarations are back');
	is(verdict($node, 'restored', 1), 'ok loader', 'the accessor works');
	$node->safe_psql('restored', 'DROP EXTENSION cache_ext');
	is( $node->safe_psql(
			'restored',
			"SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache_ext%' AND NOT tgisinternal"),
		'0', 'DROP EXTENSION takes the triggers along');
	$node->safe_psql('restored', 'UPDATE counter SET n = 0');
	$node->safe_psql('postgres', 'DROP DATABASE restored');
}

# Preloaded again: what was written meanwhile is seen.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
$node->restart;
is(verdict($node, 'postgres', 1, 1, 3), 'ok loader, ok cache, ok loader', 'preloaded again: served');

# Without it DROP EXTENSION works, too.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('postgres', 'DROP EXTENSION cache_ext');
$node->safe_psql('postgres', 'UPDATE counter SET n = 0');

$node->stop;
done_testing();
