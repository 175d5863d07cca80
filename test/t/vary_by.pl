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
use Time::HiRes qw(usleep);

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
SELECT cache_create('same', 'load_total(int)', ttl => '1 h', refresh_at => 0.1, priority => 1, invalidate => 'declared', same_for_all => '{app.org}');
SELECT cache_create('part', 'load_total(int)', ttl => '1 h', refresh_at => 0.1, priority => 1, invalidate => 'declared', same_for_all => '{app.org}',
                    vary_by => ARRAY[\$\$left(current_setting('app.org', true), 1)\$\$]);
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

# Workers refresh for the session that the key tells, and leave alone what only readers can.
my $read_all = 'SELECT cache_get_late(2), cache_get_same(2), cache_get_part(2)';
$reader{first}->query_safe($read_all);
$reader{other}->query_safe($read_all);
sql(q{UPDATE orders SET amount = amount + 1});
shift_clock($node, 3000);
$reader{first}->query_safe($read_all);
wait_until(q{(SELECT refreshes >= 1 FROM cache_stat WHERE cache = 'same')}, 'a worker refreshes what is the same for all');
wait_until(q{(SELECT refreshes >= 2 FROM cache_stat WHERE cache = 'late')}, 'and what varies by a setting');
is($reader{first}->query_safe('SELECT cache_get_late(2), cache_get_same(2)'), 'acme 12|nobody nothing', 'as one of its readers');
is($reader{other}->query_safe('SELECT cache_get_late(2)'), 'globex 102', 'and for another tenant');
is(sql(q{SELECT inputs FROM cache_entries WHERE cache = 'late' ORDER BY 1}), "{acme}\n{globex}", 'for nobody else');
is(sql(q{SELECT refreshes FROM cache_stat WHERE cache = 'part'}), '0', 'not what varies by more than that');
sql(q{UPDATE orders SET amount = amount - 1});

# A worker loads again what was invalidated, for each session that it was loaded for.
sql(q{SELECT cache_create('again', 'load_total(int)', invalidate => 'declared', warm_on_invalidate => true, vary_by => ARRAY[$$current_setting('app.org', true)$$])});
sql(q{SELECT cache_invalidate_on('again', 'orders')});
$reader{$_}->query_safe('SELECT cache_get_again(2); SELECT cache_get_again(2); SELECT cache_get_again(2)') for 'first', 'other';
wait_until(q{(SELECT count(*) = 2 FROM cache_entries WHERE cache = 'again' AND state = 'live' AND hits > 0)}, 'two tenants have read');
sql(q{UPDATE orders SET amount = amount + 5});
wait_until(q{(SELECT count(*) = 2 FROM cache_entries WHERE cache = 'again' AND state = 'live')}, 'both are loaded again');
my $source = q{SELECT value, source FROM cache_get_entry('again', 2)};
is($reader{first}->query_safe($source), '"acme 16"|cache', 'right for one');
is($reader{other}->query_safe($source), '"globex 106"|cache', 'and for the other');
sql(q{UPDATE orders SET amount = amount - 5});

# What was waiting for workers when the cache began to vary is forgotten.
sql(q{SELECT cache_alter('same', '{"vary_by": ["current_setting(''app.org'', true)"], "same_for_all": null}')});
is($reader{first}->query_safe('SELECT cache_get_same(2)'), 'acme 11', 'one that begins to vary');
shift_clock($node, 6000);
$reader{other}->query_safe('SELECT cache_get_same(2)');
wait_until(q{(SELECT count(*) = 0 FROM cache_queue)}, 'no task is left');
is(sql(q{SELECT array_agg(inputs::text ORDER BY inputs) FROM cache_entries WHERE cache = 'same' AND inputs IS NOT NULL}),
	'{"{acme}","{globex}"}', 'nobody has loaded for nobody');

# What was hot is loaded by its readers, or by workers for them, after a restart.
$_->quit for values %reader;
sql(q{SELECT cache_alter('late', '{"refresh_at": 0.5}')});
$node->restart;
is($node->safe_psql('postgres', q{SET app.org = 'acme'; SELECT cache_get_total(2)}), 'acme 11', 'right for one');
is($node->safe_psql('postgres', q{SELECT cache_get_total(2)}), 'nobody nothing', 'and for nobody');
$node->append_conf('postgresql.conf', 'cache_ext.learned_keys = 0');
$node->reload;

# Dump and restore keep what it varies by.
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', $dump ], 'restored');
is($node->safe_psql('restored', qq{SET app.org = '$_->[0]'; SELECT cache_get_total(2)}), $_->[1], "$_->[0], restored")
  for [ acme => 'acme 11' ], [ globex => 'globex 101' ];
