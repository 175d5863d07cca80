# The library beside SQL objects of a version that it does not know, and beside a newer file of itself: it says so,
# caches nothing, and never serves what somebody has changed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('versions');
my ($folder, $library) = own_extension($node);
plan skip_all => 'the extension is in the folders of the server, to which no script can be added' unless $folder;

# The objects of version 9.9 are those of ours.
my ($version) = slurp_file("$folder/cache_ext.control") =~ /^default_version *= *'(.*)'/m;
system_or_bail('cp', "$folder/cache_ext--$version.sql", "$folder/cache_ext--9.9.sql");
append_to_file("$folder/cache_ext--$version--9.9.sql", "-- nothing\n");
append_to_file("$folder/cache_ext--9.9--$version.sql", "-- nothing\n");

preload($node);
$node->start;
create_counter($node, 'postgres');
$node->safe_psql('postgres', <<'END');
SELECT cache_create('conf', key_types => '{int}', value_type => 'text');
SELECT cache_put_conf(1, 'put');
END

# complains($sql, $name): 55000, with what to do.
sub complains
{
	my ($sql, $name, $database) = @_;
	my ($result, $stdout, $stderr) =
	  $node->psql($database // 'postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  55000: extension cache_ext is of version 9\.9 .* library, of version \Q$version\E, does not know/,
		"$name: says which version");
	like($stderr, qr/HINT:  Restart the server .* ALTER EXTENSION cache_ext UPDATE/, "$name: and what to do");
	return;
}

sub version_of
{
	return $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'cache_ext'");
}

sub health
{
	return $node->safe_psql('postgres', q{SELECT status, detail FROM cache_health AS h WHERE h.check = 'version'});
}

my $fine = 'ok|the extension is of the version of its library';
is(health(), $fine, 'cache_health names the version');

# --- updated before the server was restarted ---

my $session = $node->background_psql('postgres');
is($session->query_safe('SELECT verdict(1)'), 'ok loader', 'a session');
complains("ALTER EXTENSION cache_ext UPDATE TO '9.9'", 'an update by the old library');
$node->safe_psql('postgres', 'CREATE DATABASE other');
complains("CREATE EXTENSION cache_ext VERSION '9.9'", 'an installation by the old library', 'other');
is(version_of(), $version, 'nothing was updated');
is($node->safe_psql('other', 'SELECT count(*) FROM pg_extension WHERE extname = $$cache_ext$$'), '0', 'nor installed');
is(verdict($node, 'postgres', 1), 'ok cache', 'the cache goes on');

# The file is replaced as `make install` and packages do. Whoever comes later has the old one all the same.
system_or_bail('cp', "$library/cache_ext.so", "$library/new");
system_or_bail('mv', "$library/new", "$library/cache_ext.so");
is(verdict($node, 'postgres', 1), 'ok cache', 'another file of the library: a new session is served');
is($session->query_safe('SELECT verdict(1)'), 'ok cache', 'and an old one');
$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
is($session->query_safe('SELECT verdict(1)'), 'ok loader', 'what one changes the other sees');
is(verdict($node, 'postgres', 1), 'ok cache', 'and fills');
$session->quit;

# --- a version that the library does not know ---

# It cannot keep a server that does not preload it from an update.
sub update_without_library
{
	my ($to) = @_;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
	$node->restart;
	$node->safe_psql('postgres', "ALTER EXTENSION cache_ext UPDATE TO '$to'");
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
	$node->restart;
	return;
}
update_without_library('9.9');
$session = $node->background_psql('postgres', on_error_stop => 0);
for my $call (
	'SELECT cache_get_counter(1)',
	'SELECT * FROM cache_get_many_counter(ARRAY[1, 2])',
	"SELECT cache_get('counter', 1)",
	"SELECT * FROM cache_get_entry('counter', 1)",
	"SELECT cache_peek('counter', 1)",
	"SELECT * FROM cache_explain('counter', 1)",
	'SELECT cache_get_conf(1)',
	"SELECT cache_put_conf(1, 'x')",
	"SELECT cache_put('conf', '\"x\"', 1)",
	"SELECT cache_invalidate('counter', 1)",
	"SELECT cache_invalidate_all('counter')",
	"SELECT cache_create('more', 'load_counter(int)')",
	"SELECT cache_alter('counter', '{\"ttl\": \"1 min\"}')",
	"SELECT cache_drop('counter')",
	"SELECT cache_invalidate_on('counter', 'counter', ARRAY['id'])",
	"SELECT cache_invalidate_on_path('counter', 'counter', 'SELECT \$1.id')",
	"SELECT cache_warm('counter')",
	"SELECT * FROM cache_verify('counter', 1)")
{
	complains($call, $call);
}
is(health(), "critical|the extension is of version 9.9, which its library, of version $version, does not know: nothing is cached",
	'cache_health says so');
# Views have nothing to show; nothing else is in anybody's way, but each session is told once.
my ($result, $stdout, $stderr) = $node->psql('postgres', <<'END');
SELECT count(*) FROM cache_stat;
SELECT count(*) FROM cache_entries;
SELECT count(*) FROM cache_bypasses;
SELECT count(*) FROM cache_suspended;
BEGIN;
UPDATE counter SET n = n + 1 WHERE id = 1;
SAVEPOINT s;
INSERT INTO counter VALUES (1001, 1);
ROLLBACK TO s;
COMMIT;
CREATE TABLE more (id int);
ALTER TABLE counter ADD COLUMN note text;
BEGIN; UPDATE counter SET n = n + 1 WHERE id = 3; PREPARE TRANSACTION 'p';
COMMIT PREPARED 'p';
SELECT n FROM counter WHERE id = 3;
END
is($stdout, "0\n0\n0\n0\n31", 'views are empty, and everything can be written');
is(scalar(() = $stderr =~ /WARNING:  extension cache_ext is of version 9\.9/g), 1, 'one warning') or diag($stderr);
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
like(substr(slurp_file($node->logfile), $offset), qr/cache_ext: definitions cannot be read, all caches are invalidated/,
	'a commit invalidates everything');
