# Random loaders over a small schema, random writes to it, and the SQL that compares what accessors give with what
# loaders say: for the test that dependencies which are derived from a loader's text are never narrower than the truth.
package Loaders;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(loader_schema random_loader random_body random_write);

# Few values, so that most conditions are met by some rows and not by others; and no two tables have the same rows.
my %columns = (
	person => [qw(id team boss n)],
	call => [qw(id person_id team n)],
	lead => [qw(id call_id person_id n)],
	note => [qw(id lead_id big n)],
	part => [qw(id person_id kind n)],
	part_1 => [qw(id person_id kind n)],
	parent => [qw(id person_id n)],
	child => [qw(id person_id n extra)],
	one_call => [qw(id person_id team n)],
	busy_call => [qw(call_id person_id boss n)],
	sum_call => [qw(person_id n calls)],
	last_call => [qw(id person_id n)],
	all_rows => [qw(id person_id n)],
	lead_or_not => [qw(id person_id lead_id n)],
	some_call => [qw(person_id n)],
);
my @tables = qw(person call lead note part parent);
my @sources = (@tables, @tables, @tables, qw(part_1 child one_call busy_call sum_call last_call all_rows all_rows lead_or_not some_call));

sub loader_schema
{
	return <<'END';
CREATE TABLE person (id int, team int, boss int, n int);
CREATE TABLE call (id int, person_id int, team int, n int);
CREATE TABLE lead (id int, call_id int, person_id int, n int);
CREATE TABLE note (id int, lead_id int, big bigint, n int);
CREATE TABLE part (id int, person_id int, kind int, n int) PARTITION BY LIST (kind);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part DEFAULT;
CREATE TABLE parent (id int, person_id int, n int);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE VIEW one_call AS SELECT * FROM call;
CREATE VIEW busy_call AS SELECT c.id AS call_id, c.person_id, p.boss, c.n FROM one_call AS c JOIN person AS p ON p.id = c.person_id WHERE c.n > 1;
CREATE VIEW sum_call AS SELECT person_id, sum(n)::int AS n, count(*)::int AS calls FROM call GROUP BY person_id;
CREATE VIEW last_call AS SELECT id, person_id, n FROM call ORDER BY n DESC NULLS LAST, id, person_id LIMIT 3;
CREATE VIEW all_rows AS SELECT id, person_id, n FROM call UNION ALL SELECT id, person_id, n FROM lead;
CREATE VIEW lead_or_not AS SELECT c.id, c.person_id, l.id AS lead_id, l.n FROM call AS c LEFT JOIN lead AS l ON l.call_id = c.id;
CREATE VIEW some_call AS SELECT DISTINCT person_id, n FROM call;
CREATE FUNCTION calls_of(who int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM call WHERE person_id = who';
CREATE FUNCTION all_notes(who int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) + who FROM note';
CREATE FUNCTION leads_unseen(who int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'DECLARE a bigint; BEGIN SELECT count(*) INTO a FROM lead WHERE n > who; RETURN a; END';
CREATE FUNCTION parents_of(who int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM parent WHERE person_id = who); END';
INSERT INTO person SELECT g, (g + 1) % 3, (2 * g + 1) % 5, g % 5 FROM generate_series(0, 5) AS g;
INSERT INTO call SELECT g, (g + 2) % 6, g % 3, g % 5 FROM generate_series(0, 7) AS g;
INSERT INTO lead SELECT g, (3 * g + 1) % 7, (2 * g + 3) % 5, g % 4 FROM generate_series(0, 7) AS g;
INSERT INTO note SELECT g, (5 * g + 2) % 6, (g + 3) % 4, g % 3 FROM generate_series(0, 7) AS g;
INSERT INTO part SELECT g, (3 * g + 4) % 5, g % 3, g % 4 FROM generate_series(0, 7) AS g;
INSERT INTO parent SELECT g, (g + 4) % 5, g % 4 FROM generate_series(0, 4) AS g;
INSERT INTO child SELECT g, (2 * g + 1) % 5, g % 4, g % 3 FROM generate_series(0, 4) AS g;
END
}

# The query as the body of a function: as it is, or in one of the ways in which PL/pgSQL comes to a value.
sub random_body
{
	my ($query) = @_;
	return "LANGUAGE sql AS \$loader\$ $query \$loader\$" if chance(0.5);
	# A function in SQL gives the first row.
	my $first = "SELECT q.* FROM ($query) AS q LIMIT 1";
	my $body = pick(
		"BEGIN RETURN ($first); END",
		"DECLARE found text; BEGIN SELECT ($first) INTO found; RETURN found; END",
		"DECLARE row record; BEGIN FOR row IN SELECT ($first) AS found LOOP RETURN row.found; END LOOP; END",
		"DECLARE found text := ($first); BEGIN IF found IS NULL THEN RETURN 'none'; END IF; RETURN found; END",
		"DECLARE c CURSOR FOR SELECT ($first) AS found; BEGIN FOR row IN c LOOP RETURN row.found; END LOOP; END",
		"DECLARE found text; key ALIAS FOR \$1; BEGIN BEGIN found := ($first); EXCEPTION WHEN division_by_zero THEN found := key; END; RETURN found; END",
		# What stands for the argument is another value by then.
		"BEGIN \$1 := (\$1 + 1) % 4; RETURN ($first); END",
		"BEGIN SELECT \$1 + 1 INTO \$1; RETURN ($first); END",
		"DECLARE other int := (SELECT min(id) FROM person WHERE team = \$1); BEGIN RETURN ($first) || (SELECT count(*) FROM call AS a WHERE a.person_id = other); END");
	return "LANGUAGE plpgsql AS \$loader\$ #variable_conflict use_column\n$body \$loader\$";
}

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

# Of the loader at hand.
my ($alias, @arguments, $with, $simple, $last);
# What shares rows: a declaration on one may cover the other.
my %relative = (part => 'part_1', part_1 => 'part', parent => 'child', child => 'parent');

# A column of these sources, which are pairs of an alias and its columns.
sub column
{
	my $source = pick(@_);
	return "$source->[0]." . pick(@{ $source->[1] });
}

# One that looks like a key, most of the time.
sub link_column
{
	my $source = pick(@_);
	my @links = grep { $_ ne 'n' && $_ ne 'calls' && $_ ne 'extra' } @{ $source->[1] };
	return "$source->[0]." . (@links && chance(0.9) ? pick(@links) : pick(@{ $source->[1] }));
}

sub equality
{
	my ($sources, $outer) = @_;
	my $left = link_column(@$sources);
	my $right = chance(0.4) && @$outer ? link_column(@$outer) : link_column(@$sources);
	return chance(0.5) ? "$left = $right" : "$right = $left";
}

sub restriction
{
	my ($sources) = @_;
	my $left = link_column(@$sources);
	my $argument = pick(@arguments);
	return pick(
		"$left = $argument", "$argument = $left", "$left = $argument", "$left IN ($argument)", "$left = ANY (ARRAY[$argument])",
		"$left\::int8 = $argument", "$left >= $argument", between($sources), "$left IS NOT DISTINCT FROM $argument", "$left IN ($argument, 2)", "$left <> $argument");
}

# Instants, for which any integers will do: between arguments, or beside one.
sub between
{
	my ($sources) = @_;
	my $left = column(@$sources);
	my ($one, $other) = (pick(@arguments), pick(@arguments));
	return pick("$left BETWEEN $one AND $other", "$left >= $one AND $left < $other", "$left < $one", "$one < $left", "$left\::int8 <= $one",
		"$left > $one AND $other >= $left");
}

# By key, plainly, or by a row around.
sub plain_restriction
{
	my ($sources, $outer) = @_;
	return link_column(@$sources) . ' = ' . (chance(0.5) && @$outer ? link_column(@$outer) : pick(@arguments));
}

# Whatever is true or false of a combination of rows.
sub condition
{
	my ($depth, $sources, $outer) = @_;
	my $r = rand() * ($simple ? 0.78 : 1);
	return restriction($sources) if $r < 0.32;
	return equality($sources, $outer) if $r < 0.54;
	return column(@$sources) . pick(' > 1', ' < 3', ' IS NULL', ' IS NOT NULL', ' = 2') if $r < 0.64;
	# What does not count is most tempting where it is plain.
	my $one = $r < 0.82 && chance(0.6) ? plain_restriction($sources, $outer) : undef;
	return '(' . ($one // condition($depth, $sources, $outer)) . ' OR ' . condition($depth, $sources, $outer) . ')' if $r < 0.76;
	return 'NOT (' . ($one // condition($depth, $sources, $outer)) . ')' if $r < 0.79;
	return 'CASE WHEN ' . condition($depth, $sources, $outer) . ' THEN ' . condition($depth, $sources, $outer) . ' ELSE ' . pick('true', 'false') . ' END'
		if $r < 0.82;
	return restriction($sources) if $depth >= 2;
	my $all = [ @$sources, @$outer ];
	return pick('', '', 'NOT ') . 'EXISTS (' . select_from($depth + 1, $all, sub { pick('1', column(@{ $_[0] })) }) . ')' if $r < 0.90;
	return link_column(@$sources) . pick(' IN (', ' IN (', ' IN (', ' NOT IN (', ' = ALL (') . select_from($depth + 1, $all, sub { link_column(@{ $_[0] }) }) . ')' if $r < 0.97;
	return '(' . select_from($depth + 1, $all, sub { 'count(*)' }, 1) . ') > 1';
}

sub conditions
{
	my ($depth, $sources, $outer, $n) = @_;
	my @all = map { condition($depth, $sources, $outer) } 1 .. $n;
	# What restricts to the key, plainly, or to a row around: else few tables would be proven.
	unshift @all, plain_restriction($sources, $outer) if chance($simple ? 0.4 : 0.6);
	unshift @all, between($sources) if chance(0.2);
	return join(' AND ', @all);
}

# A table, view, subquery or WITH, with its alias: SQL, and what it offers.
sub source
{
	my ($depth, $outer) = @_;
	my $name = 'a' . ++$alias;
	my $r = rand();
	if ($r < ($simple ? 0.9 : 0.72) || $depth >= 2)
	{
		my $table = pick(@sources);
		$table = $relative{$last} if exists $relative{$last} && chance(0.3);
		$last = $table;
		return (pick('', '', '', '', '', $table =~ /^(part|parent|call)$/ ? 'ONLY ' : '') . "$table AS $name", [ $name, $columns{$table} ]);
	}
	# All rows of the key, of a table: what they are joined to is restricted by them, or not.
	if ($r < ($simple ? 0.97 : 0.82))
	{
		my $table = pick(@tables);
		my $restriction = plain_restriction([ [ $table, $columns{$table} ] ], []);
		return ("(SELECT * FROM $table WHERE $restriction) AS $name", [ $name, $columns{$table} ]);
	}
	my @names = map { "x$_" } 1 .. 3;
	my $lateral = chance(0.3) && @$outer;
	my $query = select_from($depth + 1, $lateral ? $outer : [], \&three_columns);
	if ($r < 0.90 && !$lateral)
	{
		my $table = 'w' . ++$alias;
		push @$with, "$table (x1, x2, x3) AS " . pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ') . "($query)";
		return ("$table AS $name", [ $name, \@names ]);
	}
	return (($lateral ? 'LATERAL ' : '') . "($query) AS $name (x1, x2, x3)", [ $name, \@names ]);
}

sub three_columns
{
	my ($sources) = @_;
	my @three = map { link_column(@$sources) } 1 .. 3;
	return join(', ', @three);
}

# FROM with joins: SQL and its sources.
sub from
{
	my ($depth, $outer) = @_;
	my ($sql, $first) = source($depth, $outer);
	my @sources = ($first);
	my $n = $depth ? pick(0, 0, 0, 1, 1, 2) : pick(0, 0, 1, 1, 1, 2);
	for (1 .. $n)
	{
		my ($more, $source) = source($depth, chance(0.3) ? [@sources] : $outer);
		my @new = ($source);
		if (chance(0.2) && $more !~ /^LATERAL/)
		{
			my ($third, $other) = source($depth, []);
			push @new, $other;
			my $inner = link_column($source) . ' = ' . link_column($other);
			$inner .= ' AND ' . plain_restriction(\@new, []) if chance(0.5);
			$more = "($more " . pick('JOIN', 'JOIN', 'LEFT JOIN') . " $third ON $inner)";
		}
		# Not everything can be seen from everywhere: what is LATERAL stands to the right of what it names.
		my $join = $more =~ /^LATERAL/ ? pick('JOIN', 'LEFT JOIN') : pick('JOIN', 'JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
		my $on = equality([ $sources[-1], @new ], []);
		$on = link_column(@sources) . ' = ' . link_column(@new) if chance(0.8) || $join eq 'FULL JOIN';
		my $more_of_it = [ @sources, @new ];
		$on .= ' AND ' . (chance(0.5) ? plain_restriction($more_of_it, $outer) : condition($depth, $more_of_it, $outer))
		  if chance(0.45) && $join ne 'FULL JOIN';
		$sql = "$sql $join $more ON $on";
		push @sources, @new;
	}
	if (chance(0.15))
	{
		my ($more, $source) = source($depth, $outer);
		$sql .= ", $more";
		push @sources, $source;
	}
	return ($sql, \@sources);
}

# SELECT ... FROM ... WHERE ..., perhaps grouped, limited, distinct, or a UNION of two.
sub select_from
{
	my ($depth, $outer, $targets, $plain) = @_;
	my ($from, $sources) = from($depth, $outer);
	my $list = $targets->($sources);
	my $sql = "SELECT " . ($plain || chance(0.93) ? '' : 'DISTINCT ') . "$list FROM $from";
	$sql .= ' WHERE ' . conditions($depth, $sources, $outer, pick(1, 1, 1, 2, 2, 3)) if chance(0.9);
	return $sql if $plain;
	my $r = rand();
	$sql .= " GROUP BY $list" . (chance(0.3) ? ' HAVING count(*) > 1' : '') if $r < 0.12 && $list ne '1';
	my $order = join(', ', map { $_ + 1 } 0 .. ($list =~ tr/,//));
	return "$sql ORDER BY $order LIMIT 2" if $r > 0.95;
	return "$sql UNION " . pick('', 'ALL ') . select_from($depth + 1, $outer, $targets, 1) if $r > 0.90 && $depth < 2;
	return $sql;
}

sub value
{
	my ($depth, $sources) = @_;
	my $r = rand();
	my $filter = chance(0.3) ? ' FILTER (WHERE ' . condition(9, $sources, []) . ')' : '';
	return "count(*)$filter" if $r < 0.2;
	return 'sum(' . column(@$sources) . ")$filter" if $r < 0.45;
	my $c = column(@$sources);
	return "string_agg($c\::text, ',' ORDER BY $c)$filter" if $r < 0.7;
	return "(" . select_from(1, [], sub { 'sum(' . column(@{ $_[0] }) . ')' }, 1) . ")" if $r < 0.8;
	return 'sum((' . select_from(1, $sources, sub { 'count(*)' }, 1) . "))$filter" if $r < 0.95;
	my $call = pick('calls_of', 'calls_of', 'parents_of', 'all_notes', 'leads_unseen') . '(' . pick(@arguments) . '::int)';
	return chance(0.3) ? "max($call)$filter" : $call;
}

# One column is both arguments: where it is, they are equal, and nowhere else.
sub equal_arguments
{
	my $column = link_column(@_);
	return join(' AND ', map { "$column = $_" } @arguments);
}

# It gives a row where no combination is, by what it asks then.
sub row_anyway
{
	my $r = rand();
	return '' if $r < 0.8;
	return ' GROUP BY ()' if $r < 0.85;
	return ' HAVING (' . select_from(1, [], sub { 'count(*)' }, 1) . ') ' . pick('> 0', '< 2');
}

# The arguments, and the statement. Same seed, same loaders.
sub random_loader
{
	# Half of them are so simple that most of what they read can be proven.
	($alias, $with, $simple, $last) = (0, [], chance(0.5), '');
	my @types = pick([qw(int)], [qw(int)], [qw(int)], [qw(bigint)], [qw(int int)], [qw(int int)]);
	@types = @{ $types[0] };
	@arguments = map { "\$$_" } 1 .. @types;
	my ($from, $sources) = from(0, []);
	my @values = map { value(0, $sources) } 1 .. pick(1, 2, 3);
	my $where = chance(0.95) ? ' WHERE ' . conditions(0, $sources, [], pick(1, 1, 2, 2, 3)) : '';
	$where .= ($where ? ' AND ' : ' WHERE ') . equal_arguments(@$sources) if @arguments > 1 && chance(0.4);
	$where .= row_anyway();
	my $sql = "SELECT concat_ws('|', " . join(', ', map { "coalesce(($_)::text, '-')" } @values) . ") FROM $from$where";
	$sql = 'WITH ' . join(', ', @$with) . " $sql" if @$with;
	return (join(', ', @types), $sql);
}

sub random_value { return chance(0.08) ? 'NULL' : int(rand(6)); }

# One or two statements, one transaction.
sub random_write
{
	my $sql = '';
	for (1 .. pick(1, 1, 1, 1, 2))
	{
		my $table = pick(@tables, 'call', 'lead', qw(part_1 child));
		my @c = @{ $columns{$table} };
		my $r = rand();
		my $where = pick(@c) . ' = ' . int(rand(6));
		if ($r < 0.4)
		{
			my @values = map { random_value() } @c;
			$values[2] = 1 if $table eq 'part_1';
			$sql .= "INSERT INTO $table (" . join(', ', @c) . ') VALUES (' . join(', ', @values) . ');';
		}
		elsif ($r < 0.85)
		{
			my @set = grep { $table ne 'part_1' || $_ ne 'kind' } @c;
			$sql .= "UPDATE $table SET " . pick(@set) . ' = ' . random_value() . " WHERE $where;";
		}
		else
		{
			$sql .= "DELETE FROM $table WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY $table WHERE $where LIMIT 2));";
		}
	}
	return "BEGIN; $sql COMMIT;";
}

1;
