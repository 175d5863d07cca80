# pg_dump and restore by the owner of the database, who is no superuser: everything that was declared
# comes back as it was, and works.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump_restore');
preload($node);
$node->start;
$node->safe_psql('postgres', <<'END');
CREATE ROLE app LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE stranger LOGIN;
CREATE DATABASE before OWNER app;
CREATE DATABASE after OWNER app;
END
my @app = (extra_params => [ '-U', 'app' ]);

# Unusual names on purpose.
$node->safe_psql('before', <<'END', @app);
CREATE SCHEMA tools;
CREATE EXTENSION cache_ext SCHEMA tools;
CREATE SCHEMA "My Data";
SET search_path = "My Data", tools;
CREATE TABLE counter ("Id" int PRIMARY KEY, n int NOT NULL);
INSERT INTO counter SELECT i, 10 * i FROM generate_series(1, 10) AS i;
CREATE TABLE detail (id int, counter_id int, m int) PARTITION BY LIST (id);
CREATE TABLE detail_1 PARTITION OF detail FOR VALUES IN (1, 2, 3);
CREATE FUNCTION "Load It"("Id" int) RETURNS bigint LANGUAGE sql STABLE
  AS 'SELECT c.n + (SELECT coalesce(sum(m), 0) FROM detail WHERE counter_id = $1) FROM counter c WHERE c."Id" = $1';
SELECT cache_create('counter', '"Load It"(int)', ttl => '7 min', refresh_at => 0.5, max_entries => 77, pinned => true, refresh_beta => 1.5);
SELECT cache_invalidate_on('counter', 'counter', ARRAY['Id'], ARRAY['n']);
SELECT cache_invalidate_on_path('counter', 'detail', 'SELECT "Id" FROM "My Data".counter WHERE "Id" = $1.counter_id');
SELECT cache_create('conf', key_types => '{int,text}', value_type => 'jsonb', ttl => NULL, budget => 'counter');
CREATE TYPE place AS (x int, y int);
CREATE FUNCTION place_of(n int) RETURNS place LANGUAGE sql STABLE AS 'SELECT $1, $1';
SELECT cache_create('place', 'place_of(int)');
CREATE TYPE state AS ENUM ('open', 'shut');
CREATE TABLE visit ("At" timestamptz, s state, n numeric);
CREATE FUNCTION visits(s state, day date) RETURNS numeric LANGUAGE sql STABLE
  AS $$SELECT sum(v.n) FROM visit AS v WHERE v.s = $1 AND (v."At" AT TIME ZONE 'UTC')::date = $2$$;
SELECT cache_create('daily', 'visits(state,date)', invalidate => 'declared');
SELECT cache_invalidate_on('daily', 'visit', ARRAY['s', '(("At" AT TIME ZONE ''UTC'')::date)'], '{*}');
GRANT USAGE ON SCHEMA tools TO reader, stranger;
GRANT EXECUTE ON FUNCTION cache_get_counter(int) TO reader;
GRANT EXECUTE ON FUNCTION cache_get_conf(int, text) TO reader WITH GRANT OPTION;
SELECT cache_put_conf(1, 'x', '"put"');
-- Nothing is declared of this one: it is derived.
CREATE FUNCTION sums(n int) RETURNS bigint LANGUAGE sql STABLE
  AS 'SELECT sum(d.m) FROM detail AS d JOIN counter AS c ON c."Id" = d.counter_id WHERE c.n = $1';
SELECT cache_create('sums', 'sums(int)');
END

# What must be the same on both sides.
my %same = (
	'definitions' => q{SELECT to_jsonb(d) - 'functions' FROM cache_ext_internal.cache_definition AS d ORDER BY name},
	# Without what key queries mean, which is noted anew: types have other numbers.
	'dependencies' => q{SELECT to_jsonb(d) - 'meaning' FROM cache_ext_internal.cache_dependency AS d ORDER BY id},
	'accessors' => q{SELECT p.oid::regprocedure::text, proowner::regrole, proacl, replace(pg_get_function_sqlbody(p.oid), E'\n', ' '), provolatile, proparallel
		FROM pg_proc p WHERE pronamespace = 'tools'::regnamespace AND proname ~ '^cache_(get|get_many|put)_(counter|conf)$' ORDER BY 1},
	'triggers' => q{SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
		WHERE tgname LIKE 'cache_ext%' ORDER BY 1, 2},
	'marks' => q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'x' ORDER BY 1},
	'members' => q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_ext') ORDER BY 1});

