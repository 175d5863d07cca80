-- Random values of every kind of key type, many of them equal and not alike: what key_types.sql says of chosen ones.
-- CACHE_EXT_SEED draws others.
\set ECHO none
\set database regress_random_keys
\i include/begin.sql
\getenv seed CACHE_EXT_SEED
\if :{?seed}
\else
\set seed 1
\endif
SELECT set_config('regress.seed', :'seed', false) \g /dev/null

SET lc_monetary = 'C';
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE TYPE mood AS ENUM ('fine', 'bad', 'odd');
CREATE DOMAIN price AS numeric CHECK (VALUE > -1e200);
CREATE DOMAIN short AS char(3);
CREATE DOMAIN list AS int[];
CREATE DOMAIN email AS citext;
CREATE TYPE citextrange AS RANGE (subtype = citext);
CREATE TYPE floatrange AS RANGE (subtype = float8, multirange_type_name = floatranges);
\i include/check_type.sql

CREATE FUNCTION pick(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE RETURN $1[1 + floor(random() * cardinality($1))];
-- Numbers, words, instants and lengths of time that are often equal, and written in other ways.
CREATE FUNCTION number() RETURNS text LANGUAGE sql VOLATILE
    RETURN pick('0', '-0', '1', '-1', '10', '2', '3') || pick('', '', '.0', '.00', '.5', '.50', 'e1', 'e0');
CREATE FUNCTION word() RETURNS text LANGUAGE sql VOLATILE
    RETURN pick('a', 'A', 'b', 'B', 'ä', 'Ä', '') || pick('', '', ' ', 'c', 'C');
CREATE FUNCTION instant() RETURNS text LANGUAGE sql VOLATILE
    RETURN pick('2026-03-01', '2026-03-02') || pick(' 12:00+00', ' 13:00+01', ' 12:00+01', ' 12:00:00.000001+00');
CREATE FUNCTION span() RETURNS text LANGUAGE sql VOLATILE
    RETURN pick('1 mon', '30 days', '720 hours', '1 day', '24 hours', '0 days', '-1 day') || pick('', '', ' 1 min', ' 60 sec');
CREATE FUNCTION range(bound text, other text) RETURNS text LANGUAGE sql VOLATILE
    RETURN CASE WHEN random() < 0.1 THEN 'empty' ELSE pick('[', '(') || bound || ',' || other || pick(']', ')') END;
CREATE FUNCTION list(a text, b text) RETURNS text LANGUAGE sql VOLATILE
    RETURN pick('', '', '', '[0:1]=') || '{' || pick(a, a, 'NULL') || ',' || pick(b, b, 'NULL') || '}';

-- By type an expression for one value.
CREATE TABLE kind (type text, one text);
INSERT INTO kind VALUES
    ('numeric', 'number()'), ('price', 'number()'), ('float4', 'number()'), ('float8', 'number()'),
    ('text', 'word()'), ('varchar', 'word()'), ('bpchar', 'word()'), ('short', 'word()'), ('name', 'word()'),
    ('citext', 'word()'), ('email', 'word()'), ('bytea', 'word()'), ('mood', $$pick('fine', 'bad', 'odd')$$),
    ('int2', 'pick(''1'', ''-1'', ''01'')'), ('int4', 'pick(''1'', ''-1'', ''01'')'), ('int8', 'pick(''1'', ''-1'', ''4294967297'')'),
    ('bool', 'pick(''t'', ''true'', ''f'')'), ('oid', 'pick(''1'', ''4294967295'', ''01'')'), ('money', 'pick(''1'', ''1.00'', ''-1'')'),
    ('uuid', $$pick('{0f8f84c1-8bfd-5244-ed97-6f63924a8a0e}', '0F8F84C18BFD5244ED976F63924A8A0E', gen_random_uuid()::text)$$),
    ('date', 'left(instant(), 10)'), ('time', 'substr(instant(), 12, 8)'), ('timetz', 'substr(instant(), 12)'),
    ('timestamp', 'left(instant(), 16)'), ('timestamptz', 'instant()'), ('interval', 'span()'),
    ('inet', $$pick('10.0.0.1', '10.0.0.1/32', '10.0.0.1/8', '10.0.0.0/8', '::1', '0::1/128')$$),
    ('cidr', $$pick('10.0.0.0/8', '10/8', '10.0.0.0/16', '::/0')$$),
    ('macaddr', $$pick('08:00:2b:01:02:03', '08-00-2B-01-02-03', '08:00:2b:01:02:04')$$),
    ('macaddr8', $$pick('08:00:2b:01:02:03', '08:00:2b:ff:fe:01:02:03', '08:00:2b:01:02:03:04:05')$$),
    ('bit(3)', $$pick('101', '100', '000')$$), ('varbit', $$pick('', '1', '10', '100')$$), ('"char"', $$pick('a', 'A', '')$$),
    ('jsonb', $$pick('{"a":' || pick('1', '1.0', '10e-1') || ',"b":2}', '{"b":2.0,"a":1}', '[1,2]', '[1.0,2]', '1')$$),
    ('hstore', $$pick('a=>1,b=>2', 'b=>2,a=>1', 'a=>1', 'a=>NULL')$$),
    ('regtype', $$pick('int', 'int4', 'integer', 'text')$$), ('pg_lsn', $$pick('0/1', '0/01', '1/0')$$),
    ('int4[]', $$list(pick('1', '2', '01'), pick('1', '2'))$$), ('list', $$list(pick('1', '2'), pick('1', '2'))$$),
    ('float8[]', $$list(pick('0', '-0', '1'), '1')$$), ('text[]', $$list(pick('a', 'A'), pick('b', 'B'))$$),
    ('citext[]', $$list(pick('a', 'A'), pick('b', 'B'))$$), ('price[]', $$list(pick('1', '1.0', '2'), pick('1', '1.00'))$$),
    ('interval[]', $$list(pick('1 mon', '30 days'), pick('1 day', '24:00'))$$), ('bpchar[]', $$list(pick('a', '"a "'), pick('b', 'B'))$$),
    ('int4range', $$range(pick('1', '2'), pick('3', '4'))$$), ('numrange', $$range(pick('1', '1.0', '1.5'), pick('3', '3.00'))$$),
    ('daterange', $$range(pick('2026-03-01', '2026-03-02'), pick('2026-03-04', 'infinity', ''))$$),
    ('tstzrange', $$range(pick('2026-03-01 12:00+00', '2026-03-01 13:00+01'), pick('', 'infinity'))$$),
    ('citextrange', $$range(pick('a', 'A'), pick('b', 'B'))$$), ('floatrange', $$range(pick('0', '-0'), pick('1', '2'))$$),
    ('int4multirange', $$'{' || range(pick('1', '2'), '3') || ',' || range(pick('3', '5'), '6') || '}'$$),
    ('floatranges', $$'{' || range(pick('0', '-0'), pick('1', '1.0')) || '}'$$);
DO $$
DECLARE
    k kind;
    keys text[];
    pairs bigint;
    several int := 0;
BEGIN
    PERFORM setseed(1 / (1 + current_setting('regress.seed')::float8));
    FOR k IN SELECT * FROM kind LOOP
        EXECUTE format('SELECT array_agg(%s) FROM generate_series(1, 10)', k.one) INTO keys;
        CALL check_type(k.type, k.type, keys);
        EXECUTE format('SELECT count(*) FROM unnest($1) AS a (t), unnest($1) AS b (t)
                        WHERE a.t::%1$s = b.t::%1$s AND (a.t::%1$s)::text <> (b.t::%1$s)::text', k.type) INTO pairs USING keys;
        several := several + (pairs > 0)::int;
    END LOOP;
    -- Not of every type that could have.
    IF several < 8 THEN RAISE WARNING 'only % types had values that are equal and not alike', several; END IF;
END $$;
SELECT count(*) AS types FROM kind;
\i include/end.sql
