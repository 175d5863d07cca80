# How long values live: stale_for, null_ttl, and a ttl that adapts to the key. The clock is shifted,
# so nothing here waits for time to pass.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('old_values');
preload($node);
# No worker, so that nothing is refreshed until it is asked for.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
start_with_clock($node);
my $now = 0;

sub let_pass
{
	my ($seconds) = @_;
	$now += $seconds;
	shift_clock($node, $now);
	return;
}

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub state_of
{
	my ($cache, $id) = @_;
	return sql("SELECT state FROM cache_explain('$cache', $id)");
}

sub source
{
	my ($cache, $id) = @_;
	return sql("SELECT value, source FROM cache_get_entry('$cache', $id)");
}

create_counter($node, 'postgres', "ttl => '1 h', refresh_at => NULL, stale_for => '1 min'");

# Expired.
is(source('counter', 1), '10|loader', 'filled');
let_pass(3_599);
is(source('counter', 1), '10|cache', 'a hit until its ttl has passed');
let_pass(31);
is(state_of('counter', 1), 'stale', 'then stale');
is(source('counter', 1), '10|stale', 'and served, labelled');
is(sql('SELECT cache_get_counter(1)'), '10', 'by the accessor, too');
is(stat_of($node, 'postgres', 'counter', 'stale_hits'), '2', 'which is counted');
let_pass(31);
is(state_of('counter', 1), 'miss', 'but not for longer than stale_for');
is(source('counter', 1), '10|loader', 'loaded again');

# Invalidated.
sql('UPDATE counter SET n = 11 WHERE id = 1');
is(source('counter', 1), '10|stale', 'an invalidated value is served for as long');
is($node->safe_psql('postgres',
		'BEGIN; UPDATE counter SET n = 12 WHERE id = 1; SELECT cache_get_counter(1); ROLLBACK'),
	'12', 'but not to the transaction that has changed it');
let_pass(61);
is(source('counter', 1), '11|loader', 'since the change, not since somebody noticed');
sql('UPDATE counter SET n = 12 WHERE id = 1');
let_pass(61);
sql('UPDATE counter SET n = 13 WHERE id = 1');
is(source('counter', 1), '13|loader', 'the first change counts, not the last');

