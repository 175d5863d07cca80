# pg_upgrade: what was declared is declared in the new cluster, by the same owners, for the same readers, and exact.
# Whether the new cluster preloads the library or not; without it, it says what is missing. From the same major version,
# or from the one in UPGRADE_FROM, whose clusters find the library by the settings in UPGRADE_CONFIG (scripts/upgrade_test.sh).
# Where pg_upgrade itself fails between those two, as between a minor version and an older one of the next major, by dump
# and restore.
use strict;
use warnings;

use File::Find;
use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use ExtensionCatalog;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Clusters have checksums since 18, unless told otherwise, and both must have them or not.
sub old_node
{
	my ($name) = @_;
	return new_node($name, extra => ['--data-checksums']) unless $ENV{UPGRADE_FROM};
	local $ENV{TEMP_CONFIG} = $ENV{UPGRADE_CONFIG};
	return new_node($name, install_path => $ENV{UPGRADE_FROM}, extra => ['--data-checksums']);
}

sub upgrade
{
	my ($old, $new, @more) = @_;
	my ($old_bin, $new_bin) = map { $_->config_data('--bindir') } $old, $new;
	return (
		'pg_upgrade', '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
		'--old-bindir', $old_bin, '--new-bindir', $new_bin, '--socketdir', $new->host,
		'--old-port', $old->port, '--new-port', $new->port, @more);
}
# It leaves files where it runs.
chdir $PostgreSQL::Test::Utils::tmp_check or die $!;

# Does pg_upgrade work where nobody has heard of cache_ext?
my $by_dump = 0;
if ($ENV{UPGRADE_FROM})
{
	my ($plain_old, $plain_new) = (old_node('plain_old'), new_node('plain_new', extra => ['--data-checksums']));
	$plain_old->start;
	$plain_old->safe_psql('postgres', 'CREATE TABLE t (a int, b int); ALTER TABLE t DROP COLUMN b; CREATE VIEW v AS SELECT * FROM t');
	$plain_old->stop;
	$by_dump = !run_log([ upgrade($plain_old, $plain_new) ]);
	diag('pg_upgrade fails between these two without cache_ext as well: by dump and restore instead') if $by_dump;
}

my $old = old_node('old');
preload($old);
$old->start;
$old->safe_psql('postgres', <<'END');
CREATE ROLE app LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE stranger LOGIN;
CREATE DATABASE shop OWNER app;
CREATE DATABASE plain;
END
my @app = (extra_params => [ '-U', 'app' ]);

# Unusual names on purpose, a type of the user's, and objects whose OIDs are other ones afterwards.
$old->safe_psql('shop', <<'END', @app);
CREATE SCHEMA tools;
CREATE EXTENSION cache_ext SCHEMA tools;
CREATE SCHEMA "My Data";
SET search_path = "My Data", tools;
CREATE TYPE total AS (n bigint, label text);
CREATE TABLE counter ("Id" int PRIMARY KEY, n int NOT NULL, gone int);
ALTER TABLE counter DROP COLUMN gone;
INSERT INTO counter SELECT i, 10 * i FROM generate_series(1, 10) AS i;
CREATE TABLE detail (id int, counter_id int, m int) PARTITION BY LIST (id);
CREATE TABLE detail_1 PARTITION OF detail FOR VALUES IN (1, 2, 3);
CREATE FUNCTION "Load It"("Id" int) RETURNS total LANGUAGE sql STABLE
  AS $$SELECT ROW(c.n + (SELECT coalesce(sum(m), 0) FROM detail WHERE counter_id = $1), 'x')::total FROM counter c WHERE c."Id" = $1$$;
SELECT cache_create('counter', '"Load It"(int)', ttl => '7 min', refresh_at => 0.5, max_entries => 77);
SELECT cache_invalidate_on('counter', 'counter', ARRAY['Id'], ARRAY['n']);
SELECT cache_invalidate_on_path('counter', 'detail', 'SELECT "Id" FROM "My Data".counter WHERE "Id" = $1.counter_id');
SELECT cache_create('conf', key_types => '{int,text}', value_type => 'jsonb', ttl => NULL, budget => 'counter');
GRANT USAGE ON SCHEMA tools, "My Data" TO reader, stranger;
GRANT EXECUTE ON FUNCTION cache_get_counter(int) TO reader;
SELECT cache_put_conf(1, 'x', '"put"');
END
create_counter($old, 'plain');

