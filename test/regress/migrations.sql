-- Which statements of a migration empty which caches. Each is run on its own, with every value in
-- its cache before; what it has emptied is what the next read does not find.
\set ECHO none
\set database regress_migrations
\i include/begin.sql

SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_keeper, regress_reader, regress_group, regress_other;
CREATE ROLE regress_keeper;
CREATE ROLE regress_reader;
CREATE ROLE regress_group;
GRANT CREATE ON SCHEMA public TO regress_keeper;
RESET client_min_messages;

-- Three caches: two of tables, one of rows; all of a role that is no superuser.
CREATE TABLE account (id int PRIMARY KEY, owner int, note text);
CREATE TABLE invoice (id int PRIMARY KEY, account int, amount int);
CREATE TABLE plain (id int, name text);
CREATE SCHEMA spare;
CREATE SCHEMA other;
CREATE TABLE other.hidden (a int);
INSERT INTO account VALUES (1, 1, 'a');
INSERT INTO invoice VALUES (1, 1, 10);
GRANT SELECT ON account, invoice TO regress_keeper;
SET ROLE regress_keeper;
CREATE FUNCTION of_account(k int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT count(*) FROM account WHERE owner = k); END';
CREATE FUNCTION of_invoice(k int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(amount) FROM invoice WHERE account = k); END';
SELECT cache_create('a', 'of_account(int)', ttl => NULL), cache_create('i', 'of_invoice(int)', ttl => NULL);
RESET ROLE;
SELECT cache_create('put', key_types => '{int}', value_type => 'text', ttl => NULL);
SELECT cache_put_put(1, 'kept');
SELECT cache_invalidate_on('a', 'account', '{owner}'), cache_invalidate_on('i', 'invoice', '{account}');

CREATE TABLE emptied (position serial, statement text, caches text);
CREATE PROCEDURE try(VARIADIC statements text[]) LANGUAGE plpgsql AS $$
DECLARE
    s text;
BEGIN
    PERFORM cache_get_a(1), cache_get_i(1);
    PERFORM cache_get_a(1), cache_get_i(1);
    COMMIT;
    FOREACH s IN ARRAY statements LOOP EXECUTE s; END LOOP;
    COMMIT;
    INSERT INTO emptied (statement, caches) SELECT array_to_string(statements, '; '),
        (SELECT coalesce(string_agg(c.cache, ' ' ORDER BY c.cache), '-')
         FROM (VALUES ('a', (SELECT source FROM cache_get_entry('a', 1))),
                      ('i', (SELECT source FROM cache_get_entry('i', 1)))) AS c(cache, source)
         WHERE c.source = 'loader');
    COMMIT;
END $$;

