-- The options of a cache are in four places that have to agree: the table in the library, which decides;
-- the arguments of cache_create; the columns of cache_definition; and docs/reference.md. Each query below
-- shows what one of them says otherwise.
\set ECHO none
\set database regress_reference
\i include/begin.sql
\set ECHO none
\set page `cat ../../docs/reference.md`

CREATE VIEW options AS
    SELECT *, row_number() OVER () AS n FROM cache_ext_internal.cache_option_rows();

-- What an expression is, or stands for, as a value of the type.
CREATE FUNCTION value_of(expression text, type regtype) RETURNS text LANGUAGE plpgsql STRICT AS $$
DECLARE
    value text;
BEGIN
    EXECUTE format('SELECT ((%s)::%s)::text', expression, type) INTO value;
    RETURN value;
END $$;

CREATE VIEW arguments AS
    SELECT a.n, a.name, a.type::regtype AS type,
           value_of(pg_get_function_arg_default(p.oid, a.n::int), a.type::regtype) AS default_value
    FROM pg_proc AS p, unnest(p.proargnames, p.proargtypes) WITH ORDINALITY AS a (name, type, n)
    WHERE p.oid = 'cache_create'::regproc;

-- The reference: its section on a function, and in that the names in a text, the arguments in the
-- signature, and the ranges in the table of arguments (a row can be about several).
CREATE TABLE reference AS SELECT :'page' AS page;
CREATE FUNCTION section(name text) RETURNS text LANGUAGE sql
    AS $$SELECT substring(page FROM '\n### ' || name || '\n(.*?)\n###? ') FROM reference$$;
CREATE FUNCTION names_in(part text) RETURNS TABLE (name text) LANGUAGE sql
    AS $$SELECT m[1] FROM regexp_matches(part, '`([a-z_]+)`', 'g') AS m$$;
CREATE VIEW documented_arguments AS
    SELECT s.n, m[1] AS name, m[2]::regtype AS type, value_of(m[3], m[2]::regtype) AS default_value
    FROM regexp_split_to_table(substring(section('cache_create') FROM 'cache_create\((.*?)\) RETURNS'),
                               ',\s+') WITH ORDINALITY AS s (argument, n),
         regexp_match(s.argument, '^(\S+) (\S+)(?: DEFAULT (.*))?$') AS m;
CREATE VIEW documented_ranges AS
    SELECT name, rtrim(split_part(line, ' | ', 3), ' |') AS range
    FROM regexp_split_to_table(section('cache_create'), '\n') AS line, names_in(split_part(line, ' | ', 1))
    WHERE line LIKE '| `%';

-- A range as the reference writes it.
CREATE FUNCTION span(ms bigint) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN ms = 0 THEN '0'
                WHEN ms % 31557600000 = 0 THEN ms / 31557600000 || ' years'
                WHEN ms < 1000 THEN ms || ' ms'
                WHEN ms < 60000 AND ms % 1000 = 0 THEN ms / 1000 || ' s'
                ELSE justify_hours(ms * interval '1 ms')::text END$$;
CREATE VIEW ranges AS
    SELECT name,
           CASE type
               WHEN 'interval'::regtype THEN span(lowest) || ' to ' || span(highest)
               WHEN 'int'::regtype THEN
                   CASE WHEN highest < 2147483647 THEN lowest || ' to ' || highest
                        WHEN lowest > -2147483648 THEN 'at least ' || lowest
                        ELSE 'any integer' END
               -- Of a share or a factor, whatever else it may be.
               WHEN 'float8'::regtype THEN
                   CASE name WHEN 'refresh_beta' THEN 'from 0.001 to 1000' ELSE 'between 0 and 1, both excluded' END
               WHEN 'bool'::regtype THEN ''
           END AS range
    FROM options;
SET IntervalStyle = postgres;
\set ECHO all

-- The table.
SELECT name, type, if_null, lowest, highest FROM options ORDER BY n;

-- cache_create: the name and the loader, the options in this order, a type for each, and among them what only
-- cache_create takes. What a NULL stands for is the default.
SELECT string_agg(name, ' ' ORDER BY n) AS no_options FROM arguments WHERE name NOT IN (SELECT name FROM options);
SELECT o.name, o.type, o.if_null, a.name, a.type, a.default_value
FROM options AS o
FULL JOIN (SELECT row_number() OVER (ORDER BY n) AS n, name, type, default_value FROM arguments
           WHERE name NOT IN ('name', 'loader', 'key_types', 'value_type')) AS a USING (n)
WHERE o.name IS DISTINCT FROM a.name
OR CASE a.type WHEN 'regprocedure'::regtype THEN 'text' ELSE a.type END <> o.type
OR value_of(quote_literal(o.if_null), o.type) <> coalesce(a.default_value, 'NULL');

-- The columns of cache_definition that hold them, which are NOT NULL where a NULL stands for something.
SELECT o.name, o.type, o.if_null, a.attname, a.atttypid::regtype, a.attnotnull
FROM options AS o
FULL JOIN (SELECT row_number() OVER (ORDER BY attnum) AS n, * FROM pg_attribute
           WHERE attrelid = 'cache_ext_internal.cache_definition'::regclass AND attnum > 0
           AND attname NOT IN ('name', 'id', 'loader', 'key_types', 'value_type', 'settings', 'functions',
                               'dependencies', 'aggregate')) AS a USING (n)
WHERE o.name IS DISTINCT FROM a.attname OR o.type <> a.atttypid OR (o.if_null IS NOT NULL) <> a.attnotnull;

-- The reference: the signature of cache_create, the ranges, what cache_alter lists.
SELECT a AS declared, d AS documented
FROM arguments AS a FULL JOIN documented_arguments AS d USING (n)
WHERE to_jsonb(a) IS DISTINCT FROM to_jsonb(d);
SELECT r.name, r.range AS range, d.range AS documented
FROM ranges AS r LEFT JOIN documented_ranges AS d USING (name)
WHERE d.name IS NULL OR (d.range || ';') !~ ('^' || r.range || '[;,. (]');
SELECT name, count(*) FROM documented_ranges AS d JOIN options USING (name) GROUP BY name HAVING count(*) <> 1;
SELECT o.name AS option, d.name AS documented
FROM options AS o
FULL JOIN names_in(substring(section('cache_alter') FROM 'Options are (.*?); values')) AS d USING (name)
WHERE o.name IS NULL OR d.name IS NULL;
SELECT o.name AS with_default, d.name AS documented
FROM (SELECT name FROM options WHERE if_null IS NOT NULL) AS o
FULL JOIN names_in(substring(section('cache_alter') FROM 'of its own; for (.*?)\sthe default')) AS d USING (name)
WHERE o.name IS NULL OR d.name IS NULL;

\set ECHO none
\i include/end.sql
