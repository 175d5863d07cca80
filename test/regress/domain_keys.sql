-- Keys that are domains, and those of extensions' types: citext above all.
\set ECHO none
\set database regress_domain_keys
\i include/begin.sql

CREATE EXTENSION citext;
CREATE DOMAIN price AS numeric(6, 2) CHECK (VALUE >= 0);
CREATE DOMAIN code AS varchar(3) NOT NULL CHECK (VALUE <> 'bad');
CREATE DOMAIN pair AS int[] CHECK (cardinality(VALUE) = 2);
CREATE DOMAIN sku AS code CHECK (VALUE <> 'sku');
CREATE TABLE item (p price, c code, n numeric, t text, l pair);
INSERT INTO item VALUES (1, 'abc', 1, 'abc', '{1,2}'), (1.50, 'ABC', 1.5, 'ABC', '{2,1}');
CREATE FUNCTION priced(p price) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 || '' '' || count(*) FROM item AS i WHERE i.p = $1';
CREATE FUNCTION coded(c sku) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM item AS i WHERE i.c = $1';
CREATE FUNCTION paired(l pair) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM item AS i WHERE i.l = $1';
SELECT cache_create('priced', 'priced(price)', invalidate => 'declared'), cache_create('coded', 'coded(sku)', invalidate => 'declared'),
       cache_create('paired', 'paired(pair)', invalidate => 'declared');
SELECT object FROM made_by_cache_ext WHERE object_kind = 'function';
-- A domain's column, its base type's, and an expression.
SELECT cache_invalidate_on('priced', 'item', '{p}'), cache_invalidate_on('coded', 'item', '{c}'), cache_invalidate_on('paired', 'item', '{l}');
SELECT cache_invalidate_on('priced', 'item', '{n}'), cache_invalidate_on('coded', 'item', '{t}'),
       cache_invalidate_on('coded', 'item', '{(lower(t))}');
SELECT error_of($$SELECT cache_invalidate_on('priced', 'item', '{t}')$$);

-- By name a key becomes what the accessor's argument would be: cast, cut to length, checked.
SELECT cache_get_priced(1.499), cache_get('priced', 1.499), cache_get('priced', '1.5'), cache_get('priced', 1.5::float4::numeric),
       cache_get('priced', 1), cache_get_priced(NULL), cache_get('priced', NULL::price);
SELECT key, hits FROM cache_entries WHERE cache = 'priced' ORDER BY key;
SELECT cache_get_coded('abc'), cache_get('coded', 'abc'), cache_get('coded', 'abc'::text), cache_get('coded', 'ABC'::varchar);
SELECT key, hits FROM cache_entries WHERE cache = 'coded' ORDER BY key COLLATE "C";
SELECT f, e.* FROM unnest('{cache_get_priced(,"cache_get(''priced'', "}'::text[]) AS f, unnest('{-1,"''-1''",99999}'::text[]) AS k,
       error_of(format('SELECT %s%s)', f, k)) AS e;
SELECT f, k, e.* FROM unnest('{cache_get_coded(,"cache_get(''coded'', "}'::text[]) AS f,
       unnest('{"''abcd''","''abcd''::text","''bad''::text","''sku''",NULL,NULL::text,NULL::sku}'::text[]) AS k,
       error_of(format('SELECT %s%s)', f, coalesce(k, 'NULL'))) AS e;
SELECT error_of($$SELECT cache_get('priced', 'a'::text)$$);
SELECT e.* FROM unnest('{cache_get_entry,cache_refresh,cache_explain,cache_peek,cache_invalidate}'::text[]) AS f,
       error_of(format('SELECT * FROM %s(''priced'', -1)', f)) AS e;
SELECT error_of($$SELECT cache_get('paired', '{1}')$$);
SELECT cache_get('paired', '{1,2}'), cache_get('paired', ARRAY[1, 2]), cache_get_paired('{2,1}'), cache_get('coded', VARIADIC ARRAY['abc']);
SELECT * FROM cache_get_many_paired(ARRAY['{1,2}', '{2,1}']::pair[]);
SELECT key, hits FROM cache_entries WHERE cache = 'paired' ORDER BY key;
SELECT * FROM cache_get_many_coded('{abc,ABC}');
SELECT error_of($$SELECT * FROM cache_get_many_coded('{abc,bad}')$$);
SELECT cache_invalidate('priced', 1.5), cache_invalidate('paired', '{2,1}'), cache_invalidate_like('coded', 'a%');
SELECT e.key, e.state, x.state AS explained FROM cache_entries AS e, cache_explain(e.cache, e.key::int[]) AS x WHERE e.cache = 'paired' ORDER BY e.key;
-- Rows concern the keys of their values.
SELECT cache_get_priced(1), cache_get_priced(1.5), cache_get_coded('abc'), cache_get_coded('ABC'), cache_get_paired('{1,2}'), cache_get_paired('{2,1}');
UPDATE item SET c = c, n = 1.0 WHERE p = 1;
UPDATE item SET t = 'abc ' WHERE p = 1;
SELECT k, source, value FROM unnest('{1,1.5}'::price[]) AS k, cache_get_entry('priced', k);
SELECT k, source, value FROM unnest('{abc,ABC}'::sku[]) AS k, cache_get_entry('coded', k);
SELECT k, source, value FROM unnest(ARRAY['{1,2}', '{2,1}']::pair[]) AS k, cache_get_entry('paired', k);
-- load_many, load_all, puts.
CREATE FUNCTION many_priced(k price[]) RETURNS TABLE (k price, v text) LANGUAGE sql STABLE
    AS 'SELECT u, priced(u) FROM unnest($1) AS u';
