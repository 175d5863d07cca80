#include "schema.hpp"

#include <regex>

#include "schema_catalog.hpp"
#include "schema_periods.hpp"
#include "schema_readers.hpp"

namespace consistency {
namespace {

// Columns named w are for statements that may not be about what an aggregate reads.
constexpr const char* kTables = R"(
CREATE TABLE item (id int PRIMARY KEY, k int NOT NULL, v int NOT NULL, w int NOT NULL DEFAULT 0);
CREATE INDEX ON item (k);
CREATE TABLE sale (id int PRIMARY KEY, region int NOT NULL, day int NOT NULL, v int NOT NULL);
CREATE INDEX ON sale (region, day);
CREATE TABLE tariff (region int PRIMARY KEY, v int NOT NULL);
CREATE TABLE person (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE agent (id int PRIMARY KEY, v int NOT NULL,
    person_id int NOT NULL REFERENCES person ON DELETE CASCADE);
CREATE INDEX ON agent (person_id);
CREATE TABLE call (id int PRIMARY KEY, v int NOT NULL,
    agent_id int NOT NULL REFERENCES agent ON DELETE CASCADE);
CREATE INDEX ON call (agent_id);
CREATE TABLE lead (id int PRIMARY KEY, v int NOT NULL,
    call_id int NOT NULL REFERENCES call ON DELETE CASCADE);
CREATE INDEX ON lead (call_id);
CREATE TABLE price (k int PRIMARY KEY, v int NOT NULL);
CREATE TABLE rate (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE event (id int NOT NULL, part int NOT NULL, k int NOT NULL, v int NOT NULL, w int NOT NULL DEFAULT 0)
    PARTITION BY LIST (part);
CREATE TABLE event_0 PARTITION OF event FOR VALUES IN (0);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event_2 (v int NOT NULL, k int NOT NULL, w int NOT NULL DEFAULT 0, id int NOT NULL, part int NOT NULL);
ALTER TABLE event ATTACH PARTITION event_2 FOR VALUES IN (2);
CREATE UNIQUE INDEX ON event (id, part);
CREATE INDEX ON event (k);
CREATE TABLE counter (k int PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE ledger (id int PRIMARY KEY, k int NOT NULL, v int NOT NULL);
CREATE MATERIALIZED VIEW digest AS SELECT k, count(*) AS rows, sum(v) AS v FROM ledger GROUP BY k;
CREATE UNIQUE INDEX ON digest (k);
CREATE TABLE other (id int);
CREATE TABLE hearing ();
)";

// A deferred trigger that writes what another cache reads; and triggers that compare in the middle
// of a writing statement.
constexpr const char* kTriggers = R"(
CREATE FUNCTION raise_tariff() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE tariff SET v = v + 1 WHERE region = NEW.region;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER raise_tariff AFTER INSERT OR UPDATE ON sale
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v % 11 = 0)
    EXECUTE FUNCTION raise_tariff();
CREATE FUNCTION compare_sale() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE a text; b text; c text;
BEGIN
    SELECT call_sale(k), cache_get_sale(k / 6, k % 6), call_sale(k) INTO a, b, c
        FROM (SELECT NEW.region * 6 + NEW.day AS k) AS key;
    IF a = c AND b IS DISTINCT FROM a THEN
        RAISE EXCEPTION 'trigger %: loader %, cache %', TG_NAME, a, b USING ERRCODE = 'CX001';
    END IF;
    RETURN NEW;
END $$;
-- ALTER TABLE ... ENABLE TRIGGER ALL makes ordinary triggers of those that fire always; until that
-- is put right, every change widens to the whole cache.
CREATE FUNCTION fire_always(tab regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = tab AND tgname LIKE 'cache_ext%' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tab, name);
    END LOOP;
END $$;
CREATE TRIGGER aaa_compare BEFORE INSERT OR UPDATE ON sale
    FOR EACH ROW WHEN (NEW.v % 9 = 0) EXECUTE FUNCTION compare_sale();
CREATE TRIGGER zzz_compare AFTER INSERT OR UPDATE ON sale
    FOR EACH ROW WHEN (NEW.v % 9 = 1) EXECUTE FUNCTION compare_sale();
CREATE CONSTRAINT TRIGGER late_compare AFTER INSERT OR UPDATE ON sale
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v % 9 = 2)
    EXECUTE FUNCTION compare_sale();
)";

constexpr const char* kCaches = R"(
SELECT cache_create('item', 'load_item(int)', ttl => '3 s', refresh_at => 0.5);
SELECT cache_invalidate_on('item', 'item', '{k}');
SELECT cache_create('sale', 'load_sale(int,int)');
SELECT cache_invalidate_on('sale', 'sale', '{region,day}');
SELECT cache_invalidate_on('sale', 'tariff', '{region,NULL}');
SELECT cache_create('lead', 'load_lead(int)');
SELECT cache_invalidate_on('lead', 'person', '{id}');
SELECT cache_invalidate_on('lead', 'agent', '{person_id}');
SELECT cache_invalidate_on_path('lead', 'call',
    'SELECT a.person_id FROM agent a WHERE a.id = $1.agent_id');
SELECT cache_invalidate_on_path('lead', 'lead',
    'SELECT a.person_id FROM call c JOIN agent a ON a.id = c.agent_id WHERE c.id = $1.call_id');
SELECT cache_create('talk', 'load_talk(int)');
SELECT cache_invalidate_on_path('talk', 'lead', 'SELECT c.agent_id FROM call c WHERE c.id = $1.call_id');
SELECT cache_invalidate_on('talk', 'call', '{agent_id}', referenced_by => 'lead');
SELECT cache_create('quote', 'load_quote(int)', ttl => '2 s', refresh_at => NULL);
SELECT cache_invalidate_on('quote', 'price', '{k}');
SELECT cache_invalidate_on('quote', 'rate');
SELECT cache_create('event', 'load_event(int)');
SELECT cache_invalidate_on('event', 'event', '{k}');
SELECT cache_create('both', 'load_both(int)');
SELECT cache_create('note', key_types => '{int}', value_type => 'text');
SELECT cache_invalidate_on('note', 'item', '{k}');
SELECT cache_create('version', 'load_version(int)');
SELECT cache_invalidate_on('version', 'counter', '{k}');
SELECT cache_create('digest', 'load_digest(int)');
SELECT cache_invalidate_on('digest', 'digest');
SELECT cache_create_aggregate('total', 'item', '{k}',
    ARRAY['n: count(*)', 's: sum(v)', 'm: avg(v)', 'most: max(v)', 'firsts: (array_agg(id ORDER BY v DESC, id))[1:3]']);
SELECT cache_create_aggregate('share', 'sale', '{region, day}',
    ARRAY['n: count(*)', 's: sum((v / 3.0)::numeric(20,2))', 'f: avg(v) FILTER (WHERE v % 2 = 0)',
          'least: min(v)', 'odd: max(v) FILTER (WHERE v % 2 = 1)', 'all: bool_and(v % 3 = 0)',
          'firsts: (array_agg(v ORDER BY v) FILTER (WHERE v % 3 <> 1))[1:2]'],
    ttl => '3 s', refresh_at => 0.5);
SELECT cache_create_aggregate('stream', 'event', ARRAY['(k + 0)'],
    ARRAY['n: count(*)', 's: sum(v::int8)', 'firsts: (array_agg(id ORDER BY v, id DESC))[1:4]'],
    filter => 'v % 5 <> 0');
)";

