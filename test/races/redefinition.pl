# A transaction with DDL is seen to have committed a little before it tells the other sessions what to forget. Here it
# is held there: nobody is served what was cached before, and nothing that is loaded meanwhile is kept for others.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../t";

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $point = 'transaction-end-process-inval';
my $node = new_node('redefinition');
preload($node);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION injection_points');
create_counter($node, 'postgres');

# Has the old plan and the old definition of the loader.
my $reader = $node->background_psql('postgres');
is($reader->query_safe('SELECT verdict(1)'), 'ok loader', 'loaded');
is($reader->query_safe('SELECT verdict(1)'), 'ok cache', 'and cached');

my $writer = $node->background_psql('postgres');
$writer->query_safe('SELECT injection_points_set_local()');
$writer->query_safe("SELECT injection_points_attach('$point', 'wait')");
$writer->query_until(qr/^begun$/m, <<'END');
\echo begun
CREATE OR REPLACE FUNCTION load_counter(id int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT -n FROM counter c WHERE c.id = $1';
\echo ended
END
$node->wait_for_event('client backend', $point);

my $explain = q{SELECT state || ': ' || reason FROM cache_explain('counter', 1)};
like($reader->query_safe($explain), qr/^bypass: a change of what the loader is made of is just being committed/, 'a session that knows the old loader passes the cache by');
like($reader->query_safe('SELECT verdict(1)'), qr/ loader$/, 'and is served by the loader');
# Connected only now, it knows the new one; whether it may tell others cannot be known yet.
like($node->safe_psql('postgres', $explain), qr/^bypass: a change of what/, 'so does one that knows the new loader');
is($node->safe_psql('postgres', 'SELECT verdict(1)'), 'ok loader', 'and the value is the new one');
is($node->safe_psql('postgres', 'SELECT cache_get_counter(1)'), -10, 'whenever it asks');

$node->safe_psql('postgres', "SELECT injection_points_wakeup('$point'); SELECT injection_points_detach('$point')");
$writer->query_until(qr/^ended$/m, '');
is($reader->query_safe('SELECT cache_get_counter(1)'), -10, 'everybody has been told');
is($reader->query_safe('SELECT verdict(1)'), 'ok cache', 'and the new value is kept');
is($node->safe_psql('postgres', 'SELECT verdict(1)'), 'ok cache', 'for all');

$writer->quit;
$reader->quit;
$node->stop;
done_testing();