-- Nothing.
CALL try('SELECT 1');
CALL try('CREATE TABLE fresh (id int PRIMARY KEY, a int UNIQUE, b serial, account int REFERENCES account)');
CALL try('CREATE INDEX ON fresh (b)');
CALL try('CREATE INDEX ON account (owner)');
CALL try('CREATE UNIQUE INDEX account_unique ON account (owner)');
CALL try('DROP INDEX account_unique');
CALL try('ALTER TABLE fresh ADD CHECK (a > 0)');
CALL try('ALTER TABLE account ALTER note SET DEFAULT ''x''');
CALL try('ALTER TABLE account ALTER owner SET NOT NULL');
CALL try('ALTER TABLE account ALTER owner SET STATISTICS 500');
CALL try('ALTER TABLE account ADD CHECK (id > 0)');
CALL try('ALTER TABLE account SET (fillfactor = 90)');
CALL try('REINDEX TABLE account');
CALL try('ANALYZE account');
CALL try('CLUSTER account USING account_pkey');
CALL try('COMMENT ON TABLE account IS ''accounts''');
CALL try('COMMENT ON FUNCTION of_account(int) IS ''loader''');
CALL try('CREATE STATISTICS account_statistics ON id, owner FROM account');
CALL try('CREATE SEQUENCE numbers');
CALL try('ALTER SEQUENCE numbers RESTART 7');
CALL try('CREATE VIEW fresh_view AS SELECT * FROM account');
CALL try('CREATE MATERIALIZED VIEW fresh_matview AS SELECT * FROM account');
-- They warn of wal_level in other words, or not at all, from major to major.
SET client_min_messages = error;
CALL try('CREATE PUBLICATION changes FOR TABLE account');
CALL try('CREATE PUBLICATION all_changes FOR ALL TABLES');
RESET client_min_messages;
CALL try('CREATE TABLE filled AS SELECT * FROM account');
CALL try('CREATE TRIGGER t BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()');
CALL try('DROP TRIGGER t ON account');
CALL try('CREATE TEMP TABLE scratch (a int PRIMARY KEY, b text)', 'INSERT INTO scratch VALUES (1, ''a'')', 'DROP TABLE scratch');
CALL try('CREATE TEMP TABLE account (a int) ON COMMIT DROP');
CALL try('CREATE TEMP VIEW scratch AS SELECT 1 AS one', 'CREATE OR REPLACE TEMP VIEW scratch AS SELECT 1 AS one, 2 AS two');
CALL try('CREATE TEMP VIEW short_lived AS SELECT 1 AS one', 'DROP VIEW short_lived');
CALL try('CREATE VIEW short_lived AS SELECT 1 AS one', 'DROP VIEW short_lived');
CALL try('CREATE FUNCTION pg_temp.of_account(int) RETURNS int LANGUAGE sql AS ''SELECT 1''');
CALL try('CREATE TYPE pg_temp.scratch_type AS (a int)', 'CREATE TEMP SEQUENCE scratch_sequence');
CALL try('DISCARD TEMP');
CALL try('CREATE TABLE brief (a int)', 'DROP TABLE brief');
CALL try('CREATE ROLE regress_other PASSWORD ''secret''');
CALL try('ALTER ROLE regress_other PASSWORD ''other''', 'ALTER ROLE regress_keeper CONNECTION LIMIT 9');
CALL try('ALTER ROLE regress_keeper LOGIN CREATEDB CREATEROLE REPLICATION');
CALL try('GRANT CREATE ON DATABASE regress_migrations TO regress_reader');
CALL try('GRANT SELECT ON account, plain TO regress_reader');
CALL try('GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_reader');
CALL try('GRANT USAGE ON SCHEMA spare TO regress_reader WITH GRANT OPTION');
CALL try('GRANT EXECUTE ON FUNCTION cache_get_a(int) TO regress_reader');
CALL try('GRANT SELECT (id) ON plain TO regress_reader');
CALL try('REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM regress_reader');
CALL try('GRANT regress_group TO regress_reader', 'REVOKE regress_group FROM regress_reader');
CALL try('GRANT SELECT ON plain TO CURRENT_USER');
CALL try('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC');
CALL try('ALTER ROLE regress_reader SET work_mem = ''8MB''');
CALL try('ALTER ROLE regress_keeper SET cache_ext.copy_up_to = 0');
CALL try('SELECT cache_create(''later'', ''of_account(int)'')');
CALL try('SELECT cache_invalidate_on(''later'', ''account'', ''{owner}'')');
CALL try('SELECT cache_alter(''later'', ''{"ttl": "1 min"}'')');
SELECT caches, statement FROM emptied WHERE caches <> '-' ORDER BY position;
SELECT count(*) AS statements_that_empty_nothing FROM emptied WHERE caches = '-';
TRUNCATE emptied;

-- One cache: the statement says something of its table's rows.
CALL try('TRUNCATE invoice');
CALL try('ALTER TABLE invoice SET UNLOGGED', 'ALTER TABLE invoice SET LOGGED');
CALL try('CREATE TABLE invoice_child () INHERITS (invoice)');
CALL try('ALTER TABLE invoice_child NO INHERIT invoice');
CALL try('ALTER TABLE invoice_child INHERIT invoice');
CALL try('ALTER TABLE invoice DISABLE TRIGGER USER');
CALL try('ALTER TABLE invoice DROP CONSTRAINT invoice_pkey');
CALL try('SELECT cache_alter(''i'', ''{"ttl": "1 min"}'')');
SELECT caches, statement FROM emptied ORDER BY position;
TRUNCATE emptied;

