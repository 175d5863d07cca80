# Large values are used where they lie in shared memory, without a copy: whatever a query does with
# them, they are right, and once it is over nothing keeps their memory. held_values.pl has what
# happens to values while they are used.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use CacheExt;
use HeldValues;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $node = new_node('held_queries');
preload($node);
$node->append_conf('postgresql.conf', "cache_ext.memory = 8MB\nmax_worker_processes = 4\n");
$node->start;
create_values($node);
my $observer = Wire->new($node);

# Queries that say whether all is right; key k is of version 7 * k.
my @forms = (
	# The types.
	(map {
		my ($name, $type) = @$_;
		my ($got, $wanted) = map { $type eq 'json' ? "$_\::text" : $_ } "cache_get_$name(id)", "$name\_of(id, n)";
		[ "type $type, $name", "SELECT bool_and($got IS NOT DISTINCT FROM $wanted) FROM source" ]
	} @TYPES),
	[ 'cache_get by name', q{SELECT bool_and(cache_get('doc', id) = doc_of(id, n)) FROM source} ],
	[ 'cache_peek', q{SELECT bool_and(cache_get_doc(id) = doc_of(id, n) AND cache_peek('doc', id) = doc_of(id, n)) FROM source} ],
	[ 'cache_get_entry', q{SELECT bool_and(value #>> '{}' = big_of(id, n)) FROM source, cache_get_entry('big', id)} ],
	[ 'cache_get_many', q{SELECT count(*) = 20 AND bool_and(value = big_of(key, 7 * key))
		FROM cache_get_many_big(ARRAY(SELECT id FROM source))} ],
	[ 'cache_verify', q{SELECT bool_and(mismatched = 0) FROM (VALUES ('big'), ('doc'), ('words')) AS c (cache), cache_verify(cache)} ],
	[ 'memory of a read', q{SELECT CASE WHEN cache_get_big(1) = big_of(1, 7) THEN (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) END < 100000000} ],
	[ 'keys that are held values', q{SELECT cache_get_big(length(cache_get_big(1)) / 4000) = big_of(2, 14)} ],

	# More values in a row than there are hazards.
	[ 'twelve in a row', 'SELECT bool_and(v = big_of(k, 7 * k)) FROM (SELECT ' .
		join(', ', map { "cache_get_big($_) AS v$_" } 1 .. 12) . ' OFFSET 0) AS r, LATERAL (VALUES ' .
		join(', ', map { "($_, v$_)" } 1 .. 12) . ') AS u (k, v)' ],
	[ 'twelve in an expression', 'SELECT ' . join(' || ', map { "cache_get_big($_)" } 1 .. 12) . ' = ' .
		join(' || ', map { "big_of($_, 7 * $_)" } 1 .. 12) ],
	[ 'twelve in a record', 'SELECT ROW(' . join(', ', map { "cache_get_words($_)" } 1 .. 12) . ') = ROW(' .
		join(', ', map { "words_of($_, 7 * $_)" } 1 .. 12) . ')' ],
	[ 'rows of twelve', 'SELECT bool_and(md5(ROW(' . join(', ', map { "cache_get_big(id + ($_ - id) % 20)" } 1 .. 12) .
		')::text) = md5(ROW(' . join(', ', map { "big_of(id + ($_ - id) % 20, 7 * (id + ($_ - id) % 20))" } 1 .. 12) .
		')::text)) FROM source' ],
	[ 'nested calls', q{SELECT bool_and(upper(reverse(substr(cache_get_big(id) || cache_get_even(id), 100)))
		= upper(reverse(substr(big_of(id, n) || even_of(id, n), 100)))) FROM source} ],

	# Nodes and expressions that keep values.
	[ 'array_agg', 'SELECT array_agg(cache_get_big(id) ORDER BY id) = array_agg(big_of(id, n) ORDER BY id) FROM source' ],
	[ 'array_agg of arrays', 'SELECT array_agg(cache_get_words(id)) = array_agg(words_of(id, n)) FROM source' ],
	[ 'ARRAY()', 'SELECT ARRAY(SELECT cache_get_big(id) FROM source ORDER BY id) = ARRAY(SELECT big_of(id, n) FROM source ORDER BY id)' ],
	[ 'string_agg', q{SELECT md5(string_agg(cache_get_big(id), ',')) = md5(string_agg(big_of(id, n), ',')) FROM source} ],
	[ 'jsonb_agg', 'SELECT jsonb_agg(cache_get_doc(id)) = jsonb_agg(doc_of(id, n)) FROM source' ],
	[ 'jsonb_object_agg', 'SELECT jsonb_object_agg(cache_get_label(id), cache_get_doc(id)) = jsonb_object_agg(label_of(id, n), doc_of(id, n)) FROM source' ],
	[ 'min and max', 'SELECT min(cache_get_big(id)) = min(big_of(id, n)) AND max(cache_get_big(id)) = max(big_of(id, n)) AND max(cache_get_words(id)) = max(words_of(id, n)) FROM source' ],
	[ 'DISTINCT in an aggregate', 'SELECT count(DISTINCT cache_get_big(id)) = 20 FROM source, generate_series(1, 3)' ],
	[ 'percentile', 'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY cache_get_big(id)) = percentile_disc(0.5) WITHIN GROUP (ORDER BY big_of(id, n)) FROM source' ],
	[ 'window functions', q{SELECT bool_and(a = c AND b IS NOT DISTINCT FROM d AND e = f AND g = f) FROM (SELECT
		first_value(cache_get_big(id)) OVER w AS a, lag(cache_get_big(id)) OVER w AS b, max(cache_get_big(id)) OVER w AS e,
		first_value(big_of(id, n)) OVER w AS c, lag(big_of(id, n)) OVER w AS d, max(big_of(id, n)) OVER w AS f,
		max(cache_get_big(id)) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE NO OTHERS) AS g
		FROM source WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS r} ],
	[ 'moving window', q{SELECT bool_and(a = b) FROM (SELECT
		string_agg(cache_get_big(id), '') OVER w AS a, string_agg(big_of(id, n), '') OVER w AS b
		FROM source WINDOW w AS (ORDER BY id ROWS 2 PRECEDING)) AS r} ],
	[ 'CTE', 'WITH v AS MATERIALIZED (SELECT id, n, cache_get_big(id) AS v FROM source)
		SELECT count(*) = 40 AND bool_and(v = big_of(id, n)) FROM (SELECT * FROM v UNION ALL SELECT * FROM v) AS r' ],
	[ 'recursive CTE', 'WITH RECURSIVE v (id, v) AS (SELECT 1, cache_get_big(1) UNION SELECT id + 1, cache_get_big(id + 1) FROM v WHERE id < 20)
		SELECT count(*) = 20 AND bool_and(v = big_of(id, 7 * id)) FROM v' ],
	[ 'sort', 'SELECT array_agg(v) = (SELECT array_agg(big_of(id, n) ORDER BY big_of(id, n) DESC) FROM source)
		FROM (SELECT cache_get_big(id) AS v FROM source ORDER BY 1 DESC) AS r' ],
	[ 'sort with other columns', 'SELECT bool_and(v = big_of(id, n)) FROM (SELECT id, n, cache_get_big(id) AS v FROM source ORDER BY v, id OFFSET 0) AS r' ],
	[ 'DISTINCT ON', 'SELECT bool_and(v = big_of(id, n)) FROM (SELECT DISTINCT ON (id) id, n, cache_get_big(id) AS v FROM source ORDER BY id, v) AS r' ],
	[ 'hash aggregate', 'SELECT count(*) = 20 AND bool_and(v = big_of(id, n)) FROM (SELECT cache_get_big(id) AS v, min(id) AS id, min(n) AS n FROM source GROUP BY 1) AS r' ],
	[ 'INTERSECT', 'SELECT count(*) = 20 FROM (SELECT cache_get_big(id) FROM source INTERSECT SELECT big_of(id, n) FROM source) AS r' ],
	(map { [ "join, $_->[0]", q{SELECT count(*) = 20 AND bool_and(a.id = b.id AND v = big_of(a.id, n)) FROM
			(SELECT id, cache_get_big(id) AS v FROM source OFFSET 0) AS a JOIN
			(SELECT id, n, cache_get_big(id) AS w FROM source OFFSET 0) AS b ON v = w}, $_->[1] ] }
		[ 'hash', 'enable_mergejoin = off; enable_nestloop = off' ], [ 'merge', 'enable_hashjoin = off; enable_nestloop = off' ],
		[ 'nested loop', 'enable_hashjoin = off; enable_mergejoin = off' ]),
	[ 'LATERAL', 'SELECT count(*) = 60 AND bool_and(v = big_of(id, n)) FROM (SELECT id, n, cache_get_big(id) AS v FROM source OFFSET 0) AS s,
		LATERAL (SELECT i FROM generate_series(1, 3) AS i WHERE length(v) > i) AS i' ],
	[ 'sub-select of the outer value', 'SELECT bool_and((SELECT count(*) FROM source i WHERE position(big_of(i.id, i.n) in v) > 0) = 1)
		FROM (SELECT cache_get_big(id) AS v FROM source OFFSET 0) AS s' ],
	[ 'hashed sub-plan', 'SELECT bool_and(big_of(id, n) IN (SELECT cache_get_big(id) FROM source)) FROM source' ],
	[ 'memoize', 'SELECT count(*) = 100 AND bool_and(b = big_of(id, n)) FROM (SELECT s.id, n, cache_get_big(id) AS v FROM source s, generate_series(1, 5) OFFSET 0) AS a,
		LATERAL (SELECT v AS b FROM source i WHERE i.id = a.id) AS r', 'enable_hashjoin = off; enable_mergejoin = off' ],
	[ 'CASE, COALESCE, NULLIF', q{SELECT bool_and(CASE cache_get_big(id) WHEN big_of(id, n) THEN COALESCE(NULLIF(cache_get_big(id), 'x'), 'y') END = big_of(id, n)
		AND COALESCE(cache_get_none(id), cache_get_even(id)) = GREATEST(even_of(id, n), even_of(id, n))) FROM source} ],
	[ 'VALUES', 'SELECT bool_and(v = big_of(k, 7 * k)) FROM (VALUES (1, cache_get_big(1)), (2, cache_get_big(2)), (3, cache_get_big(3))) AS r (k, v)' ],

	# Parts, casts and operators.
	[ 'json to jsonb', q{SELECT bool_and(cache_get_js(id)::jsonb = js_of(id, n)::jsonb) FROM source} ],
	[ 'jsonb operators', q{SELECT bool_and(cache_get_doc(id)->>'even' = even_of(id, n) AND cache_get_doc(id) @> jsonb_build_object('n', n)
		AND cache_get_doc(id)->'list'->0 = to_jsonb((words_of(id, n))[1]) AND cache_get_doc(id) ? 'list') FROM source} ],
	[ 'jsonb changed', q{SELECT bool_and(jsonb_set(cache_get_doc(id), '{n}', '0') || cache_get_doc(id) = doc_of(id, n)
		AND cache_get_doc(id) - 'list' = doc_of(id, n) - 'list') FROM source} ],
	[ 'jsonpath', q{SELECT bool_and(jsonb_path_query_array(cache_get_doc(id), '$.list[*]') = to_jsonb(words_of(id, n))) FROM source} ],
	[ 'json_array_elements', q{SELECT array_agg(v) = words_of(3, 21) FROM json_array_elements_text(cache_get_js(3)->'list') AS v} ],
	[ 'jsonb_array_elements in the select list', q{SELECT bool_and(a = to_jsonb(words_of(id, n))) FROM
		(SELECT id, n, jsonb_agg(e) AS a FROM (SELECT id, n, jsonb_array_elements(cache_get_doc(id)->'list') AS e FROM source) AS r GROUP BY id, n) AS s} ],
	[ 'json_populate_record', q{SELECT bool_and((jsonb_populate_record(NULL::pair, jsonb_build_object('a', n, 'b', cache_get_big(id), 'c', cache_get_words(id)))) = pair_of(id, n)) FROM source} ],
	[ 'unnest', 'SELECT bool_and(a = words_of(id, n)) FROM (SELECT id, n, array_agg(e) AS a FROM (SELECT id, n, unnest(cache_get_words(id)) AS e FROM source) AS r GROUP BY id, n) AS s' ],
	[ 'unnest in FROM', 'SELECT bool_and((words_of(3, 21))[o] = w AND (nums_of(4, 28))[o] = i) FROM ROWS FROM (unnest(cache_get_words(3)), unnest((cache_get_nums(4))[1:200])) WITH ORDINALITY AS r (w, i, o)' ],
	[ 'array operators', q{SELECT bool_and((cache_get_nums(id))[600] = (nums_of(id, n))[600] AND array_append(cache_get_words(id), 'x') = words_of(id, n) || 'x'::text
		AND array_length(cache_get_nums(id) || 1::bigint, 1) = 601 AND (words_of(id, n))[7] = ANY (cache_get_words(id)) AND cache_get_nums(id) @> ARRAY[(nums_of(id, n))[1]]
		AND array_to_string(cache_get_words(id), '') = array_to_string(words_of(id, n), '')) FROM source} ],
	[ 'composite', 'SELECT bool_and((cache_get_pair(id)).b = big_of(id, n) AND (cache_get_pair(id)).c = words_of(id, n)) FROM source' ],
	[ 'composite in FROM', 'SELECT bool_and(b = big_of(id, n) AND a = n AND c = words_of(id, n)) FROM source, cache_get_pair(id)' ],
	[ 'to_json of a composite', 'SELECT bool_and(to_jsonb(cache_get_pair(id)) = to_jsonb(pair_of(id, n))) FROM source' ],
	[ 'composites compared', 'SELECT count(*) = 20 FROM source a JOIN source b ON cache_get_pair(a.id) = pair_of(b.id, b.n)' ],
	[ 'domain', q{SELECT bool_and(cache_get_big(id)::checked = big_of(id, n) AND cache_get_dom(id)::text || '' = big_of(id, n)) FROM source} ],
	[ 'index keys', 'SELECT count(*) = 20 AND bool_and(id BETWEEN 3000001 AND 3021600) FROM lookup WHERE id = ANY (cache_get_nums(3))' ],
	[ 'text index keys', 'SELECT count(*) = 200 FROM lookup_text WHERE w = ANY (cache_get_words(3))' ],
	[ 'gin index', q{SELECT count(*) = 1 FROM docs WHERE d @> (cache_get_doc(3) - 'even')} ],

	# PL/pgSQL, functions in SQL.
	[ 'variables', 'SELECT bool_and(through_variables(id) = big_of(id, n)) FROM source' ],
	[ 'arguments', 'SELECT bool_and(argument(cache_get_big(id), cache_get_words(id), cache_get_pair(id)) = big_of(id, n)) FROM source' ],
	[ 'blocks with exceptions', 'SELECT bool_and(through_exceptions(id) = big_of(id, n)) FROM source' ],
	[ 'loops', 'SELECT looped() = 20' ],
	[ 'SQL function', 'SELECT bool_and(in_sql(id) = big_of(id, n)) FROM source' ],
	[ 'set of a SQL function', 'SELECT bool_and(a = words_of(3, 21)) FROM (SELECT array_agg(w) AS a FROM (SELECT elements(cache_get_words(3)) AS w) AS r) AS s' ],
	[ 'dynamic SQL', 'SELECT bool_and(dynamic(id) = big_of(id, n)) FROM source' ],
	[ 'nested caches', 'SELECT bool_and(cache_get_outer(id) = big_of(id, n) || even_of(id, n) || cardinality(words_of(id, n))) FROM source' ],
	[ 'aggregate of the accessor', q{SELECT last_of('big', id ORDER BY id) = big_of(20, 140) FROM source} ],
	[ 'parallel query', 'SELECT count(*) = 200 AND bool_and(cache_get_big(id) = big_of(id, 7 * id)) FROM (SELECT DISTINCT 1 + i % 20 AS id, i % 200 AS j FROM wide) AS w',
		'parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; max_parallel_workers_per_gather = 2' ]);

$node->safe_psql('postgres', q{
	CREATE TABLE lookup (id bigint PRIMARY KEY);
	INSERT INTO lookup SELECT 3021000 + 20 * i FROM generate_series(1, 20) AS i;
	CREATE TABLE lookup_text (w text PRIMARY KEY);
	INSERT INTO lookup_text SELECT unnest(words_of(id, n)) FROM source;
	CREATE TABLE docs (d jsonb);
	INSERT INTO docs SELECT doc_of(id, n) FROM source;
	CREATE INDEX ON docs USING gin (d);
	CREATE TABLE wide AS SELECT i FROM generate_series(1, 5000) AS i;
	ANALYZE lookup, lookup_text, docs, wide, source;

	CREATE FUNCTION through_variables(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$
	DECLARE
		a text := cache_get_big(k);
		b text;
		words text[] := cache_get_words(k);
		p pair;
		r record;
		d jsonb;
	BEGIN
		b := a;
		a := cache_get_big(k % 20 + 1);
		words[1] := 'changed';
		IF words = cache_get_words(k) OR words[2:] <> (cache_get_words(k))[2:] THEN RETURN 'array'; END IF;
		p := cache_get_pair(k);
		p.a := -1;
		IF p = cache_get_pair(k) OR p.b <> (cache_get_pair(k)).b THEN RETURN 'composite'; END IF;
		r := cache_get_pair(k);
		r.b := 'changed';
		IF (cache_get_pair(k)).b <> b THEN RETURN 'record'; END IF;
		d := cache_get_doc(k);
		d['n'] := '0';
		IF cache_get_doc(k) <> doc_of(k, 7 * k) THEN RETURN 'jsonb'; END IF;
		SELECT v INTO a FROM (SELECT cache_get_big(k) AS v) AS s;
		IF a <> b THEN RETURN 'into'; END IF;
		RETURN b;
	END $$;
	CREATE FUNCTION argument(a text, b text[], c pair) RETURNS text STABLE LANGUAGE plpgsql AS $$
	BEGIN
		b := b || 'x'::text;
		b[1] := 'y';
		c.b := 'z';
		BEGIN
			PERFORM 1 / (length(a) - 8000);
		EXCEPTION WHEN division_by_zero THEN
			RETURN a;
		END;
		RETURN 'no error';
	END $$;
	CREATE FUNCTION through_exceptions(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$
	DECLARE
		v text;
		w text;
	BEGIN
		FOR i IN 1 .. 10 LOOP
			BEGIN
				v := cache_get_big(k);
				w := v || cache_get_even(k) || (1 / (length(cache_get_big(i)) - 8000));
			EXCEPTION WHEN division_by_zero THEN
				IF v <> cache_get_big(k) THEN RETURN 'lost'; END IF;
			END;
		END LOOP;
		BEGIN
			RETURN cache_get_big(k);
		EXCEPTION WHEN division_by_zero THEN
			RETURN 'none';
		END;
	END $$;
	CREATE FUNCTION looped() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
	DECLARE
		r record;
		w text;
		n bigint := 0;
		c CURSOR (v text) FOR SELECT id FROM source WHERE v = big_of(id, source.n);
	BEGIN
		FOR r IN SELECT s.id, s.n, cache_get_big(s.id) AS v, cache_get_words(s.id) AS words FROM source s LOOP
			IF r.v = big_of(r.id, r.n) THEN n := n + 1; END IF;
			FOREACH w IN ARRAY cache_get_words(r.id) LOOP
				IF NOT w = ANY (r.words) THEN n := n - 1000; END IF;
			END LOOP;
			FOR r IN c (cache_get_big(r.id)) LOOP
				NULL;
			END LOOP;
		END LOOP;
		RETURN n;
	END $$;
	CREATE FUNCTION in_sql(k int) RETURNS text STABLE LANGUAGE sql AS $$
		SELECT 'x' FROM source LIMIT 0;
		SELECT cache_get_big(k) $$;
	CREATE FUNCTION elements(a text[]) RETURNS SETOF text VOLATILE LANGUAGE sql AS $$
		SELECT e FROM unnest(a) AS e $$;
	CREATE FUNCTION dynamic(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$
	DECLARE
		v text;
	BEGIN
		EXECUTE 'SELECT $1 || $2' INTO v USING cache_get_big(k), cache_get_none(k) IS NULL;
		RETURN left(v, -4);
	END $$;
	CREATE FUNCTION load_outer(k int) RETURNS text STABLE LANGUAGE plpgsql AS $$
	DECLARE
		a text := cache_get_big(k);
	BEGIN
		BEGIN
			PERFORM 1 / (length(cache_get_even(k)) * 0);
		EXCEPTION WHEN division_by_zero THEN
			RETURN a || cache_get_even(k) || cardinality(cache_get_words(k));
		END;
	END $$;
	SELECT cache_create('outer', 'load_outer(int)', ttl => NULL);
	CREATE FUNCTION keep_last(state text, cache text, k int) RETURNS text STABLE LANGUAGE sql AS 'SELECT cache_get_big(k)';
	CREATE AGGREGATE last_of (text, int) (sfunc = keep_last, stype = text);
});

# Runs every query twice in a session of its own: the values that the second one uses are cached, unless
# it only peeks. Once it is over, and the values have been removed, as much memory must be in use as before.
sub check_all
{
	my ($name, @settings) = @_;
	my $session = Wire->new($node);
	$session->rows("SET $_") for @settings;
	my (@wrong, @missed, @kept);
	# Of the pages for the tags of keys that a loader has read, one stays when it is empty. From here on it is there.
	$session->rows($_) for 'BEGIN', 'SELECT cache_get_outer(1)', 'COMMIT';
	clear_all($observer);
	my $empty = used_kb($observer);
	for (@forms)
	{
		my ($form, $sql, $setting) = @$_;
		$session->rows('BEGIN');
		$session->rows("SET LOCAL $_") for split /; /, $setting // '';
		my $first = eval { $session->value($sql) } // $@;
		my $before = hits($observer);
		my $second = eval { $session->value($sql) } // $@;
		push @wrong, "$form: $first, $second" if "$first$second" ne 'tt';
		push @missed, $form if hits($observer) == $before && $form ne 'cache_verify';
		$session->rows('COMMIT');
		clear_all($observer);
		my $kept = used_kb($observer) - $empty;
		push @kept, "$form: $kept kB" if $kept != 0;
		$empty += $kept;
	}
	$session->quit;
	is(join('; ', @wrong), '', "$name: all values are right");
	is("@missed", '', "$name: and come from the cache");
	is(join('; ', @kept), '', "$name: nothing keeps their memory");
	return;
}
check_all('held');
check_all('all held', 'cache_ext.copy_up_to = 0');
check_all('all copied', "cache_ext.copy_up_to = -1");
$observer->rows(q{ALTER SYSTEM SET cache_ext.compression = 'pglz'});
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cache_ext.compression') = 'pglz'");
check_all('compressed');
check_all('compressed, all held', 'cache_ext.copy_up_to = 0');
is($observer->value(q{SELECT bool_and(mismatched = 0) FROM cache_stat, cache_verify(cache)}), 't', 'cache_verify');

$observer->quit;
$node->stop;
done_testing();
