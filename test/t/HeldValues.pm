# What the tests of held values share: caches with large values of many types, what these values must
# be, and how much memory is in use.
package HeldValues;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Exporter 'import';

our @EXPORT = qw(create_values create_cache big_of flood clear_all used_kb entries hits @TYPES);

# Cache, its type, and the value for a key of version n. Values that compress and values that do not.
our @TYPES = (
	[ 'big', 'text', q{(SELECT string_agg(md5(id || ':' || n || ':' || i), '' ORDER BY i) FROM generate_series(1, 250) AS i)} ],
	[ 'even', 'text', q{repeat(id || '/' || n || ' ', 1000)} ],
	[ 'doc', 'jsonb', q{jsonb_build_object('id', id, 'n', n, 'even', even_of(id, n), 'list', to_jsonb(words_of(id, n)))} ],
	[ 'js', 'json', q{json_build_object('n', n, 'list', to_json(words_of(id, n)))} ],
	[ 'words', 'text[]', q{(SELECT array_agg(md5(id || ':' || n || ':' || i) ORDER BY i) FROM generate_series(1, 200) AS i)} ],
	[ 'nums', 'bigint[]', q{(SELECT array_agg(id * 1000000::bigint + n * 1000 + i ORDER BY i) FROM generate_series(1, 600) AS i)} ],
	[ 'pair', 'pair', q{ROW(n, big_of(id, n), words_of(id, n))::pair} ],
	[ 'raw', 'bytea', q{decode(big_of(id, n), 'hex')} ],
	[ 'dom', 'checked', q{big_of(id, n)::checked} ],
	[ 'label', 'name', q{(id || ':' || n)::name} ],
	[ 'uid', 'uuid', q{md5(id || ':' || n)::uuid} ],
	[ 'span', 'interval', q{make_interval(days => id, secs => n)} ],
	[ 'num', 'bigint', q{id * 1000000::bigint + n} ],
	[ 'none', 'text', q{NULL::text} ]);

# The statements that declare one of them, or cache filler. They share a budget, so that fillers can evict
# the others.
sub create_cache
{
	my ($name) = @_;
	return "SELECT cache_create('$name', 'load_$name(int)', ttl => NULL)" if $name eq 'filler';
	return ("SELECT cache_create('$name', 'load_$name(int)', ttl => NULL, budget => 'filler')",
		"SELECT cache_invalidate_on('$name', 'source', ARRAY['id'])");
}

# Table source with keys 1 to 20, key k of version 7 * k; for each type cache T, its loader load_T(id),
# and T_of(id, n), what it loads. Cache filler has values of 3 kB that depend on nothing.
sub create_values
{
	my ($node) = @_;
	my $sql = qq{
		CREATE EXTENSION cache_ext;
		CREATE TABLE source (id int PRIMARY KEY, n int NOT NULL);
		INSERT INTO source SELECT i, 7 * i FROM generate_series(1, 20) AS i;
		CREATE TYPE pair AS (a int, b text, c text[]);
		CREATE DOMAIN checked AS text CHECK (length(VALUE) = 8000);
		CREATE FUNCTION load_filler(k int) RETURNS text STABLE LANGUAGE sql AS 'SELECT repeat(md5(k::text), 100)';
		@{[ create_cache('filler') ]};
		SET check_function_bodies = off;
	};
	for (@TYPES)
	{
		my ($name, $type, $value) = @$_;
		$sql .= qq{
			CREATE FUNCTION ${name}_of(id int, n int) RETURNS $type IMMUTABLE LANGUAGE sql AS \$\$SELECT $value\$\$;
			CREATE FUNCTION load_$name(id int) RETURNS $type STABLE LANGUAGE sql AS
				'SELECT ${name}_of(s.id, s.n) FROM source s WHERE s.id = \$1';
			@{[ join(';', create_cache($name)) ]};
		};
	}
	$node->safe_psql('postgres', $sql);
	return;
}

# big_of(id, n), computed here.
sub big_of
{
	my ($id, $n) = @_;
	return join '', map { md5_hex("$id:$n:$_") } 1 .. 250;
}

my $next_filler = 1;

# Fills the memory of 8 MB four times over with new values, each of them read again, so that no other is
# left.
sub flood
{
	my ($session) = @_;
	my $last = $next_filler + 10_000;
	$session->rows("SELECT count(cache_get_filler(i)), count(cache_get_filler(i + i - i)) FROM generate_series($next_filler, $last) AS i");
	$next_filler = $last + 1;
	return;
}

# Removes all values, and has memory freed that nobody holds any more.
sub clear_all
{
	my ($session) = @_;
	$session->rows($_)
	  for 'SELECT cache_clear(cache_clear_request())', 'SELECT length(cache_get_filler(0))', "SELECT cache_invalidate_all('filler')";
	return;
}

# What the caches take of their memory, by cache_health.
sub used_kb
{
	my ($session) = @_;
	return $session->value(q{SELECT substring(detail, '\d+')::int FROM cache_health WHERE "check" = 'memory'});
}

# How many entries there are.
sub entries
{
	my ($session) = @_;
	return $session->value('SELECT sum(entries) FROM cache_stat');
}

# Hits so far, of all caches or of those that are named.
sub hits
{
	my ($session, @caches) = @_;
	my $which = @caches ? 'WHERE cache IN (' . join(', ', map { "'$_'" } @caches) . ')' : '';
	return $session->value("SELECT sum(hits) FROM cache_stat $which");
}

1;
