#include "schema_readers.hpp"

#include "schema.hpp"

namespace consistency {
namespace {

constexpr const char* kDrop =
    "DROP ROLE IF EXISTS history_farmer, history_r0, history_r1, history_r2, history_crew;";

// Whoever owns the caches has the privileges of their readers.
constexpr const char* kObjects = R"(
CREATE ROLE history_crew;
CREATE ROLE history_r0;
CREATE ROLE history_r1;
CREATE ROLE history_r2;
CREATE ROLE history_farmer;
GRANT history_r0, history_r1, history_r2 TO history_farmer;
GRANT USAGE ON SCHEMA history TO history_r0, history_r1, history_r2, history_crew;
GRANT USAGE, CREATE ON SCHEMA history TO history_farmer;
CREATE TABLE plot (id int PRIMARY KEY, k int NOT NULL, v int NOT NULL, w int NOT NULL DEFAULT 0);
CREATE TABLE acre (LIKE plot INCLUDING ALL);
CREATE FUNCTION claim(name text) RETURNS int STABLE LANGUAGE sql AS
    $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> name)::int $$;
CREATE POLICY claimed ON plot USING (w % 3 = claim('tenant'));
CREATE POLICY own ON acre USING ('history_r' || w % 3 = current_user);
CREATE POLICY crew ON acre TO history_crew USING (v % 2 = coalesce(claim('tenant'), 0) % 2);
CREATE VIEW acres WITH (security_invoker) AS SELECT * FROM acre;
ALTER TABLE plot ENABLE ROW LEVEL SECURITY;
ALTER TABLE plot FORCE ROW LEVEL SECURITY;
ALTER TABLE acre ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON acre, acres TO history_r0, history_r1, history_r2;
ALTER TABLE plot OWNER TO history_farmer;
ALTER TABLE acre OWNER TO history_farmer;
ALTER VIEW acres OWNER TO history_farmer;
)";

std::string rows_of(const std::string& table) {
    return "coalesce((SELECT string_agg(t.id || ':' || t.v, ',' ORDER BY t.id) FROM " + table +
           " t WHERE t.k = $1), '')";
}

std::string redeclare_in_full(Group group) {
    const std::string name = name_of(group);
    const bool reader = group == Group::kReader;
    const std::string table = reader ? "acre" : "plot";
    std::string sql = "SELECT cache_drop('" + name + "'); SET ROLE history_farmer; ";
    sql += "SELECT cache_create('" + name + "', 'load_" + name + "(int)', " +
           (reader ? "run_as => 'reader', " : "ttl => '3 s', refresh_at => 0.5, ") +
           "vary_by => ARRAY[$v$current_setting('request.jwt.claims', true)$v$]); ";
    sql += "SELECT cache_invalidate_on('" + name + "', '" + table + "', '{k}'); ";
    return sql + "GRANT EXECUTE ON FUNCTION cache_get_" + name +
           "(int) TO history_r0, history_r1, history_r2; RESET ROLE";
}

}  // namespace

bool decided_by_session(Group group) {
    return group >= Group::kClaim;
}

std::string reader_query(Group group) {
    return group == Group::kClaim ? "SELECT 'claim ' || " + rows_of("plot")
                                  : "SELECT 'reader ' || " + rows_of("acres");
}

std::string redeclare_reader_sql(Group group) {
    return as_declared(redeclare_in_full(group));
}

void drop_readers(Connection* connection) {
    connection->must(kDrop);
}

void make_reader_tables(Connection* connection) {
    connection->must(kObjects);
    for (const char* table : {"plot", "acre"}) {
        connection->must("INSERT INTO " + std::string(table) + " SELECT i, i % " +
                         std::to_string(kKeys) + ", i, i FROM generate_series(0, " +
                         std::to_string(4 * kKeys - 1) + ") AS i");
    }
    for (const Group group : {Group::kClaim, Group::kReader}) {
        const std::string loader = "load_" + std::string(name_of(group)) + "(k int)";
        connection->must("CREATE FUNCTION " + loader +
                         " RETURNS text STABLE LANGUAGE plpgsql AS $f$ "
                         "#variable_conflict use_column\nBEGIN RETURN (" +
                         reader_query(group) + "); END $f$");
    }
    connection->must("ALTER FUNCTION load_claim(int) OWNER TO history_farmer");
    connection->must("ALTER FUNCTION load_reader(int) OWNER TO history_farmer");
}

void declare_reader_caches(Connection* connection) {
    for (const Group group : {Group::kClaim, Group::kReader}) {
        const std::string sql = redeclare_reader_sql(group);
        connection->must(sql.substr(sql.find("; ") + 2));
    }
    // As the owner, but for the claims: that is what the cache promises.
    connection->must("ALTER FUNCTION call_claim(int) SECURITY DEFINER");
    connection->must("ALTER FUNCTION call_claim(int) OWNER TO history_farmer");
}

}  // namespace consistency
