#include "schema_catalog.hpp"

#include "schema.hpp"

namespace consistency {
namespace {

constexpr const char* kDrop = R"(
DROP SCHEMA IF EXISTS history_vault, history_near, history_far, history_third, history_spare CASCADE;
DROP ROLE IF EXISTS history_keeper, history_clerk, history_scribe, history_club;
)";

constexpr const char* kObjects = R"(
CREATE ROLE history_keeper;
CREATE ROLE history_clerk;
CREATE ROLE history_club;
GRANT USAGE, CREATE ON SCHEMA history TO history_keeper, history_clerk;
CREATE SCHEMA history_vault;
CREATE SCHEMA history_near;
CREATE SCHEMA history_far;
CREATE SCHEMA history_spare;
CREATE TABLE metal (id int PRIMARY KEY, k int NOT NULL, v int NOT NULL, w int NOT NULL DEFAULT 0);
CREATE TABLE history_vault.gem (LIKE metal INCLUDING ALL);
CREATE TABLE stone (LIKE metal INCLUDING ALL);
CREATE TABLE ward (LIKE metal INCLUDING ALL);
CREATE TABLE twin_a (LIKE metal INCLUDING ALL);
CREATE TABLE twin_b (LIKE metal INCLUDING ALL);
CREATE TABLE history_near.dot (LIKE metal INCLUDING ALL);
CREATE TABLE history_far.dot (LIKE metal INCLUDING ALL);
CREATE TABLE pair (LIKE metal INCLUDING ALL);
CREATE TABLE leaf_a (LIKE metal INCLUDING ALL);
CREATE TABLE leaf_b (LIKE metal INCLUDING ALL);
CREATE SEQUENCE history_vault.tally;
GRANT SELECT ON ward TO history_clerk;
CREATE FUNCTION clerk() RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN
    RETURN (SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE oid = 'history.load_role(int)'::regprocedure);
END $$;
CREATE TYPE grade AS (n int);
CREATE FUNCTION grade_lt(a grade, b grade) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT (a).n < (b).n';
CREATE FUNCTION grade_le(a grade, b grade) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT (a).n <= (b).n';
CREATE FUNCTION grade_eq(a grade, b grade) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT (a).n = (b).n';
CREATE FUNCTION grade_ge(a grade, b grade) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT (a).n >= (b).n';
CREATE FUNCTION grade_gt(a grade, b grade) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT (a).n > (b).n';
CREATE FUNCTION grade_down(a grade, b grade) RETURNS int IMMUTABLE LANGUAGE sql AS
    'SELECT sign((b).n - (a).n)::int';
CREATE OPERATOR < (LEFTARG = grade, RIGHTARG = grade, FUNCTION = grade_lt, COMMUTATOR = >);
CREATE OPERATOR <= (LEFTARG = grade, RIGHTARG = grade, FUNCTION = grade_le, COMMUTATOR = >=);
CREATE OPERATOR = (LEFTARG = grade, RIGHTARG = grade, FUNCTION = grade_eq);
CREATE OPERATOR >= (LEFTARG = grade, RIGHTARG = grade, FUNCTION = grade_ge);
CREATE OPERATOR > (LEFTARG = grade, RIGHTARG = grade, FUNCTION = grade_gt);
CREATE OPERATOR FAMILY grade_family USING btree;
)";

constexpr const char* kRows[] = {"metal",  "history_vault.gem", "stone",           "ward", "twin_a",
                                 "twin_b", "history_near.dot",  "history_far.dot", "pair", "leaf_a",
                                 "leaf_b"};

std::string number(int n) {
    return std::to_string(n);
}

std::string rows_of(const std::string& table, const std::string& columns) {
    return "coalesce((SELECT string_agg(t.id || ':' || " + columns + ", ',' ORDER BY t.id) FROM " +
           table + " t WHERE t.k = $1), '')";
}

// What the keeper may see of it.
constexpr const char* kRights[] = {
    "SELECT sum(t.v) FROM history_vault.gem t WHERE t.k = $1",
    "SELECT sum(t.w) FROM history_vault.gem t WHERE t.k = $1",
    "SELECT sum(t.v) FROM stone t WHERE t.k = $1",
    "SELECT sum(t.w) FROM stone t WHERE t.k = $1",
    "SELECT has_sequence_privilege('history_vault.tally', 'USAGE')::int",
};

