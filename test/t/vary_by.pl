# Caches that vary by the session, among sessions: who waits for whom, what workers leave alone, dump and restore, and
# what is remembered across restarts.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('vary_by');
preload($node);
$node->append_conf('postgresql.conf', <<'END');
cache_ext.load_wait = '1h'
cache_ext.workers = 1
cache_ext.naptime = '1s'
cache_ext.refresh_interval = '1s'
cache_ext.learn_interval = '1s'
END
start_with_clock($node);
my $by_org = q{vary_by => ARRAY[$$current_setting('app.org', true)$$]};
$node->safe_psql('postgres', <<"END");
CREATE EXTENSION cache_ext;
CREATE TABLE orders (org text, amount int);
INSERT INTO orders VALUES ('acme', 10), ('globex', 100);
CREATE FUNCTION load_total(k int) RETURNS text LANGUAGE plpgsql STABLE AS \$\$
DECLARE
	tenant text = coalesce(current_setting('app.org', true), 'nobody');
BEGIN
	IF k = 1 THEN
		WHILE (pg_stat_file('gate', true)).size IS NULL LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END IF;
	RETURN tenant || ' ' || coalesce((SELECT sum(amount)::text FROM orders WHERE org = tenant), 'nothing');
END \$\$;
SELECT cache_create('total', 'load_total(int)', invalidate => 'declared', $by_org);
SELECT cache_invalidate_on('total', 'orders');
SELECT cache_create('late', 'load_total(int)', ttl => '1 h', refresh_at => 0.1, priority => 1, invalidate => 'declared', $by_org);
SELECT cache_create('same', 'load_total(int)', ttl => '1 h', refresh_at => 0.1, priority => 1, invalidate => 'declared');
END

sub sql
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

sub session
{
	my ($org) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET app.org = '$org'");
	return $session;
}

