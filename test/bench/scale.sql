-- What scale.sh measures with.
CREATE EXTENSION IF NOT EXISTS cache_ext;
CREATE TABLE shared (k int PRIMARY KEY, v int);
INSERT INTO shared SELECT i, i FROM generate_series(1, 10000) AS i;

-- Creates the caches prefix1 to prefix<most> that are missing, which depend by key on `shared`, or on a table each.
CREATE PROCEDURE make_caches(prefix text, most int, table_each bool) LANGUAGE plpgsql AS $$
DECLARE
    name text;
    tab text;
BEGIN
    FOR i IN 1 .. most LOOP
        name = prefix || i;
        tab = CASE WHEN table_each THEN name ELSE 'shared' END;
        CONTINUE WHEN EXISTS (SELECT FROM cache_stat WHERE cache = name);
        IF table_each THEN
            EXECUTE format('CREATE TABLE %I (k int PRIMARY KEY, v int)', tab);
            EXECUTE format('INSERT INTO %I VALUES (1, 1)', tab);
        END IF;
        EXECUTE format('CREATE FUNCTION load_%s(k int) RETURNS int LANGUAGE sql STABLE AS
                        ''SELECT v FROM %I AS t WHERE t.k = $1''', name, tab);
        PERFORM cache_create(name, format('load_%s(int)', name)::regprocedure, invalidate => 'declared', ttl => NULL);
        PERFORM cache_invalidate_on(name, tab::regclass, '{k}');
        COMMIT;
    END LOOP;
END $$;

CREATE FUNCTION us_since(began timestamptz) RETURNS numeric LANGUAGE sql VOLATILE
    RETURN extract(epoch FROM clock_timestamp() - began) * 1e6;

-- Nanoseconds of a hit; microseconds of an UPDATE of one row, of its COMMIT, and of the read after it, which loads: of 2,000
-- each, without the first of a session.
CREATE PROCEDURE measure(accessor text, tab text, INOUT hit numeric, INOUT write numeric, INOUT committed numeric, INOUT fill numeric)
LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    n bigint;
BEGIN
    EXECUTE format('SELECT count(%s(1)) FROM generate_series(1, 10)', accessor) INTO n;
    COMMIT;
    began = clock_timestamp();
    EXECUTE format('SELECT count(%s(1)) FROM generate_series(1, 100000)', accessor) INTO n;
    hit = us_since(began) / 100;
    FOR i IN 0 .. 2000 LOOP
        IF i < 2 THEN
            write = 0;
            committed = 0;
            fill = 0;
        END IF;
        began = clock_timestamp();
        EXECUTE format('UPDATE %I SET v = v + 1 WHERE k = 1', tab);
        write = write + us_since(began);
        began = clock_timestamp();
        COMMIT;
        committed = committed + us_since(began);
        began = clock_timestamp();
        EXECUTE format('SELECT %s(1)', accessor) INTO n;
        fill = fill + us_since(began);
        COMMIT;
    END LOOP;
    hit = round(hit);
    write = round(write / 2000, 1);
    committed = round(committed / 2000, 1);
    fill = round(fill / 2000, 1);
END $$;
