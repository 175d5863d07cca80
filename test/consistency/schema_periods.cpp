#include "schema_periods.hpp"

#include "schema.hpp"

namespace consistency {
namespace {

constexpr const char* kFirst = "date '1999-12-20'";

constexpr const char* kObjects = R"(
CREATE TABLE visit (id int NOT NULL, org int NOT NULL, at timestamp NOT NULL, v int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE visit_early PARTITION OF visit FOR VALUES FROM (MINVALUE) TO ('2000-01-02 12:00');
CREATE TABLE visit_late (v int NOT NULL, at timestamp NOT NULL, id int NOT NULL, org int NOT NULL);
ALTER TABLE visit ATTACH PARTITION visit_late FOR VALUES FROM ('2000-01-02 12:00') TO (MAXVALUE);
CREATE INDEX ON visit (org, at);
CREATE INDEX ON visit (id);
CREATE TABLE absence (id int PRIMARY KEY, org int NOT NULL, day date, v int NOT NULL);
CREATE INDEX ON absence (org, day);
)";

// Half of the columns are named: what is not read is no matter.
constexpr const char* kCaches = R"(
SELECT cache_create('visit', 'load_visit(int,date,date)');
SELECT cache_invalidate_on('visit', 'visit', '{org}', instant => 'at', since => 'since', until => 'until');
SELECT cache_invalidate_on('visit', 'absence', '{org}', '{v}', instant => 'day', since => 'since', until => 'until', bounds => '[]');
)";

std::string some_rows(const std::string& into, const std::string& instant) {
    return "INSERT INTO " + into + " SELECT i, i % " + std::to_string(kKeys / kPeriods) + ", " +
           instant + ", i FROM generate_series(0, " + std::to_string(kVisits * 2 / 3) + ") AS i";
}

}  // namespace

std::string half_day(int n) {
    return "(" + std::string(kFirst) + " + " + std::to_string(n) + " * interval '12 hours')";
}

std::string day(int n) {
    return "(" + std::string(kFirst) + " + " + std::to_string(n) + ")";
}

void make_period_tables(Connection* connection) {
    connection->must(kObjects);
    connection->must(some_rows("visit (id, org, at, v)",
                               std::string(kFirst) + " + i % 80 * interval '12 hours'"));
    connection->must(some_rows("absence", std::string(kFirst) + " + i % 40"));
}

void declare_period_caches(Connection* connection) {
    connection->must(as_declared(kCaches));
}

std::string period_arguments(const std::string& key) {
    const std::string periods = std::to_string(kPeriods);
    const std::string n = "(" + key + ") % " + periods;
    const std::string since = std::string(kFirst) + " + 5 * (" + n + ")";
    return "(" + key + ") / " + periods + ", " + since + ", CASE " + n + " WHEN " +
           std::to_string(kPeriods - 1) + " THEN 'infinity' ELSE " + since + " + 10 END";
}

const char* period_query() {
    return "(SELECT count(*) || ' ' || coalesce(string_agg(t.id || ':' || t.v, ',' ORDER BY t.id, "
           "t.v), '') FROM visit t WHERE t.org = $1 AND t.at >= $2 AND t.at < $3) || ' ' || "
           "(SELECT coalesce(sum(a.v), -1) FROM absence a WHERE a.org = $1 AND a.day BETWEEN $2 "
           "AND "
           "$3)";
}

}  // namespace consistency
