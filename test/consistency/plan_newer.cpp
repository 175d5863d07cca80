// Statements that not every major version of PostgreSQL has.
#include "steps.hpp"

namespace consistency {
namespace {

// --- 17 ---

Step item_merge_all(Random& r) {
    Step step =
        sql("MERGE INTO item AS t USING (VALUES (" + item_row(r) +
            ")) AS s (id, k, v) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k, v = t.v + 1 "
            "WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.k, s.v) WHEN NOT MATCHED BY SOURCE AND "
            "t.id = " +
            any(r, kItems) + " THEN DELETE RETURNING " + comparison(Group::kItem, "t.k"));
    step.compares = true;
    return step;
}
Step item_lenient_copy(Random& r) {
    const std::string id = any(r, kItems);
    return copying("DELETE FROM item WHERE id = " + id +
                       "; COPY item (id, k, v) FROM STDIN WITH (ON_ERROR ignore)",
                   "x\t1\t1\n" + id + "\t" + key(r) + "\t" + value(r) + "\n1\ty\t1\n");
}

// --- 18 ---

Step item_old(Random& r) {
    Step step = sql("UPDATE item SET k = " + key(r) + " WHERE id = " + any(r, kItems) +
                    " RETURNING " + comparison(Group::kItem, "old.k"));
    step.compares = true;
    return step;
}
Step rate_expression(Random& r) {
    return sql("ALTER TABLE rate ALTER COLUMN w SET EXPRESSION AS (v + " + any(r, 9) + ")");
}

// --- 19 ---

Step item_or_read(Random& r) {
    Step step =
        sql("INSERT INTO item VALUES (" + item_row(r) +
            ") ON CONFLICT (id) DO SELECT FOR UPDATE RETURNING " + comparison(Group::kItem, "k"));
    step.compares = true;
    return step;
}
Step item_repack(Random&) {
    return sql("REPACK item");
}

constexpr Choice kChanges[] = {
    {Kind::kMerge, Group::kItem, 4, item_merge_all, false, 17},
    {Kind::kCopy, Group::kItem, 2, item_lenient_copy, false, 17},
    {Kind::kReturning, Group::kItem, 3, item_old, false, 18},
    {Kind::kUpsert, Group::kItem, 3, item_or_read, false, 19},
};

constexpr Choice kDefinitions[] = {
    {Kind::kRewrite, Group::kQuote, 2, rate_expression, false, 18},
    {Kind::kRewrite, Group::kItem, 1, item_repack, false, 19},
};

}  // namespace

std::span<const Choice> all_newer_changes() {
    return kChanges;
}
std::span<const Choice> all_newer_definitions() {
    return kDefinitions;
}

}  // namespace consistency
