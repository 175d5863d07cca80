# ALTER EXTENSION ... UPDATE from every version that was released: afterwards the catalogs say what a fresh
# installation says, what was declared is still there, and answers. That the comparison notices what an upgrade
# script forgets is tested with an older version that is made up here.
use strict;
use warnings;

use File::Basename;
use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use ExtensionCatalog;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('upgrade');
my ($folder, $library) = own_extension($node);
plan skip_all => 'the extension is in the folders of the server, to which no script can be added' unless $folder;

my ($version) = slurp_file("$folder/cache_ext.control") =~ /^default_version *= *'(.*)'/m;
my $script = slurp_file("$folder/cache_ext--$version.sql");

# same($database, $name): its catalogs are those of a fresh installation.
sub same
{
	my ($database, $name) = @_;
	my @differences = differences([ catalog_of($node, $database) ], [ catalog_of($node, 'fresh') ]);
	is(scalar @differences, 0, "$name: nothing differs from a fresh installation") or diag(join("\n", @differences));
	return;
}

sub version_of
{
	my ($database) = @_;
	return $node->safe_psql($database, "SELECT extversion FROM pg_extension WHERE extname = 'cache_ext'");
}

# Caches of all kinds, as the first release could declare them.
sub declare
{
	my ($database) = @_;
	create_counter($node, $database, "ttl => '1 h', refresh_at => 0.5");
	$node->safe_psql($database, <<'END');
CREATE TABLE detail (id int PRIMARY KEY, counter int, n int);
SELECT cache_invalidate_on_path('counter', 'detail', 'SELECT id FROM counter WHERE id = $1.counter');
SELECT cache_create('conf', key_types => '{int,text}', value_type => 'jsonb', ttl => NULL, budget => 'counter');
SELECT cache_put_conf(1, 'x', '"put"');
END
	return;
}

# What must be the same before and after.
my $declared = q{SELECT to_jsonb(d) FROM cache_ext_internal.cache_definition AS d ORDER BY name};
my $depends = q{SELECT to_jsonb(d) FROM cache_ext_internal.cache_dependency AS d ORDER BY id};

# answers($database, $name): they are filled, serve, and are invalidated.
sub answers
{
	my ($database, $name) = @_;
	like(verdict($node, $database, 1), qr/^ok/, "$name: right");
	is(verdict($node, $database, 1), 'ok cache', "$name: served");
	for my $write ('UPDATE counter SET n = n + 1 WHERE id = 1',
		'INSERT INTO detail SELECT coalesce(max(id), 0) + 1, 1, 5 FROM detail')
	{
		$node->safe_psql($database, $write);
		is(verdict($node, $database, 1, 1), 'ok loader, ok cache', "$name: invalidated by $write");
	}
	$node->safe_psql($database, q{SELECT cache_put_conf(1, 'y', '"new"')});
	is($node->safe_psql($database, q{SELECT cache_get_conf(1, 'y')}), '"new"', "$name: a value is put");
	return;
}

# --- every released version ---

# The folder has one script per release, as it was released. The current one is a release that may still change.
my %released = map { /--(.*)\.sql$/ ? ($1 => $_) : () } glob("$FindBin::RealBin/../../sql/released/cache_ext--*.sql");
is(slurp_file($released{$version}), $script, "the script of $version is still what was released")
  if $released{$version};
for my $old (grep { $_ ne $version } keys %released)
{
	system_or_bail('cp', $released{$old}, $folder);
}
preload($node);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION cache_ext');
my @fresh = catalog_of($node, 'fresh');
cmp_ok(scalar(grep { /^function:/ } @fresh), '>', 40, 'the catalogs are read: functions');
cmp_ok(scalar(grep { /^column:/ } @fresh), '>', 100, 'and columns');

for my $old (sort (keys %released, $released{$version} ? () : $version))
{
	$node->safe_psql('postgres', 'CREATE DATABASE updated');
	$node->safe_psql('updated', "CREATE EXTENSION cache_ext VERSION '$old'");
	declare('updated');
	is(version_of('updated'), $old, "$old is installed");
	answers('updated', "objects of $old");
	# What both versions can say.
	my $caches = q{SELECT name, loader, key_types, value_type FROM cache_ext_internal.cache_definition ORDER BY name};
	my $tables = q{SELECT cache, relation, key FROM cache_ext_internal.cache_dependency ORDER BY cache, relation, key};
	my @before = map { $node->safe_psql('updated', $_) } $caches, $tables;
	my $served = $node->background_psql('updated');
	$served->query_safe('SELECT verdict(1)');
	$node->safe_psql('updated', 'ALTER EXTENSION cache_ext UPDATE');
	is(version_of('updated'), $version, "$old to $version: updated");
	is($served->query_safe('SELECT verdict(1)') =~ /^ok/ ? 'ok' : 'ng', 'ok', 'a session that was there goes on');
	$served->quit;
	is($node->safe_psql('updated', $caches), $before[0], "$old to $version: what was declared is there");
	is($node->safe_psql('updated', $tables), $before[1], "$old to $version: and what it depends on");
	answers('updated', "$old to $version");
	is($node->safe_psql('updated', "SELECT status FROM cache_health AS h WHERE h.check IN ('version', 'declarations', 'triggers')"),
		"ok\nok\nok", "$old to $version: healthy");
	# The caches are members of nothing, so that they may stay.
	same('updated', "$old to $version");
	$node->safe_psql('postgres', 'DROP DATABASE updated');
}

