# A commit that puts a value is held where others see it already and the value is not published yet. What a loader makes of
# the key meanwhile is for its reader only: it does not have the value.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# An extension whose callback runs before ours, since it is loaded after: while there is a file `hold`, a commit of a session
# that asked for it says that it is there, and waits.
my $source = <<'END';
#include "postgres.h"
#include <unistd.h>
#include "access/xact.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;
void _PG_init(void);

static char *folder;

static void
hold(XactEvent event, void *arg)
{
	char path[MAXPGPATH];
	FILE *file;

	if (event != XACT_EVENT_COMMIT || folder == NULL || *folder == '\0')
		return;
	snprintf(path, sizeof(path), "%s/hold", folder);
	if (access(path, F_OK) != 0)
		return;
	snprintf(path, sizeof(path), "%s/held", folder);
	file = fopen(path, "w");
	if (file != NULL)
		fclose(file);
	snprintf(path, sizeof(path), "%s/hold", folder);
	while (access(path, F_OK) == 0)
		pg_usleep(1000);
}

void
_PG_init(void)
{
	DefineCustomStringVariable("hold.folder", "Where commits are told to wait.", NULL, &folder, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(hold, NULL);
}
END
my $folder = PostgreSQL::Test::Utils::tempdir;
append_to_file("$folder/hold.c", $source);
chomp(my $include = `pg_config --includedir-server`);
system('cc', '-shared', '-fPIC', '-O1', "-I$include", '-o', "$folder/hold.so", "$folder/hold.c") == 0
	or die 'no C compiler';
chmod 0777, $folder;

my $node = new_node('due_puts');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext, $folder/hold.so'\n");
$node->start;
$node->safe_psql(
	'postgres', <<'END');
CREATE EXTENSION cache_ext;
CREATE TABLE price (id int PRIMARY KEY, cents int NOT NULL);
INSERT INTO price SELECT g, 100 * g FROM generate_series(1, 9) AS g;
CREATE FUNCTION load_price(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cents FROM price WHERE id = k';
SELECT cache_create('price', 'load_price(int)');
CREATE FUNCTION load_basket(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_price(k) + cache_get_price(k + 1)';
CREATE FUNCTION load_both(k int) RETURNS int LANGUAGE sql STABLE AS
  'SELECT sum(p.value)::int FROM cache_get_many_price(ARRAY[k, k + 1]) AS p';
SELECT cache_create('basket', 'load_basket(int)'), cache_create('both', 'load_both(int)');
SELECT cache_get_basket(1), cache_get_both(1);
SELECT cache_get_basket(1), cache_get_both(1);
END

sub source_of
{
	my ($cache) = @_;
	return $node->safe_psql('postgres', "SELECT value::text || ' from ' || source FROM cache_get_entry('$cache', 1)");
}

is(source_of('basket'), '300 from cache', 'made of what the loaders give');

my $putter = $node->background_psql('postgres');
$putter->query_safe("SET hold.folder = '$folder'");
append_to_file("$folder/hold", '');
$putter->query_until(qr/^begun$/m, <<'END');
\echo begun
SELECT cache_put('price', '7', 2);
\echo ended
END
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_ls_dir('$folder') AS f WHERE f = 'held'"), 'a commit is held');
for my $cache ('basket', 'both')
{
	is(source_of($cache), '300 from loader', "$cache: who sees the commit is not served what was before");
	is($node->safe_psql('postgres', "SELECT cache_get_$cache(1)"), 300, "$cache: the value is not there yet");
	is(source_of($cache), '300 from loader', "$cache: and what was made without it is kept by nobody");
}
# Nor does the key's own load take the place of what is published after it.
is($node->safe_psql('postgres', 'SELECT cache_get_price(2)'), 200, 'a load of the key itself');
unlink "$folder/hold";
$putter->query_until(qr/^ended$/m, '');
for my $cache ('basket', 'both')
{
	is($node->safe_psql('postgres', "SELECT cache_get_$cache(1)"), 107, "$cache: now it is");
	is(source_of($cache), '107 from loader', "$cache: but nothing that is made of it is kept");
}

is($node->safe_psql('postgres', "SELECT value::text || ' from ' || source FROM cache_get_entry('price', 2)"), '7 from cache', 'the value itself');
# When it ends nobody registers as a writer.
$node->safe_psql('postgres', "SELECT cache_refresh('price', 2)");
is($node->safe_psql('postgres', "SELECT cache_get_basket(1), cache_get_both(1)"), '300|300', 'when it is gone');
is(source_of('basket'), '300 from cache', 'what is made of what is loaded is kept again');

# One that is rolled back leaves nothing behind that would keep loads from being published.
$node->safe_psql('postgres', "BEGIN; SELECT cache_put('price', '8', 2); ROLLBACK");
$node->safe_psql('postgres', "BEGIN; SELECT cache_put('price', '8', 2); SAVEPOINT s; SELECT cache_put('price', '9', 2); ROLLBACK TO s; COMMIT");
is($node->safe_psql('postgres', 'SELECT cache_get_basket(1)'), 108, 'after a rollback to a savepoint');
is($node->safe_psql('postgres', 'SELECT cache_get_basket(3)'), 700, 'other keys');
is($node->safe_psql('postgres', "SELECT source FROM cache_get_entry('basket', 3)"), 'cache', 'are kept');
# Nor does a serialization failure, which comes after our part of the commit.
my @pair = map { $node->background_psql('postgres', on_error_stop => 0) } 1, 2;
$_->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(cents) FROM price WHERE id IN (5, 6)') for @pair;
$pair[$_]->query_safe("UPDATE price SET cents = cents + 1 WHERE id = 5 + $_; SELECT cache_put('price', '5', 2 + 6 * $_)") for 0, 1;
$_->query('COMMIT') for @pair;
$_->quit for @pair;
is($node->safe_psql('postgres', 'SELECT cents FROM price WHERE id IN (5, 6) ORDER BY id'), "501\n600", 'one of two fails');
is($node->safe_psql('postgres', 'SELECT cache_get_basket(2)'), 305, 'what is made of the put of the other one');
is($node->safe_psql('postgres', 'SELECT cache_get_basket(8)'), 1700, 'that of the one that failed');
is($node->safe_psql('postgres', "SELECT source FROM cache_get_entry('basket', 8)"), 'cache', 'is kept, too');

$putter->quit;
$node->stop;
done_testing();
