# Restores by a role that owns everything and is no superuser: in all formats what was declared is there
# again, unqualified names in key queries included; and where only a part comes back, nothing is served,
# errors lead out, and health says so.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $node = new_node('restore_parts');
preload($node);
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE DATABASE source OWNER app');
my @app = (extra_params => [ '-U', 'app' ]);

sub app
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, "SET search_path = data, public, tools; $sql", @app);
}

$node->safe_psql('source', <<'END', @app);
CREATE SCHEMA data;
CREATE SCHEMA tools;
CREATE EXTENSION cache_ext SCHEMA tools;
SET search_path = data, public, tools;
CREATE TABLE org (id int PRIMARY KEY, name text);
CREATE TABLE agent (id int PRIMARY KEY, org int);
CREATE TABLE call (id int PRIMARY KEY, agent int, minutes int);
INSERT INTO org VALUES (1, 'one'), (2, 'two');
INSERT INTO agent VALUES (1, 1), (2, 2);
INSERT INTO call VALUES (1, 1, 10), (2, 2, 20);
CREATE FUNCTION load_org(id int) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT o.name || coalesce((SELECT sum(minutes) FROM data.call AS c JOIN data.agent AS a ON a.id = c.agent WHERE a.org = $1), 0)
  FROM data.org AS o WHERE o.id = $1 $$;
SELECT cache_create('org', 'load_org(int)', ttl => NULL, invalidate => 'track');
-- Its row is dumped before that of the cache whose budget it shares.
SELECT cache_create('conf', key_types => '{}', value_type => 'text', budget => 'org');
SELECT cache_invalidate_on('org', 'org', '{id}');
SELECT cache_invalidate_on('org', 'agent', '{org}');
-- Found by the search_path that is pinned; a restore runs with an empty one.
SELECT cache_invalidate_on_path('org', 'call', 'SELECT org FROM agent WHERE id = $1.agent');
END

my $declarations = q{SELECT check_, status, detail FROM cache_health AS h (check_) WHERE check_ = 'declarations'};
my $fine = 'declarations|ok|all caches can be used as declared';

sub serves
{
	my ($database, $name) = @_;
	my $read = q{SELECT cache_get_org(2) = load_org(2), state FROM cache_explain('org', 2)};
	# Until all transactions that ran beside the restore have ended nothing is published, workers' among them.
	my $got = '';
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		app($database, 'SELECT cache_get_org(2)');
		$got = app($database, $read);
		last if $got ne 't|bypass';
		Time::HiRes::usleep(100_000);
	}
	is($got, 't|hit', "$name: served");
	for my $write (
		q{UPDATE org SET name = name || '!' WHERE id = 2},
		q{INSERT INTO call SELECT coalesce(max(id), 0) + 1, 2, 5 FROM call},
		q{UPDATE agent SET org = 3 - org})
	{
		app($database, $write);
		is(app($database, 'SELECT cache_get_org(2) = load_org(2)'), 't', "$name: right after $write");
	}
	is(app($database, $declarations), $fine, "$name: healthy");
	return;
}
serves('source', 'as declared');
my $rows = 'SELECT * FROM cache_ext_internal.cache_dependency ORDER BY id';
my $declared = app('source', $rows);
is(scalar(split /\n/, $declared), 4, 'there are four dependencies');
is(app('source', q{SELECT string_agg(name || dependencies, ' ') FROM cache_ext_internal.cache_definition}), 'conf0 org4', 'and the cache knows how many');

my $caches = 'SELECT name, id, budget FROM cache_ext_internal.cache_definition ORDER BY name';
my $definitions = app('source', $caches);

# new_copy(dump options, restore options): a new database 'copy'; plain format without the latter.
my $dump = $node->basedir . '/dump';

sub new_copy
{
	my ($name, $dump_options, $restore_options) = @_;
	system_or_bail('rm', '-rf', $dump);
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER app');
	$node->command_ok([ 'pg_dump', '-U', 'app', @$dump_options, '-f', $dump, $node->connstr('source') ], "$name: pg_dump");
	my $to = $node->connstr('copy');
	$node->command_ok(
		defined $restore_options
		? [ 'pg_restore', '-U', 'app', '--exit-on-error', @$restore_options, '-d', $to, $dump ]
		: [ 'psql', '-X', '-q', '-o', '/dev/null', '-U', 'app', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $to ],
		"$name: restore");
	return;
}