-- All of the database: what names, functions, types, operators, roles mean.
CALL try('ALTER TABLE account ADD COLUMN more int');
CALL try('ALTER TABLE plain ADD COLUMN more int');
CALL try('ALTER TABLE plain RENAME COLUMN name TO called');
CALL try('ALTER TABLE plain ALTER called TYPE varchar(10)');
CALL try('ALTER TABLE plain DROP COLUMN more');
CALL try('ALTER TABLE plain RENAME TO plain_2');
CALL try('ALTER TABLE plain_2 SET SCHEMA spare');
CALL try('ALTER INDEX account_pkey RENAME TO hidden', 'ALTER INDEX hidden RENAME TO account_pkey');
CALL try('ALTER INDEX account_pkey RENAME TO hidden');
CALL try('ALTER INDEX hidden RENAME TO account_pkey');
CALL try('ALTER INDEX spare.plain_2 RENAME TO plain_3');
CALL try('CREATE TABLE hidden (a int)');
CALL try('DROP TABLE hidden');
CALL try('CREATE SEQUENCE hidden');
CALL try('DROP SEQUENCE hidden');
CALL try('CREATE INDEX hidden ON account (note)');
CALL try('DROP INDEX hidden');
CALL try('DROP TABLE filled');
CALL try('CREATE OR REPLACE VIEW fresh_view AS SELECT id, owner, note, 1 AS one FROM account');
CALL try('ALTER VIEW fresh_view SET (security_barrier)');
CALL try('CREATE RULE quiet AS ON UPDATE TO spare.plain_3 DO INSTEAD NOTHING');
CALL try('ALTER TABLE spare.plain_3 ENABLE ROW LEVEL SECURITY');
CALL try('CREATE POLICY p ON spare.plain_3 USING (true)');
CALL try('ALTER POLICY p ON spare.plain_3 TO regress_reader');
CALL try('CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql AS ''SELECT 1''');
CALL try('CREATE OR REPLACE FUNCTION unrelated() RETURNS int LANGUAGE sql AS ''SELECT 2''');
CALL try('ALTER FUNCTION unrelated() STABLE');
CALL try('CREATE AGGREGATE folded(int) (SFUNC = int4pl, STYPE = int)');
CALL try('CREATE OR REPLACE AGGREGATE folded(int) (SFUNC = int4pl, STYPE = int, INITCOND = 5)');
CALL try('CREATE TYPE mood AS ENUM (''sad'')');
CALL try('ALTER TYPE mood ADD VALUE ''happy''');
CALL try('CREATE DOMAIN small AS int');
CALL try('ALTER DOMAIN small ADD CHECK (VALUE < 100)');
CALL try('CREATE TYPE pair AS (a int, b int)');
CALL try('ALTER TYPE pair ADD ATTRIBUTE c int');
CALL try('CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)');
CALL try('CREATE OPERATOR FAMILY family USING btree');
CALL try('CREATE OPERATOR CLASS class FOR TYPE int USING btree FAMILY family AS OPERATOR 3 ===, FUNCTION 1 btint4cmp(int, int)');
CALL try('CREATE CAST (mood AS int) WITH INOUT');
CALL try('CREATE COLLATION plain_c (locale = ''C'')');
CALL try('CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)');
CALL try('ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR email');
CALL try('CREATE SCHEMA more');
CALL try('ALTER SCHEMA more RENAME TO even_more');
CALL try('GRANT SELECT ON spare.plain_3 TO regress_keeper');
CALL try('GRANT SELECT ON account TO PUBLIC');
CALL try('GRANT SELECT (id) ON spare.plain_3 TO regress_keeper');
CALL try('GRANT USAGE ON SCHEMA spare TO regress_keeper');
CALL try('REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM PUBLIC');
CALL try('REVOKE EXECUTE ON FUNCTION unrelated() FROM PUBLIC');
CALL try('GRANT CREATE ON DATABASE regress_migrations TO regress_keeper');
CALL try('REVOKE CONNECT ON DATABASE regress_migrations FROM PUBLIC');
CALL try('GRANT regress_group TO regress_keeper');
CALL try('GRANT SELECT ON spare.plain_3 TO regress_group');
CALL try('REVOKE SELECT ON spare.plain_3 FROM regress_group');
CALL try('REVOKE regress_group FROM regress_keeper');
CALL try('ALTER ROLE regress_keeper BYPASSRLS');
CALL try('ALTER ROLE regress_keeper SUPERUSER');
CALL try('ALTER ROLE regress_keeper NOSUPERUSER');
CALL try('ALTER ROLE regress_keeper RENAME TO regress_keeper_2');
CALL try('ALTER ROLE regress_keeper_2 RENAME TO regress_keeper');
CALL try('ALTER ROLE regress_keeper SET extra_float_digits = 0');
CALL try('ALTER DATABASE regress_migrations SET extra_float_digits = 0');
CALL try('SET LOCAL allow_system_table_mods = on', 'UPDATE pg_proc SET provolatile = ''v'' WHERE proname = ''unrelated''');
CALL try('SET LOCAL allow_system_table_mods = on', 'UPDATE pg_rewrite SET ev_enabled = ''D'' WHERE rulename = ''quiet''');
CALL try('ALTER TABLE account OWNER TO regress_keeper');
CALL try('SELECT cache_drop(''later'')');
SELECT caches, statement FROM emptied WHERE caches <> 'a i' ORDER BY position;
SELECT count(*) AS statements_that_empty_all FROM emptied WHERE caches = 'a i';

-- What is put does not come from functions or views.
SELECT cache_peek('put', 1);

\connect contrib_regression
DROP DATABASE regress_migrations;
DROP ROLE regress_keeper, regress_reader, regress_group, regress_other;
