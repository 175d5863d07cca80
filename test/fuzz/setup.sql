-- What the fuzzer plays with. Each paragraph is one transaction; MARK is replaced by what nobody must see
-- who is not the owner of the vault or a superuser. All of it may be there already, in any state.
CREATE EXTENSION IF NOT EXISTS cache_ext

GRANT CREATE ON SCHEMA public TO fuzz_schema, fuzz_owner, fuzz_vault

CREATE SCHEMA IF NOT EXISTS fuzz_pub;
CREATE SCHEMA IF NOT EXISTS fuzz_open;
CREATE SCHEMA IF NOT EXISTS fuzz_owner AUTHORIZATION fuzz_owner;
CREATE SCHEMA IF NOT EXISTS fuzz_vault AUTHORIZATION fuzz_vault;
GRANT USAGE ON SCHEMA fuzz_pub TO PUBLIC;
GRANT USAGE ON SCHEMA fuzz_open TO fuzz_reader

CREATE TABLE IF NOT EXISTS fuzz_pub.data (id int PRIMARY KEY, name text);
GRANT ALL ON fuzz_pub.data TO PUBLIC;
CREATE TABLE IF NOT EXISTS fuzz_pub.parted (id int, name text) PARTITION BY RANGE (id);
CREATE TABLE IF NOT EXISTS fuzz_pub.parted1 PARTITION OF fuzz_pub.parted FOR VALUES FROM (0) TO (100);
CREATE MATERIALIZED VIEW IF NOT EXISTS fuzz_pub.matview AS SELECT * FROM fuzz_pub.data;
GRANT SELECT ON fuzz_pub.parted, fuzz_pub.matview TO PUBLIC

CREATE DOMAIN fuzz_pub.word AS text CHECK (length(VALUE) < 20);
CREATE DOMAIN fuzz_pub.small AS int CHECK (VALUE < 10);
CREATE TYPE fuzz_pub.mood AS ENUM ('sad', 'ok')

INSERT INTO fuzz_pub.data SELECT i, 'name ' || i FROM generate_series(1, 40) AS i ON CONFLICT DO NOTHING

CREATE TABLE IF NOT EXISTS fuzz_open.data (id int PRIMARY KEY, name text);
INSERT INTO fuzz_open.data SELECT i, 'open ' || i FROM generate_series(1, 40) AS i ON CONFLICT DO NOTHING;
GRANT SELECT, UPDATE ON fuzz_open.data TO fuzz_reader

CREATE TABLE IF NOT EXISTS fuzz_owner.data (id int PRIMARY KEY, name text);
ALTER TABLE fuzz_owner.data OWNER TO fuzz_owner;
INSERT INTO fuzz_owner.data SELECT i, 'mine ' || i FROM generate_series(1, 40) AS i ON CONFLICT DO NOTHING

CREATE TABLE IF NOT EXISTS fuzz_vault.data (id int PRIMARY KEY, name text);
ALTER TABLE fuzz_vault.data OWNER TO fuzz_vault;
INSERT INTO fuzz_vault.data SELECT i, 'MARK ' || i FROM generate_series(1, 40) AS i ON CONFLICT DO NOTHING

