# Many sessions ask for one cold key: one runs the loader, the others wait for it, and nobody waits
# who could be waited for.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $crowd = 64;

my $node = new_node('flights');
preload($node);
$node->append_conf('postgresql.conf', "max_connections = 120\ncache_ext.load_wait = '1h'\n");
$node->start;
my $gate = $node->data_dir . '/gate';

# A loader that says so in the log, and goes on once the gate is open.
$node->safe_psql('postgres', <<"END");
CREATE EXTENSION cache_ext;
CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO item SELECT i, 10 * i FROM generate_series(1, 100) AS i;
CREATE FUNCTION load_item(id int) RETURNS int LANGUAGE plpgsql STABLE AS \$\$
BEGIN
	RAISE LOG 'loading item %', id;
	WHILE (pg_stat_file('gate', true)).size IS NULL AND (pg_stat_file('pass_' || pg_backend_pid(), true)).size IS NULL LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	IF id < 0 THEN
		RAISE EXCEPTION 'no item %', id USING DETAIL = 'Less than 0.', HINT = CASE id
			WHEN -3 THEN repeat('Ask for another. ', 100) ELSE 'Ask for another.' END,
			ERRCODE = CASE id WHEN -4 THEN 'lock_not_available' ELSE 'raise_exception' END;
	END IF;
	RETURN (SELECT n FROM item AS i WHERE i.id = load_item.id);
END \$\$;
SELECT cache_create('item', 'load_item(int)', invalidate => 'declared', ttl => NULL);
SELECT cache_invalidate_on('item', 'item', ARRAY['id']);
CREATE FUNCTION load_outer(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_item(\$1)';
SELECT cache_create('outer', 'load_outer(int)', invalidate => 'declared', ttl => NULL);
END

sub open_gate
{
	append_to_file($gate, '');
	return;
}

sub close_gate
{
	unlink $gate;
	return;
}

# A psql that runs these statements; finish() returns what it printed.
sub start
{
	my (@sql) = @_;
	my %session = (out => '', err => '');
	my @commands = map { ('-c', $_) } @sql;
	$session{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), @commands ],
		'>', \$session{out}, '2>', \$session{err});
	return \%session;
}

sub finish
{
	my ($session) = @_;
	$session->{handle}->finish;
	chomp $session->{out};
	return $session->{out};
}

sub stat_item
{
	my ($column) = @_;
	return stat_of($node, 'postgres', 'item', $column);
}

# How often the loader has begun with this key since the log was that long.
sub loads
{
	my ($id, $from) = @_;
	my $count = () = slurp_file($node->logfile, $from) =~ /loading item $id$/mg;
	return $count;
}

my $log = 0;

# Sets up a load of a key that waits at the gate.
sub start_owner
{
	my ($id, @before) = @_;
	close_gate();
	$log = -s $node->logfile;
	my $owner = start(@before, "SELECT cache_get_item($id)");
	$node->wait_for_log(qr/loading item $id$/m, $log);
	return $owner;
}

# Waits until the cache has counted so many waits more than `before`.
sub waited
{
	my ($before, $more, $name) = @_;
	ok($node->poll_query_until('postgres',
			"SELECT waits = $before + $more FROM cache_stat WHERE cache = 'item'"),
		$name);
	return;
}

# A crowd.
my $before = stat_item('waits');
my $owner = start_owner(1);
my @others = map { start('SELECT cache_get_item(1)') } 2 .. $crowd;
waited($before, $crowd - 1, 'all but one wait');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension'
		 AND query = 'SELECT cache_get_item(1)'"),
	$crowd - 1, 'and show it as a wait event');
open_gate();
is(finish($owner), '10', 'the one that loads has the value');
is((grep { finish($_) eq '10' } @others), $crowd - 1, 'and so have the others');
is(loads(1, $log), 1, 'loaded once');
is(stat_item('hits'), $crowd - 1, 'the others were hits');

# The same without waiting.
$before = stat_item('waits');
$owner = start_owner(2);
@others = map { start("SET cache_ext.load_wait = 0", 'SELECT cache_get_item(2)') } 1 .. 7;
ok(wait_until(sub { loads(2, $log) == 8 }), 'load_wait = 0: everybody loads');
open_gate();
finish($_) for $owner, @others;
is(stat_item('waits'), $before, 'nobody has waited');

sub wait_until
{
	my ($done) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $done->();
		Time::HiRes::usleep(100_000);
	}
	return 0;
}

