# For which times values hold: the option expires, and what loaders say with cache_valid_until. The clock
# is shifted, and with it what a reader's transaction counts as having begun at; nothing here waits.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('periods');
preload($node);
# No worker, so that nothing is refreshed until it is asked for.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\nTimeZone = 'UTC'\n");
start_with_clock($node);

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# Seconds from now to 22:00 of tomorrow in UTC: the evening.
my $evening = sql(q{SELECT ceil(extract(epoch FROM date_trunc('day', now(), 'UTC') + '46 h' - now()))});
use constant HOUR => 3_600;

sub hours_after_evening
{
	my ($hours) = @_;
	shift_clock($node, $evening + $hours * HOUR);
	return;
}

sub entry
{
	my ($cache, $key) = @_;
	return sql("SELECT value, source FROM cache_get_entry('$cache', $key)");
}

sub bypasses
{
	my ($cache) = @_;
	return sql("SELECT bypasses FROM cache_bypasses WHERE cache = '$cache' AND reason LIKE 'the value holds for another%'");
}

sub end_of
{
	my ($cache, $key) = @_;
	return sql("SELECT to_char(expires_at, 'HH24:MI:SS') FROM cache_explain('$cache', $key)");
}

sub state_of
{
	my ($cache, $key) = @_;
	return sql("SELECT state || ': ' || reason FROM cache_explain('$cache', $key)");
}

create_counter($node, 'postgres', "ttl => '10 days', stale_for => '5 days', expires => 'day'");
sql(q{
CREATE TABLE wide (id int PRIMARY KEY, t text);
INSERT INTO wide SELECT i, repeat(i::text, 5000) FROM generate_series(1, 9) AS i;
CREATE FUNCTION load_wide(id int) RETURNS text LANGUAGE sql STABLE AS 'SELECT t FROM wide w WHERE w.id = $1';
SELECT cache_create('wide', 'load_wide(int)', ttl => NULL, expires => 'day America/New_York')});

# Midnight.
hours_after_evening(0);
is(entry('counter', 1), '10|loader', 'filled in the evening');
is(end_of('counter', 1), '00:00:00', 'until midnight');
hours_after_evening(1);
is(entry('counter', 1), '10|cache', 'a hit before midnight');
is(sql('SELECT bool_and(cache_get_counter(1) = 10) FROM generate_series(1, 50)'), 't', 'a hot one');
is(sql("SELECT hits > 50 FROM cache_stat WHERE cache = 'counter'"), 't', 'from the cache');
hours_after_evening(3);
like(state_of('counter', 1), qr/^miss: the time that it holds for is over/, 'explained');
is(entry('counter', 1), '10|loader', 'not even stale afterwards');
is(entry('counter', 1), '10|cache', 'a hit of the new day');
is(sql('SELECT bool_and(cache_get_counter(1) = 10) FROM generate_series(1, 50)'), 't', 'a hot one');
my $hits = stat_of($node, 'postgres', 'counter', 'hits');

# A transaction of yesterday.
hours_after_evening(1);
like(state_of('counter', 1), qr/^miss: it holds for transactions that began later/, 'explained');
is(sql("SELECT state FROM cache_entries WHERE cache = 'counter'"), 'unknown', 'listed so');
is(entry('counter', 1), '10|loader', 'a transaction that began before midnight loads for itself');
is(sql('SELECT bool_and(cache_get_counter(1) = 10) FROM generate_series(1, 50)'), 't', 'by the accessor, too');
is(stat_of($node, 'postgres', 'counter', 'stale_hits'), '0', 'nothing was stale');
is(stat_of($node, 'postgres', 'counter', 'hits'), $hits, 'nor a hit');
hours_after_evening(3);
is(entry('counter', 1), '10|cache', 'and has not taken the value from the others');

# Values that are used where they lie; another zone.
hours_after_evening(0);
is(sql('SELECT md5(cache_get_wide(1)) = md5(t) FROM wide WHERE id = 1'), 't', 'filled');
like(end_of('wide', 1), qr/^0[45]:00:00$/, 'until midnight there');
for my $read (1 .. 2)
{
	my $length = sql('SELECT sum(length(cache_get_wide(1))) FROM generate_series(1, 40)');
	is($length, 200_000, 'read where it lies');
}
is(stat_of($node, 'postgres', 'wide', 'fills'), '1', 'one fill');
hours_after_evening(8);
is(sql('SELECT length(cache_get_wide(1))'), '5000', 'the next day');
is(stat_of($node, 'postgres', 'wide', 'fills'), '2', 'loaded anew');
hours_after_evening(0);
is(sql('SELECT length(cache_get_wide(1))'), '5000', 'the day before');
is(stat_of($node, 'postgres', 'wide', 'hits'), '80', 'no hit');

