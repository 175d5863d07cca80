// Statements that change rows which have an instant: within periods, between them, and where they
// begin and end.
#include "schema_periods.hpp"
#include "steps.hpp"

namespace consistency {
namespace {

constexpr int kOrgs = kKeys / kPeriods;

// Of days, whose every fifth begins a period and ends another.
int some_day(Random& r) {
    return r.chance(500) ? 5 * r.below(kVisitDays / 5) : r.below(kVisitDays);
}
std::string instant(Random& r) {
    return half_day(2 * some_day(r) + r.below(2));
}

Step visit_insert(Random& r) {
    return sql("INSERT INTO visit (id, org, at, v) VALUES (" + any(r, kVisits) + ", " +
               any(r, kOrgs) + ", " + instant(r) + ", " + value(r) + ")");
}
// Of one organisation, far apart: the hull of both is more than either.
Step visit_rows(Random& r) {
    const std::string org = any(r, kOrgs);
    const auto row = [&] {
        return "(" + any(r, kVisits) + ", " + org + ", " + instant(r) + ", " + value(r) + ")";
    };
    const std::string first = row();
    return sql("INSERT INTO visit (id, org, at, v) VALUES " + first + ", " + row());
}
Step visit_update(Random& r) {
    return sql("UPDATE visit SET v = v + 1 WHERE id = " + any(r, kVisits));
}
// To another time, mostly another partition's, or another organisation.
Step visit_move(Random& r) {
    const std::string what =
        r.chance(700) ? "at = " + instant(r) : "org = " + any(r, kOrgs) + ", v = v + 1";
    return sql("UPDATE visit SET " + what + " WHERE id = " + any(r, kVisits));
}
Step visit_delete(Random& r) {
    return sql("DELETE FROM visit WHERE id = " + any(r, kVisits));
}
Step visit_leaf(Random& r) {
    return sql("UPDATE " + std::string(r.chance(500) ? "visit_early" : "visit_late") +
               " SET v = v + 2 WHERE id = " + any(r, kVisits));
}
Step visit_copy(Random& r) {
    const int n = some_day(r);
    const std::string id = any(r, kVisits);
    const std::string at = n < 12 ? "1999-12-" + number(20 + n) : "2000-01-" + number(n - 11);
    return copying(
        "DELETE FROM visit WHERE id = " + id + "; COPY visit (id, org, at, v) FROM STDIN",
        id + "\t" + any(r, kOrgs) + "\t" + at + "\t" + value(r) + "\n");
}
Step visit_exception(Random& r) {
    const std::string inner = visit_move(r).sql + "; " + visit_insert(r).sql;
    return sql(
        "DO $$ BEGIN BEGIN " + inner + "; " + (r.chance(600) ? "RAISE EXCEPTION 'planned'; " : "") +
        "EXCEPTION WHEN raise_exception THEN NULL; END; " + visit_insert(r).sql + "; END $$");
}
Step visit_returning(Random& r) {
    Step step =
        sql("UPDATE visit SET v = v + 1, at = " + instant(r) + " WHERE id = " + any(r, kVisits) +
            " RETURNING " + comparison(Group::kVisit, "(org * 6 + v % 6)"));
    step.compares = true;
    return step;
}
Step absence_upsert(Random& r) {
    return sql("INSERT INTO absence VALUES (" + any(r, kVisits) + ", " + any(r, kOrgs) + ", " +
               day(some_day(r)) + ", " + value(r) +
               ") ON CONFLICT (id) DO UPDATE SET day = excluded.day, v = absence.v + 1");
}
Step absence_move(Random& r) {
    const std::string to = r.chance(150) ? "NULL" : r.chance(100) ? "'infinity'" : day(some_day(r));
    return sql("UPDATE absence SET day = " + to + " WHERE id = " + any(r, kVisits));
}
Step absence_delete(Random& r) {
    return sql("DELETE FROM absence WHERE id = " + any(r, kVisits));
}

Step truncate(Random& r) {
    static constexpr const char* kTables[] = {"visit", "visit_early", "visit_late", "absence"};
    return sql("TRUNCATE " + std::string(kTables[r.below(4)]));
}
Step absence_rewrite(Random&) {
    return sql("ALTER TABLE absence ALTER COLUMN v TYPE int USING v + 1");
}
Step visit_attach(Random& r) {
    const std::string write = "UPDATE visit_late SET v = v + 5 WHERE id = " + any(r, kVisits);
    return sql("ALTER TABLE visit DETACH PARTITION visit_late; " +
               (r.chance(600) ? write + "; " : std::string()) +
               "ALTER TABLE visit ATTACH PARTITION visit_late FOR VALUES FROM ('2000-01-02 "
               "12:00') TO (MAXVALUE)");
}

constexpr Choice kChanges[] = {
    {Kind::kInsert, Group::kVisit, 6, visit_insert},
    {Kind::kMultiRow, Group::kVisit, 4, visit_rows},
    {Kind::kUpdate, Group::kVisit, 6, visit_update},
    {Kind::kKeyMove, Group::kVisit, 6, visit_move},
    {Kind::kDelete, Group::kVisit, 6, visit_delete},
    {Kind::kUpdate, Group::kVisit, 3, visit_leaf},
    {Kind::kCopy, Group::kVisit, 3, visit_copy},
    {Kind::kException, Group::kVisit, 4, visit_exception},
    {Kind::kReturning, Group::kVisit, 4, visit_returning},
    {Kind::kUpsert, Group::kVisit, 5, absence_upsert},
    {Kind::kKeyMove, Group::kVisit, 5, absence_move},
    {Kind::kDelete, Group::kVisit, 3, absence_delete},
};

constexpr Choice kDefinitions[] = {
    {Kind::kTruncate, Group::kVisit, 2, truncate},
    {Kind::kRewrite, Group::kVisit, 1, absence_rewrite},
    {Kind::kAttach, Group::kVisit, 2, visit_attach},
};

}  // namespace

std::span<const Choice> all_period_changes() {
    return kChanges;
}

std::span<const Choice> all_period_definitions() {
    return kDefinitions;
}

}  // namespace consistency