CREATE FUNCTION all_priced() RETURNS TABLE (k price, v text) LANGUAGE sql STABLE AS 'SELECT DISTINCT p, priced(p) FROM item';
SELECT cache_alter('priced', '{"load_many": "many_priced", "load_all": "all_priced"}');
SELECT * FROM cache_get_many_priced('{1,2,3.333}');
SELECT * FROM cache_sync('priced');
SELECT cache_create('rate', key_types => '{sku}', value_type => 'int');
SELECT cache_put('rate', '5', 'abc'::text), cache_put_rate('ABC', 6);
SELECT error_of($$SELECT cache_put('rate', '5', 'bad')$$);
SELECT cache_get_rate('abc'), cache_get('rate', 'ABC');
-- A constraint that comes later; a domain that goes.
ALTER DOMAIN price ADD CHECK (VALUE < 100);
SELECT error_of($$SELECT cache_get('priced', 100)$$);
\set VERBOSITY terse
SET client_min_messages = warning;
DROP DOMAIN sku CASCADE;
RESET client_min_messages;
\set VERBOSITY default
SELECT count(*) FROM cache_entries WHERE cache IN ('coded', 'rate');
SELECT error_of($$SELECT cache_get('rate', 'abc')$$);
SELECT cache_drop('coded'), cache_drop('rate');

-- citext: equal is what its own = says, whatever the collation; text beside it is compared as text.
CREATE TABLE account (email citext, plain text, score int);
INSERT INTO account VALUES ('Ann@x', 'Ann@x', 1), ('BOB@x', 'BOB@x', 2);
CREATE FUNCTION score(email citext) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 || '' '' || sum(score) FROM account AS a WHERE a.email = $1';
CREATE FUNCTION score_of(email text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(score) FROM account AS a WHERE a.email = $1';
SELECT cache_create('score', 'score(citext)', invalidate => 'declared'), cache_create('score_of', 'score_of(text)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'account', '{email}');
SELECT cache_get_score('ann@x'), cache_get_score('ANN@X'), cache_get('score', 'aNN@x'), cache_get('score', 'bob@x'::text::citext), cache_get_score('none');
SELECT key FROM cache_entries WHERE cache = 'score' ORDER BY key COLLATE "C";
UPDATE account SET score = 10 WHERE plain = 'Ann@x';
SELECT k, source, value FROM unnest('{ann@x,ANN@X,aNN@x,bob@x,none}'::citext[]) AS k, cache_get_entry('score', k);
SELECT cache_invalidate('score', 'BOB@X');
SELECT k, source FROM unnest('{ann@x,bob@x}'::citext[]) AS k, cache_get_entry('score', k);
SELECT error_of($$SELECT cache_get('score', 'bob@x'::text)$$);
-- A text's = is another one.
SELECT error_of($$SELECT cache_invalidate_on('score_of', 'account', '{email}')$$);
SELECT error_of($$SELECT cache_invalidate_on('score', 'account', '{plain}')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('score_of', 'account', 'SELECT $1.email')$$);
SELECT cache_invalidate_on('score_of', 'account', '{(email::text)}'), cache_invalidate_on('score', 'account', '{(plain::citext)}');
SELECT cache_get_score_of('Ann@x'), cache_get_score_of('ann@x'), cache_get_score_of('BOB@x');
UPDATE account SET score = 11 WHERE plain = 'Ann@x';
SELECT k, source, value FROM unnest('{Ann@x,ann@x,BOB@x}'::text[]) AS k, cache_get_entry('score_of', k);
UPDATE account SET plain = 'ANN@X' WHERE score = 11;
SELECT k, source, value FROM unnest('{ann@x,bob@x}'::citext[]) AS k, cache_get_entry('score', k);
-- A column with another collation; a key with one.
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE odd (email citext COLLATE caseless, c citext COLLATE "C");
SELECT error_of($$SELECT cache_invalidate_on('score', 'odd', '{email}')$$);
SELECT cache_invalidate_on('score', 'odd', '{c}');
SELECT cache_get_score('ann@x' COLLATE "C") AS loaded, source FROM cache_get_entry('score', 'ann@x'::citext);
SELECT reason, bypasses FROM cache_bypasses WHERE cache = 'score' AND bypasses > 0;
-- Nothing is derived from operators of extensions: such a table is tracked.
SELECT cache_create('proven', 'score(citext)', invalidate => 'auto');
SELECT cache_get_proven('ann@x');
SELECT input, covered FROM cache_check('proven') WHERE kind = 'table';
-- The extension goes.
\set VERBOSITY terse
SET client_min_messages = warning;
DROP EXTENSION citext CASCADE;
SELECT error_of($$SELECT cache_invalidate('score')$$);
SELECT cache_drop(c) FROM unnest('{score,score_of,proven}'::text[]) AS c;

\i include/end.sql