# Whoever loads is cancelled, or terminated: one of the others takes over.
my $key = 3;
for my $end ('pg_cancel_backend', 'pg_terminate_backend')
{
	$before = stat_item('waits');
	$owner = start_owner($key);
	@others = map { start("SELECT cache_get_item($key)") } 1 .. 5;
	waited($before, 5, "$end: five wait");
	$node->safe_psql('postgres', "SELECT $end(pid) FROM pg_stat_activity
		WHERE query = 'SELECT cache_get_item($key)' AND wait_event = 'PgSleep'");
	waited($before, 9, 'then four wait again');
	is(loads($key, $log), 2, 'and one loads');
	open_gate();
	is(finish($owner), '', 'the first one has nothing');
	is((grep { finish($_) eq $key * 10 } @others), 5, 'the others have the value');
	is(loads($key, $log), 2, 'which was loaded once more');
	$key++;
}

# One that waits is cancelled, or out of time: nobody else notices.
$before = stat_item('waits');
$owner = start_owner(5);
my $cancelled = start('SELECT cache_get_item(5)');
my $late = start("SET statement_timeout = '100ms'", 'SELECT cache_get_item(5)');
waited($before, 2, 'two wait');
is(finish($late), '', 'statement_timeout ends a wait');
like($late->{err}, qr/statement timeout/, 'as it ends everything');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE query = 'SELECT cache_get_item(5)' AND wait_event_type = 'Extension'");
is(finish($cancelled), '', 'cancelling ends a wait');
my $short = start("SET cache_ext.load_wait = '50ms'", 'SELECT cache_get_item(5)');
ok(wait_until(sub { loads(5, $log) == 2 }), 'and load_wait: then the session loads');
open_gate();
is(finish($_), '50', 'with the right value') for $owner, $short;

# An error of the loader is met by all who waited, and by nobody whose snapshot may see other rows.
$before = stat_item('waits');
$owner = start_owner(-1);
@others = map { start('SELECT cache_get_item(-1)') } 1 .. 3;
waited($before, 3, 'three wait for a load that will fail');
open_gate();
finish($_) for $owner, @others;
is((grep { $_->{err} =~ /^ERROR:  no item -1\nDETAIL:  Less than 0\.\nHINT:  Ask for another\./m } $owner, @others),
	4, 'each has the loader\'s error');
is((grep { $_->{err} =~ /by a session that this one waited for/ } @others), 3, 'and is told whose it is');
is(loads(-1, $log), 1, 'the loader has run once');
is(stat_item('waits'), $before + 3, 'and nobody has waited for a second one');

for my $case ([ -2, 'another snapshot' ], [ -3, 'a text that is too long' ], [ -4, 'an error of the session' ])
{
	my ($id, $name) = @$case;
	$before = stat_item('waits');
	$owner = start_owner($id);
	$node->safe_psql('postgres', 'UPDATE item SET n = n WHERE id = 100') if $id == -2;
	@others = map { start("SELECT cache_get_item($id)") } 1 .. 3;
	waited($before, 3, "$name: three wait");
	open_gate();
	finish($_) for $owner, @others;
	is((grep { $_->{err} =~ /ERROR:  no item $id/ } $owner, @others), 4, "$name: each has the error");
	is(loads($id, $log), 4, "$name: of a run of its own");
}

# Nor by somebody who would run another loader by now, though the snapshot is the same.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION load_changed(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE LOG 'loading item %', id;
	WHILE (pg_stat_file('gate', true)).size IS NULL LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE 'the old loader';
END $$;
SELECT cache_create('changed', 'load_changed(int)', invalidate => 'declared');
END
close_gate();
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM item');
$log = -s $node->logfile;
$owner = start('SELECT cache_get_changed(-7)');
$node->wait_for_log(qr/loading item -7$/m, $log);
$node->safe_psql('postgres',
	q{CREATE OR REPLACE FUNCTION load_changed(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'});
$reader->query_until(qr/asked/, "\\echo asked\nSELECT cache_get_changed(-7) AS answer \\gset\n\\echo answer :answer\n");
ok($node->poll_query_until('postgres', "SELECT waits = 1 FROM cache_stat WHERE cache = 'changed'"),
	'one who waits would run another loader by now');
open_gate();
finish($owner);
like($owner->{err}, qr/the old loader/, 'one has run the loader of before');
like($reader->query_safe('SELECT :answer'), qr/^answer 1$/m, 'another one, with the same snapshot, that of now');
$reader->query_safe('COMMIT');
$reader->quit;

# A loader that catches the error of another one has not failed.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION load_careful(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN cache_get_item(id);
EXCEPTION WHEN raise_exception THEN RETURN 0;
END $$;
SELECT cache_create('careful', 'load_careful(int)', invalidate => 'declared');
END
close_gate();
$log = -s $node->logfile;
$owner = start('SELECT cache_get_careful(-6)');
$node->wait_for_log(qr/loading item -6$/m, $log);
@others = map { start('SELECT cache_get_careful(-6)') } 1 .. 3;
ok($node->poll_query_until('postgres', "SELECT waits = 3 FROM cache_stat WHERE cache = 'careful'"),
	'three wait for a loader that will catch an error');
open_gate();
is((grep { finish($_) eq '0' } $owner, @others), 4, 'all have its value');

# Who never waits.
$before = stat_item('waits');
$owner = start_owner(6);
my @proud = (
	start('SELECT pg_current_xact_id() IS NULL; SELECT cache_get_item(6)'),
	start('BEGIN; LOCK TABLE item IN ROW EXCLUSIVE MODE; SELECT cache_get_item(6)'),
	start('SELECT pg_advisory_lock(1); SELECT cache_get_item(6)'),
	start('SELECT cache_get_outer(6)'));
ok(wait_until(sub { loads(6, $log) == 5 }),
	'sessions with an XID, with a strong lock, or inside a load run the loader');
is(stat_item('waits'), $before, 'and do not wait');
open_gate();
finish($_) for $owner, @proud;
is((grep { $_->{out} =~ /60$/ } $owner, @proud), 5, 'all have the value');

# A cycle through a third session: the waiting one reads a table that somebody queues for in ACCESS
# EXCLUSIVE mode, and the load queues behind that.
$node->safe_psql('postgres', 'CREATE TABLE other (id int)');
$before = stat_item('waits');
$owner = start_owner(7);
my $waiting = start('BEGIN; SELECT count(*) FROM item; SELECT cache_get_item(7); COMMIT');
waited($before, 1, 'one waits, and holds ACCESS SHARE on the table');
my $exclusive = start('BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE; ROLLBACK');
ok($node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"),
	'another one queues for the table');
open_gate();
is(finish($waiting), "100\n70", 'the one that waited loads itself');
finish($exclusive);
is($exclusive->{err}, '', 'the exclusive lock was had');
is(finish($owner), '70', 'and so was the first load');
unlike(slurp_file($node->logfile, $log), qr/deadlock/, 'there was no deadlock');

# A savepoint that is rolled back ends the wait of others, too.
close_gate();
$log = -s $node->logfile;
$before = stat_item('waits');
$owner = start("SET statement_timeout = 0", "DO \$\$ BEGIN
	BEGIN SET LOCAL statement_timeout = 0; PERFORM cache_get_item(8);
	EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(3600); END; END \$\$");
$node->wait_for_log(qr/loading item 8$/m, $log);
my $next = start('SELECT cache_get_item(8)');
waited($before, 1, 'one waits for a load in a subtransaction');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE query LIKE 'DO%' AND wait_event = 'PgSleep'");
ok(wait_until(sub { loads(8, $log) == 2 }), 'that is rolled back: the other one loads');
open_gate();
is(finish($next), '80', 'and has its value');
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO%'");
finish($owner);

# A load whose error is nobody else's, or whose value cannot be published, leaves nothing to share: those
# who waited load at once, and do not queue behind each other.
$node->safe_psql('postgres', <<"END");
CREATE FUNCTION load_short(id int) RETURNS int LANGUAGE plpgsql STABLE AS \$\$
BEGIN
	WHILE (pg_stat_file('gate', true)).size IS NULL AND (pg_stat_file('pass_' || pg_backend_pid(), true)).size IS NULL LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN id;
END \$\$;
SELECT cache_create('short', 'load_short(int)', invalidate => 'declared', ttl => '1 ms');
END
my $in_loader = q{FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'reader'};
for my $case ('item', 'short')
{
	close_gate();
	$node->safe_psql('postgres', 'SELECT cache_stat_reset()');
	local $ENV{PGAPPNAME} = 'reader';
	my @readers = map { start("SELECT cache_get_$case(-4)") } 1 .. 8;
	$ENV{PGAPPNAME} = 'test';
	$node->poll_query_until('postgres', "SELECT waits = 7 FROM cache_stat WHERE cache = '$case'") or die "$case: nobody waits";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $in_loader") or die "$case: nobody loads";
	my $leader = $node->safe_psql('postgres', "SELECT pid $in_loader");
	append_to_file($node->data_dir . "/pass_$leader", '');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 7 $in_loader AND pid <> $leader"),
		"$case: the seven who waited load at the same time");
	is(stat_of($node, 'postgres', $case, 'waits'), '7', "$case: each has waited once");
	open_gate();
	my @out = map { finish($_) } @readers;
	my @errors = map { $_->{err} =~ /ERROR:  (.*)/ ? $1 : '' } @readers;
	is_deeply([ sort @errors ],
		[ ($case eq 'item' ? 'no item -4' : '') x 8 ],
		"$case: each has its own outcome");
	is_deeply(\@out, [ ($case eq 'item' ? '' : '-4') x 8 ], "$case: and value");
}

$node->stop;
done_testing();