Declared declared = Declared::kAll;

std::string number(int n) {
    return std::to_string(n);
}

std::string rows_sql() {
    std::string sql;
    const auto fill = [&](const std::string& table, const std::string& columns, int rows) {
        sql += "INSERT INTO " + table + " SELECT " + columns + " FROM generate_series(0, " +
               number(rows - 1) + ") AS i;\n";
    };
    fill("item", "i, i % " + number(kKeys) + ", i", kItems * 2 / 3);
    fill("sale", "i, i % 4, i % " + number(kDays) + ", 3", kSales * 2 / 3);
    fill("tariff", "i, 1", kKeys / kDays);
    fill("price", "i, i", kKeys);
    fill("rate", "i, 1", kRates);
    fill("event", "i, i % 3, i % " + number(kKeys) + ", i", kEvents * 2 / 3);
    fill("counter", "i, 1", kKeys);
    fill("ledger", "i, i % " + number(kKeys) + ", 1", kKeys);
    sql += "REFRESH MATERIALIZED VIEW digest;\n";
    return sql + repopulate_sql();
}

// What PostgreSQL itself says of an aggregate. The key is one number, as for the table's own cache.
std::string aggregate_query(Group group) {
    switch (group) {
        case Group::kTotal:
            return "SELECT ROW(count(*), sum(v), avg(v), max(v), (array_agg(id ORDER BY v DESC, "
                   "id))[1:3])::text FROM item WHERE k = $1";
        case Group::kShare:
            return "SELECT ROW(count(*), sum((v / 3.0)::numeric(20,2)), avg(v) FILTER (WHERE v % 2 "
                   "= 0), min(v), max(v) FILTER (WHERE v % 2 = 1), bool_and(v % 3 = 0), "
                   "(array_agg(v ORDER BY v) FILTER (WHERE v % 3 <> 1))[1:2])::text FROM sale "
                   "WHERE region = $1 / 6 AND day = $1 % 6";
        default:
            return "SELECT ROW(count(*), sum(v::int8), (array_agg(id ORDER BY v, id "
                   "DESC))[1:4])::text FROM event WHERE k = $1 AND v % 5 <> 0";
    }
}

