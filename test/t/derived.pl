# What is derived from a loader's text is never narrower than the truth: random loaders, random writes, and after each
# of these what accessors give is what the loaders say. CACHE_EXT_LOADERS and CACHE_EXT_SEED choose how many, and which.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use Loaders;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $count = $ENV{CACHE_EXT_LOADERS} // 1000;
my $seed = $ENV{CACHE_EXT_SEED} // 1;
my $together = 50;    # caches that live at the same time
my $writes = 12;      # that they live through

my $node = new_node('derived');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.workers = 0\nfsync = off\njit = off\n");
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION cache_ext;\n" . loader_schema() . <<'END');
CREATE TABLE probe (cache text, arguments text, keys text, definition text);
-- What accessors and loaders do not agree on.
CREATE FUNCTION mismatches() RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    p probe;
BEGIN
    FOR p IN SELECT * FROM probe LOOP
        RETURN QUERY EXECUTE format(
            'SELECT format(''%%s: %%s instead of %%s'', ROW(%2$s), cache_get_%1$s(%2$s), load_%1$s(%2$s)) || %4$L FROM (VALUES %3$s) AS k (k1, k2) '
            'WHERE cache_get_%1$s(%2$s) IS DISTINCT FROM load_%1$s(%2$s)',
            p.cache, p.arguments, p.keys, ' by ' || p.definition);
    END LOOP;
END $$;
END

my (%level, %by_cache);
my ($mismatches, $hits, $reads, $failed) = (0, 0, 0, 0);

# Declares them, and counts what has been derived for each.
sub declare
{
	my ($first, $last) = @_;
	my $sql = "SET client_min_messages = warning;\nTRUNCATE probe;\n";
	for my $i ($first .. $last)
	{
		my ($types, $query) = random_loader();
		my $two = $types =~ /,/;
		my $arguments = join(', ', map { my $n = $_; ($types =~ /bigint/ ? "k$n\::bigint" : "k$n") } 1 .. ($two ? 2 : 1));
		my $keys = $two ? '(0, 1), (1, 2), (2, 0), (1, 1)' : '(0, 0), (1, 0), (2, 0), (3, 0), (NULL::int, 0)';
		my $body = random_body($query);
		$sql .= "CREATE FUNCTION load_c$i($types) RETURNS text STABLE $body;\n"
		  . "SELECT cache_create('c$i', 'load_c$i($types)', ttl => NULL" . ($i % 5 ? q(, invalidate => 'track') : '') . ");\n"
		  . "INSERT INTO probe VALUES ('c$i', '$arguments', '$keys', \$loader\$$query\$loader\$);\n";
	}
	$sql .= "SELECT 'level', d.cache, d.input, d.covered FROM (SELECT p.cache, d.* FROM probe AS p, cache_declare(p.cache) AS d) AS d;\n";
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0);
	if ($err ne '')
	{
		$failed++;
		diag($err);
	}
	my %tables;
	for (split /\n/, $out)
	{
		my ($tag, $cache, $input, $covered) = split /\|/;
		$tables{"$cache $input"} = $covered if ($tag // '') eq 'level';
	}
	$level{$_}++ for values %tables;
	for my $i ($first .. $last)
	{
		my @of = map { $tables{$_} } grep { /^c$i / } keys %tables;
		$by_cache{ (grep { $_ eq 'table' } @of) ? (grep { $_ ne 'table' } @of) ? 'in part' : 'not' : 'in full' }++;
	}
	return;
}

# One write after the other, each followed by a look at every key. The first look of all is what fills the caches.
sub compare
{
	my $sql = "SET client_min_messages = warning;\nSELECT mismatches();\n";
	for (1 .. $writes)
	{
		my $write = random_write();
		(my $label = $write) =~ s/'/''/g;
		$sql .= "$write\nSELECT m || ' after $label' FROM mismatches() AS m;\n";
	}
	$sql .= "SELECT 'counts', sum(hits), sum(hits + misses) FROM cache_stat WHERE cache IN (SELECT cache FROM probe);\n";
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0);
	if ($err ne '')
	{
		$failed++;
		diag($err);
	}
	for (split /\n/, $out)
	{
		if (/^counts\|(\d+)\|(\d+)$/)
		{
			$hits += $1;
			$reads += $2;
			next;
		}
		next if $_ eq '';
		$mismatches++;
		diag($_) if $mismatches <= 5;
	}
	return;
}

srand($seed);
for (my $first = 1; $first <= $count; $first += $together)
{
	my $last = $first + $together - 1;
	$last = $count if $last > $count;
	declare($first, $last);
	compare();
	$node->safe_psql('postgres',
		join("\n", map { "SELECT cache_drop('c$_');" } $first .. $last) . join("\n", map { "DROP FUNCTION load_c$_;" } $first .. $last));
}

my $tables = 0;
$tables += $_ for values %level;
note(sprintf('%d loaders: %s', $count, join(', ', map { "$by_cache{$_} $_" } sort keys %by_cache)));
note(sprintf('%d tables of loaders: %s', $tables, join(', ', map { sprintf('%.0f %% by %s', 100 * $level{$_} / $tables, $_) } sort keys %level)));
note("$hits hits of $reads reads");
is($mismatches, 0, "$count random loaders with seed $seed: what accessors give is what loaders say");
is($failed, 0, 'without an error');
cmp_ok($level{$_} // 0, '>', 0, "some tables are covered by $_") for qw(key path table);
cmp_ok($hits, '>', $reads / 20, 'and many reads are hits');

# An analysis that met an error is made again, although nobody has changed anything.
$node->safe_psql('postgres', <<'END');
ALTER SYSTEM SET autovacuum = off;
SELECT pg_reload_conf();
CREATE FUNCTION load_either(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF k > 0 THEN RETURN (SELECT count(*) FROM call WHERE person_id = k); END IF;
    RETURN (SELECT count(*) FROM lead WHERE person_id = k);
END $$;
SELECT cache_create('either', 'load_either(int)', invalidate => 'auto');
END
my ($holder, $reader) = map { $node->background_psql('postgres') } 1, 2;
my $source = "SELECT source FROM cache_get_entry('either', 1)";
$reader->query_safe("SET lock_timeout = '10ms'");
$holder->query_safe('BEGIN; LOCK TABLE lead IN ACCESS EXCLUSIVE MODE');
is($reader->query_safe("$source; $source"), "loader\nloader", 'a table that the loader might read is locked: no hit');
$holder->query_safe('ROLLBACK');
my $seen = '';
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$seen = $reader->query_safe($source);
	last if $seen eq 'cache';
	Time::HiRes::usleep(100_000);
}
is($seen, 'cache', 'it is not any more: a hit');
$_->quit for $holder, $reader;

done_testing();
