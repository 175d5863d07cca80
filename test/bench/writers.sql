-- What the benchmarks write to: the same table without a trigger, with one that does nothing, with
-- a key dependency, and with a path dependency. \set copy_file is a path that the server may write.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- One-row UPDATEs. other is a column that no value depends on.
CREATE TABLE update_plain (k int PRIMARY KEY, v int NOT NULL, other int NOT NULL)
    WITH (fillfactor = 50);
INSERT INTO update_plain SELECT k, 0, 0 FROM generate_series(1, 10000) AS k;
CREATE TABLE update_nothing (LIKE update_plain INCLUDING ALL) WITH (fillfactor = 50);
INSERT INTO update_nothing TABLE update_plain;
CREATE TABLE update_key (LIKE update_plain INCLUDING ALL) WITH (fillfactor = 50);
INSERT INTO update_key TABLE update_plain;
VACUUM ANALYZE update_plain, update_nothing, update_key;

CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON update_nothing
    FOR EACH ROW EXECUTE FUNCTION bench_nothing();
CREATE FUNCTION load_updated(k int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(t.v) FROM update_key AS t WHERE t.k = $1);
SELECT cache_create('updated', loader => 'load_updated(int)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('updated', 'update_key', key => '{k}', columns => '{v}');
SELECT count(cache_get_updated(k)) FROM generate_series(1, 10000) AS k;

-- update_<table>_<column>(n, keep): n transactions of one UPDATE each, committed or rolled back.
SELECT format('CREATE PROCEDURE update_%1$s_%2$s(n int, keep bool) LANGUAGE plpgsql AS %3$L',
              t.name, c.name,
              format('BEGIN
                          FOR i IN 1..n LOOP
                              UPDATE update_%1$s SET %2$s = %2$s + 1
                              WHERE k = (i * 7919) %% 10000 + 1;
                              IF keep THEN COMMIT; ELSE ROLLBACK; END IF;
                          END LOOP;
                      END', t.name, c.name))
FROM (VALUES ('plain'), ('nothing'), ('key')) AS t (name), (VALUES ('v'), ('other')) AS c (name)
\gexec

-- COPY.
CREATE TABLE copy_plain (id uuid NOT NULL, k int NOT NULL, user_id uuid NOT NULL,
                         duration_minutes int NOT NULL, credits_used int NOT NULL,
                         status text NOT NULL, created_at timestamptz NOT NULL,
                         completed_at timestamptz);
CREATE TABLE copy_nothing (LIKE copy_plain);
CREATE TABLE copy_key (LIKE copy_plain);
CREATE TABLE copy_path (LIKE copy_plain);
CREATE TABLE copy_indexed_plain (LIKE copy_plain, PRIMARY KEY (id));
CREATE INDEX ON copy_indexed_plain (user_id);
CREATE TABLE copy_indexed_key (LIKE copy_plain, PRIMARY KEY (id));
CREATE INDEX ON copy_indexed_key (user_id);
CREATE TABLE copy_narrow_plain (k int NOT NULL, amount int NOT NULL);
CREATE TABLE copy_narrow_nothing (LIKE copy_narrow_plain);
CREATE TABLE copy_narrow_key (LIKE copy_narrow_plain);
CREATE TABLE owners (k int PRIMARY KEY, account int NOT NULL);
INSERT INTO owners SELECT k, k / 10 FROM generate_series(1, 10000) AS k;

CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON copy_nothing
    FOR EACH ROW EXECUTE FUNCTION bench_nothing();
CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON copy_narrow_nothing
    FOR EACH ROW EXECUTE FUNCTION bench_nothing();
CREATE FUNCTION load_copied(user_id uuid) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(count(*)) FROM copy_key AS t WHERE t.user_id = $1);
SELECT cache_create('copied', loader => 'load_copied(uuid)', ttl => NULL, refresh_at => NULL);
SELECT cache_invalidate_on('copied', 'copy_key', key => '{user_id}');
SELECT cache_invalidate_on('copied', 'copy_indexed_key', key => '{user_id}');
CREATE FUNCTION load_copied_narrow(k int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(sum(t.amount)) FROM copy_narrow_key AS t WHERE t.k = $1);
SELECT cache_create('copied_narrow', loader => 'load_copied_narrow(int)', ttl => NULL,
                    refresh_at => NULL);
SELECT cache_invalidate_on('copied_narrow', 'copy_narrow_key', key => '{k}');
CREATE FUNCTION load_copied_path(account int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT to_json(count(*)) FROM copy_path AS t JOIN owners AS o ON o.k = t.k
            WHERE o.account = $1);
SELECT cache_create('copied_path', loader => 'load_copied_path(int)', ttl => NULL,
                    refresh_at => NULL);
SELECT cache_invalidate_on_path('copied_path', 'copy_path',
                                'SELECT o.account FROM owners AS o WHERE o.k = $1.k');

SELECT format('COPY (SELECT md5(i::text)::uuid, i %% 10000, md5((i %% 10000)::text)::uuid,
                            i %% 60, i %% 97, ''completed'', now() - i * interval ''1 second'',
                            now() - i * interval ''1 second'' + i %% 60 * interval ''1 minute''
                     FROM generate_series(1, 1000000) AS i) TO %L', :'copy_file')
\gexec
SELECT format('COPY (SELECT i %% 10000, i FROM generate_series(1, 1000000) AS i) TO %L',
              :'copy_file' || '_narrow')
\gexec

-- A loader that takes its time, and whose executions can be counted in the server's log.
CREATE FUNCTION load_cold(k int) RETURNS json LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RAISE LOG 'load_cold runs';
    RETURN (SELECT to_json(sum(i)) FROM generate_series(1, 300000) AS i);
END
$$;
SELECT cache_create('cold', loader => 'load_cold(int)', ttl => NULL, refresh_at => NULL);
