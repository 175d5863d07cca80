# A partition is attached, seen to be there, and not announced yet. A session whose plan does not know it loads a key
# while another session, which knows it, completes what is tracked: what the first has computed is kept by nobody.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../t";

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $point = 'transaction-end-process-inval';
my $node = new_node('tracked');
preload($node);
$node->start;
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION injection_points;
CREATE EXTENSION cache_ext;
CREATE TABLE item (month int NOT NULL, n int NOT NULL) PARTITION BY LIST (month);
CREATE TABLE item_1 PARTITION OF item FOR VALUES IN (1);
CREATE TABLE item_2 (LIKE item);
INSERT INTO item_1 VALUES (1, 11);
INSERT INTO item_2 VALUES (2, 100);
CREATE FUNCTION all_items() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT sum(n) FROM item);
END $$;
CREATE FUNCTION load_total(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  total bigint = all_items();
BEGIN
  IF k = 1 THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
  RETURN total;
END $$;
SELECT cache_create('total', 'load_total(int)', invalidate => 'track');
END

# The lock function is VOLATILE, and so is what waits; the cache does not mind within this test.
$node->safe_psql('postgres', q{ALTER FUNCTION pg_advisory_xact_lock_shared(bigint) STABLE});

my $gate = $node->background_psql('postgres');
$gate->query_safe('BEGIN; SELECT pg_advisory_xact_lock(7)');
# Its plan of the helper is made, and locks the table until the transaction ends.
my $slow = $node->background_psql('postgres');
$slow->query_safe('BEGIN');
is($slow->query_safe('SELECT all_items()'), 11, 'the plan without the partition');

my $writer = $node->background_psql('postgres');
$writer->query_safe('SELECT injection_points_set_local()');
$writer->query_safe("SELECT injection_points_attach('$point', 'wait')");
$writer->query_until(qr/^begun$/m, <<'END');
\echo begun
ALTER TABLE item ATTACH PARTITION item_2 FOR VALUES IN (2);
\echo ended
END
$node->wait_for_event('client backend', $point);

$slow->query_until(qr/^begun$/m, <<'END');
\echo begun
SELECT cache_get_total(1);
\echo ended
END
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
	'a load waits with what the old plan says');
$node->safe_psql('postgres', "SELECT injection_points_wakeup('$point'); SELECT injection_points_detach('$point')");
$writer->query_until(qr/^ended$/m, '');
ok( $node->poll_query_until('postgres', q{SELECT source || ' ' || value FROM cache_get_entry('total', 2)}, 'cache 111'),
	'another session has a hit of another key');
$gate->query_safe('COMMIT');
$slow->query_until(qr/^ended$/m, '');
$slow->query_safe('COMMIT');
is($node->safe_psql('postgres', 'SELECT cache_get_total(1)'), 111, 'what it computed is nobody else\'s');

$_->quit for $gate, $slow, $writer;
$node->stop;
done_testing();