sub serves
{
	my ($database, $name) = @_;
	# The loader has the settings of its declaration; a call beside it needs them, too.
	my $read = q{SET search_path = "My Data", tools;
		SELECT value::bigint = "Load It"(1), source FROM cache_get_entry('counter', 1)};
	my $fill = $node->safe_psql($database, $read, @app);
	like($fill, qr/^t/, "$name: right");
	is($node->safe_psql($database, $read, @app), 't|cache', "$name: served");
	for my $write (
		'UPDATE "My Data".counter SET n = n + 1 WHERE "Id" = 1',
		'INSERT INTO "My Data".detail VALUES (1, 1, 5)',
		'TRUNCATE "My Data".detail_1')
	{
		$node->safe_psql($database, $write, @app);
		is($node->safe_psql($database, $read, @app), 't|loader', "$name: invalidated by $write");
		is($node->safe_psql($database, $read, @app), 't|cache', "$name: and served again");
	}
	my $visits = q{SET search_path = "My Data", tools;
		SELECT value IS NOT DISTINCT FROM to_jsonb(visits('open', '2026-03-01')), source
		FROM cache_get_entry('daily', 'open', '2026-03-01')};
	$node->safe_psql($database, $visits, @app);
	for my $write (
		[ q{INSERT INTO "My Data".visit VALUES ('2026-03-01 12:00+00', 'open', 1)}, 'loader' ],
		[ q{INSERT INTO "My Data".visit VALUES ('2026-03-02 12:00+00', 'open', 1), ('2026-03-01 12:00+00', 'shut', 1)},
			'cache' ],
		[ 'UPDATE "My Data".visit SET n = n', 'cache' ],
		[ 'UPDATE "My Data".visit SET n = n + 1', 'loader' ])
	{
		$node->safe_psql($database, $write->[0], @app);
		is($node->safe_psql($database, $visits, @app), "t|$write->[1]", "$name: by an expression, after $write->[0]");
	}
	my $sums = q{SET search_path = "My Data", tools;
		SELECT value IS NOT DISTINCT FROM to_jsonb(sums(20)), source FROM cache_get_entry('sums', 20)};
	$node->safe_psql($database, $sums, @app);
	for my $write (
		[ 'UPDATE "My Data".counter SET n = n + 1 WHERE "Id" = 1', 'cache' ],
		[ 'INSERT INTO "My Data".detail VALUES (2, 1, 5)', 'cache' ],
		[ 'INSERT INTO "My Data".detail VALUES (2, 2, 5)', 'loader' ])
	{
		$node->safe_psql($database, $write->[0], @app);
		is($node->safe_psql($database, $sums, @app), "t|$write->[1]", "$name: by what is derived, after $write->[0]");
	}
	my $get = 'SELECT tools.cache_get_counter(1) IS NOT NULL';
	is($node->safe_psql($database, $get, extra_params => [ '-U', 'reader' ]), 't', "$name: who may read");
	my ($result, $stdout, $stderr) =
	  $node->psql($database, $get, extra_params => [ '-U', 'stranger' ]);
	like($stderr, qr/permission denied for (cache "counter"|function cache_get_counter)/, "$name: who may not");
	return;
}
serves('before', 'before');
my %before = map { $_ => $node->safe_psql('before', $same{$_}, @app) } keys %same;
my @functions = split /\n/, $before{accessors};
is(scalar @functions, 5, 'there are accessors');
my @triggers = split /\n/, $before{triggers};
is(scalar(grep { /\|A\|/ } @triggers), scalar @triggers, 'all triggers are ENABLE ALWAYS');
cmp_ok(scalar @triggers, '>=', 5, 'there are triggers');
like($before{marks}, qr/trigger cache_ext_row\w+ on table "My Data"\.counter/, 'which depend on the extension');
like($before{marks}, qr/function tools\.cache_get_counter\(integer\)/, 'as the accessors do');

for my $format ('plain', 'custom')
{
	my $dump = $node->basedir . "/$format.dump";
	$node->command_ok(
		[ 'pg_dump', '-U', 'app', "--format=$format", '-f', $dump, $node->connstr('before') ],
		"$format: pg_dump");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-X', '-q', '-U', 'app', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('after') ]
		: [ 'pg_restore', '-U', 'app', '--exit-on-error', '-d', $node->connstr('after'), $dump ],
		"$format: restore");
	for my $what (sort keys %same)
	{
		is($node->safe_psql('after', $same{$what}, @app), $before{$what}, "$format: the same $what");
	}
	serves('after', "$format: restored");
	serves('before', "$format: the original still");

	# What is declared later gets ids of its own, and everything can be altered and dropped.
	$node->safe_psql('after', <<'END', @app);