# What is made of such values.
sql(q{CREATE FUNCTION load_outer(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_counter($1) + 1';
	SELECT cache_create('outer', 'load_outer(int)', ttl => '30 days', stale_for => '5 days')});
hours_after_evening(4);
is(entry('outer', 2), '21|loader', 'filled, and the inner one with it');
is(entry('outer', 2), '21|cache', 'a hit');
hours_after_evening(1);
is(entry('outer', 2), '21|loader', 'no hit for those of yesterday');
is(bypasses('outer'), '', 'which are of a day that is not over by the clock');
hours_after_evening(4);
is(entry('outer', 1), '11|loader', 'filled from a hit');
is(end_of('outer', 1), '00:00:00', 'until midnight');
hours_after_evening(27);
is(entry('outer', 2), '21|loader', 'no hit for those of tomorrow');
is(entry('outer', 1), '11|loader', 'nor of what was filled from a hit');

# What loaders say. A time of the table, or none; the clock of now() is not shifted.
sql(qq{
CREATE TABLE price (id int PRIMARY KEY, amount int, until timestamptz, since timestamptz);
INSERT INTO price SELECT i, i, now() + interval '$evening s' + interval '2 h', now() + interval '$evening s' - interval '1 h' FROM generate_series(1, 9) AS i;
INSERT INTO price VALUES (10, 10, '-infinity', NULL), (11, 11, 'infinity', NULL), (12, 12, NULL, NULL);
CREATE FUNCTION load_price(id int) RETURNS int LANGUAGE plpgsql STABLE AS \$\$
	DECLARE p price; BEGIN SELECT * INTO p FROM price r WHERE r.id = \$1; PERFORM cache_valid_until(p.until); RETURN p.amount; END\$\$;
CREATE FUNCTION load_span(id int) RETURNS int LANGUAGE sql STABLE AS
	'SELECT amount FROM (SELECT amount, cache_valid_until(until, since) FROM price r WHERE r.id = \$1) AS p';
SELECT cache_create('price', 'load_price(int)', ttl => '1 h', refresh_at => NULL, stale_for => '10 days'),
	cache_create('span', 'load_span(int)', ttl => NULL)});
hours_after_evening(0);
is(entry('price', 1), '1|loader', 'filled');
is(entry('price', 1), '1|cache', 'a hit, though cache_valid_until() is VOLATILE');
hours_after_evening(1.5);
is(entry('price', 1), '1|stale', 'stale after its ttl, before its end');
hours_after_evening(2.5);
is(entry('price', 1), '1|loader', 'nothing after its end');
is(entry('price', 1), '1|loader', 'nor is it published any more');
is(bypasses('price'), '2', 'which is counted');
hours_after_evening(0);
is(entry('price', 2), '2|loader', 'filled');
hours_after_evening(-0.5);
is(entry('price', 2), '2|loader', 'not for a transaction that began before that load');
is(entry('span', 2), '2|loader', 'filled');
hours_after_evening(-0.75);
is(entry('span', 2), '2|cache', 'unless the loader says since when it holds');
hours_after_evening(-1.5);
is(entry('span', 2), '2|loader', 'no longer ago than that');
is(bypasses('span'), '1', 'and such a value is not for others');
is(entry('price', 10), '10|loader', '-infinity is over');
is(entry('price', 10), '10|loader', 'for all');
for my $id (11, 12)
{
	is(entry('price', $id), "$id|loader", 'infinity and NULL');
	is(sql("SELECT expires_at - calculated_at FROM cache_explain('price', $id)"), '01:00:00', 'are no end');
}
is(entry('price', 99), '|loader', 'no row');
is(entry('price', 99), '|cache', 'has no end either');

# A load of many keys; a sync.
sql(q{
CREATE FUNCTION load_prices(ids int[]) RETURNS TABLE (id int, amount int) LANGUAGE sql STABLE AS
	'SELECT r.id, r.amount FROM price r, cache_valid_until((SELECT min(until) FROM price r WHERE r.id = ANY ($1))) WHERE r.id = ANY ($1)';
CREATE FUNCTION load_all_prices() RETURNS TABLE (id int, amount int) LANGUAGE sql STABLE AS
	'SELECT r.id, r.amount FROM price r, cache_valid_until((SELECT min(until) FROM price r WHERE r.id < 10)) WHERE r.id < 10';
SELECT cache_create('lots', 'load_price(int)', ttl => NULL, load_many => 'load_prices(int[])', load_all => 'load_all_prices()')});
hours_after_evening(0);
is(sql("SELECT sum(value) FROM cache_get_many_lots('{1,2,11}')"), '14', 'three at once');
is(sql("SELECT count(DISTINCT expires_at) || ' ' || min(key) FROM cache_entries WHERE cache = 'lots'"), '1 1', 'have one end');
hours_after_evening(1);
is(sql("SELECT added, replaced, unchanged FROM cache_sync('lots')"), '7|0|2', 'all others');
is(sql("SELECT count(*) FROM cache_entries WHERE cache = 'lots' AND expires_at IS NOT NULL"), '9', 'have it, too');
is(sql("SELECT count(DISTINCT expires_at), count(DISTINCT calculated_at) FROM cache_entries WHERE cache = 'lots'"),
	'1|1', 'and the same ones begin anew');

# NULLs and a ttl that adapts: the end neither lengthens a life nor teaches anything.
sql(q{SELECT cache_create('nulls', 'load_price(int)', ttl => '5 days', null_ttl => '1 min', expires => 'day'),
	cache_create('adapts', 'load_price(int)', ttl => '4 min', ttl_min => '1 min', ttl_max => '8 h', refresh_at => 0.5, expires => 'day')});
hours_after_evening(1);
entry('nulls', 99);
is(sql("SELECT ttl FROM cache_entries WHERE cache = 'nulls'"), '00:01:00', 'null_ttl');
entry('adapts', 11);
is(sql("SELECT ttl FROM cache_entries WHERE cache = 'adapts'"), '00:04:00', 'ttl');
hours_after_evening(1.99);
sql("SELECT cache_refresh('adapts', 11)");
is(sql("SELECT ttl < '00:01:00' FROM cache_entries WHERE cache = 'adapts'"), 't', 'midnight comes first');
hours_after_evening(3);
sql("SELECT cache_refresh('adapts', 11)");
is(sql("SELECT ttl FROM cache_entries WHERE cache = 'adapts'"), '00:08:00', 'no shorter life because of that');

# Ahead of an end that comes anyway there is nothing to refresh.
sql(q{SELECT cache_create('ahead', 'load_price(int)', ttl => '4 h', refresh_at => 0.5)});
hours_after_evening(0);
is(entry('ahead', $_), "$_|loader", 'filled') for 1, 11;
hours_after_evening(1.9);
is(entry('ahead', 1), '1|cache', 'a hit at its end');
hours_after_evening(2.1);
is(entry('ahead', 11), '11|cache', 'a hit past half of its ttl');
is(sql("SELECT string_agg(key, ',') FROM cache_queue WHERE cache = 'ahead'"), '11', 'which asks for a refresh');

# Puts: their own time to live, and the day of the transaction that puts them.
sql(q{SELECT cache_create('rate', key_types => '{int}', value_type => 'int', ttl => '10 days', expires => 'day')});
hours_after_evening(0);
sql("SELECT cache_put_rate(1, 10), cache_put_rate(2, 20, '1 h'), cache_put('rate', '30', 3)");
hours_after_evening(0.9);
is(sql('SELECT cache_get_rate(1), cache_get_rate(2), cache_get_rate(3)'), '10|20|30', 'all');
hours_after_evening(1.5);
is(sql('SELECT cache_get_rate(1), cache_get_rate(2), cache_get_rate(3)'), '10||30', 'its hour has passed');
hours_after_evening(2.5);
is(sql('SELECT cache_get_rate(1), cache_get_rate(2), cache_get_rate(3)'), '||', 'the day has passed');
sql('SELECT cache_put_rate(1, 11)');
is(sql('SELECT cache_get_rate(1)'), '11', 'of the new day');
hours_after_evening(1);
is(sql('SELECT cache_get_rate(1)'), '', 'not for those of yesterday');
my $put = $node->background_psql('postgres');
$put->query_safe('BEGIN; SELECT cache_put_rate(4, 40)');
is($put->query_safe('SELECT cache_get_rate(4)'), '40', 'its own');
hours_after_evening(3);
sql('SELECT cache_put_rate(4, 41)');
$put->query_safe('COMMIT');
is(sql('SELECT cache_get_rate(4)'), '41', 'what is committed after midnight is of yesterday, and takes nothing from today');
$put->quit;

$node->stop;
done_testing();