$node->command_ok([ 'pg_dump', '-f', $node->basedir . '/dump.sql', $node->connstr('postgres') ], 'pg_dump works');

# Mended in all sessions, those included that have been refused.
$session->query('SELECT cache_get_counter(1)');
like($session->{stderr}, qr/extension cache_ext is of version 9\.9/, 'a session that is refused');
$session->{stderr} = '';
$node->safe_psql('postgres', "ALTER EXTENSION cache_ext UPDATE TO '$version'");
is(health(), $fine, 'updated');
is($session->query_safe('SELECT verdict(1)'), 'ok loader', 'the session is served again');
is(verdict($node, 'postgres', 1, 3, 3), 'ok cache, ok loader, ok cache', 'and others');
$session->quit;

# --- a version that changes behind the back of a session ---

# By hand, so that no message tells it. It may go on with what it has, which others go on to invalidate, although they do
# not know any more what depends on what; or notice, and be refused like them.
$session = $node->background_psql('postgres', on_error_stop => 0);
my $old = $node->background_psql('postgres', on_error_stop => 0);
# Either it is right, or it is refused.
sub right_or_refused
{
	my ($psql, $sql, $name) = @_;
	$psql->{stderr} = '';
	my $answer = $psql->query($sql);
	$answer = 'refused' if $answer eq '' && $psql->{stderr} =~ /extension cache_ext is of version 9\.9/;
	like($answer, qr/^(ok (cache|loader)(, )?)+$|^refused$/, $name);
	return $answer;
}
$session->query_safe('SELECT verdict(k) FROM generate_series(1, 3) AS k');
is($session->query_safe("SELECT string_agg(verdict(k), ', ') FROM generate_series(1, 3) AS k"),
	'ok cache, ok cache, ok cache', 'a session that has its values');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($old->query_safe('SELECT verdict(1)'), 'ok cache', 'and one with an old snapshot');
$node->safe_psql('postgres', "SELECT cache_get_counter(1); UPDATE pg_extension SET extversion = '9.9' WHERE extname = 'cache_ext'");
complains('SELECT cache_get_counter(1)', 'a new session');
right_or_refused($session, 'SELECT verdict(2)', 'the session');
my $get = "SELECT CASE WHEN cache_get_counter(2) = load_counter(2) THEN 'ok cache' ELSE 'stale' END";
$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 2');
right_or_refused($session, $get, 'what a session writes that does not know the version is seen');
right_or_refused($session, "SELECT string_agg(verdict(k), ', ') FROM generate_series(1, 3) AS k", 'again');
right_or_refused($old, $get, 'or not, by an old snapshot');
$node->safe_psql('postgres', "BEGIN; UPDATE counter SET n = n + 1 WHERE id = 3; PREPARE TRANSACTION 'p'");
right_or_refused($session, 'SELECT verdict(3)', 'one that is prepared');
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
right_or_refused($session, 'SELECT verdict(3)', 'and committed');
right_or_refused($old, 'SELECT verdict(3)', 'the old snapshot does not see it');
$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'cache_ext'");
$old->query('COMMIT');
right_or_refused($old, 'SELECT verdict(2)', 'until its end');
like(verdict($node, 'postgres', 2, 2, 3), qr/^ok \w+, ok cache, ok \w+$/, 'the version is known again');
$session->quit;
$old->quit;

# --- tables that are not those of the version ---

$node->safe_psql('postgres', 'SELECT verdict(1)');
$node->safe_psql('postgres', 'ALTER TABLE cache_ext_internal.cache_dependency ADD COLUMN more int');
($result, $stdout, $stderr) = $node->psql('postgres', 'SELECT cache_get_counter(1)', extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($stderr, qr/ERROR:  55000: the tables of extension cache_ext are not those of version \Q$version\E/, 'tables: says so');
is(health(), "critical|its tables are not those of version $version: nothing is cached", 'tables: cache_health, too');
$node->safe_psql('postgres', 'UPDATE counter SET n = n + 1 WHERE id = 1');
$node->safe_psql('postgres', 'DROP EXTENSION cache_ext CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache\_ext%'}), '0',
	'such an extension can be dropped');
$node->stop;

# --- two files in one process ---

# shared_preload_libraries names a file by a path of its own; the extension's is newer. That one has no shared memory.
my $elsewhere = $node->basedir . '/elsewhere';
mkdir $elsewhere or die $!;
system_or_bail('cp', "$library/cache_ext.so", $elsewhere);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
$node->start;
$node->safe_psql('postgres', 'DROP TABLE counter CASCADE; DROP FUNCTION verdict, load_counter');
create_counter($node, 'postgres');
is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', 'one file');
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$elsewhere/cache_ext'\n");
$node->restart;
for my $call ('SELECT cache_get_counter(1)', 'UPDATE counter SET n = n + 1', 'SELECT * FROM cache_health')
{
	($result, $stdout, $stderr) = $node->psql('postgres', $call, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  55000: library cache_ext was loaded already, from another file/, "two files: $call says so");
	like($stderr, qr/DETAIL:  That one is of version \Q$version\E, this one of version \Q$version\E/, 'which they are');
	like($stderr, qr/HINT:  Restart the server .*shared_preload_libraries = 'cache_ext'/, 'and what to do');
}
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
$node->restart;
is(verdict($node, 'postgres', 1, 1), 'ok loader, ok cache', 'one file again');

$node->stop;
done_testing();