// The two direct calls of a comparison. The second one first listens for what others have changed
// in the catalogs: a relation is locked that nobody keeps locked, and that is when a session hears.
// And, where plans may be out of date, what this session's own plan gives.
std::vector<std::string> calls_sql(Group group) {
    const std::string name = name_of(group);
    std::string query = is_aggregate(group)         ? aggregate_query(group)
                        : decided_by_session(group) ? reader_query(group)
                                                    : direct_query(group);
    if (query.empty()) {
        query = "SELECT load_" + name + "(" + arguments(group, "$1") + ")";
    }
    const auto head = [&](const char* kind) {
        return "CREATE FUNCTION " + std::string(kind) + "_" + name +
               "(k int) RETURNS text STABLE LANGUAGE plpgsql AS $f$ ";
    };
    std::vector<std::string> all = {
        head("call") + "DECLARE value text; BEGIN EXECUTE $q$" + query +
            "$q$ INTO value USING k; RETURN value; END $f$",
        head("heard") + "BEGIN PERFORM pg_relation_size('history.hearing'); RETURN call_" + name +
            "(k); END $f$"};
    if (decided_by_catalogs(group)) {
        all.push_back("CREATE FUNCTION kept_" + name +
                      "(k int) RETURNS text STABLE LANGUAGE plpgsql SET cache_ext.enabled = off AS "
                      "$f$ BEGIN RETURN cache_get_" +
                      name + "(k); END $f$");
    }
    return all;
}

// Where there are virtual columns, the sum is one of those.
std::string rates_sql(int major) {
    if (major < 18) return "CREATE VIEW rates AS SELECT v FROM rate";
    return "ALTER TABLE rate ADD COLUMN w int GENERATED ALWAYS AS (v) VIRTUAL; "
           "CREATE VIEW rates AS SELECT w AS v FROM rate";
}

std::string signature(Group group) {
    if (group == Group::kVisit) return "(org int, since date, until date)";
    return group == Group::kSale ? "(region int, day int)" : "(k int)";
}

}  // namespace

std::string arguments(Group group, const std::string& key) {
    if (group == Group::kVisit) return period_arguments(key);
    if (group != Group::kSale && group != Group::kShare) return key;
    return "(" + key + ") / " + number(kDays) + ", (" + key + ") % " + number(kDays);
}

std::string comparison(Group group, const std::string& key) {
    const std::string name = name_of(group);
    const std::string call = "call_" + name + "(" + key + ")";
    return "'" + name + "', " + key + ", " + call + ", cache_get_" + name + "(" +
           arguments(group, key) + ")::text, heard_" + name + "(" + key + ")";
}

std::string kept_comparison(Group group, const std::string& key) {
    const std::string name = name_of(group);
    const std::string call = "kept_" + name + "(" + key + ")";
    return "'" + name + "', " + key + ", " + call + ", cache_get_" + name + "(" + key +
           ")::text, " + call;
}

void set_declared(Declared how) {
    declared = how;
}

bool may_widen() {
    return declared == Declared::kNone || declared == Declared::kDerived;
}

// What is put has nobody to track it for.
std::string as_declared(const std::string& sql) {
    static const std::regex kAny(
        "SELECT cache_invalidate_on(_path)?\\('(?!note)\\w+', [^;]*\\)(;|$)");
    static const std::regex kSome(
        "SELECT cache_invalidate_on(_path)?\\('(lead|quote|right|digest|version)', "
        "'(agent|call|rate|stone|digest|counter)'[^;]*\\)(;|$)");
    static const std::regex kLoaded("(SELECT cache_create\\('\\w+', '\\w+\\([^']*\\)')");
    const std::string tracked = std::regex_replace(sql, kLoaded, "$1, invalidate => 'track'");
    switch (declared) {
        case Declared::kAll:
            return tracked;
        case Declared::kSome:
            return std::regex_replace(tracked, kSome, "SELECT 1;");
        case Declared::kNone:
            return std::regex_replace(tracked, kAny, "SELECT 1;");
        case Declared::kDerived:
            return std::regex_replace(sql, kAny, "SELECT 1;");
    }
    return sql;
}