SET search_path = "My Data", tools;
CREATE TABLE more (id int);
SELECT cache_invalidate_on('counter', 'more');
SELECT cache_alter('counter', '{"ttl": "8 min"}');
END
	serves('after', "$format: altered");
	# Nor are the rows that values are fixed by the accessors.
	$node->safe_psql('after', 'ALTER TYPE "My Data".place ALTER ATTRIBUTE x TYPE bigint; ALTER TYPE "My Data".place RENAME TO spot', @app);
	is($node->safe_psql('after', 'SELECT tools.cache_get_place(1), tools.cache_get_many_place(ARRAY[2])', @app), '(1,1)|(2,"(2,2)")',
		"$format: rows of a type that was altered and renamed");
	$node->safe_psql('after', "SELECT tools.cache_drop('conf')", @app);
	$node->safe_psql('after', 'DROP EXTENSION cache_ext', @app);
	is($node->safe_psql('after', $same{triggers}), '', "$format: DROP EXTENSION takes the triggers along");
	is( $node->safe_psql('after', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'cache\_%'}),
		'0', "$format: and all functions");
	$node->safe_psql('after', 'UPDATE "My Data".counter SET n = 0', @app);
	$node->safe_psql('postgres', 'DROP DATABASE after');
	$node->safe_psql('postgres', 'CREATE DATABASE after OWNER app');
}

# Data only, into what was created by hand before: each row is checked as the current user's.
my $schema = $node->basedir . '/schema.sql';
my $data = $node->basedir . '/data.sql';
$node->command_ok([ 'pg_dump', '-U', 'app', '--schema-only', '-f', $schema, $node->connstr('before') ], 'schema');
$node->command_ok([ 'pg_dump', '-U', 'app', '--data-only', '-f', $data, $node->connstr('before') ], 'data');
for my $file ($schema, $data)
{
	$node->command_ok(
		[ 'psql', '-X', '-q', '-U', 'app', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('after') ],
		"restore of $file");
}
serves('after', 'schema, then data');

# What was its owner's becomes another role's, the extension included: now that one dumps and restores, and the first
# owner is nobody any more.
$node->safe_psql('postgres', 'DROP DATABASE after');
$node->safe_psql('postgres', 'CREATE ROLE heir LOGIN');
$node->safe_psql('before', 'REASSIGN OWNED BY app TO heir');
my ($out, $err);
$node->psql('before', 'TABLE cache_ext_internal.cache_definition', @app, stderr => \$err);
like($err, qr/permission denied for table cache_definition/, 'the first owner cannot read the declarations any more');
$node->psql('before', "SELECT nextval('cache_ext_internal.cache_dependency_id_seq')", @app, stderr => \$err);
like($err, qr/permission denied for sequence cache_dependency_id_seq/, 'nor use their numbers');
$node->safe_psql('before', 'DROP OWNED BY app');
$node->safe_psql('postgres', 'DROP ROLE app');
$node->safe_psql('postgres', 'CREATE DATABASE after OWNER heir');
my $heirs = $node->basedir . '/heirs.sql';
$node->command_ok([ 'pg_dump', '-U', 'heir', '-f', $heirs, $node->connstr('before') ], 'the new owner dumps');
unlike(slurp_file($heirs), qr/^(GRANT|REVOKE) .*cache_ext_internal/m, 'what the extension itself grants is not dumped');
$node->command_ok(
	[ 'psql', '-X', '-q', '-U', 'heir', '-v', 'ON_ERROR_STOP=1', '-f', $heirs, '-d', $node->connstr('after') ],
	'and restores');
for my $what (sort keys %same)
{
	is($node->safe_psql('after', $same{$what}), $node->safe_psql('before', $same{$what}), "the same $what");
}
is($node->safe_psql('after', 'SELECT tools.cache_get_counter(1)', extra_params => [ '-U', 'heir' ]),
	$node->safe_psql('before', 'SELECT tools.cache_get_counter(1)', extra_params => [ '-U', 'heir' ]), 'and the same value');

$node->stop;
done_testing();
