# cache_refresh_many and cache_warm_many in the background: the workers load the keys.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('many_keys');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.queue_size = 16\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION cache_ext;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT g, g FROM generate_series(1, 1000) AS g;
	CREATE FUNCTION load_item(id int) RETURNS int LANGUAGE plpgsql STABLE AS
		'BEGIN IF id = 13 THEN RAISE EXCEPTION ''no''; END IF; RETURN (SELECT i.v FROM item AS i WHERE i.id = load_item.id); END';
	SELECT cache_create('item', 'load_item(int)', ttl => NULL);
});

is($node->safe_psql('postgres', q{
	SELECT string_agg(key::text || ' ' || outcome, ', ') FROM cache_warm_many('item', '[1, 2, 13, "x"]', background => true)}),
	'1 queued, 2 queued, 13 queued, "x" failed', 'keys are queued');
ok($node->poll_query_until('postgres', q{SELECT array_agg(key ORDER BY key) = '{1,2}' FROM cache_entries WHERE cache = 'item'}),
	'workers load what was not there');
ok($node->poll_query_until('postgres', q{SELECT errors > 0 AND last_error = 'no' FROM cache_stat WHERE cache = 'item'}),
	'what fails is counted');

is($node->safe_psql('postgres', q{SELECT outcome FROM cache_warm_many('item', '[1]', background => true)}), 'valid', 'what is there is left alone');
my $before = $node->safe_psql('postgres', q{SELECT calculated_at FROM cache_get_entry('item', 1)});
is($node->safe_psql('postgres', q{SELECT outcome FROM cache_refresh_many('item', '[1]', background => true)}), 'queued', 'and refreshed if that is asked for');
ok($node->poll_query_until('postgres', qq{SELECT calculated_at > '$before' FROM cache_get_entry('item', 1)}), 'by a worker, before it is due');

# What the queue has no room for is refused, and can be asked for again.
$node->safe_psql('postgres', q{SELECT cache_refresh_many('item', '[2]')});
my $refused = $node->safe_psql('postgres', q{
	SELECT count(*) FROM cache_warm_many('item', (SELECT jsonb_agg(g) FROM generate_series(100, 999) AS g), background => true)
	WHERE outcome = 'refused' AND message LIKE 'the queue%'});
cmp_ok($refused, '>', 0, 'a full queue refuses keys, and says so');
ok($node->poll_query_until('postgres', q{
	SELECT count(*) FILTER (WHERE outcome <> 'valid') = 0
	FROM cache_warm_many('item', (SELECT jsonb_agg(g) FROM generate_series(100, 300) AS g), background => true)}),
	'in the end all are there');
is($node->safe_psql('postgres', q{SELECT count(*) FROM item WHERE id BETWEEN 100 AND 300 AND cache_get_item(id) IS DISTINCT FROM v}), '0', 'and right');

$node->stop;
done_testing();