std::string repopulate_sql() {
    const auto fill = [](const char* table, const char* columns, int rows) {
        return std::string("INSERT INTO ") + table + " SELECT " + columns +
               " FROM generate_series(0, " + number(rows - 1) + ") AS i ON CONFLICT DO NOTHING;\n";
    };
    return fill("person", "i, 0", kKeys) + fill("agent", "i, 0, i % 24", kAgents) +
           fill("call", "i, 0, i % 36", kCalls) + fill("lead", "i, 0, i % 72", kLeads * 2 / 3);
}

// From this meaning on the loaders of item and sale read more than was declared or derived when
// their caches were: one table more, or, where nobody has declared anything by hand, rows of other
// keys.
constexpr int kWide = 50;

std::string loader_sql(Group group, int meaning, int comment) {
    const std::string name = name_of(group);
    const std::string tag = "'" + name + " " + number(meaning) + " '";
    const std::string note = "/* " + number(comment) + " */ ";
    const std::string rows = "count(*) || ' ' || coalesce(string_agg(";
    std::string body;
    switch (group) {
        case Group::kItem:
            body = rows +
                   "t.id || ':' || t.v + t.w, ',' ORDER BY t.id), '') FROM item t WHERE t.k = $1";
            break;
        case Group::kSale:
            body = rows +
                   "t.id || ':' || t.v, ',' ORDER BY t.id), '') || ' ' || coalesce((SELECT f.v "
                   "FROM tariff f WHERE f.region = $1), -1) FROM sale t WHERE t.region = $1 AND "
                   "t.day = $2";
            break;
        case Group::kLead:
            body = rows +
                   "l.id || ':' || l.v || ':' || c.v || ':' || a.v, ',' ORDER BY l.id), '') || ' ' "
                   "|| coalesce((SELECT p.v FROM person p WHERE p.id = $1), -1) FROM lead l JOIN "
                   "call c ON c.id = l.call_id JOIN agent a ON a.id = c.agent_id WHERE a.person_id "
                   "= $1";
            break;
        case Group::kTalk:
            body =
                rows +
                "l.id || ':' || l.v || ':' || c.v, ',' ORDER BY l.id), '') FROM call c JOIN lead l "
                "ON l.call_id = c.id WHERE c.agent_id = $1";
            break;
        case Group::kQuote:
            body =
                "coalesce((SELECT weigh(p.v) FROM price p WHERE p.k = $1), '-') || ' ' || "
                "(SELECT sum(r.v) FROM rates r) || ' ' || (SELECT s.meaning FROM scale s)";
            break;
        case Group::kEvent:
            body = rows +
                   "t.id || ':' || t.v + t.w, ',' ORDER BY t.id, t.part), '') FROM event t WHERE "
                   "t.k = $1";
            break;
        case Group::kNote:  // what is put; never replaced, since no cache has it as its loader
            body = rows +
                   "t.id || ':' || t.v + t.w, ',' ORDER BY t.id), '') FROM item t WHERE t.k = $1";
            break;
        case Group::kBoth:
            body = "cache_get_item($1) || ' / ' || cache_get_event($1)";
            break;
        case Group::kVisit:
            body = period_query();
            break;
        case Group::kDigest:
            body = "coalesce((SELECT d.rows || ' ' || d.v FROM digest d WHERE d.k = $1), '-')";
            break;
        case Group::kVersion:
            return "CREATE OR REPLACE FUNCTION load_version(k int) RETURNS bigint STABLE LANGUAGE "
                   "sql AS $$ SELECT " +
                   note + "c.version FROM counter c WHERE c.k = $1 $$;";
        default:
            return {};
    }
    if (meaning >= kWide && (group == Group::kItem || group == Group::kSale)) {
        const std::string other = !may_widen() ? "rate" : group == Group::kItem ? "item" : "sale";
        body = "coalesce((SELECT sum(o.v) FROM " + other + " o), 0) || ' wide ' || " + body;
    }
    // Whether a partition that is being detached CONCURRENTLY counts is decided when a statement is
    // planned, by the snapshot of then, and PostgreSQL goes on with a plan that it has kept: a
    // session's own calls would be no oracle. PL/pgSQL keeps plans, and so does SQL from 18 on.
    if (group == Group::kEvent) {
        return "CREATE OR REPLACE FUNCTION load_" + name + signature(group) +
               " RETURNS text STABLE LANGUAGE plpgsql AS $$ DECLARE value text; BEGIN " + note +
               "EXECUTE $q$ SELECT " + tag + " || " + body +
               " $q$ INTO value USING $1; RETURN value; END $$;";
    }
    // Half of them in SQL, half in PL/pgSQL, which keeps its plans.
    const bool plpgsql = group == Group::kItem || group == Group::kLead || group == Group::kBoth;
    const std::string head =
        "CREATE OR REPLACE FUNCTION load_" + name + signature(group) + " RETURNS text STABLE ";
    if (plpgsql) {
        return head + "LANGUAGE plpgsql AS $$ #variable_conflict use_column\nBEGIN " + note +
               "RETURN (SELECT " + tag + " || " + body + "); END $$;";
    }
    return head + "LANGUAGE sql AS $$ SELECT " + note + tag + " || " + body + " $$;";
}

