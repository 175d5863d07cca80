-- Types of keys: a changed row concerns the keys that its type calls equal, and no others; each key
-- has the value that the loader gives for it, and not for one that is equal to it.
\set ECHO none
\set database regress_key_types
\i include/begin.sql

SET lc_monetary = 'C';
CREATE TYPE mood AS ENUM ('fine', 'bad', 'odd');
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE DOMAIN price AS numeric CHECK (VALUE > -1e200);
CREATE DOMAIN dear AS price CHECK (VALUE IS DISTINCT FROM 7);
CREATE DOMAIN list AS int[] CHECK (VALUE[1] IS DISTINCT FROM 99);
CREATE DOMAIN lists AS price[];
CREATE DOMAIN tag AS char(4);
CREATE DOMAIN nick AS name;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION isn;
CREATE DOMAIN email AS citext CHECK (VALUE !~ ' ');
CREATE TYPE floatrange AS RANGE (subtype = float8, multirange_type_name = floatranges);
CREATE TYPE citextrange AS RANGE (subtype = citext);
-- What is read by a key of `type`, of a table whose column is of type `stored`.
CREATE TABLE sample (type text, stored text, keys text[]);
INSERT INTO sample (type, keys) VALUES
    ('int2', '{0,-1,32767,-32768}'), ('int4', '{0,-1,2147483647,-2147483648}'), ('bool', '{t,f}'),
    ('int8', '{0,-1,4294967295,4294967296,9223372036854775807,-9223372036854775808}'),
    ('oid', '{0,1,2147483648,4294967295}'), ('money', '{0,1,-1,1.01}'),
    ('numeric', '{0,-0.00,0.0,1,1.0,1.00,10,1.5,1.50,NaN,Infinity,-Infinity,1e100,1e-100,100000000000000000000,-1}'),
    ('float4', '{0,-0,1,NaN,Infinity,-Infinity,1e-30,0.1}'), ('float8', '{0,-0,1,NaN,Infinity,-Infinity,1e-300,0.1}'),
    ('text', '{"",a,A,"a "," a"}'), ('varchar', '{"",a,A,"a "," a"}'), ('name', '{"",a,A,"a "}'),
    ('bpchar', '{"","  ",a,A,"a ","a   "," a","a b","a b "}'), ('bytea', '{"",\\x00,\\x0000,\\x20}'),
    ('mood', '{fine,bad,odd}'), ('uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}'),
    ('date', '{2026-03-01,infinity,-infinity}'), ('time', '{00:00,24:00,12:00:00.000001}'),
    ('timetz', '{12:00+00,13:00+01,12:00+01,24:00+00}'), ('timestamp', '{2026-03-01,infinity,"2026-03-01 00:00:00.000001"}'),
    ('timestamptz', '{"2026-03-01 12:00+00","2026-03-01 13:00+01",-infinity}'),
    ('interval', '{"1 mon","30 days","720:00","1 day","24:00",0,"-1 mon","1 mon -30 days","1 year","360 days","12 mons"}'),
    ('inet', '{10.0.0.1,10.0.0.1/32,10.0.0.1/8,10.0.0.0/8,::1,::ffff:10.0.0.1}'), ('cidr', '{10.0.0.0/8,10.0.0.0/16,10/8,::/0}'),
    ('macaddr', '{08:00:2b:01:02:03,08-00-2b-01-02-03,08:00:2b:01:02:04}'),
    ('jsonb', '{1,1.0,"\"1\"","[1, 1.00]","[1.0,1]","{}"}'),
    ('int4[]', '{"{}","{1,2}","{2,1}","{1,NULL}","{NULL,1}","{NULL}","[0:1]={1,2}","{{1,2}}","{{1},{2}}"}'),
    ('int2[]', '{"{1}","{-1}"}'), ('int8[]', '{"{1}","{-1}","{4294967297}"}'), ('bool[]', '{"{t}","{f,t}"}'),
    ('numeric[]', '{"{1}","{1.0}","{1.00,2}","{1,2.0}","{NaN}"}'), ('text[]', '{"{}","{a}","{A}","{\"a \"}","{NULL}","{\"NULL\"}"}'),
    ('varchar[]', '{"{a}","{a,b}","{ab}"}'), ('date[]', '{"{2026-03-01}","{infinity}"}'),
    ('timestamp[]', '{"{2026-03-01}","{infinity}"}'), ('timestamptz[]', '{"{2026-03-01 12:00+00}","{2026-03-01 13:00+01}"}'),
    ('uuid[]', '{"{00000000-0000-0000-0000-000000000000}","{}"}'),
    ('int4range', '{"[1,3)","[1,2]","(0,2]",empty,"[1,1)","(,)","[1,)"}'), ('int8range', '{"[1,3)","[1,2]",empty}'),
    ('numrange', '{"[1,2)","[1.0,2.00)","(1,2)","[1,2]",empty,"(1,1)","[NaN,NaN]"}'),
    ('daterange', '{"[2026-03-01,2026-03-02]","[2026-03-01,2026-03-03)","[2026-03-01,infinity)","[2026-03-01,)"}'),
    ('tsrange', '{"[2026-03-01,2026-03-02]","[2026-03-01,2026-03-02)"}'),
    ('tstzrange', '{"[2026-03-01 12:00+00,)","[2026-03-01 13:00+01,)","(2026-03-01 12:00+00,)"}');