CREATE OR REPLACE FUNCTION fuzz_pub.load(id int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT d.name FROM fuzz_pub.data AS d WHERE d.id = $1';
CREATE OR REPLACE FUNCTION fuzz_pub.load_text(t text) RETURNS int LANGUAGE sql STABLE AS 'SELECT length($1)';
CREATE OR REPLACE FUNCTION fuzz_pub.load_fails(id int) RETURNS int LANGUAGE sql STABLE AS
    'SELECT 1 / ($1 % 2)';
CREATE OR REPLACE FUNCTION fuzz_pub.load_row(id int) RETURNS fuzz_pub.data LANGUAGE sql STABLE AS
    'SELECT d FROM fuzz_pub.data AS d WHERE d.id = $1';
CREATE OR REPLACE FUNCTION fuzz_pub.load_domain(id int) RETURNS fuzz_pub.word LANGUAGE sql STABLE AS
    $$SELECT repeat('x', $1)::fuzz_pub.word$$;
CREATE OR REPLACE FUNCTION fuzz_pub.load_slow(id int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT 'slow ' || $1 FROM pg_sleep(0.05)$$;
CREATE OR REPLACE FUNCTION fuzz_pub.load_writes(id int) RETURNS int LANGUAGE plpgsql STABLE AS
    'BEGIN DELETE FROM fuzz_pub.data; RETURN 1; END';
CREATE OR REPLACE FUNCTION fuzz_pub.load_nested(id int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$BEGIN RETURN cache_get('pub', $1)::text || cache_get('fuzz1', $1 % 3)::text; END$$;
CREATE OR REPLACE FUNCTION fuzz_pub.load_rows(ids int[]) RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS
    'SELECT d.id, d.name FROM fuzz_pub.data AS d WHERE d.id = ANY ($1)';
CREATE OR REPLACE FUNCTION fuzz_pub.load_every() RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS
    'SELECT d.id, d.name FROM fuzz_pub.data AS d'

CREATE OR REPLACE FUNCTION fuzz_open.load(id int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT d.name FROM fuzz_open.data AS d WHERE d.id = $1'

SELECT cache_create('pub', 'fuzz_pub.load(int)', load_many => 'fuzz_pub.load_rows(int[])', ttl => '1 s', stale_for => '5 s');
SELECT cache_invalidate_on('pub', 'fuzz_pub.data', '{id}', '{name}')

SELECT cache_create('pub_put', key_types => '{int}', value_type => 'text');
SELECT cache_create('pub_row', 'fuzz_pub.load_row(int)', refresh_at => 0.1, ttl => '2 s', priority => 1);
SELECT cache_create('pub_none', key_types => '{}', value_type => 'jsonb')

SELECT cache_create('open', 'fuzz_open.load(int)', max_entries => 20);
SELECT cache_invalidate_on('open', 'fuzz_open.data', '{id}');
REVOKE ALL ON FUNCTION cache_get_open(int), cache_get_many_open(int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_get_open(int) TO fuzz_reader

SET LOCAL ROLE fuzz_owner;
CREATE OR REPLACE FUNCTION fuzz_owner.load(id int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT d.name FROM fuzz_owner.data AS d WHERE d.id = $1';
SELECT cache_create('theirs', 'fuzz_owner.load(int)', ttl => '3 s', warm_keys => 'SELECT id FROM fuzz_owner.data');
SELECT cache_invalidate_on('theirs', 'fuzz_owner.data', '{id}')

SET LOCAL ROLE fuzz_vault;
CREATE OR REPLACE FUNCTION fuzz_vault.load(id int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT d.name FROM fuzz_vault.data AS d WHERE d.id = $1';
CREATE OR REPLACE FUNCTION fuzz_vault.load_key(t text) RETURNS int LANGUAGE sql STABLE AS 'SELECT length($1)';
CREATE OR REPLACE FUNCTION fuzz_vault.load_fails(id int) RETURNS int LANGUAGE plpgsql STABLE AS
    $$BEGIN RAISE EXCEPTION 'MARK %', id USING DETAIL = 'MARK detail', HINT = 'MARK hint'; END$$;
CREATE OR REPLACE FUNCTION fuzz_vault.load_json(id int) RETURNS jsonb LANGUAGE sql STABLE AS
    $$SELECT jsonb_build_object('secret', d.name) FROM fuzz_vault.data AS d WHERE d.id = $1$$;
CREATE OR REPLACE FUNCTION fuzz_vault.load_rows(ids int[]) RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS
    'SELECT d.id, d.name FROM fuzz_vault.data AS d WHERE d.id = ANY ($1)';
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA fuzz_vault FROM PUBLIC;
SELECT cache_create('vault', 'fuzz_vault.load(int)', load_many => 'fuzz_vault.load_rows(int[])', ttl => '2 s',
                    stale_for => '5 s', refresh_at => 0.2, warm_keys => 'SELECT id FROM fuzz_vault.data');
SELECT cache_create('vault_key', 'fuzz_vault.load_key(text)');
SELECT cache_create('vault_fails', 'fuzz_vault.load_fails(int)', warm_keys => 'SELECT 1', warm_every => '1 s');
SELECT cache_create('vault_json', 'fuzz_vault.load_json(int)');
SELECT cache_create('vault_put', key_types => '{text}', value_type => 'text');
SELECT cache_invalidate_on('vault', 'fuzz_vault.data', '{id}');
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc
             WHERE proname ~ '^cache_(get|get_many|put)_vault' AND pronamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$
