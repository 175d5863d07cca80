# What the catalogs have of the extension, line by line, so that two databases can be compared: an
# updated one with a fresh one.
package ExtensionCatalog;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(catalog_of differences);

# Each query gives lines of an object and what is said of it, for all members of the extension. OIDs
# are names, and nothing is left out that a script can say and that `member` reaches.
my $members = <<'END';
WITH member AS (
  SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
  FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'cache_ext'
), relation AS (
  SELECT objid AS oid, name FROM member WHERE classid = 'pg_class'::regclass
  UNION SELECT i.indexrelid, 'index ' || i.indexrelid::regclass
  FROM pg_index AS i JOIN member AS m ON m.objid = i.indrelid AND m.classid = 'pg_class'::regclass
)
END

# An ACL in no order of its own.
sub acl
{
	my ($of) = @_;
	return "coalesce((SELECT string_agg(x::text, ' ' ORDER BY x::text COLLATE \"C\") FROM unnest($of) AS x), 'default')";
}

my %parts = (
	'extension' => q{SELECT e.extname, e.extversion, n.nspname, e.extrelocatable, e.extowner::regrole,
		obj_description(e.oid, 'pg_extension'),
		(SELECT string_agg(c.oid::regclass::text || ' where ' || e.extcondition[i], ', ' ORDER BY i)
		FROM unnest(e.extconfig) WITH ORDINALITY AS x (oid, i) LEFT JOIN pg_class AS c ON c.oid = x.oid)
		FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'cache_ext'},
	'member' => 'SELECT name FROM member',
	'comment' => 'SELECT m.name, d.objsubid, d.description FROM member AS m
		JOIN pg_description AS d ON d.classoid = m.classid AND d.objoid = m.objid',
	'initial privileges' => 'SELECT m.name, p.objsubid, p.privtype, ' . acl('p.initprivs')
	  . ' FROM member AS m JOIN pg_init_privs AS p ON p.classoid = m.classid AND p.objoid = m.objid',
	# Whatever has a column prosqlbody is told by pg_get_functiondef.
	'function' => q{SELECT m.name, p.proname, p.proowner::regrole, l.lanname, p.procost, p.prorows, p.prosupport, p.prokind,
		p.prosecdef, p.proleakproof, p.proisstrict, p.proretset, p.provolatile, p.proparallel,
		p.provariadic::regtype, p.proargnames, p.proargmodes, p.probin, p.proconfig, p.protrftypes, }
	  . acl('p.proacl') . q{, md5(p.prosrc),
		CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) END
		FROM member AS m JOIN pg_proc AS p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
		JOIN pg_language AS l ON l.oid = p.prolang},
	'relation' => q{SELECT r.name, c.relkind, c.relowner::regrole, c.relpersistence, c.relnatts, c.relchecks,
		c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
		(SELECT amname FROM pg_am AS a WHERE a.oid = c.relam), } . acl('c.relacl') . q{,
		CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) WHEN 'i' THEN pg_get_indexdef(c.oid) END
		FROM relation AS r JOIN pg_class AS c ON c.oid = r.oid},
	# By number, dropped ones included: the library reads rows by the number of the column. Some servers count there
	# how often a column was made.
	'column' => q{SELECT r.name, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		a.attidentity, a.attgenerated, a.attisdropped, a.attislocal, a.attcollation::regcollation, a.attstorage,
		a.attcompression, array(SELECT o FROM unnest(a.attoptions) AS o WHERE o !~ '^pg_attver='), } . acl('a.attacl') . q{, pg_get_expr(d.adbin, d.adrelid)
		FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum},
	'constraint' => q{SELECT r.name, k.conname, k.contype, k.condeferrable, k.convalidated, pg_get_constraintdef(k.oid)
		FROM relation AS r JOIN pg_constraint AS k ON k.conrelid = r.oid},
	'trigger' => q{SELECT r.name, t.tgenabled, pg_get_triggerdef(t.oid)
		FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal},
	'sequence' => q{SELECT r.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle
		FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid},
	'type' => q{SELECT m.name, t.typname, t.typowner::regrole, t.typtype, t.typcategory, t.typnotnull, t.typbasetype::regtype,
		t.typdefault, t.typrelid::regclass, } . acl('t.typacl') . q{
		FROM member AS m JOIN pg_type AS t ON t.oid = m.objid AND m.classid = 'pg_type'::regclass},
	'schema' => q{SELECT m.name, n.nspowner::regrole, } . acl('n.nspacl') . q{
		FROM member AS m JOIN pg_namespace AS n ON n.oid = m.objid AND m.classid = 'pg_namespace'::regclass},
	# Not of what caches bring along.
	'dependency' => q{SELECT m.name, d.deptype, pg_describe_object(d.classid, d.objid, d.objsubid), d.refobjsubid
		FROM member AS m JOIN pg_depend AS d ON d.refclassid = m.classid AND d.refobjid = m.objid
		WHERE NOT EXISTS (SELECT FROM pg_depend AS x
			WHERE x.classid = d.classid AND x.objid = d.objid AND x.deptype = 'x')
		AND NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgname LIKE 'cache\_ext\_%')},
	'dependency of' => q{SELECT m.name, d.objsubid, d.deptype, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
		FROM member AS m JOIN pg_depend AS d ON d.classid = m.classid AND d.objid = m.objid});

# catalog_of($node, $database): the lines.
sub catalog_of
{
	my ($node, $database) = @_;
	my @lines;
	for my $part (sort keys %parts)
	{
		# One line each, and text instead of columns, so that NULL is not ''. TOAST tables have their OID in their name.
		my $rows = $node->safe_psql($database, "$members SELECT replace(row_to_json(x)::text, E'\\n', ' ')
			FROM ($parts{$part}) AS x WHERE x::text !~ 'pg_toast'");
		push @lines, map { "$part: $_" } split /\n/, $rows;
	}
	return sort @lines;
}

# differences(\@have, \@want): the lines that only one of them has, after - what is missing, after + what is too much.
sub differences
{
	my ($have, $want) = @_;
	my %count;
	$count{$_}++ for @$have;
	$count{$_}-- for @$want;
	return map { ($count{$_} > 0 ? '+ ' : '- ') . $_ } grep { $count{$_} } sort keys %count;
}

1;