INSERT INTO sample (type, keys) VALUES
    ('price', '{0,-0.00,1,1.0,1.00,NaN}'), ('dear', '{0,0.0,1,1.0}'), ('tag', '{"",a,"a ",A}'), ('nick', '{"",a,A,"a "}'),
    ('list', '{"{}","{1,2}","[0:1]={1,2}","{NULL}"}'), ('lists', '{"{1}","{1.0}","{1.00,2}","{}"}'),
    ('price[]', '{"{1}","{1.0}","{1.00,2}","{}"}'), ('list[]', '{"{\"{1}\"}","{\"{1}\",\"{2}\"}","{}"}'),
    ('citext', '{"",a,A,"a ",Ä,ä,ß,ab,aB,AB}'), ('email', '{"",a,A,ab,aB}'), ('citext[]', '{"{a}","{A}","{a,B}","{A,b}","{}"}'),
    ('citextrange', '{"[a,b)","[A,B)","[a,b]",empty,"(b,b)"}'), ('hstore', '{"a=>1,b=>2","b=>2,a=>1","a=>NULL","a=>\"NULL\"",""}'),
    ('isbn', '{0-306-40615-2,0306406152,978-0-306-40615-7}'), ('floatrange', '{"[0,1)","[-0,1)","[0,1]",empty}'),
    ('floatranges', '{"{[0,1)}","{[-0,1)}","{}"}'), ('float8[]', '{"{0}","{-0}","{NaN}"}'), ('bit(3)', '{101,100,000}'),
    ('varbit', '{"",1,10,100,101}'), ('"char"', '{"",a,A}'), ('macaddr8', '{08:00:2b:01:02:03,08:00:2b:ff:fe:01:02:03,08:00:2b:01:02:03:04:05}'),
    ('pg_lsn', '{0/1,0/01,1/0}'), ('tid', '{"(0,1)","(0,2)"}'), ('xid', '{1,2}'), ('xid8', '{1,4294967297}'),
    ('regclass', '{pg_class,pg_catalog.pg_class,pg_type}'), ('regtype', '{int,int4,text}'), ('oidvector', '{"1 2","1  2","2 1",""}'),
    ('int4multirange', '{"{[1,3)}","{[1,2]}","{[1,2),[2,3)}","{}"}'), ('nummultirange', '{"{[1,2)}","{[1.0,2)}","{[1,2]}"}'),
    ('interval[]', '{"{1 mon}","{30 days}","{1 day,24:00}"}'), ('bpchar[]', '{"{a}","{\"a \"}","{A}"}'), ('name[]', '{"{a}","{A}"}'),
    ('jsonb[]', '{"{1}","{1.0}","{2}"}'), ('mood[]', '{"{fine}","{bad,odd}"}'), ('int4range[]', '{"{\"[1,3)\"}","{\"[1,2]\"}"}');
