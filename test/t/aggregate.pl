# Aggregate caches beyond one session's life: prepared transactions over a restart, a crash of a writer's session, loads
# by workers, dump and restore by an owner who is no superuser.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('aggregate');
preload($node);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
$node->start;
$node->safe_psql('postgres', <<'END');
CREATE ROLE app LOGIN;
CREATE DATABASE before OWNER app;
CREATE DATABASE after OWNER app;
END
my @app = (extra_params => [ '-U', 'app' ]);

$node->safe_psql('before', <<'END', @app);
CREATE SCHEMA tools;
CREATE EXTENSION cache_ext SCHEMA tools;
CREATE SCHEMA "My Data";
SET search_path = "My Data", tools;
CREATE TYPE state AS ENUM ('open', 'shut');
CREATE TABLE "Visit" ("Id" int, s state, at timestamptz DEFAULT '2026-03-01 12:00+00', n numeric(10,2)) PARTITION BY LIST ("Id");
CREATE TABLE visit_1 PARTITION OF "Visit" FOR VALUES IN (1);
CREATE TABLE visit_2 PARTITION OF "Visit" DEFAULT;
SELECT cache_create_aggregate('visits', '"Visit"', ARRAY['Id', 'day: (at AT TIME ZONE ''Europe/Berlin'')::date'],
	ARRAY['"How Many": count(*)', 'n: sum(n)', 'm: avg(n) FILTER (WHERE s = ''open''::"My Data".state)',
		'"Last": (array_agg("Id" ORDER BY at DESC, "Id") FILTER (WHERE at IS NOT NULL AND "Id" IS NOT NULL))[1:2]'],
	warm_keys => 'SELECT DISTINCT "Id", DATE ''2026-03-01'' FROM "My Data"."Visit"');
INSERT INTO "Visit" ("Id", s, n) SELECT i % 3, 'open', i / 7.0 FROM generate_series(1, 30) AS i;
END

my $verdict = q{SET search_path = "My Data", tools;
	SELECT CASE WHEN cache_get_visits(1, '2026-03-01')::text = (
		SELECT ROW(count(*), sum(n), avg(n) FILTER (WHERE s = 'open'), (array_agg("Id" ORDER BY at DESC, "Id"))[1:2])::text FROM "Visit"
		WHERE "Id" = 1 AND (at AT TIME ZONE 'Europe/Berlin')::date = '2026-03-01') THEN 'ok' ELSE 'ng' END, source
	FROM cache_get_entry('visits', 1, '2026-03-01')};

# From wherever it comes: workers load, too.
sub is_right
{
	my ($database, $name) = @_;
	like($node->safe_psql($database, $verdict, @app), qr/^ok/, $name);
	return;
}

sub is_read
{
	my ($database, $source, $name) = @_;
	is($node->safe_psql($database, $verdict, @app), "ok|$source", $name);
	return;
}
my $insert = 'INSERT INTO "My Data"."Visit" VALUES (1, %s, DEFAULT, 1.25)';
my $open = sprintf $insert, q{'open'};

is_right('before', 'loaded');
is_read('before', 'cache', 'served');
$node->safe_psql('before', $open, @app);
is_read('before', 'cache', 'a write adjusts it');

# Prepared, over a restart: it is registered with what is declared as soon as the cache is used.
$node->safe_psql('before', "BEGIN; $open; SAVEPOINT s; $open; ROLLBACK TO s; PREPARE TRANSACTION 'p'", @app);
is_read('before', 'cache', 'prepared');
$node->safe_psql('before', "COMMIT PREPARED 'p'", @app);
is_read('before', 'cache', 'and committed: added');
$node->safe_psql('before', "BEGIN; $open; PREPARE TRANSACTION 'q'", @app);
$node->safe_psql('before', "BEGIN; $open; PREPARE TRANSACTION 'r'", @app);
$node->restart;
is_right('before', 'after a restart');
$node->safe_psql('before', "COMMIT PREPARED 'q'", @app);
is_right('before', 'one of before it is committed');
$node->safe_psql('before', "ROLLBACK PREPARED 'r'", @app);
is_right('before', 'one of before it is rolled back');
is_read('before', 'cache', 'and it is cached again');

# A session that ends between its writes has added nothing.
$node->psql('before', "BEGIN; $open; SELECT pg_terminate_backend(pg_backend_pid())", @app);
is_read('before', 'cache', 'a session that was ended');

# Loaded by others than readers.
$node->safe_psql('before', q{SELECT tools.cache_invalidate_all('visits')}, @app);
$node->safe_psql('before', q{SELECT tools.cache_warm('visits')}, @app);
is_read('before', 'cache', 'warmed');
$node->safe_psql('before', $open, @app);
is_read('before', 'cache', 'and adjusted');
$node->safe_psql('before', q{SELECT tools.cache_refresh('visits', 1, DATE '2026-03-01')}, @app);
is_read('before', 'cache', 'refreshed');
$node->safe_psql('before', q{SELECT tools.cache_alter('visits', '{"warm_every": "1 s"}')}, @app);
$node->safe_psql('before', q{SELECT tools.cache_invalidate_all('visits')}, @app);
ok($node->poll_query_until('before', q{SELECT count(*) >= 3 FROM tools.cache_entries WHERE cache = 'visits' AND state = 'live'}),
	'warmed by a worker');
is_read('before', 'cache', 'what a worker has loaded is served');
$node->safe_psql('before', $open, @app);
is_read('before', 'cache', 'and adjusted by a write');
$node->safe_psql('before', q{SELECT tools.cache_alter('visits', '{"warm_every": null}')}, @app);

# Dump and restore.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-U', 'app', '-f', $dump, '-d', $node->connstr('before') ], 'dumped');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'app', '-f', $dump, '-d', $node->connstr('after') ], 'restored');
my $state = q{SELECT name, aggregate IS NOT NULL, to_jsonb(d) - 'functions' - 'aggregate' FROM cache_ext_internal.cache_definition AS d};
is($node->safe_psql('after', $state, @app), $node->safe_psql('before', $state, @app), 'declared as it was');
my $marks = q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'x' ORDER BY 1};
is($node->safe_psql('after', $marks, @app), $node->safe_psql('before', $marks, @app), 'what goes with the extension');
is_right('after', 'restored: loaded');
$node->safe_psql('after', $open, @app);
is_read('after', 'cache', 'restored: a write adjusts it');
$node->safe_psql('after', 'SET search_path = tools; SELECT cache_drop(\'visits\')', @app);
is($node->safe_psql('after', q{SELECT count(*) FROM pg_type WHERE typname ~ 'visits'}, @app), '0', 'dropped with all of its own');
$node->safe_psql('before', 'DROP EXTENSION cache_ext', @app);
is($node->safe_psql('before', q{SELECT count(*) FROM pg_type WHERE typname ~ 'visits'}, @app), '0', 'dropped with the extension');

$node->stop;
done_testing();