# What must be the same on both sides.
my %same = (
	'definitions' => q{SELECT to_jsonb(d) - 'functions' FROM cache_ext_internal.cache_definition AS d ORDER BY name},
	'dependencies' => 'SELECT * FROM cache_ext_internal.cache_dependency ORDER BY id',
	'accessors' => q{SELECT p.oid::regprocedure::text, proowner::regrole, proacl, replace(pg_get_function_sqlbody(p.oid), E'\n', ' '), provolatile, proparallel
		FROM pg_proc p WHERE proname ~ '^cache_(get|get_many|put)_(counter|conf)$' ORDER BY 1},
	'triggers' => q{SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
		WHERE tgname LIKE 'cache_ext%' ORDER BY 1, 2},
	'marks' => q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'x' ORDER BY 1});

my $read = q{SET search_path = "My Data", tools;
	SELECT cache_get_counter(1) = "Load It"(1), source FROM cache_get_entry('counter', 1)};

sub serves
{
	my ($node, $name) = @_;
	like($node->safe_psql('shop', $read, @app), qr/^t/, "$name: right");
	is($node->safe_psql('shop', $read, @app), 't|cache', "$name: served");
	for my $write (
		'UPDATE "My Data".counter SET n = n + 1 WHERE "Id" = 1',
		'INSERT INTO "My Data".detail VALUES (1, 1, 5)',
		'TRUNCATE "My Data".detail_1')
	{
		$node->safe_psql('shop', $write, @app);
		is($node->safe_psql('shop', $read, @app), 't|loader', "$name: invalidated by $write");
		is($node->safe_psql('shop', $read, @app), 't|cache', "$name: and served again");
	}
	my $get = 'SELECT (tools.cache_get_counter(1)).n > 0';
	is($node->safe_psql('shop', $get, extra_params => [ '-U', 'reader' ]), 't', "$name: who may read");
	my ($result, $stdout, $stderr) = $node->psql('shop', $get, extra_params => [ '-U', 'stranger' ]);
	like($stderr, qr/permission denied for (cache "counter"|function cache_get_counter)/, "$name: who may not");
	like(verdict($node, 'plain', 1, 1), qr/^ok \w+, ok cache$/, "$name: another database");
	is($node->safe_psql('shop', q{SET search_path = tools; SELECT count(*) FROM cache_health AS h
		WHERE h.check IN ('preloaded', 'version', 'declarations', 'dependencies', 'triggers') AND status = 'ok'}),
		'5', "$name: healthy");
	return;
}
serves($old, 'before');
my %before = map { $_ => $old->safe_psql('shop', $same{$_}) } keys %same;
is(scalar(split /\n/, $before{accessors}), 5, 'there are accessors');
cmp_ok(scalar(split /\n/, $before{triggers}), '>=', 5, 'there are triggers');
$old->stop;

# run_upgrade($new, $name): what it says of a failure is in files.
sub run_upgrade
{
	my ($new, $name) = @_;
	my $files = $new->data_dir . '/pg_upgrade_output.d';
	command_ok([ upgrade($old, $new) ], "$name: pg_upgrade");
	return unless -d $files;
	my @logs;
	find(sub { push @logs, $File::Find::name if /_dump_.*\.log$/ }, $files);
	diag(join("\n", map { substr(slurp_file($_), -3000) } @logs));
	BAIL_OUT('nothing was upgraded');
}
# The old version's own dump, restored by a superuser, to whom the extension belongs then.
sub restore
{
	my ($new, $name) = @_;
	my $dump = $old->basedir . '/all.sql';
	$old->start;
	$old->command_ok([ 'pg_dumpall', '-f', $dump, '-d', $old->connstr('postgres') ], "$name: pg_dumpall");
	$old->stop;
	my ($stdout, $stderr);
	IPC::Run::run([ 'psql', '-X', '-q', '-f', $dump, '-d', $new->connstr('postgres') ], '>', \$stdout, '2>', \$stderr);
	is(join("\n", grep { /ERROR/ && !/role "\w+" already exists/ } split /\n/, $stderr), '', "$name: restored");
	return;
}

