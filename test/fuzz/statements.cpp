#include "statements.hpp"

#include "values.hpp"

namespace fuzz {
namespace {

// One call, mostly with as many arguments as there are parameters.
std::string call(Random* r, const Surface& s) {
    const Function& f = r->of(s.functions);
    std::string list;
    const auto add = [&](const std::string& argument) {
        if (!list.empty()) list += ", ";
        list += argument;
    };
    const std::size_t n = f.types.size();
    const bool named = !f.variadic && f.arguments.size() == n && n > 2 && r->chance(60);
    for (std::size_t i = 0; i < n; ++i) {
        const std::string& type = f.types[i];
        // Most parameters have defaults where there are many.
        if (named && i > 1 && r->chance(75)) continue;
        if (f.variadic && i + 1 == n) {
            if (r->chance(15)) {
                add("VARIADIC " +
                    r->of({"ARRAY[1]", "NULL::int[]", "'{}'::text[]", "ARRAY[[1,2],[3,4]]",
                           "'{1,2}'::int[]", "5", "ARRAY[ROW(1,2)]", "NULL"}));
            } else {
                static const int kHowMany[] = {0, 1, 1, 1, 1, 2, 3, 17};
                for (int k = kHowMany[r->below(8)]; k > 0; --k) {
                    add(r->chance(60) ? std::to_string(r->between(1, 40)) : anything(r));
                }
            }
            continue;
        }
        const bool name = type == "text" && (i == 0 || (i == 1 && f.types[0] == "anyelement"));
        std::string v = name ? cache_name(r, s) : value(r, s, type);
        if (type == "integer" && r->chance(60)) v = std::to_string(r->between(1, 40));
        add(named ? f.arguments[i] + " => " + v : v);
    }
    if (r->chance(3)) add(anything(r));
    return f.name + "(" + list + ")";
}

std::string trigger(Random* r, const Surface& s) {
    const Function empty;
    const Function& f = s.triggers.empty() ? empty : r->of(s.triggers);
    std::string arguments;
    for (int i = r->below(4); i > 0; --i) {
        if (!arguments.empty()) arguments += ", ";
        arguments += r->chance(50) && !s.caches.empty()
                         ? quoted(r->of(s.caches))
                         : r->of({"'id'", "''", "'1'", "'x'", "'-7'"});
    }
    const std::string table = r->of({"pg_temp.fuzz_t", "pg_temp.fuzz_t", "pg_temp.fuzz_definition",
                                     "pg_temp.fuzz_v", "fuzz_owner.data"});
    const std::string name = "fuzz" + std::to_string(r->below(5));
    return "DROP TRIGGER IF EXISTS " + name + " ON " + table + "; CREATE " +
           r->of({"", "", "", "CONSTRAINT "}) + "TRIGGER " + name + " " +
           r->of({"BEFORE", "AFTER", "AFTER", "INSTEAD OF"}) + " " +
           r->of({"INSERT", "UPDATE", "DELETE", "TRUNCATE", "INSERT OR UPDATE OR DELETE"}) +
           " ON " + table + " " + r->of({"", "", "REFERENCING NEW TABLE AS n "}) + "FOR EACH " +
           r->of({"ROW", "STATEMENT"}) + " EXECUTE FUNCTION " + f.name + "(" + arguments + ")";
}

// Tables of our own, some of which look like the extension's.
std::string own_tables(Random* r, const Surface& s) {
    std::string definition = "name text, id bigint";
    for (const Relation& relation : s.relations) {
        if (!relation.table || !r->chance(50)) continue;
        definition = "LIKE " + relation.name;
    }
    return r->of({"CREATE TEMP TABLE IF NOT EXISTS fuzz_t (id int, name text, cache text, c bytea)",
                  "CREATE TEMP TABLE IF NOT EXISTS fuzz_t (name int8, id text)",
                  "CREATE TEMP VIEW fuzz_v AS SELECT 1 AS id, 'x'::text AS name",
                  "DROP TABLE IF EXISTS pg_temp.fuzz_t",
                  "DROP TABLE IF EXISTS pg_temp.fuzz_definition",
                  "INSERT INTO pg_temp.fuzz_t SELECT", "INSERT INTO pg_temp.fuzz_t DEFAULT VALUES",
                  "INSERT INTO pg_temp.fuzz_t VALUES (1, 'open'), (NULL, NULL), (3, 'vault')",
                  "UPDATE pg_temp.fuzz_t SET name = NULL", "DELETE FROM pg_temp.fuzz_t",
                  "TRUNCATE pg_temp.fuzz_t", "INSERT INTO pg_temp.fuzz_definition SELECT",
                  "INSERT INTO pg_temp.fuzz_v DEFAULT VALUES",
                  "DELETE FROM pg_temp.fuzz_definition",
                  "UPDATE pg_temp.fuzz_definition SET name = 'vault'",
                  "TRUNCATE pg_temp.fuzz_definition"}) +
           (r->chance(20) ? "; CREATE TEMP TABLE IF NOT EXISTS fuzz_definition (" + definition + ")"
                          : "");
}

std::string view(Random* r, const Surface& s) {
    const Relation& v = r->of(s.relations);
    const std::string column = v.columns.empty() ? "1" : r->of(v.columns);
    return "SELECT " + r->of({"*", "x::text", "count(*)", "to_jsonb(x)", "max(x::text)"}) +
           " FROM " + v.name + " AS x" +
           r->of({"", "", " LIMIT 1", " ORDER BY 1", " WHERE x::text LIKE '%a%'"}) +
           (r->chance(10) ? "; SELECT " + column + " FROM " + v.name : "");
}

std::string call_in_statement(Random* r, const Surface& s) {
    const std::string c = call(r, s);
    switch (r->below(14)) {
        case 0:
            return "SELECT * FROM " + c + " AS f";
        case 1:
            return "SELECT " + c + " FROM fuzz_pub.data LIMIT 3";
        case 2:
            return "SELECT count(*) FROM fuzz_pub.data AS d, LATERAL (SELECT " + c +
                   ") AS s LIMIT 1";
        case 3:
            return "SELECT CASE WHEN id > 5 THEN (SELECT " + c +
                   " LIMIT 1) IS NULL END FROM fuzz_pub.data";
        case 4:
            return "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT " + c;
        case 5:
            return "CREATE TEMP TABLE fuzz_c ON COMMIT DROP AS SELECT " + c + " AS x";
        case 6:
            return "PREPARE p" + std::to_string(r->below(9)) + " AS SELECT " + c;
        case 7:
            return "DO $z$ BEGIN PERFORM " + c + "; EXCEPTION WHEN others THEN PERFORM " +
                   call(r, s) + "; END $z$";
        case 8:
            return "COPY (SELECT " + c + ") TO STDOUT";
        case 9:
            return "SELECT (" + c + ").*";
        case 10:
            return "DECLARE c" + std::to_string(r->below(5)) + " " + r->of({"", "SCROLL"}) +
                   " CURSOR " + r->of({"", "WITH HOLD "}) + "FOR SELECT " + c +
                   ", g FROM generate_series(1, 30) AS g";
        default:
            return "SELECT " + c;
    }
}

// A call whose arguments differ from row to row, so that one place calls for many caches.
std::string varying_call(Random* r, const Surface& s) {
    std::string names;
    for (int i = 0; i < 4; ++i) names += (i > 0 ? "," : "") + cache_name(r, s);
    return "SELECT " +
           r->of({"cache_get(n, k)", "cache_peek(n, k)", "cache_get_entry(n, k)",
                  "cache_get(n, k::text)", "cache_invalidate(n, k)", "cache_refresh(n, k)",
                  "cache_put(n, to_jsonb(k), k)", "cache_get(n)", "cache_explain(n, k)"}) +
           " FROM unnest(ARRAY[" + names + "]) WITH ORDINALITY AS u (n, o), generate_series(1, " +
           std::to_string(r->between(1, 30)) + ") AS k";
}

std::string declare(Random* r, const Surface& s, const Means& m) {
    std::string loader = value(r, s, "regprocedure");
    // Whoever may execute that one must not make an accessor of it that everybody may.
    if (m.trusted) loader = r->of({"'fuzz_pub.load(int)'", "'fuzz_pub.load_text(text)'"});
    const std::string name = r->of({"'fuzz1'", "'fuzz2'", "'fuzz3'", "'many_open'", "'fuzz4'"});
    std::string options;
    for (const char* option : {"ttl", "refresh_at", "max_entries", "max_memory", "budget",
                               "stale_for", "warm_every", "null_ttl", "priority", "load_timeout",
                               "warm_on_invalidate", "load_many", "load_all", "warm_keys"}) {
        if (!r->chance(12)) continue;
        options += std::string(", ") + option + " => " +
                   r->of({"NULL", "'1 s'", "'20 ms'", "0.5", "1", "true", "'1MB'", "'open'",
                          "'64kB'", "0", "'fuzz_pub.load_rows(int[])'", "'fuzz_pub.load_every()'",
                          "'SELECT id FROM fuzz_pub.data'", "'SELECT 1/0'"});
    }
    switch (r->below(4)) {
        case 0:
            return "SELECT cache_create(" + name + ", key_types => " + value(r, s, "regtype[]") +
                   ", value_type => " + value(r, s, "regtype") + options + ")";
        case 1:
            return "SELECT cache_invalidate_on(" + cache_name(r, s) + ", " +
                   value(r, s, "regclass") + ", " +
                   r->of({"'{id}'", "'{}'", "'{NULL}'", "'{id,name}'", "'{nope}'"}) + ")";
        case 2:
            return "SELECT cache_drop(" + (m.trusted ? name : cache_name(r, s)) + ")";
        default:
            return "SELECT cache_create(" + name + ", " + loader + options + ")";
    }
}

std::string ddl(Random* r, const Surface& s, const Means& m) {
    const std::string schema =
        m.schema.empty() ? r->of({"public", "pg_temp", "cache_ext_internal"}) : m.schema;
    const std::string body =
        " LANGUAGE " + r->of({"sql STABLE AS 'SELECT $1'", "plpgsql AS 'BEGIN RETURN $1; END'"});
    switch (r->below(10)) {
        case 0:
            return "CREATE OR REPLACE FUNCTION " + schema +
                   ".load_open(a int) RETURNS text LANGUAGE sql STABLE AS " +
                   quoted("SELECT 'x" + std::to_string(r->below(9)) + "' || $1");
        case 1:
            if (m.trusted) return "ANALYZE fuzz_pub.data";
            // Names that ours are looked up by.
            return "CREATE OR REPLACE FUNCTION " + schema + ".cache_" +
                   r->of({"get_", "put_", "get_many_"}) +
                   (s.caches.empty() ? "x" : r->of(s.caches)) + "(a int" +
                   r->of({"", ", b text", ", VARIADIC c int[]"}) + ") RETURNS int" + body;
        case 2:
            if (m.trusted) return "CREATE INDEX ON fuzz_pub.data (name)";
            return "DROP FUNCTION IF EXISTS " + schema + ".cache_get_" +
                   (s.caches.empty() ? "x" : r->of(s.caches)) + "(int)" + r->of({"", " CASCADE"});
        case 3:
            return "CREATE TEMP TABLE IF NOT EXISTS data (id int, name text); INSERT INTO "
                   "pg_temp.data VALUES (1, 'temp')";
        case 4:
            return "ALTER FUNCTION fuzz_pub.load(int) " +
                   r->of({"VOLATILE", "STABLE", "RESET ALL", "SET work_mem = '1MB'"});
        case 5:
            return "ALTER TABLE fuzz_pub.data " +
                   r->of({"ADD COLUMN IF NOT EXISTS z int", "DROP COLUMN IF EXISTS z",
                          "DISABLE TRIGGER ALL", "ENABLE TRIGGER ALL", "RENAME TO data2",
                          "ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"});
        case 6:
            return "ALTER TABLE IF EXISTS fuzz_pub.data2 RENAME TO data";
        case 7:
            return r->of({"REFRESH MATERIALIZED VIEW fuzz_pub.matview", "VACUUM fuzz_pub.data",
                          "ANALYZE", "TRUNCATE fuzz_pub.data", "REINDEX TABLE fuzz_pub.data",
                          "ALTER TYPE fuzz_pub.mood ADD VALUE IF NOT EXISTS 'x'"});
        case 8:
            return "CREATE AGGREGATE pg_temp.fuzz_a (" +
                   r->of({"int", "text", "\"any\"", "anyelement"}) +
                   ") (sfunc = " + r->of(s.functions).name +
                   ", stype = " + r->of({"int", "text", "jsonb"}) + ")";
        default:
            return "CREATE OR REPLACE FUNCTION pg_temp.fuzz_f(a int) RETURNS text" + body;
    }
}

// By hand, where only functions should.
std::string write_tables(Random* r, const Surface& s) {
    const Relation& t = r->of(s.relations);
    const std::string column = t.columns.empty() ? "x" : r->of(t.columns);
    switch (r->below(5)) {
        case 0:
            return "INSERT INTO " + t.name + " SELECT * FROM " + t.name + " LIMIT 1";
        case 1:
            return "DELETE FROM " + t.name + " WHERE " + column + "::text LIKE '%fuzz%'";
        case 2:
            return "TRUNCATE " + t.name;
        case 3:
            return "LOCK TABLE " + t.name + " IN ROW EXCLUSIVE MODE NOWAIT";
        default:
            return "UPDATE " + t.name + " SET " + column + " = " +
                   r->of({"NULL", "'x'", "DEFAULT", "'{}'", "'NaN'", "'-1'", "'{NULL}'", "'0'",
                          "'1 s'", "'SELECT 1'"}) +
                   " WHERE " + r->of({"true", "ctid = '(0,1)'", "ctid = '(0,3)'"});
    }
}

std::string rows(Random* r) {
    const std::string id = std::to_string(r->between(1, 40));
    return r->of({"UPDATE fuzz_pub.data SET name = name || '.' WHERE length(name) < 40 AND id = ",
                  "DELETE FROM fuzz_pub.data WHERE id = ",
                  "UPDATE fuzz_open.data SET name = 'n' WHERE id = ",
                  "SELECT * FROM fuzz_vault.data WHERE id = ",
                  "UPDATE fuzz_owner.data SET name = 'n' WHERE id = "}) +
           id +
           (r->chance(20)
                ? "; INSERT INTO fuzz_pub.data VALUES (" + id + ", 'new') ON CONFLICT DO NOTHING"
                : "");
}

}  // namespace

std::string statement(Random* r, const Surface& s, const Means& m) {
    const int n = r->below(100);
    if (n < 40) return call_in_statement(r, s);
    if (n < 46) return varying_call(r, s);
    if (n < 56) return view(r, s);
    if (n < 62) return declare(r, s, m);
    if (n < 70) return rows(r);
    if (n < 76) return own_tables(r, s);
    if (n < 80) return trigger(r, s);
    if (n < 86) return "SET " + r->of({"", "LOCAL "}) + setting(r, s);
    if (n < 92) return ddl(r, s, m);
    if (n < 94) {
        return r->of({"FETCH 7 FROM c", "MOVE BACKWARD ALL IN c", "CLOSE c"}) +
               std::to_string(r->below(5));
    }
    if (n < 96) return "EXECUTE p" + std::to_string(r->below(9));
    if (n < 98 && (!m.trusted || m.superuser)) return write_tables(r, s);
    return r->of({"DISCARD ALL", "RESET ALL", "DEALLOCATE ALL", "SET ROLE NONE", "LISTEN x",
                  "NOTIFY x", "SELECT pg_advisory_xact_lock_shared(1)", "SELECT txid_current()",
                  "CHECKPOINT", "SELECT pg_export_snapshot()",
                  "SELECT count(*) FROM pg_stat_activity"});
}

}  // namespace fuzz
