# What is tracked has its places in shared memory: how many there are, for whom, and when they come back. And rows that
# no session of anybody's writes.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('tracked');
preload($node);
# A database has all places but a tenth: 18.
$node->append_conf('postgresql.conf', "cache_ext.max_tracked_relations = 20\nautovacuum = off\n");
$node->start;

my $database = 'postgres';

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql($database, $sql);
}

# Reads until a read is a hit (or, where that is what is asked for, as often as it takes to be sure that it was tried).
sub becomes
{
	my ($cache, $key, $source, $name) = @_;
	return ok(
		$node->poll_query_until($database, "SELECT source FROM cache_get_entry('$cache', $key)", $source), $name);
}

sub refusal
{
	my ($cache) = @_;
	sql("SELECT cache_get_$cache(1)");
	return sql("SELECT reason FROM cache_explain('$cache', 1)");
}

my $schema = <<'END';
CREATE EXTENSION cache_ext;
CREATE TABLE event (month int NOT NULL, n int NOT NULL) PARTITION BY LIST (month);
CREATE FUNCTION add_partition(month int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE event_%s PARTITION OF event FOR VALUES IN (%1$s)', month);
  EXECUTE format('INSERT INTO event VALUES (%s, 1)', month);
END $$;
CREATE FUNCTION load_events(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) * k FROM event';
SELECT cache_create('events', 'load_events(int)', invalidate => 'track');
END
sql($schema);
sql('SELECT add_partition(month) FROM generate_series(1, 17) AS month');
becomes('events', 1, 'cache', 'as many as a database may have: cached');
is(sql('SELECT value FROM cache_get_entry(\'events\', 1)'), 17, 'what it is');

sql('SELECT add_partition(18)');
my $no_room = qr/more tables to be tracked than cache_ext\.max_tracked_relations allows/;
like(refusal('events'), $no_room, 'one more: why not');
is(sql("SELECT source || ' ' || value FROM cache_get_entry('events', 1)"), 'loader 18', 'and the loader answers');
like(sql("SELECT reason FROM cache_bypasses WHERE cache = 'events'"), $no_room, 'counted');
is(sql("SELECT count(*) FROM cache_check('events') WHERE covered = 'none' AND invalidates ~ 'max_tracked_relations'"),
	1, 'named by cache_check');

# Somebody else still has his.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$database = 'other';
sql($schema);
sql('SELECT add_partition(1)');
becomes('events', 1, 'cache', 'another database has the places that are left');
sql('SELECT add_partition(2)');
like(refusal('events'), $no_room, 'and no more');
sql(q{SELECT cache_alter('events', '{"undeclared": "ttl"}')});
becomes('events', 1, 'cache', 'bounded by its ttl, if that is wanted');
sql(q{SELECT cache_drop('events')});

$database = 'postgres';
sql('DROP TABLE event_3');
becomes('events', 1, 'cache', 'a table that is dropped gives its place back');
is(sql("SELECT value FROM cache_get_entry('events', 1)"), 17, 'what it is now');
sql('UPDATE event_18 SET n = 5');
becomes('events', 1, 'cache', 'the one that has it now');
is(sql("SELECT value FROM cache_get_entry('events', 1)"), 21, 'is noticed');

sql(q{SELECT cache_drop('events')});
sql(<<'END');
CREATE TABLE log (n int NOT NULL);
INSERT INTO log VALUES (0);
CREATE FUNCTION load_log(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM log';
SELECT cache_create('log', 'load_log(int)', invalidate => 'track'), cache_create('declared', 'load_log(int)', invalidate => 'declared');
SELECT cache_invalidate_on('declared', 'log');
END
becomes('log', 1, 'cache', 'a cache that is dropped gives its places back');

# ANALYZE by autovacuum computes the expressions of indexes, and their functions can do anything.
sql(<<'END');
CREATE TABLE busy (n int);
CREATE FUNCTION note() RETURNS void LANGUAGE sql AS 'UPDATE public.log SET n = n + 1';
CREATE FUNCTION noisy(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  PERFORM public.note();
  RETURN n;
END $$;
CREATE INDEX ON busy (noisy(n));
ALTER TABLE busy SET (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
INSERT INTO busy VALUES (1);
END
for my $cache ('log', 'declared')
{
	becomes($cache, 1, 'cache', "$cache: before");
	is(sql("SELECT value = to_jsonb((SELECT n FROM log)) FROM cache_get_entry('$cache', 1)"), 't', "$cache: right");
}
my $before = sql('SELECT n FROM log');
$node->safe_psql('postgres', 'ALTER SYSTEM SET autovacuum = on');
$node->safe_psql('postgres', "ALTER SYSTEM SET autovacuum_naptime = '1 s'");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT n > $before FROM log"), 'autovacuum has written');
# It does so once.
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"), 'and ended');
for my $cache ('log', 'declared')
{
	is(sql("SELECT value = to_jsonb((SELECT n FROM log)) FROM cache_get_entry('$cache', 1)"), 't', "$cache notices");
}

$node->stop;
done_testing();
