// The statements that change what catalogs say, and rows of the tables below them.
#include "schema_catalog.hpp"
#include "steps.hpp"

namespace consistency {
namespace {

template <std::size_t N>
std::string one_of(Random& r, const char* const (&list)[N]) {
    return list[r.below(static_cast<int>(N))];
}
std::string in_do(const std::string& body) {
    return "DO $$ BEGIN " + body + " END $$";
}

// --- rows ---

std::string change_of(Random& r, const std::string& table) {
    const std::string id = any(r, 2 * kKeys);
    if (r.chance(150)) return "DELETE FROM " + table + " WHERE id = " + id;
    if (r.chance(400)) {
        return "INSERT INTO " + table + " VALUES (" + id + ", " + any(r, kKeys) + ", " +
               any(r, 99) + ") ON CONFLICT (id) DO UPDATE SET k = excluded.k, v = excluded.v";
    }
    return "UPDATE " + table + " SET v = v + 1 WHERE id = " + id;
}
Step oper_rows(Random& r) {
    return sql(change_of(r, "metal"));
}
Step right_rows(Random& r) {
    return sql(change_of(r, r.chance(500) ? "history_vault.gem" : "stone"));
}
Step role_rows(Random& r) {
    return sql(change_of(r, "ward"));
}
Step swap_rows(Random& r) {
    static constexpr const char* kTables[] = {"twin_a", "twin_a",           "twin_a",
                                              "twin_b", "history_near.dot", "history_near.dot",
                                              "pair",   "history_far.dot"};
    return sql(change_of(r, one_of(r, kTables)));
}
Step fresh_rows(Random& r) {
    return sql(change_of(r, r.chance(700) ? "leaf_a" : "leaf_b"));
}

// --- operators, casts, and what is behind them ---

Step operator_anew(Random& r) {
    if (r.chance(350)) {
        return sql(
            "ALTER OPERATOR history.<+> (int, int) SET SCHEMA history_near; ALTER OPERATOR "
            "history_spare.<+> (int, int) SET SCHEMA history; ALTER OPERATOR history_near.<+> "
            "(int, "
            "int) SET SCHEMA history_spare");
    }
    return sql("DROP OPERATOR <+> (int, int); " + operator_sql(r.below(3)));
}
Step operator_class(Random& r) {
    return sql("DROP OPERATOR CLASS grade_ops USING btree; " + operator_class_sql(r.chance(500)));
}
Step cast(Random& r) {
    return sql("DROP CAST (grade AS text); " + cast_sql(r.below(3)));
}
Step behind(Random& r) {
    const int way = r.below(5);
    if (way < 2) return sql(mix_sql(r.below(3), r.below(100)));
    if (way < 4) return sql(shade_sql(r.below(3), r.below(100)));
    return sql(compare_sql(r.chance(500)));
}

// --- privileges of the keeper ---

// `what` to, or from, somebody; it is given more often than it is taken.
std::string given(Random& r, const std::string& what) {
    static constexpr const char* kTo[] = {"history_keeper", "history_keeper", "history_club",
                                          "PUBLIC"};
    const bool give = r.chance(500);
    return (give ? "GRANT " : "REVOKE ") + what + (give ? " TO " : " FROM ") + one_of(r, kTo);
}
Step grant(Random& r) {
    return sql(given(r, "SELECT ON " + std::string(r.chance(500) ? "history_vault.gem" : "stone")));
}
Step column_grant(Random& r) {
    const std::string on = r.chance(500) ? " ON history_vault.gem" : " ON stone";
    std::string text;
    if (r.chance(600)) text = "REVOKE ALL" + on + " FROM PUBLIC, history_club, history_keeper; ";
    return sql(text + given(r, "SELECT (k, " + std::string(r.chance(500) ? "v" : "w") + ")" + on));
}
Step schema_grant(Random& r) {
    return sql(given(r, "USAGE ON SCHEMA history_vault"));
}
Step all_grant(Random& r) {
    if (r.chance(400)) return sql(given(r, "USAGE ON ALL SEQUENCES IN SCHEMA history_vault"));
    return sql(given(r, "SELECT ON ALL TABLES IN SCHEMA history_vault"));
}
Step keeper_member(Random& r) {
    return sql(r.chance(500) ? "GRANT history_club TO history_keeper"
                             : "REVOKE history_club FROM history_keeper");
}

// --- the clerk: name, memberships, settings, policies ---

Step clerk_member(Random& r) {
    return sql(in_do(r.chance(500)
                         ? "EXECUTE format('GRANT history_club TO %I', history.clerk());"
                         : "EXECUTE format('REVOKE history_club FROM %I', history.clerk());"));
}
Step role_name(Random&) {
    return sql(
        in_do("IF history.clerk() = 'history_clerk' THEN ALTER ROLE history_clerk RENAME TO "
              "history_scribe; ELSE ALTER ROLE history_scribe RENAME TO history_clerk; END IF;"));
}
Step setting(Random& r) {
    static constexpr const char* kWhose[] = {"ROLE %1$I",     "ROLE %1$I",
                                             "ROLE %1$I",     "ROLE %1$I IN DATABASE %2$I",
                                             "DATABASE %2$I", "ROLE ALL"};
    const std::string whose = one_of(r, kWhose);
    const std::string what =
        r.chance(700) ? " SET history.mood = " + any(r, 100) : std::string(" RESET history.mood");
    return sql(in_do("EXECUTE format('ALTER " + whose + what +
                     "', history.clerk(), current_database());"));
}
std::string condition(Random& r) {
    return "(v % " + number(2 + r.below(4)) + " <> 0)";
}
Step policy(Random& r) {
    const int way = r.below(5);
    if (way < 2) return sql("ALTER POLICY own ON ward USING " + condition(r));
    if (way == 2) return sql("DROP POLICY IF EXISTS own ON ward");
    return sql("DROP POLICY IF EXISTS own ON ward; CREATE POLICY own ON ward FOR SELECT TO " +
               std::string(r.chance(500) ? "PUBLIC" : "history_club") + " USING " + condition(r));
}
Step row_security(Random& r) {
    return sql(r.chance(600) ? "ALTER TABLE ward ENABLE ROW LEVEL SECURITY"
                             : "ALTER TABLE ward DISABLE ROW LEVEL SECURITY");
}

// --- names ---

std::string swap_names(const std::string& what, const std::string& of, const std::string& a,
                       const std::string& b) {
    const auto rename = [&](const std::string& from, const std::string& to) {
        return "ALTER " + what + " " + of + from + " RENAME TO " + to;
    };
    return rename(a, "away") + "; " + rename(b, a) + "; " + rename("away", b);
}
std::string swap_columns(const std::string& a, const std::string& b) {
    const auto rename = [](const std::string& from, const std::string& to) {
        return "ALTER TABLE pair RENAME COLUMN " + from + " TO " + to;
    };
    return rename(a, "away") + "; " + rename(b, a) + "; " + rename("away", b);
}
std::string depend_again(const std::string& table) {
    return "SELECT cache_invalidate_on('swap', '" + table + "', '{k}')";
}
// Without the dependency, which somebody declares again later, all reads are bypasses.
Step swap_tables(Random& r) {
    std::string text = swap_names("TABLE", "", "twin_a", "twin_b");
    if (r.chance(300)) text += "; " + depend_again("twin_a");
    if (r.chance(300)) text += "; " + change_of(r, "twin_a");
    return sql(text);
}
Step swap_schemas(Random& r) {
    std::string text = swap_names("SCHEMA", "", "history_near", "history_far");
    if (r.chance(300)) text += "; " + depend_again("history_near.dot");
    return sql(text);
}
Step swap_column(Random& r) {
    if (r.chance(800)) return sql(swap_columns("v", "w"));
    // A key column: twice, or every change would widen to the whole cache for long.
    return sql(swap_columns("k", "w") + "; " + change_of(r, "pair") + "; " +
               swap_columns("k", "w"));
}
Step swap_leaves(Random& r) {
    std::string text = swap_names("TABLE", "", "leaf_a", "leaf_b");
    if (r.chance(800)) text += "; " + redeclare_sql(Group::kFresh);
    return sql(text);
}
Step mend(Random& r) {
    static constexpr const char* kTables[] = {"twin_a", "history_near.dot"};
    return sql(depend_again(one_of(r, kTables)));
}

// --- declarations ---

Step redeclare(Random& r) {
    static constexpr Group kGroups[] = {Group::kFresh, Group::kFresh, Group::kFresh, Group::kOper,
                                        Group::kRight, Group::kRole,  Group::kSwap};
    return sql(redeclare_sql(kGroups[r.below(static_cast<int>(std::size(kGroups)))]));
}
Step alter_cache(Random& r) {
    static constexpr Group kGroups[] = {Group::kFresh, Group::kOper, Group::kRight, Group::kRole,
                                        Group::kSwap,  Group::kItem, Group::kSale};
    const Group group = kGroups[r.below(static_cast<int>(std::size(kGroups)))];
    return sql("SELECT cache_alter('" + std::string(name_of(group)) +
               "', '{\"priority\": " + number(r.below(2)) + "}')");
}
Step fresh_meaning(Random& r) {
    return sql(r.chance(600) ? factor_sql(r.below(100)) : fresh_sql(r.below(100)));
}
Step fresh_rewrite(Random&) {
    return sql("ALTER TABLE leaf_a ALTER COLUMN v TYPE int USING v + 1");
}

constexpr Choice kChanges[] = {
    {Kind::kUpdate, Group::kOper, 5, oper_rows},   {Kind::kUpdate, Group::kRight, 5, right_rows},
    {Kind::kUpdate, Group::kRole, 5, role_rows},   {Kind::kUpdate, Group::kSwap, 12, swap_rows},
    {Kind::kUpdate, Group::kFresh, 8, fresh_rows},
};

// kLight: it locks no table, so it may stay prepared while others go on.
constexpr bool kLight = true;
constexpr Choice kDefinitions[] = {
    {Kind::kOperator, Group::kOper, 2, operator_anew, kLight},
    {Kind::kOpclass, Group::kOper, 2, operator_class, kLight},
    {Kind::kCast, Group::kOper, 2, cast, kLight},
    {Kind::kBehind, Group::kOper, 3, behind, kLight},
    {Kind::kGrant, Group::kRight, 2, grant, kLight},
    {Kind::kColumnGrant, Group::kRight, 2, column_grant, kLight},
    {Kind::kSchemaGrant, Group::kRight, 2, schema_grant, kLight},
    {Kind::kAllGrant, Group::kRight, 2, all_grant, kLight},
    {Kind::kMember, Group::kRight, 2, keeper_member, kLight},
    {Kind::kMember, Group::kRole, 1, clerk_member, kLight},
    {Kind::kRoleName, Group::kRole, 2, role_name, kLight},
    {Kind::kSetting, Group::kRole, 5, setting, kLight},
    {Kind::kPolicy, Group::kRole, 3, policy},
    {Kind::kRowSecurity, Group::kRole, 2, row_security},
    {Kind::kSwapTable, Group::kSwap, 3, swap_tables},
    {Kind::kSwapTable, Group::kFresh, 2, swap_leaves},
    {Kind::kSwapSchema, Group::kSwap, 2, swap_schemas},
    {Kind::kSwapColumn, Group::kSwap, 2, swap_column},
    {Kind::kMend, Group::kSwap, 6, mend},
    {Kind::kRedeclare, Group::kFresh, 5, redeclare},
    {Kind::kAlterCache, Group::kFresh, 2, alter_cache},
    {Kind::kMeaning, Group::kFresh, 3, fresh_meaning, kLight},
    {Kind::kRewrite, Group::kFresh, 1, fresh_rewrite},
};

}  // namespace

std::span<const Choice> all_catalog_changes() {
    return kChanges;
}
std::span<const Choice> all_catalog_definitions() {
    return kDefinitions;
}

}  // namespace consistency
