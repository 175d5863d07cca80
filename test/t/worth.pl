# Self-protection: a cache whose fills cost more than they save is not filled for a while, says so, and is tried again.
# The caches' clock is what a pause is measured by, so none ends here unless the test shifts it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('worth');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.self_protection = on\ncache_ext.workers = 0\n");
start_with_clock($node);
$node->safe_psql('postgres', q{
	CREATE EXTENSION cache_ext;
	CREATE TABLE item AS SELECT g AS id, 0 AS n FROM generate_series(1, 100000) AS g;
	ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE FUNCTION load_item(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM item AS i WHERE i.id = $1';
	CREATE FUNCTION load_items(ids int[]) RETURNS TABLE (id int, value int) LANGUAGE sql STABLE AS
		'SELECT i.id, i.n FROM item AS i WHERE i.id = ANY (ids)';
	SELECT cache_create('item', 'load_item(int)', load_many => 'load_items(int[])');
	CREATE FUNCTION load_outer(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_item(k) + 1';
	SELECT cache_create('outer', 'load_outer(int)');
	CREATE FUNCTION worth() RETURNS text LANGUAGE sql AS $$
		SELECT status || ': ' || regexp_replace(detail, '[0-9.]+ ms', '* ms', 'g')
		FROM cache_health AS h WHERE h.check = 'worth' $$;
	-- Reads that did not fill for that reason.
	CREATE FUNCTION kept_out(name text) RETURNS bigint LANGUAGE sql AS $$
		SELECT coalesce(sum(bypasses), 0) FROM cache_bypasses
		WHERE cache = name AND reason = 'filling the cache has cost more than it saved' $$;
});

sub query { return $node->safe_psql('postgres', "@_") }
# Reads of these keys, since whose beginning cache_stat counts.
sub reads
{
	my ($first, $last) = @_;
	return query("SELECT cache_stat_reset('item');
		SELECT sum(cache_get_item(k)) FROM generate_series($first, $last) AS k") =~ s/^\s+//r;
}
sub stats { return query("SELECT @_ FROM cache_stat WHERE cache = 'item'") }
# Of so many keys one in 64 is in the sample.
sub like_a_sample
{
	my ($n, $all, $what) = @_;
	return ok($n >= 1 && $n <= $all / 20, "$what ($n of $all)");
}

is(query('SELECT worth()'), 'ok: every cache is filled', 'at first every cache is filled');
query('SELECT count(cache_get_item(k)) FROM generate_series(1, 9999) AS k');
is(stats('fills'), '9999', 'so are keys that are read once, for a while');
is(query('SELECT worth()'), 'ok: every cache is filled', 'nobody is judged before');
query('SELECT cache_get_item(10000)');
is(query('SELECT worth()'), 'warning: item: 10000 fills have cost * ms and saved * ms', 'then it stops, and says so');
shift_clock($node, -3600);

# What a pause does.
reads(20_001, 24_000);
like_a_sample(stats('fills'), 4000, 'a sample is filled');
is(stats("fills + kept_out('item')"), '4000', 'the rest is kept out, and counted with the reason');
reads(1, 4000);
like_a_sample(stats('hits'), 4000, 'as hits were rare nobody looks for what is there, but for the sample');
is(stats("hits + kept_out('item')"), '4000', 'and the reason is the same');
query('UPDATE item SET n = 7 WHERE id <= 1000');
is(reads(1, 1000), '7000', 'what is read is right');
query("SELECT cache_stat_reset('item');
	SELECT count(*) FROM cache_get_many_item(ARRAY(SELECT generate_series(25001, 29000)))");
like_a_sample(stats('fills'), 4000, 'of many keys at once a sample is filled');
is(stats("fills + kept_out('item')"), '4000', 'and the rest is kept out');
is(query(q{SELECT DISTINCT state || ': ' || reason FROM generate_series(1, 200) AS k, cache_explain('item', k)
	WHERE state = 'bypass'}), 'bypass: filling the cache has cost more than it saved', 'cache_explain says so');

# Whom it does not concern.
query("SELECT cache_stat_reset('item');
	SELECT count(cache_refresh('item', k)) FROM generate_series(30001, 30100) AS k");
is(stats("fills, kept_out('item')"), '100|0', 'what is asked for is published: a refresh');
query("SELECT cache_stat_reset('item'); SELECT sum(cache_get_outer(k)) FROM generate_series(40001, 40100) AS k");
is(stats("fills, kept_out('item')"), '100|0', 'what another load reads is filled');
is(query("SELECT fills FROM cache_stat WHERE cache = 'outer'"), '100', 'so that it can be published');
query("SELECT count(cache_put('item', '-1', k)) FROM generate_series(60001, 60200) AS k");
is(query('SELECT sum(cache_get_item(k)) FROM generate_series(60001, 60200) AS k'), '-200', 'what was put is looked for');
query("SET cache_ext.self_protection = off; SELECT cache_stat_reset('item');
	SELECT sum(cache_get_item(k)) FROM generate_series(50001, 50100) AS k,  generate_series(1, 2)");
is(stats("fills, hits, kept_out('item')"), '100|100|0', 'a session may do without it');

# Tried again when its time is over.
shift_clock($node, 3600);
is(query('SELECT worth()'), 'ok: every cache is filled', 'the pause is over');
reads(70_001, 70_999);
cmp_ok(stats('fills'), '>=', 984, 'then it is filled again');
reads(71_001, 71_100);
is(query('SELECT worth()'), 'warning: item: 1000 fills have cost * ms and saved * ms', 'on trial: a thousand fills');

# And before, once the sample is read again: all keys are. Longer and longer pauses first, so that none is over by itself.
my $clock = 3600;
for my $trial (1 .. 6)
{
	shift_clock($node, $clock += 100);
	reads(80_001 + 1100 * $trial, 81_100 + 1100 * $trial);
}
like(query('SELECT worth()'), qr/^warning: item: 1000 fills/, 'each trial ends the same way');
my $rounds = 0;
do
{
	query('SELECT count(cache_get_item(k)) FROM generate_series(90001, 93000) AS k');
	shift_clock($node, $clock += 4);
} until query('SELECT worth()') =~ /^ok/ || ++$rounds == 8;
cmp_ok($rounds, '<', 8, "it goes on as soon as the sample pays ($rounds rounds)");
reads(90_001, 93_000);
reads(90_001, 93_000);
is(stats('hits'), '3000', 'and everything is filled');

$node->stop;
done_testing();