# --- a version that was never released ---

# In which it differs from the current one; what its upgrade script does about that; and what has to be noticed where
# the upgrade script forgets that.
my @steps = (
	[   'a new view', 'DROP VIEW @extschema@.cache_suspended;',
		'CREATE VIEW @extschema@.cache_suspended AS SELECT * FROM cache_ext_internal.cache_suspended_rows();',
		qr/^- member: .*view cache_suspended/m ],
	[ 'its GRANT', '', 'GRANT SELECT ON @extschema@.cache_suspended TO PUBLIC;', qr/^- relation: .*view cache_suspended/m ],
	[   'a new function', 'DROP FUNCTION @extschema@.cache_resume(text);',
		q{CREATE FUNCTION @extschema@.cache_resume(name text) RETURNS boolean
			AS 'MODULE_PATHNAME', 'cache_resume_1_0' LANGUAGE c VOLATILE;},
		qr/^- function: .*cache_resume/m ],
	[   'a function that is gone', q{CREATE FUNCTION @extschema@.cache_old() RETURNS int LANGUAGE sql AS 'SELECT 1';},
		'DROP FUNCTION @extschema@.cache_old();', qr/^\+ function: .*cache_old/m ],
	[   'a symbol', q{CREATE OR REPLACE FUNCTION cache_ext_internal.cache_definition_changed() RETURNS trigger
			AS 'MODULE_PATHNAME', 'cache_invalidate_trigger_1_0' LANGUAGE c;},
		q{CREATE OR REPLACE FUNCTION cache_ext_internal.cache_definition_changed() RETURNS trigger
			AS 'MODULE_PATHNAME', 'cache_definition_changed_1_0' LANGUAGE c;},
		qr/^\+ function: .*cache_invalidate_trigger_1_0/m ],
	[   'a library', q{CREATE OR REPLACE FUNCTION cache_ext_internal.cache_option_rows(
			OUT name text, OUT type regtype, OUT if_null text, OUT lowest bigint, OUT highest bigint) RETURNS SETOF record
			AS '} . $library . q{/cache_ext', 'cache_option_rows_1_0' LANGUAGE c;},
		q{CREATE OR REPLACE FUNCTION cache_ext_internal.cache_option_rows(
			OUT name text, OUT type regtype, OUT if_null text, OUT lowest bigint, OUT highest bigint) RETURNS SETOF record
			AS 'MODULE_PATHNAME', 'cache_option_rows_1_0' LANGUAGE c;},
		qr/^\+ function: .*"probin":"\/.*cache_ext"/m ],
	[   'volatility', 'ALTER FUNCTION cache_ext_internal.cache_health_rows() STABLE;',
		'ALTER FUNCTION cache_ext_internal.cache_health_rows() VOLATILE;', qr/^\+ function: .*"provolatile":"s"/m ],
	[   'parallel safety', 'ALTER FUNCTION cache_ext_internal.cache_queue_rows() PARALLEL SAFE;',
		'ALTER FUNCTION cache_ext_internal.cache_queue_rows() PARALLEL UNSAFE;', qr/^\+ function: .*"proparallel":"s"/m ],
	[   'a privilege', 'GRANT EXECUTE ON FUNCTION @extschema@.cache_clear(text) TO PUBLIC;',
		'REVOKE ALL ON FUNCTION @extschema@.cache_clear(text) FROM PUBLIC;', qr/^\+ function: .*cache_clear/m ],
	[   'a comment', q{COMMENT ON FUNCTION @extschema@.cache_drop(text) IS 'old';},
		'COMMENT ON FUNCTION @extschema@.cache_drop(text) IS NULL;', qr/^\+ comment: .*cache_drop.*"old"/m ],
	[   'a column', 'ALTER TABLE cache_ext_internal.cache_definition ALTER COLUMN priority DROP NOT NULL;',
		'ALTER TABLE cache_ext_internal.cache_definition ALTER COLUMN priority SET NOT NULL;',
		qr/^\+ column: .*"priority".*"attnotnull":false/m ],
	[   'a default', 'ALTER TABLE cache_ext_internal.cache_definition ALTER COLUMN priority SET DEFAULT 1;',
		'ALTER TABLE cache_ext_internal.cache_definition ALTER COLUMN priority DROP DEFAULT;',
		qr/^\+ column: .*"priority".*"pg_get_expr":"1"/m ],
	[   'an index', 'DROP INDEX cache_ext_internal.cache_dependency_cache_idx;',
		'CREATE INDEX ON cache_ext_internal.cache_dependency (cache);', qr/^- relation: .*cache_dependency_cache_idx/m ],
	[   'a constraint', 'ALTER TABLE cache_ext_internal.cache_definition ADD CHECK (priority >= 0);',
		'ALTER TABLE cache_ext_internal.cache_definition DROP CONSTRAINT cache_definition_priority_check;',
		qr/^\+ constraint: .*cache_definition_priority_check/m ],
	[   'a trigger', 'ALTER TABLE cache_ext_internal.cache_dependency DISABLE TRIGGER cache_definition_truncated;',
		'ALTER TABLE cache_ext_internal.cache_dependency ENABLE ALWAYS TRIGGER cache_definition_truncated;',
		qr/^\+ trigger: .*"tgenabled":"D"/m ],
	[   'what is dumped', q{SELECT pg_catalog.pg_extension_config_dump('cache_ext_internal.cache_dependency', 'WHERE path IS NULL');},
		q{SELECT pg_catalog.pg_extension_config_dump('cache_ext_internal.cache_dependency', '');},
		qr/^\+ extension: .*WHERE path IS NULL/m ],
	[   'a member', 'ALTER EXTENSION cache_ext DROP FUNCTION @extschema@.cache_clear_request();',
		'ALTER EXTENSION cache_ext ADD FUNCTION @extschema@.cache_clear_request();', qr/^- member: .*cache_clear_request/m ]);