// The loader's statements keep their plans, those of the direct call are made anew.
std::string rights_body(bool direct) {
    std::string body =
        "#variable_conflict use_column\nDECLARE value text := 'right'; part text; BEGIN ";
    for (const char* query : kRights) {
        body += direct ? "BEGIN EXECUTE $q$" + std::string(query) + "$q$ INTO part USING $1; "
                       : "BEGIN part := (" + std::string(query) + "); ";
        body +=
            "EXCEPTION WHEN insufficient_privilege THEN part := 'denied'; END; "
            "value := value || ' ' || coalesce(part, '-'); ";
    }
    return body + "RETURN value; END";
}

std::string keeping(const std::string& name, const std::string& query) {
    return "CREATE FUNCTION " + name +
           "(k int) RETURNS text STABLE LANGUAGE plpgsql AS $f$ "
           "#variable_conflict use_column\nBEGIN RETURN (" +
           query + "); END $f$";
}

std::string function_sql(const std::string& signature, const std::string& result,
                         const std::string& body) {
    return "CREATE OR REPLACE FUNCTION " + signature + " RETURNS " + result +
           " IMMUTABLE LANGUAGE sql AS $$ SELECT " + body + " $$";
}

}  // namespace

bool decided_by_catalogs(Group group) {
    return group >= Group::kOper;
}

std::string direct_query(Group group) {
    switch (group) {
        case Group::kOper:
            return "SELECT 'oper ' || coalesce(string_agg((t.v <+> t.id) || ' ' || "
                   "CAST(ROW(t.v)::grade "
                   "AS text), ',' ORDER BY ROW(t.v)::grade, t.id), '') FROM metal t WHERE t.k = $1";
        case Group::kRole:
            return "SELECT 'role ' || cache_get_mood(0) || ' ' || " + rows_of("ward", "t.v");
        case Group::kSwap:
            return "SELECT 'swap ' || " + rows_of("twin_a", "t.v") + " || ' ' || " +
                   rows_of("history_near.dot", "t.v") + " || ' ' || " +
                   rows_of("pair", "t.v || '/' || t.w");
        default:
            return {};
    }
}

std::string mix_sql(int which, int meaning) {
    return function_sql("mix_" + number(which) + "(a int, b int)", "text",
                        "'mix" + number(which) + "." + number(meaning) + " ' || a || ' ' || b");
}
std::string shade_sql(int which, int meaning) {
    return function_sql("shade_" + number(which) + "(g grade)", "text",
                        "'shade" + number(which) + "." + number(meaning) + " ' || (g).n");
}
std::string compare_sql(bool reversed) {
    return function_sql("grade_compare(a grade, b grade)", "int",
                        reversed ? "sign((b).n - (a).n)::int" : "sign((a).n - (b).n)::int");
}
std::string operator_sql(int which) {
    return "CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = mix_" + number(which) +
           ")";
}
std::string cast_sql(int which) {
    return "CREATE CAST (grade AS text) WITH FUNCTION shade_" + number(which) + "(grade)";
}
std::string operator_class_sql(bool down) {
    return std::string(
               "CREATE OPERATOR CLASS grade_ops DEFAULT FOR TYPE grade USING btree FAMILY "
               "grade_family AS ") +
           (down ? "OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, "
                   "FUNCTION 1 grade_down(grade, grade)"
                 : "OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, "
                   "FUNCTION 1 grade_compare(grade, grade)");
}

std::string factor_sql(int meaning) {
    return "CREATE OR REPLACE FUNCTION fresh_factor() RETURNS int STABLE LANGUAGE sql AS 'SELECT " +
           number(meaning) + "'";
}
std::string fresh_sql(int meaning) {
    // What was derived from the text of before does not follow from this one.
    const bool wide = may_widen() && meaning % 3 == 1;
    return "CREATE OR REPLACE FUNCTION load_fresh(k int) RETURNS text STABLE LANGUAGE plpgsql AS "
           "$f$ "
           "#variable_conflict use_column\nBEGIN RETURN (SELECT 'fresh " +
           number(meaning) + " ' || fresh_factor() || ' ' || " + rows_of("leaf_a", "t.v") +
           (wide ? " || ' ' || (SELECT sum(v) FROM leaf_a)" : "") + "); END $f$";
}

