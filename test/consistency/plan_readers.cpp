// What readers' sessions are like, and what decides which rows they see.
#include "schema_readers.hpp"
#include "steps.hpp"

namespace consistency {
namespace {

std::string table_of(Random& r) {
    return r.chance(500) ? "plot" : "acre";
}
Step rows_of(Random& r, const std::string& table) {
    const std::string id = any(r, 4 * kKeys);
    const int way = r.below(10);
    if (way == 0) return sql("DELETE FROM " + table + " WHERE id = " + id);
    if (way < 4) {
        return sql("INSERT INTO " + table + " VALUES (" + id + ", " + key(r) + ", " + any(r, 99) +
                   ", " + any(r, 9) +
                   ") ON CONFLICT (id) DO UPDATE SET k = excluded.k, w = excluded.w");
    }
    return sql("UPDATE " + table + " SET " + (way < 7 ? "v = v + 1" : "w = w + 1") +
               " WHERE id = " + id);
}
Step claim_rows(Random& r) {
    return rows_of(r, "plot");
}
Step reader_rows(Random& r) {
    return rows_of(r, "acre");
}

Step claim_policy(Random& r) {
    static constexpr const char* kBy[] = {"claim('tenant')", "coalesce(claim('tenant'), 1)",
                                          "(claim('tenant') + 1) % 3", "claim('tenant') % 2"};
    return sql("ALTER POLICY claimed ON plot USING (w % 3 = " + std::string(kBy[r.below(4)]) + ")");
}
Step reader_policy(Random& r) {
    if (r.chance(400)) {
        return sql("ALTER POLICY crew ON acre TO history_" +
                   std::string(r.chance(500) ? "crew" : "r" + any(r, kReaders)));
    }
    return sql("ALTER POLICY own ON acre USING ('history_r' || (w + " + any(r, 3) +
               ") % 3 = current_user)");
}
Step security(Random& r) {
    return sql("ALTER TABLE " + table_of(r) + (r.chance(700) ? " ENABLE" : " DISABLE") +
               " ROW LEVEL SECURITY");
}
Step force(Random& r) {
    return sql("ALTER TABLE " + table_of(r) + (r.chance(600) ? "" : " NO") +
               " FORCE ROW LEVEL SECURITY");
}
Step member(Random& r) {
    const bool give = r.chance(500);
    return sql(std::string(give ? "GRANT" : "REVOKE") + " history_crew " + (give ? "TO" : "FROM") +
               " history_r" + any(r, kReaders));
}
Step vary(Random& r) {
    const std::string cache = r.chance(500) ? "claim" : "reader";
    const std::string claims = "\"current_setting('request.jwt.claims', true)\"";
    return sql("SELECT cache_alter('" + cache + "', $j${\"vary_by\": [" +
               (r.chance(500) ? "\"current_user\", " : "") + claims + "]}$j$)");
}
Step redeclare(Random& r) {
    return sql(redeclare_reader_sql(r.chance(500) ? Group::kClaim : Group::kReader));
}

constexpr Choice kChanges[] = {
    {Kind::kUpdate, Group::kClaim, 6, claim_rows},
    {Kind::kUpdate, Group::kReader, 6, reader_rows},
};
constexpr Choice kDefinitions[] = {
    {Kind::kPolicy, Group::kClaim, 2, claim_policy},
    {Kind::kPolicy, Group::kReader, 2, reader_policy},
    {Kind::kRowSecurity, Group::kReader, 1, security},
    {Kind::kForce, Group::kClaim, 2, force},
    {Kind::kMember, Group::kReader, 3, member, true},
    {Kind::kAlterCache, Group::kClaim, 1, vary},
    {Kind::kRedeclare, Group::kReader, 1, redeclare},
};

}  // namespace

std::span<const Choice> all_reader_changes() {
    return kChanges;
}
std::span<const Choice> all_reader_definitions() {
    return kDefinitions;
}

void read_as_somebody(Random& r, Group group, Step* step) {
    static constexpr const char* kClaims[] = {R"({"tenant": 0})",
                                              R"({"tenant": 1})",
                                              R"({"tenant": 2})",
                                              R"({"sub": "x", "tenant": 1})",
                                              "",
                                              ""};
    const std::string claims = kClaims[r.below(6)];
    const int way = r.below(3);
    step->before = way == 0   ? "SELECT set_config('request.jwt.claims', '" + claims + "', true); "
                   : way == 1 ? "SET LOCAL request.jwt.claims = '" + claims + "'; "
                              : "SET request.jwt.claims = '" + claims + "'; ";
    step->kind = Kind::kClaims;
    // A superuser reads no cache of somebody's for readers.
    if (group == Group::kReader || r.chance(300)) {
        step->before += "SET LOCAL ROLE history_r" + any(r, kReaders) + "; ";
        step->behind = "; RESET ROLE";
        step->kind = Kind::kActAs;
    }
    step->sql = step->before + step->sql + step->behind;
}

}  // namespace consistency
