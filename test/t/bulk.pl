# One transaction that touches 1,000,000 rows of 100,000 keys: what it collects stays small, it widens to
# the whole cache, and never fails.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('bulk');
preload($node);
# The test is about our memory, not about how often the server writes.
$node->append_conf('postgresql.conf', "max_wal_size = 10GB\nfsync = off\nwork_mem = 64MB\ncache_ext.path_memory = 1MB\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
$node->safe_psql(
	'postgres', <<'END');
CREATE UNLOGGED TABLE account (id int PRIMARY KEY, region int NOT NULL, n int NOT NULL);
INSERT INTO account SELECT i, i % 100000, 0 FROM generate_series(1, 100000) AS i;
CREATE INDEX ON account (region);
-- Without it the loader of region reads all bookings, for each key.
ANALYZE account;
CREATE UNLOGGED TABLE booking (id int, account_id int NOT NULL, amount int NOT NULL);
CREATE INDEX ON booking (account_id);
-- By its own column, and by a path: the same rows reach their key either way.
CREATE FUNCTION load_balance(id int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT count(*) * 1000 + coalesce(sum(b.amount), 0) FROM booking b WHERE b.account_id = $1';
CREATE FUNCTION load_region(region int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT count(*) FROM booking b JOIN account a ON a.id = b.account_id WHERE a.region = $1';
SELECT cache_create('balance', 'load_balance(int)');
SELECT cache_invalidate_on('balance', 'booking', '{account_id}');
SELECT cache_create('region', 'load_region(int)');
SELECT cache_invalidate_on('region', 'account', '{region}');
SELECT cache_invalidate_on_path('region', 'booking', 'SELECT region FROM account WHERE id = $1.account_id');
CREATE FUNCTION verdicts() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT count(*) FILTER (WHERE cache_get_balance(k) IS DISTINCT FROM load_balance(k)) || ' '
      || count(*) FILTER (WHERE cache_get_region(k) IS DISTINCT FROM load_region(k)) || ' wrong'
  FROM generate_series(1, 99000, 1000) AS k $$;
CREATE FUNCTION memory() RETURNS TABLE (bytes numeric) LANGUAGE sql AS $$
  SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts
  WHERE name IN ('cache_ext changes', 'cache_ext paths', 'cache_ext key counts') $$;
END

my $data = $node->basedir . '/rows';
system('bash', '-c', "seq 1 1000000 | awk '{ print \$1 \"\\t\" \$1 % 100000 + 1 \"\\t1\" }' > $data") == 0 or die;
my %statement = (
	'1 COPY' => "COPY booking FROM '$data'",
	'2 UPDATE' => 'UPDATE booking SET amount = amount + 1',
	'3 UPDATE of the key' => 'UPDATE booking SET account_id = account_id % 100000 + 1 WHERE id <= 150000',
	'4 MERGE' => 'MERGE INTO booking AS b USING generate_series(1, 1150000, 10) AS i ON b.id = i '
	  . 'WHEN MATCHED THEN UPDATE SET amount = 0 WHEN NOT MATCHED THEN INSERT VALUES (i, i % 100000 + 1, 3)',
	'5 DELETE' => 'DELETE FROM booking WHERE id <= 1000000');

# 10,000 tags (cache_ext.max_transaction_tags) and 1 MB of rows of a path (cache_ext.path_memory), the
# arrays doubled and the hash tables grown: 10,000 tags take about 1 MB. A million would take 100 MB.
my $bound = 3 * 1024 * 1024;
for my $name (sort keys %statement)
{
	is($node->safe_psql('postgres', 'SELECT verdicts()'), '0 0 wrong', "$name: before") if $name =~ /^1/;
	my $before = stat_of($node, 'postgres', 'balance', 'hits');
	$node->safe_psql('postgres', 'SELECT verdicts()');
	cmp_ok(stat_of($node, 'postgres', 'balance', 'hits'), '>=', $before + 99, "$name: there is something to be wrong");
	my $out = $node->safe_psql('postgres', "BEGIN; $statement{$name}; SELECT bytes FROM memory(); "
		  . 'SELECT verdicts(); COMMIT; SELECT bytes FROM memory()');
	my ($bytes, $inside, $after) = split /\n/, $out;
	cmp_ok($bytes, '<', $bound, "$name: memory");
	cmp_ok($bytes, '>', 0, "$name: and it is what was measured");
	note "$name: $bytes bytes";
	is($inside, '0 0 wrong', "$name: in the transaction");
	is($after, '0', "$name: nothing is left of it");
	is($node->safe_psql('postgres', 'SELECT verdicts()'), '0 0 wrong', "$name: afterwards");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM booking'), '15000', 'the rows that are left');

# Rolled back to a savepoint, it leaves nothing: keys that it touched are still served, and there is room
# for others.
$node->safe_psql('postgres', "INSERT INTO booking SELECT i, i, 1 FROM generate_series(1, 100000) AS i");
is($node->safe_psql('postgres', 'SELECT verdicts()'), '0 0 wrong', 'one row for each key');
$node->safe_psql('postgres', 'BEGIN; SAVEPOINT s; UPDATE booking SET amount = 0; ROLLBACK TO s; '
	  . 'UPDATE booking SET amount = 5 WHERE account_id = 2; COMMIT');
is($node->safe_psql('postgres', "SELECT source FROM cache_get_entry('balance', 1001)"), 'cache', 'others are served');
is($node->safe_psql('postgres', 'SELECT verdicts()'), '0 0 wrong', 'and right');

# Prepared.
$node->safe_psql('postgres', "BEGIN; UPDATE booking SET amount = amount + 1; PREPARE TRANSACTION 'bulk'");
my $why = $node->safe_psql('postgres', "SELECT state || ': ' || reason FROM cache_explain('balance', 1001)");
is($node->safe_psql('postgres', "SELECT source FROM cache_get_entry('balance', 1001)"), 'cache', "prepared: served ($why)");
$node->safe_psql('postgres', "COMMIT PREPARED 'bulk'");
is($node->safe_psql('postgres', 'SELECT verdicts()'), '0 0 wrong', 'prepared: committed');

unlike(slurp_file($node->logfile), qr/ERROR|FATAL|PANIC/, 'nothing failed');
$node->stop;
done_testing();