UPDATE sample SET stored = type;
-- Columns of other types that keys are found by.
INSERT INTO sample VALUES
    ('int8', 'int2', '{0,-1,1,32767,-32768}'), ('int8', 'int4', '{0,-1,2147483647,-2147483648}'),
    ('int4', 'int2', '{0,-1,32767,-32768}'), ('int4', 'int8', '{0,-1,2147483647,-2147483648}'),
    ('int2', 'int4', '{0,-1,32767,-32768}'), ('int2', 'int8', '{0,-1,32767,-32768}'),
    ('text', 'varchar(3)', '{"",a,"a "}'), ('varchar', 'text', '{"",a,"a "}'), ('bpchar', 'char(4)', '{"",a,"a   ","a b"}'),
    ('dear', 'numeric', '{0,1,1.00}'), ('tag', 'bpchar', '{"",a,"a "}'), ('small', 'int8', '{0,-1,7}'), ('citext', 'email', '{a,A}'),
    ('email', 'citext', '{a,A}'), ('list', 'int4[]', '{"{1,2}","{}"}'),
    ('oid', 'regclass', '{1259,1247}'), ('inet', 'cidr', '{10.0.0.0/8,10.0.0.0/16}'),
    ('cidr', 'inet', '{10.0.0.0/8,10.0.0.0/16}'), ('numeric', 'price', '{0,1,1.00}'), ('numeric', 'numeric(5,2)', '{0,1,1.00,1.0}');

\i include/check_type.sql
DO $$
DECLARE
    s sample;
BEGIN
    FOR s IN SELECT * FROM sample LOOP
        CALL check_type(s.type, s.stored, s.keys);
    END LOOP;
END $$;
SELECT count(*) AS combinations, count(DISTINCT type) AS types FROM sample;

-- With another column beside it, many at once, by name, without a loader, and in a pattern.
CREATE FUNCTION pair(a mood, b numeric, c interval, d int[]) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT format('%s %s %s %s', a, b, c, d)$$;
SELECT cache_create('pair', 'pair(mood,numeric,interval,int[])');
SELECT cache_get_pair('bad', 1.50, '1 mon', '{1,NULL}'), cache_get_pair('bad', 1.5, '30 days', '{1,NULL}'),
       cache_get('pair', 'bad', '1.500', '720:00', '{1,NULL}'), cache_get_pair(NULL, NULL, NULL, NULL);
SELECT key FROM cache_entries WHERE cache = 'pair' ORDER BY key COLLATE "C";
SELECT source FROM cache_get_entry('pair', 'bad'::mood, 1.50, interval '1 mon', '{1,NULL}'::int[]);
SELECT cache_invalidate('pair', 'bad', 1.5, '30 days', '{1,NULL}');
SELECT source FROM cache_get_entry('pair', 'bad'::mood, 1.50, interval '1 mon', '{1,NULL}'::int[]);
SELECT cache_create('rate', key_types => '{mood}', value_type => 'numeric');
SELECT cache_put_rate('fine', 1.5), cache_put_rate('odd', 2);
SELECT key, value FROM cache_get_many_rate('{odd,bad,fine,NULL}');
SELECT cache_create('area', key_types => '{numrange}', value_type => 'int');
SELECT cache_put_area('[1.0,2)', 5);
SELECT cache_get_area('[1.0,2)'), cache_get_area('[1,2)');
-- (There are no arrays of arrays.)
SELECT cache_create('list', key_types => '{int[]}', value_type => 'int');
SELECT cache_put_list('{1,2}', 12);
SELECT cache_get_list('{1,2}'), cache_get('list', ARRAY[1, 2]), cache_get_list('{{1,2}}');
SELECT object FROM made_by_cache_ext WHERE object ~ '_list\(';
-- A value that is toasted, compressed.
CREATE TABLE wide (k numeric[], n int);
CREATE FUNCTION sum_of(k numeric[]) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM wide AS w WHERE w.k = $1';
SELECT cache_create('wide', 'sum_of(numeric[])', invalidate => 'declared');
SELECT cache_invalidate_on('wide', 'wide', '{k}');
INSERT INTO wide SELECT array_agg(1.0), 1 FROM generate_series(1, 900);
SELECT cache_get_wide(w.k) FROM wide AS w;
UPDATE wide SET n = 2, k = (SELECT array_agg(1.00) FROM generate_series(1, 900));
SELECT cache_get_wide(w.k), cache_get_wide((SELECT array_agg(1.0) FROM generate_series(1, 900))) FROM wide AS w;

