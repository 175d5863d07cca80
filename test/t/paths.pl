# Path lookups: which queries are run at a commit, how often, and that a bulk load stays with its keys.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('paths');
preload($node);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext, pg_stat_statements'\n"
	  . "pg_stat_statements.track = all\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext; CREATE EXTENSION pg_stat_statements');
$node->safe_psql(
	'postgres', <<'END');
CREATE TABLE account (id int PRIMARY KEY, region int NOT NULL, branch int NOT NULL);
INSERT INTO account SELECT i, i % 20, i % 30 FROM generate_series(1, 40000) AS i;
CREATE TABLE booking (id int, account_id int NOT NULL REFERENCES account, amount int NOT NULL);
CREATE INDEX ON booking (account_id);
ANALYZE account;
CREATE FUNCTION load_region(region int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(b.amount) FROM booking b JOIN account a ON a.id = b.account_id WHERE a.region = $1';
CREATE FUNCTION load_branch(branch int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(b.amount) FROM booking b JOIN account a ON a.id = b.account_id WHERE a.branch = $1';
SELECT cache_create('region', 'load_region(int)', invalidate => 'declared');
SELECT cache_create('branch', 'load_branch(int)', invalidate => 'declared');
SELECT cache_create('again', 'load_branch(int)', invalidate => 'declared');
SELECT cache_invalidate_on('region', 'account', '{region}', '{id}');
SELECT cache_invalidate_on('branch', 'account', '{branch}', '{id}');
SELECT cache_invalidate_on('again', 'account', '{branch}', '{id}');
SELECT cache_invalidate_on_path('region', 'booking', 'SELECT region FROM account WHERE id = $1.account_id');
-- Not by an index alone, and the same for two caches.
SELECT cache_invalidate_on_path(c, 'booking', 'SELECT branch FROM account WHERE id = $1.account_id AND region >= 0')
FROM unnest('{branch,again}'::text[]) AS c;
END

sub runs
{
	my ($column) = @_;
	return $node->safe_psql('postgres',
		"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE 'SELECT $column FROM account WHERE id = %'");
}

# In one session.
$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
$node->safe_psql('postgres', join "\n", map { "INSERT INTO booking VALUES ($_, $_, 1);" } 1 .. 5);
is(runs('region'), 0, 'a query that an index answers is not run');
is(runs('branch'), 5, 'another one at each commit, once for the caches that share it');

# 20,000 rows of the accounts of one region and branch; the others stay.
my $look = 'SELECT '
  . join(" || '|' || ",
	map { "(SELECT string_agg(e.source, ' ' ORDER BY k) FROM generate_series(0, $_->[1] - 1) AS k, cache_get_entry('$_->[0]', k) AS e)" }
	  ([ 'region', 20 ], [ 'branch', 30 ], [ 'again', 30 ]));
$node->safe_psql('postgres', $look);
my $all = join '|', map { join ' ', ('cache') x $_ } (20, 30, 30);
is($node->safe_psql('postgres', $look), $all, 'all are cached');
my $data = $node->basedir . '/rows';
# Every sixtieth account has region 7 and branch 7.
system('bash', '-c', "seq 0 19999 | awk '{ print \$1 \"\\t\" \$1 % 600 * 60 + 7 \"\\t1\" }' > $data") == 0 or die;
$node->safe_psql('postgres', "COPY booking FROM '$data'");
my $rest = join '|', map { join ' ', map { $_ == 7 ? 'loader' : 'cache' } 0 .. $_ - 1 } (20, 30, 30);
is($node->safe_psql('postgres', $look), $rest, 'after a COPY of 20,000 rows all keys are served that these do not concern');
$node->safe_psql('postgres', "UPDATE booking SET amount = 2 WHERE account_id % 60 = 7");
is($node->safe_psql('postgres', $look), $rest, 'after an UPDATE of them, too');
is( $node->safe_psql(
		'postgres', 'SELECT count(*) FROM generate_series(0, 29) AS k '
		  . 'WHERE cache_get_region(k) IS DISTINCT FROM load_region(k) OR cache_get_branch(k) IS DISTINCT FROM load_branch(k)'),
	0, 'and all are right');

# Different rows beyond the memory for them: the caches as a whole.
$node->safe_psql('postgres', $look);
$node->safe_psql('postgres', "SET cache_ext.path_memory = '64kB'; UPDATE booking SET amount = 4 WHERE account_id % 60 = 7");
unlike($node->safe_psql('postgres', $look), qr/cache/, 'with less memory than they need nothing is served');

unlike(slurp_file($node->logfile), qr/ERROR|FATAL|PANIC|a lookup failed/, 'nothing failed');
$node->stop;
done_testing();
