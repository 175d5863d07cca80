# A cancel that arrives while a commit looks keys up, from a user or from a timeout: the lookup ends, the
# commit goes on, and whoever was to be cancelled still is.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('cancel');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.path_timeout = '10min'\n");
$node->start;
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE TABLE calls (id int PRIMARY KEY, usr int NOT NULL);
CREATE TABLE leads (id int PRIMARY KEY, call int NOT NULL, v int NOT NULL);
CREATE TABLE log (what text NOT NULL);
INSERT INTO calls VALUES (5, 5);
INSERT INTO leads VALUES (5, 5, 0);
CREATE FUNCTION load_sum(usr int) RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT sum(v) FROM leads l JOIN calls c ON c.id = l.call WHERE c.usr = $1';
SELECT cache_create('sum', 'load_sum(int)');
-- It takes its time, where a session says so.
CREATE FUNCTION slowly(k int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF k = 5 THEN PERFORM pg_sleep(600); END IF;
  RETURN k;
END $$;
SELECT cache_invalidate_on_path('sum', 'leads', 'SELECT slowly(usr) FROM calls WHERE id = $1.call');
CREATE PROCEDURE work(what text) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE leads SET v = v + 1 WHERE id = 5;
  COMMIT;
  INSERT INTO log VALUES (what);
END $$;
END

sub value { return $node->safe_psql('postgres', 'SELECT v FROM leads WHERE id = 5'); }
sub went_on { return $node->safe_psql('postgres', 'SELECT count(*) FROM log'); }
sub agrees
{
	my ($name) = @_;
	is($node->safe_psql('postgres', 'SELECT cache_get_sum(5) = load_sum(5)'), 't', $name);
	return;
}

# Runs a script; once it is in the lookup, cancels it. Returns what it wrote to standard error.
sub cancelled
{
	my ($script) = @_;
	my ($out, $err) = ('', '');
	my $psql = start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c', $script ],
		'<', \undef, '>', \$out, '2>', \$err);
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die 'no lookup';
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	finish($psql);
	return $err;
}

agrees('cached before');
like(cancelled("CALL work('cancelled')"), qr/57014.*due to user request/, 'a procedure is cancelled after its commit');
is(value(), 1, 'which went through');
is(went_on(), 0, 'and not the statement behind it');
agrees('the cache knows of it');

is(cancelled('UPDATE leads SET v = v + 1 WHERE id = 5'), '', 'a statement whose commit is cancelled has committed');
is(value(), 2, 'that one, too');
agrees('as the cache knows');

my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '200ms'; CALL work('timed out')");
like($err, qr/due to statement timeout/, 'statement_timeout ends a procedure after its commit');
is(value(), 3, 'which went through');
is(went_on(), 0, 'and not the statement behind it');
agrees('the cache knows of that one, too');

# A timeout of our own is nobody's cancel.
($ret, $out, $err) =
  $node->psql('postgres', "SET cache_ext.path_timeout = '50ms'; CALL work('went on'); SELECT * FROM log");
is($err, '', 'cache_ext.path_timeout ends the lookup only');
is($out, 'went on', 'the procedure goes on');
is(value(), 4, 'with its changes');
agrees('which the cache knows of');

$node->stop;
done_testing();
