# A miss makes plans of the session anew where it has to, and only there.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('plans');
preload($node);
$node->start;
create_counter($node, 'postgres');
$node->safe_psql('postgres', 'CREATE TABLE other (id int); CREATE TABLE third (id int)');

my $session = $node->background_psql('postgres');
$session->query_safe($_) for 'PREPARE q AS SELECT count(*) FROM third', 'EXECUTE q', 'SELECT cache_get_counter(1)', 'EXECUTE q';
my $key = 1;

# Is the statement planned anew after a miss?
sub planned_after_miss
{
	$session->query_safe('SELECT cache_get_counter(' . ++$key . ')');
	my $log = -s $node->logfile;
	$session->query_safe('SET debug_print_plan = on; SET log_min_messages = log');
	$session->query_safe('EXECUTE q');
	$session->query_safe('RESET debug_print_plan');
	my $text = slurp_file($node->logfile, $log);
	return $text =~ /EXECUTE q/ && $text =~ /:relid|PLANNEDSTMT[^;]*third/s ? 1 : 0;
}

planned_after_miss();
is(planned_after_miss(), 0, 'a miss by itself leaves plans alone');
$node->safe_psql('postgres', 'INSERT INTO other VALUES (1); ANALYZE other');
is(planned_after_miss(), 0, 'so it does after what others have done elsewhere');
$node->safe_psql('postgres', 'CREATE INDEX ON other (id)');
is(planned_after_miss(), 0, 'and after harmless DDL');
$session->query_safe('BEGIN; CREATE TABLE mine (id int); ROLLBACK');
is(planned_after_miss(), 1, 'after DDL of its own that was rolled back they are made anew');
is(planned_after_miss(), 0, 'once');
$session->quit;

$node->stop;
done_testing();