for my $way (
	[ 'plain', ['--format=plain'] ],
	[ 'plain, inserts', [ '--format=plain', '--inserts' ] ],
	[ 'custom', ['--format=custom'], [] ],
	[ 'custom, one transaction', ['--format=custom'], ['--single-transaction'] ],
	[ 'custom, in parallel', [ '--format=custom', '--inserts' ], [ '-j', 3 ] ],
	[ 'directory', [ '--format=directory', '--column-inserts' ], [] ],
	[ 'directory, in parallel', [ '--format=directory', '-j', 3 ], [ '-j', 3 ] ],
	[ 'tar', ['--format=tar'], [] ])
{
	my ($name, @options) = @$way;
	new_copy($name, @options);
	is(app('copy', $rows), $declared, "$name: the same dependencies");
	is(app('copy', $caches), $definitions, "$name: the same caches");
	serves('copy', $name);
}

# The schema alone: accessors and triggers without what they are for.
new_copy('schema only', ['--schema-only']);
app('copy', q{INSERT INTO org VALUES (1, 'one'), (2, 'two'); INSERT INTO agent VALUES (1, 1), (2, 2)});
is(app('copy', 'SELECT count(*) FROM cache_stat'), '0', 'schema only: nothing is declared');
for my $read (q{SELECT cache_get_org(2)}, q{SELECT * FROM cache_get_many_org('{2}')}, q{SELECT cache_get('org', 2)}, q{SELECT cache_drop('org')})
{
	my ($rc, $out, $err) = $node->psql('copy', "SET search_path = tools; $read", @app);
	like($err, qr/cache "org" is not declared.*HINT:  Declare it with cache_create\('org'/s, "schema only: $read says what is missing");
}
my $undeclared = qr/^declarations\|critical\|(?=.*\borg: it has an accessor, but is not declared).*\bconf: it has/;
like(app('copy', $declarations), $undeclared, 'schema only: health says so');
like($node->safe_psql('copy', "SET search_path = tools; $declarations"), $undeclared, 'to whoever watches the server, too');
$node->safe_psql('postgres', 'CREATE ROLE other LOGIN');
$node->safe_psql('copy', 'GRANT ALL ON SCHEMA tools, data TO other', @app);
$node->safe_psql('copy', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA data TO other', @app);
my ($rc, $out, $err) = $node->psql('copy', q{SET search_path = data, tools; SELECT cache_create('org', 'load_org(int)')},
	extra_params => [ '-U', 'other' ]);
like($err, qr/function tools\.cache_get_org\(integer\) already exists.*HINT:  It is left from another role/s,
	'schema only: the name is not anybody\'s');
app('copy', q{CREATE TABLE new_table (id int);
	SELECT cache_create('org', 'load_org(int)', ttl => NULL); SELECT cache_invalidate_on('org', 'org', '{id}');
	SELECT cache_invalidate_on('org', 'agent', '{org}');
	SELECT cache_invalidate_on_path('org', 'call', 'SELECT org FROM agent WHERE id = $1.agent');
	SELECT cache_create('conf', key_types => '{}', value_type => 'text')});
serves('copy', 'schema only, declared again');
is(app('copy', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache\_ext\_%'}), '6', 'with the triggers that were there');

# Some rows are lost.
sub restore_without
{
	my ($name, $left_out) = @_;
	new_copy("$name, before", ['--format=custom'], ['--schema-only']);
	$node->safe_psql('postgres', 'DROP DATABASE copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER app');
	my ($stdout, $stderr) = run_command([ 'pg_restore', '-l', $dump ]);
	my @entries = split /\n/, $stdout;
	my @kept = grep { !/$left_out/ } @entries;
	cmp_ok(scalar @kept, '<', scalar @entries, "$name: left out");
	append_to_file("$dump.list", join("\n", @kept) . "\n");
	$node->command_ok([ 'pg_restore', '-U', 'app', '--exit-on-error', '-L', "$dump.list", '-d', $node->connstr('copy'), $dump ],
		"$name: restore");
	unlink "$dump.list";
	return;
}
restore_without('dependencies lost', qr/TABLE DATA cache_ext_internal cache_dependency /);
app('copy', 'SELECT cache_get_org(2)') for 1 .. 2;
app('copy', q{UPDATE org SET name = 'renamed' WHERE id = 2});
like(app('copy', 'SELECT cache_get_org(2)'), qr/^renamed/, 'dependencies lost: what is read is right');
is(app('copy', q{SELECT state, reason FROM cache_explain('org', 2)}),
	'bypass|its dependencies are not those that were declared: declare the cache anew', 'dependencies lost: it bypasses');
is(app('copy', 'SELECT reason, bypasses FROM cache_bypasses'),
	'its dependencies are not those that were declared: declare the cache anew|3', 'and that is counted');
is(app('copy', $declarations), 'declarations|critical|org: 4 of its dependencies were not restored', 'dependencies lost: health says so');
# One is not enough.
app('copy', q{SELECT cache_invalidate_on('org', 'org', '{id}')});
is(app('copy', $declarations), 'declarations|critical|org: 4 of its dependencies were not restored', 'still four');
app('copy', q{SELECT cache_drop('conf'); SELECT cache_drop('org'); SELECT cache_create('org', 'load_org(int)'); SELECT cache_invalidate_on('org', 'org', '{id}');
	SELECT cache_invalidate_on('org', 'agent', '{org}');
	SELECT cache_invalidate_on_path('org', 'call', 'SELECT org FROM agent WHERE id = $1.agent')});
serves('copy', 'dependencies lost, declared again');

restore_without('definitions lost', qr/TABLE DATA cache_ext_internal cache_definition /);
is(app('copy', 'SELECT count(*) FROM cache_ext_internal.cache_dependency'), '4', 'definitions lost: the dependencies are there');
app('copy', q{SELECT cache_create('org', 'load_org(int)', invalidate => 'track'); SELECT cache_create('conf', key_types => '{}', value_type => 'text')});
is(app('copy', 'SELECT count(*) FROM cache_ext_internal.cache_dependency'), '0', 'cache_create begins without them');
is(app('copy', $declarations), $fine, 'definitions lost: declared again');

# Data only, in two parts.
$node->safe_psql('postgres', 'DROP DATABASE copy');
new_copy('schema, then the declarations', ['--schema-only']);
$node->command_ok([ 'pg_dump', '-U', 'app', '--data-only', '-t', 'cache_ext_internal.*', '-f', "$dump.data", $node->connstr('source') ],
	'the declarations');
$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-U', 'app', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.data", '-d', $node->connstr('copy') ],
	'are restored');
app('copy', q{INSERT INTO org VALUES (1, 'one'), (2, 'two'); INSERT INTO agent VALUES (1, 1), (2, 2)});
serves('copy', 'schema, then the declarations');

# The extension's schema gets another name.
app('copy', 'ALTER SCHEMA tools RENAME TO instruments');
my $renamed = q{SET search_path = data, public, instruments};
my $get = q{SELECT cache_get_org(2) = load_org(2), (SELECT value FROM cache_get_many_org('{2}')) = load_org(2), state FROM cache_explain('org', 2)};
$node->safe_psql('copy', "$renamed; SELECT cache_get_org(2)", @app);
is($node->safe_psql('copy', "$renamed; $get", @app), 't|t|hit', 'schema renamed: accessors work');
$node->safe_psql('copy', "$renamed; UPDATE org SET name = 'once more'", @app);
is($node->safe_psql('copy', "$renamed; SELECT state FROM cache_explain('org', 2)", @app), 'miss', 'schema renamed: triggers work');
is($node->safe_psql('copy', "$renamed; SELECT cache_get_org(2) = load_org(2)", @app), 't', 'and it is right');
$node->safe_psql('copy', "$renamed; SELECT cache_alter('org', '{\"ttl\": \"1 min\"}'); SELECT cache_invalidate_on('org', 'call');
	SELECT cache_drop('conf'); SELECT cache_drop('org'); SELECT cache_create('org', 'load_org(int)'); SELECT cache_get_org(2)", @app);
is($node->safe_psql('copy', "$renamed; $get", @app), 't|t|hit', 'schema renamed: caches can be changed, dropped and declared');
$node->safe_psql('copy', 'DROP EXTENSION cache_ext', @app);
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'cache\_%'}), '0', 'schema renamed: DROP EXTENSION');

$node->stop;
done_testing();