sub wait_until
{
	my ($condition, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition"), $name) or BAIL_OUT(sql('TABLE pg_stat_activity'));
	return;
}

# One session loads for one tenant; another one of the same waits for it, and one of another tenant does not share
# anything with the two.
my %reader = (first => session('acme'), second => session('acme'), other => session('globex'));
sub begin_read
{
	my ($who) = @_;
	$reader{$who}->query_until(qr/begun/, "\\echo begun\nSELECT cache_get_total(1);\n");
	return;
}
begin_read('first');
wait_until(q{(SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type = 'client backend')}, 'the first one loads');
begin_read('second');
wait_until(q{(SELECT sum(waits) = 1 FROM cache_stat WHERE cache = 'total')}, 'the second one waits for it');
begin_read('other');
wait_until(q{(SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type = 'client backend')}, 'one of another tenant loads itself');
append_to_file($node->data_dir . '/gate', '');
is($reader{first}->query_safe('SELECT 1'), "acme 10\n1", 'what the first one has loaded');
is($reader{second}->query_safe('SELECT 1'), "acme 10\n1", 'what the second one has waited for');
is($reader{other}->query_safe('SELECT 1'), "globex 100\n1", 'what the other one has loaded');
is(sql(q{SELECT fills, hits FROM cache_stat WHERE cache = 'total'}), '2|1', 'two loads');

# A commit concerns them all.
sql(q{UPDATE orders SET amount = amount + 1});
is($reader{$_->[0]}->query_safe('SELECT cache_get_total(2), cache_get_total(2)'), "$_->[1]|$_->[1]", "$_->[0] after a commit")
  for [ first => 'acme 11' ], [ other => 'globex 101' ];

# Workers refresh what they can load, and leave alone what only readers can.
$reader{first}->query_safe('SELECT cache_get_late(2), cache_get_same(2)');
shift_clock($node, 3000);
$reader{first}->query_safe('SELECT cache_get_late(2), cache_get_same(2)');
wait_until(q{(SELECT refreshes >= 1 FROM cache_stat WHERE cache = 'same')}, 'a worker refreshes what is the same for all');
is(sql(q{SELECT fills, refreshes FROM cache_stat WHERE cache = 'late'}), '1|0', 'and not what varies');
is(sql(q{SELECT inputs FROM cache_entries WHERE cache = 'late'}), '{acme}', 'there is nothing but what the reader has loaded');

# What was waiting for workers when the cache began to vary is forgotten.
sql(q{SELECT cache_alter('same', '{"vary_by": ["current_setting(''app.org'', true)"]}')});
is($reader{first}->query_safe('SELECT cache_get_same(2)'), 'acme 11', 'one that begins to vary');
shift_clock($node, 6000);
$reader{other}->query_safe('SELECT cache_get_same(2)');
wait_until(q{(SELECT count(*) = 0 FROM cache_queue)}, 'no task is left');
is(sql(q{SELECT array_agg(inputs::text ORDER BY inputs) FROM cache_entries WHERE cache = 'same' AND inputs IS NOT NULL}),
	'{"{acme}","{globex}"}', 'nobody has loaded for nobody');

# Keys that were learnt are not loaded for anybody after a restart.
$_->quit for values %reader;
sql(q{SELECT cache_alter('late', '{"refresh_at": 0.5}')});
$node->restart;
is(sql(q{SELECT count(*) FROM cache_entries}), '0', 'nothing is there after a restart');
is($node->safe_psql('postgres', q{SET app.org = 'acme'; SELECT cache_get_total(2)}), 'acme 11', 'it is loaded by its reader');

# Dump and restore keep what it varies by.
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', $dump ], 'restored');
is($node->safe_psql('restored', qq{SET app.org = '$_->[0]'; SELECT cache_get_total(2)}), $_->[1], "$_->[0], restored")
  for [ acme => 'acme 11' ], [ globex => 'globex 101' ];
is($node->safe_psql('restored', q{SELECT cache, inputs FROM cache_entries ORDER BY inputs}),
	"total|{acme}\ntotal|{globex}", 'values of two tenants');

# Roles are everybody's: what changes in another database concerns readers here.
$node->safe_psql('postgres', <<'END');
CREATE ROLE alice;
CREATE ROLE staff;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_staff ON orders TO staff USING (org = 'acme');
GRANT SELECT ON orders TO alice;
CREATE FUNCTION load_seen(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM orders';
SELECT cache_create('seen', 'load_seen(int)', run_as => 'reader', invalidate => 'declared');
SELECT cache_invalidate_on('seen', 'orders');
GRANT EXECUTE ON FUNCTION cache_get_seen(int) TO alice;
END
my $alice = $node->background_psql('postgres');
$alice->query_safe('SET ROLE alice');
my $seen = q{SELECT value, source FROM cache_get_entry('seen', 1)};
$alice->query_safe($seen);
is($alice->query_safe($seen), '0|cache', 'what alice sees');
$node->safe_psql('restored', 'GRANT staff TO alice');
is($alice->query_safe($seen), '1|loader', 'as a member of staff');
is($alice->query_safe($seen), '1|cache', 'once more');
$node->safe_psql('restored', 'ALTER ROLE alice BYPASSRLS');
is($alice->query_safe($seen), '2|loader', 'without row security');
$node->safe_psql('restored', q{BEGIN; REVOKE staff FROM alice; ALTER ROLE alice NOBYPASSRLS; PREPARE TRANSACTION 'p'});
is($alice->query_safe($seen), '2|loader', 'while it is being taken back');
$node->safe_psql('restored', q{COMMIT PREPARED 'p'});
is($alice->query_safe($seen), '0|loader', 'after that');
$node->safe_psql('restored', q{BEGIN; GRANT staff TO alice; PREPARE TRANSACTION 'p'});
$alice->quit;

# A transaction that lives on over a restart is one that nobody has seen register.
$node->restart;
my $as_alice = "SET ROLE alice; $seen";
is($node->safe_psql('postgres', $as_alice), '0|loader', 'before it ends, after a restart') for 1 .. 2;
$node->safe_psql('restored', q{COMMIT PREPARED 'p'});
is($node->safe_psql('postgres', $as_alice), "1|$_", "after it has ended: $_") for ('loader', 'cache');

$node->stop;
done_testing();