# write_script($name, $column, $without): the statements of the steps, but of one.
sub write_script
{
	my ($name, $column, $without) = @_;
	my $text = join("\n", map { $_->[$column] } grep { !defined $without || $_ != $without } @steps);
	$text = "$script\n$text" if $name eq '0.0';
	open my $file, '>', "$folder/cache_ext--$name.sql" or die $!;
	print $file "$text\n";
	close $file;
	return;
}
write_script('0.0', 1);
write_script("$version--0.0", 1);
write_script("0.0--$version", 2);

# What was declared in that version: declared in this one, which then becomes the other. Not by this library, which
# refuses to: a server that has not preloaded it stands for that of the time.
$node->safe_psql('postgres', 'CREATE DATABASE data');
$node->safe_psql('data', 'CREATE EXTENSION cache_ext');
declare('data');
my $rows = $node->safe_psql('data', $declared);
my $dependencies = $node->safe_psql('data', $depends);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('data', "ALTER EXTENSION cache_ext UPDATE TO '0.0'");
isnt(scalar differences([ catalog_of($node, 'data') ], \@fresh), 0, 'the old version is another one');

# Each step is forgotten once.
$node->safe_psql('postgres', 'CREATE DATABASE old');
$node->safe_psql('old', "CREATE EXTENSION cache_ext VERSION '0.0'");
for my $step (@steps)
{
	my ($what, $down, $up, $noticed) = @$step;
	write_script("0.0--$version", 2, $step);
	$node->safe_psql('postgres', 'CREATE DATABASE incomplete TEMPLATE old');
	# What cannot be granted on what is not there fails by itself.
	my ($result, $out, $error) = $node->psql('incomplete', 'ALTER EXTENSION cache_ext UPDATE');
	my $text = join("\n", $result ? $error : differences([ catalog_of($node, 'incomplete') ], \@fresh));
	like($text, $result ? qr/does not exist/ : $noticed, "an upgrade that forgets $what is noticed");
	$node->safe_psql('postgres', 'DROP DATABASE incomplete');
}
write_script("0.0--$version", 2);
$node->safe_psql('old', 'ALTER EXTENSION cache_ext UPDATE');
same('old', 'installed at 0.0');

# The new library comes first.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
$node->restart;
my $session = $node->background_psql('data', on_error_stop => 0);
$session->query('SELECT cache_get_counter(1)');
like($session->{stderr}, qr/extension cache_ext is of version 0\.0 in this database, which its library/,
	'until the update it says what is to be done');
$session->{stderr} = '';
is($node->safe_psql('data', q{SELECT status FROM cache_health AS h WHERE h.check = 'version'}), 'critical', 'in cache_health, too');
$node->safe_psql('data', 'UPDATE counter SET n = n + 1 WHERE id = 2');
my ($result, $out, $warnings) = $node->psql('data', 'ALTER EXTENSION cache_ext UPDATE');
is($warnings, '', 'the update itself has nothing to say');
is(version_of('data'), $version, 'updated');
is($node->safe_psql('data', $declared), $rows, 'what was declared is as it was');
is($node->safe_psql('data', $depends), $dependencies, 'and what it depends on');
same('data', 'with caches in it');
is(verdict($node, 'data', 2, 2), 'ok loader, ok cache', 'what was written meanwhile is seen');
answers('data', 'after the update');
is($session->query_safe('SELECT verdict(2)'), 'ok cache', 'a session that was refused is served');
$session->quit;

$node->stop;
done_testing();