namespace {

std::string redeclare_in_full(Group group) {
    const std::string name = name_of(group);
    const std::string as = "SELECT cache_create('" + name + "', 'load_" + name + "(int)', " +
                           "same_for_all => '{history.mood}')";
    const std::string drop = "SELECT cache_drop('" + name + "'); ";
    const auto on = [&](const char* table) {
        return "; SELECT cache_invalidate_on('" + name + "', '" + table + "', '{k}')";
    };
    switch (group) {
        case Group::kOper:
            return drop + as + on("metal");
        case Group::kRight:
            return drop + "SET ROLE history_keeper; " + as + "; RESET ROLE" +
                   on("history_vault.gem") + on("stone");
        case Group::kRole:
            // By whatever name the clerk has now.
            return drop + "DO $$ BEGIN EXECUTE format('SET ROLE %I', history.clerk()); END $$; " +
                   as + "; RESET ROLE" + on("ward");
        case Group::kSwap:
            return drop + as + on("twin_a") + on("history_near.dot") + on("pair");
        default:
            return drop + as + on("leaf_a");
    }
}

}  // namespace

std::string redeclare_sql(Group group) {
    return as_declared(redeclare_in_full(group));
}

void drop_catalog_objects(Connection* connection) {
    connection->must(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET history.mood', "
        "current_database()); END $$");
    connection->must("ALTER ROLE ALL RESET history.mood");
    connection->must(kDrop);
}

void make_catalog_tables(Connection* connection) {
    connection->must(kObjects);
    for (const char* table : kRows) {
        connection->must("INSERT INTO " + std::string(table) + " SELECT i, i % " + number(kKeys) +
                         ", i, 1000 + i FROM generate_series(0, " + number(2 * kKeys - 1) +
                         ") AS i");
    }
    for (int i = 0; i < 3; ++i) {
        connection->must(mix_sql(i, 0));
        connection->must(shade_sql(i, 0));
    }
    connection->must(compare_sql(false));
    connection->must(operator_class_sql(false));
    connection->must(operator_sql(0));
    connection->must("ALTER OPERATOR <+> (int, int) SET SCHEMA history_spare");
    connection->must(operator_sql(1));
    connection->must(cast_sql(0));
    connection->must(factor_sql(1));
    connection->must(fresh_sql(0));
    connection->must(keeping("load_oper", direct_query(Group::kOper)));
    connection->must(keeping("load_swap", direct_query(Group::kSwap)));
    connection->must(
        "CREATE FUNCTION load_right(k int) RETURNS text STABLE LANGUAGE plpgsql AS $f$ " +
        rights_body(false) + " $f$");
    const std::string mood =
        "current_user || ' ' || coalesce(current_setting('history.mood', true), '-')";
    connection->must(keeping("load_mood", "SELECT " + mood));
    connection->must(
        keeping("load_role", "SELECT 'role ' || " + mood + " || ' ' || " + rows_of("ward", "t.v")));
    connection->must("ALTER FUNCTION load_role(int) OWNER TO history_clerk");
    connection->must("ALTER FUNCTION load_right(int) OWNER TO history_keeper");
    connection->must("CREATE POLICY own ON ward FOR SELECT USING (v % 3 <> 0)");
}

void declare_catalog_caches(Connection* connection) {
    for (const Group group :
         {Group::kOper, Group::kRight, Group::kRole, Group::kSwap, Group::kFresh}) {
        const std::string sql = redeclare_sql(group);
        connection->must(sql.substr(sql.find("; ") + 2));
    }
    // The settings of the clerk are what they are for a load: this cache is read with caching off.
    connection->must(
        "SET ROLE history_clerk; SELECT cache_create('mood', 'load_mood(int)', same_for_all => "
        "'{history.mood}'); RESET ROLE");
    connection->must(
        "CREATE OR REPLACE FUNCTION call_right(k int) RETURNS text STABLE LANGUAGE plpgsql "
        "SECURITY DEFINER AS $f$ " +
        rights_body(true) + " $f$");
    connection->must("ALTER FUNCTION call_right(int) OWNER TO history_keeper");
    connection->must("ALTER FUNCTION call_role(int) SECURITY DEFINER SET cache_ext.enabled = off");
    connection->must("ALTER FUNCTION call_role(int) OWNER TO history_clerk");
}

}  // namespace consistency