std::string weigh_sql(int meaning) {
    const std::string n = number(meaning);
    return "CREATE OR REPLACE FUNCTION weigh(v int) RETURNS text STABLE LANGUAGE sql AS $$ SELECT "
           "'weigh " +
           n + " ' || v * " + n + " $$";
}

std::string scale_sql(int meaning) {
    return "CREATE OR REPLACE VIEW scale AS SELECT 'scale " + number(meaning) +
           "'::text AS meaning";
}

std::string swap_sql() {
    return "ALTER FUNCTION weigh(int) RENAME TO weigh_away; ALTER FUNCTION weigh_else(int) RENAME "
           "TO weigh; ALTER FUNCTION weigh_away(int) RENAME TO weigh_else";
}

std::vector<std::string> meanings(const std::string& value) {
    static const std::regex kMeaning(
        "(item|sale|lead|quote|event|both|digest|visit|weigh|scale) [0-9]+");
    std::vector<std::string> found;
    for (std::sregex_iterator it(value.begin(), value.end(), kMeaning), end; it != end; ++it) {
        found.push_back(it->str());
    }
    return found;
}

void prepare_session(Connection* connection) {
    connection->must(
        "SET search_path = history; SET client_min_messages = error; SET lock_timeout = '2s'; "
        "SET deadlock_timeout = '100ms'; SET statement_timeout = '20s'");
    // What no loader may see of a session.
    connection->must("SELECT set_config('history.mood', 'of ' || pg_backend_pid(), false)");
}

void make_schema(Connection* connection) {
    connection->must("SET client_min_messages = error");
    const Reply left = connection->must(
        "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND gid LIKE '" +
        std::string(kGidPrefix) + "%'");
    for (const auto& row : left.rows) connection->must("ROLLBACK PREPARED '" + *row[0] + "'");
    connection->must("DROP EXTENSION IF EXISTS cache_ext CASCADE");
    connection->must("DROP SCHEMA IF EXISTS history CASCADE");
    drop_catalog_objects(connection);
    drop_readers(connection);
    connection->must("CREATE SCHEMA history");
    prepare_session(connection);
    connection->must("SET lock_timeout = 0");
    connection->must("CREATE EXTENSION cache_ext SCHEMA history");
    connection->must(kTables);
    connection->must(rates_sql(connection->major()));
    connection->must(rows_sql());
    connection->must(weigh_sql(2));
    connection->must("ALTER FUNCTION weigh(int) RENAME TO weigh_else");
    connection->must(weigh_sql(3));
    connection->must(scale_sql(1));
    make_period_tables(connection);
    for (std::size_t i = 0; i < static_cast<std::size_t>(Group::kCount); ++i) {
        const auto group = static_cast<Group>(i);
        if (group == Group::kBoth) continue;  // needs the caches
        if (is_aggregate(group)) continue;    // theirs are made with them
        connection->must(loader_sql(group, 0, 0));
    }
    make_catalog_tables(connection);
    make_reader_tables(connection);
    // load_both is checked only when it runs, so it may name accessors that there are not yet.
    connection->must(loader_sql(Group::kBoth, 0, 0));
    for (std::size_t i = 0; i < static_cast<std::size_t>(Group::kCount); ++i) {
        for (const std::string& sql : calls_sql(static_cast<Group>(i))) connection->must(sql);
    }
    connection->must(as_declared(kCaches));
    declare_period_caches(connection);
    declare_catalog_caches(connection);
    declare_reader_caches(connection);
    connection->must(kTriggers);
}

}  // namespace consistency