for my $preloaded (1, 0)
{
	my $name = $preloaded ? 'preloaded' : 'not preloaded';
	my $new = new_node($preloaded ? 'new' : 'bare', extra => ['--data-checksums']);
	preload($new) if $preloaded;
	if ($by_dump)
	{
		$new->start;
		restore($new, $name);
	}
	else
	{
		command_ok([ upgrade($old, $new, '--check') ], "$name: pg_upgrade --check");
		run_upgrade($new, $name);
		$new->start;
	}
	unless ($preloaded)
	{
		my ($result, $stdout, $stderr) = $new->psql('plain', 'SELECT verdict(1); SELECT verdict(1)');
		is($stdout, "ok loader\nok loader", 'the loader answers');
		like($stderr, qr/WARNING:.*shared_preload_libraries = 'cache_ext'/s, 'and the line to add is told');
		is($new->safe_psql('plain', q{SELECT status, detail FROM cache_health AS h WHERE h.check = 'preloaded'}),
			'critical|cache_ext is not in shared_preload_libraries: nothing is cached', 'by cache_health, too');
		preload($new);
		$new->restart;
	}
	for my $what (sort keys %same)
	{
		is($new->safe_psql('shop', $same{$what}), $before{$what}, "$name: the same $what");
	}
	$new->safe_psql('postgres', 'CREATE DATABASE fresh OWNER app');
	$new->safe_psql('fresh', 'CREATE SCHEMA tools; CREATE EXTENSION cache_ext SCHEMA tools', $by_dump ? () : @app);
	# The extension itself belongs to whoever runs pg_upgrade, as every extension does; not what is in it.
	my $owner = $new->safe_psql('shop', q{SELECT extowner::regrole FROM pg_extension WHERE extname = 'cache_ext'});
	is($owner, $new->safe_psql('postgres', 'SELECT current_user'), "$name: whose the extension is");
	my @catalog = catalog_of($new, 'shop');
	@catalog = map { s/^(extension: .*)"extowner":"\Q$owner\E"/$1"extowner":"app"/r } @catalog unless $by_dump;
	my @differences = differences(\@catalog, [ catalog_of($new, 'fresh') ]);
	is(scalar @differences, 0, "$name: the extension is what a fresh installation makes") or diag(join("\n", @differences));
	serves($new, $name);
	# What is declared later gets ids of its own; everything can be altered and dropped.
	$new->safe_psql('shop', <<'END', @app);
SET search_path = "My Data", tools;
CREATE TABLE more (id int);
SELECT cache_invalidate_on('counter', 'more');
SELECT cache_alter('counter', '{"ttl": "8 min"}');
SELECT cache_drop('conf');
END
	serves($new, "$name: altered");
	$new->safe_psql('shop', 'DROP EXTENSION cache_ext');
	is($new->safe_psql('shop', $same{triggers}), '', "$name: DROP EXTENSION takes the triggers along");
	$new->stop;
}

# A new cluster that does not find the library at all is refused before anything happens.
SKIP:
{
	skip 'the library is in the folders of the server, or there is no pg_upgrade', 2 if -z $ENV{TEMP_CONFIG} || $by_dump;
	local $ENV{TEMP_CONFIG} = '/dev/null';
	my $missing = new_node('missing', extra => ['--data-checksums']);
	my ($stdout, $stderr);
	my $ok = IPC::Run::run([ upgrade($old, $missing, '--check') ], '>', \$stdout, '2>', \$stderr);
	ok(!$ok, 'pg_upgrade without the library fails');
	like($stdout . $stderr, qr/loadable libraries that are missing/, 'and says why');
}

done_testing();