-- An enum's values are renamed; the enum goes.
CREATE FUNCTION mood_text(m mood) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1::text';
SELECT cache_create('mood', 'mood_text(mood)');
SELECT cache_get_mood('bad');
ALTER TYPE mood RENAME VALUE 'bad' TO 'sad';
SELECT cache_get_mood('sad');
SELECT cache_drop(c) FROM unnest('{pair,rate}'::text[]) AS c;
\set VERBOSITY terse
DROP TYPE mood CASCADE;
\set VERBOSITY default
SELECT count(*) FROM cache_entries WHERE cache = 'mood';
SELECT cache_drop('mood');

-- What is refused, and what to do instead.
CREATE TYPE pair_type AS (a int, b int);
CREATE DOMAIN pair_domain AS pair_type;
CREATE DOMAIN latin AS text COLLATE "C";
CREATE TYPE patternrange AS RANGE (subtype = text, subtype_opclass = text_pattern_ops);
CREATE FUNCTION try(type text) RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_create(''x'', key_types => %L, value_type => ''int'')', ARRAY[type]))$$;
SELECT t AS type, e.* FROM unnest('{json,json[],pair_type,pair_domain,pair_type[],latin,latin[],patternrange,point,tsvector,record,xml,bit[]}'::text[])
    WITH ORDINALITY AS t (t, n), try(t) AS e WHERE e !~ '^DETAIL' ORDER BY n;
-- Somebody's own base type: by a hash function in C, of the old kind, and not by one that others have written.
CREATE TYPE whole;
SET client_min_messages = warning;
CREATE FUNCTION whole_in(cstring) RETURNS whole LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION whole_out(whole) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE whole (INPUT = whole_in, OUTPUT = whole_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4);
RESET client_min_messages;
CREATE FUNCTION equal(whole, whole) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE OPERATOR = (FUNCTION = equal, LEFTARG = whole, RIGHTARG = whole, HASHES);
CREATE FUNCTION hash(whole) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN 1; END';
SELECT try('whole');
CREATE OPERATOR CLASS whole_ops DEFAULT FOR TYPE whole USING hash AS OPERATOR 1 =, FUNCTION 1 hash(whole);
SELECT try('whole');
DROP OPERATOR FAMILY whole_ops USING hash CASCADE;
DROP FUNCTION hash(whole);
CREATE FUNCTION hash(whole) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE OPERATOR CLASS whole_ops DEFAULT FOR TYPE whole USING hash AS OPERATOR 1 =, FUNCTION 1 hash(whole);
CALL check_type('whole', 'whole', '{1,2,-1}');
CALL check_type('whole[]', 'whole[]', '{"{1}","{1,2}"}');
CREATE TABLE columns_of (n numeric, f float8, t text, c char(3));
CREATE FUNCTION by_date(k date) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
SELECT cache_create('by_date', 'by_date(date)');
SELECT error_of($$SELECT cache_invalidate_on('by_date', 'columns_of', '{n}')$$);
SELECT error_of($$SELECT cache_invalidate_on('wide', 'columns_of', '{n}')$$);
SELECT cache_create('by_text', key_types => '{text}', value_type => 'int');
SELECT error_of($$SELECT cache_invalidate_on('by_text', 'columns_of', '{c}')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_text', 'columns_of', 'SELECT $1.f')$$);

\i include/end.sql