# What is wrong for other reasons is not served.
sql('TRUNCATE counter');
is(source('counter', 1), '|loader', 'nor after TRUNCATE');
sql('INSERT INTO counter VALUES (1, 20), (2, 20)');
is(source('counter', 2), '20|loader', 'filled');
sql('CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE sql STABLE AS
	$$SELECT n + 1 FROM counter c WHERE c.id = $1$$');
is(source('counter', 2), '21|loader', 'nor after the loader was replaced');
sql("SELECT cache_invalidate('counter', 2)");
is(source('counter', 2), '21|loader', 'nor after cache_invalidate');

# Inside another load.
sql(q{CREATE FUNCTION load_outer(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_counter($1)';
	SELECT cache_create('outer', 'load_outer(int)', invalidate => 'declared', ttl => '1 h')});
is(source('counter', 2), '21|loader', 'filled');
sql('UPDATE counter SET n = 30 WHERE id = 2');
is(source('counter', 2), '21|stale', 'stale for a reader');
is(sql('SELECT cache_get_outer(2)'), '31', 'but never inside a load');
sql('ALTER FUNCTION load_outer VOLATILE');
is(source('counter', 2), '31|loader', 'filled');
sql('UPDATE counter SET n = 40 WHERE id = 2');
is(source('counter', 2), '31|stale', 'stale for a reader again');
is(sql('SELECT cache_get_outer(2)'), '41', 'but not in a load whose value is not for the cache');

# The ring of writers of a whole cache forgets most of them.
sql(q{CREATE TABLE busy (id int, n int); INSERT INTO busy VALUES (1, 0);
	CREATE FUNCTION load_busy(id int) RETURNS int LANGUAGE sql STABLE AS
		'SELECT n FROM busy b WHERE b.id = $1';
	SELECT cache_create('busy', 'load_busy(int)', invalidate => 'declared', ttl => NULL, refresh_at => NULL, stale_for => '1 min');
	SELECT cache_invalidate_on('busy', 'busy')});

sub keep_writing
{
	for (1 .. 20)
	{
		let_pass(5);
		sql('UPDATE busy SET n = n + 1');
	}
	return;
}
is(source('busy', 1), '0|loader', 'filled');
keep_writing();
is(source('busy', 1), '20|loader', 'it became old with the first writer, who has been forgotten');
sql(q{SELECT cache_alter('busy', '{"stale_for": "1 h"}')});
is(source('busy', 1), '20|loader', 'filled');
keep_writing();
is(source('busy', 1), '20|stale', 'what is young enough may be served');
sql('TRUNCATE busy; INSERT INTO busy VALUES (1, 0)');
keep_writing();
is(source('busy', 1), '20|loader', 'unless TRUNCATE was among the forgotten');

# stale_for needs a loader to refresh with.
sql("SELECT cache_create('plain', key_types => '{int}', value_type => 'int', ttl => '1 h', stale_for => '1 h')");
sql('SELECT cache_put_plain(1, 5)');
let_pass(3_601);
is(sql('SELECT cache_get_plain(1) IS NULL'), 't', 'without a loader nothing is stale');

# NULL.
sql(q{SELECT cache_create('nulls', 'load_counter(int)', invalidate => 'declared', ttl => '1 h', refresh_at => NULL, null_ttl => '1 min')});
is(source('nulls', 1), '21|loader', 'a value');
is(source('nulls', 999), '|loader', 'no row');
let_pass(59);
is(source('nulls', 999), '|cache', 'is cached as well');
let_pass(2);
is(source('nulls', 999), '|loader', 'for null_ttl');
is(source('nulls', 1), '21|cache', 'other values live on');
sql(q{SELECT cache_alter('nulls', '{"null_ttl": null}')});
sql(q{SELECT cache_invalidate_all('nulls')});
source('nulls', 999);
let_pass(3_590);
is(source('nulls', 999), '|cache', 'without null_ttl they live as long as others');

# A ttl that adapts.
sql('CREATE TABLE hidden (id int, n int); INSERT INTO hidden VALUES (1, 0), (2, 0)');
sql(q{CREATE FUNCTION load_hidden(id int) RETURNS int LANGUAGE sql STABLE AS
	'SELECT n FROM hidden h WHERE h.id = $1';
	SELECT cache_create('hidden', 'load_hidden(int)', invalidate => 'declared', ttl => '4 min', refresh_at => 0.5,
		ttl_min => '1 min', ttl_max => '10 min')});

sub ttl
{
	my ($id) = @_;
	return sql("SELECT extract(epoch FROM ttl)::int FROM cache_entries WHERE cache = 'hidden' AND key = '$id'");
}
sql('SELECT cache_get_hidden(1), cache_get_hidden(2)');
is(ttl(1), 240, 'begins with ttl');
for my $expected (480, 600, 600)
{
	sql("SELECT cache_refresh('hidden', 1)");
	is(ttl(1), $expected, 'unchanged: it grows to ttl_max');
}
for my $expected (120, 60, 60)
{
	sql('UPDATE hidden SET n = n + 1 WHERE id = 2');
	sql("SELECT cache_refresh('hidden', 2)");
	is(ttl(2), $expected, 'changed: it shrinks to ttl_min');
}
let_pass(61);
is(state_of('hidden', 2), 'miss', 'and is what counts');
sql('SELECT cache_get_hidden(2)');
is(ttl(2), 120, 'also when a value had expired');
sql(q{SELECT cache_invalidate_on('hidden', 'hidden', ARRAY['id'])});
sql('SELECT cache_get_hidden(1)');
my $before = ttl(1);
sql('UPDATE hidden SET n = n + 1 WHERE id = 1; SELECT cache_get_hidden(1)');
is(ttl(1), $before, 'a change that was announced says nothing');

$node->stop;
done_testing();