is($node->safe_psql('restored', q{SELECT cache, inputs FROM cache_entries WHERE cache = 'total' ORDER BY inputs}),
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

# Workers are the reader that the key tells of, with his rights, settings and row security; and not one that may not read.
$node->safe_psql('postgres', <<'END');
CREATE ROLE bob;
CREATE ROLE carol;
CREATE TABLE note (owner text, org text, n int);
INSERT INTO note VALUES ('alice', 'acme', 1), ('alice', 'globex', 10), ('bob', 'acme', 100), ('carol', 'acme', 1000);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note USING (owner = current_user AND org = (current_setting('request.jwt.claims', true)::jsonb ->> 'org'));
GRANT SELECT ON note TO alice, bob, carol;
CREATE FUNCTION load_notes(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RETURN current_user || ' ' || coalesce((SELECT sum(n) FROM note), 0); END$$;
SELECT cache_create('notes', 'load_notes(int)', run_as => 'reader', warm_on_invalidate => true, ttl => '1 h', refresh_at => 0.1, priority => 1,
                    vary_by => ARRAY[$$current_setting('request.jwt.claims', true)$$]);
GRANT EXECUTE ON FUNCTION cache_get_notes(int) TO alice, bob, carol;
END

sub as_reader
{
	my ($role, $org, $what) = @_;
	return $node->safe_psql('postgres',
		qq{SET ROLE $role; BEGIN; DO \$\$BEGIN PERFORM set_config('request.jwt.claims', '{"org": "$org"}', true); END\$\$; $what; COMMIT});
}
my $notes = q{SELECT source, value FROM cache_get_entry('notes', 1)};
my @readers = ([ 'alice', 'acme', 1 ], [ 'alice', 'globex', 10 ], [ 'bob', 'acme', 100 ], [ 'carol', 'acme', 1000 ]);
# The table is tracked once all have ended that were there.
wait_until(q{(SELECT cache_get_notes(1) IS NOT NULL AND count(*) > 0 FROM cache_entries WHERE cache = 'notes')}, 'values are published');
as_reader(@$_[0, 1], "$notes; $notes; $notes") for @readers;
is(as_reader(@$_[0, 1], $notes), "cache|\"$_->[0] $_->[2]\"", "$_->[0] of $_->[1]") for @readers;
my $log = -s $node->logfile;
sql('UPDATE note SET n = n + 1');
wait_until(q{(SELECT count(*) = 5 FROM cache_entries WHERE cache = 'notes' AND state = 'live')}, 'all are loaded again');
is(as_reader(@$_[0, 1], $notes), "cache|\"$_->[0] " . ($_->[2] + 1) . '"', "$_->[0] of $_->[1], loaded by a worker") for @readers;
# No worker becomes a role that the cache's owner has not the privileges of any more.
$node->safe_psql('postgres', <<'END');
CREATE ROLE mallory;
GRANT CREATE ON SCHEMA public TO mallory;
GRANT SELECT ON note TO mallory;
GRANT alice TO mallory;
SET ROLE mallory;
CREATE FUNCTION load_trap(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RAISE LOG 'trap as %', current_user; RETURN (SELECT count(*) FROM note); END$$;
SELECT cache_create('trap', 'load_trap(int)', run_as => 'reader', warm_on_invalidate => true, ttl => '1 h', refresh_at => 0.1, priority => 1,
                    vary_by => ARRAY[$$current_setting('request.jwt.claims', true)$$]);
GRANT EXECUTE ON FUNCTION cache_get_trap(int) TO alice;
END
my $trap = q{SELECT cache_get_trap(1)};
my $hit = q{SELECT count(*) > 0 FROM cache_entries WHERE cache = 'trap' AND state = 'live' AND hits > 0};
for (1 .. 600)
{
	as_reader('alice', 'acme', $trap);
	last if sql($hit) eq 't';
	usleep(100_000);
}
is(sql($hit), 't', 'alice has read');
as_reader(@$_[0, 1], "$notes; $notes") for @readers;
my $before = -s $node->logfile;
sql('BEGIN; REVOKE alice FROM mallory; UPDATE note SET n = n; COMMIT');
wait_until(q{(SELECT count(*) >= 4 FROM cache_entries WHERE cache = 'notes' AND state = 'live')}, 'workers are at work');
unlike(slurp_file($node->logfile, $before), qr/trap as alice/, 'not as alice');
# A role that is gone, one that may not read any more.
as_reader(@$_[0, 1], "$notes; $notes") for @readers;
sql('BEGIN; DROP OWNED BY carol; DROP ROLE carol; REVOKE EXECUTE ON FUNCTION cache_get_notes(int) FROM bob; UPDATE note SET n = n + 1; COMMIT');
wait_until(q{(SELECT count(*) = 2 FROM cache_entries WHERE cache = 'notes' AND state = 'live')}, 'the others are loaded again');
is(as_reader('alice', 'acme', $notes), 'cache|"alice 3"', 'for alice');
is(sql(q{SELECT count(*) FROM cache_entries WHERE cache = 'notes' AND state = 'live' AND 'bob' = ANY (inputs)}), '0', 'not for bob');
is(sql('SELECT count(*) FROM cache_queue'), '0', 'nothing is tried again');
wait_until(q{(SELECT last_error LIKE '2 keys of a reload left to readers: %' FROM cache_stat WHERE cache = 'notes')}, 'what is left to readers is said');
unlike(slurp_file($node->logfile, $log), qr/cache_ext: a .* failed/, 'and nothing is in the log of it');

$node->stop;
done_testing();
