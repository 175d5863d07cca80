#include "values.hpp"

namespace fuzz {
namespace {

std::string text_value(Random* r, const Surface& s) {
    switch (r->below(5)) {
        case 0:
        case 1:
            return cache_name(r, s);
        case 2:
            return "repeat(" + r->of({"'ab'", "'%_'", "E'\\u20ac'", "'('", "'\"'"}) + ", " +
                   r->of({"1", "40", "500", "20000", "3000000"}) + ")";
        default:
            return r->of({"'%'", "''", "'a%'", "E'\\\\'", "'%\\'", "'(NULL,%'", "'{\"a\":1}'",
                          "E'\\u20ac%_'", "'SELECT 1'", "'SELECT k FROM fuzz_open.data'",
                          "'SELECT pg_sleep(0.01), 1'", "'; DROP TABLE x'", "'1 s'", "'id'",
                          "'pg_catalog'", "E'\\x01\\x7f'", "'10'", "'-1'", "'on'"});
    }
}

std::string json_value(Random* r) {
    return r->of({"'{}'",
                  "'null'",
                  "'[1,2,{\"a\":[]}]'",
                  "'\"s\"'",
                  "'1e400'",
                  "'-0'",
                  "'true'",
                  "'{\"days\":3}'",
                  "jsonb_build_object('x', repeat('y', 100000))",
                  "to_jsonb(now())",
                  "'12345678901234567890'",
                  "'[[[[[[]]]]]]'",
                  "'\"infinity\"'",
                  "'{\"ttl\":\"1 s\"}'",
                  "'{\"ttl\":-1}'",
                  "'{\"priority\":1e308}'",
                  "'{\"warm_keys\":\"SELECT 1/0\"}'",
                  "'{\"stale_for\":\"1000 years\"}'",
                  "'{\"load_many\":\"load_open(int)\"}'",
                  "'{\"bogus\":1}'"}) +
           "::jsonb";
}

std::string number(Random* r) {
    return r->of({"0", "1", "-1", "2", "3", "7", "100", "32767", "2147483647", "-2147483648",
                  "10000", "9223372036854775807"});
}

std::string array_of(Random* r, const Surface& s, const std::string& element) {
    const std::string type = element + "[]";
    switch (r->below(7)) {
        case 0:
            return "'{}'::" + type;
        case 1:
            return "NULL::" + type;
        case 2:
            return "'{NULL,NULL}'::" + type;
        case 3:
            return "ARRAY[ARRAY[" + value(r, s, element) + "]]::" + type;
        case 4:
            return "array_fill(" + value(r, s, element) + ", ARRAY[" +
                   r->of({"1", "17", "40", "3000"}) + "])";
        case 5:
            return "(" + std::string("ARRAY[") + value(r, s, element) + "," + value(r, s, element) +
                   "]::" + type + ")";
        default:
            return "ARRAY[" + value(r, s, element) + "," + value(r, s, element) + "," +
                   value(r, s, element) + "]::" + type;
    }
}

}  // namespace

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') out += c;
        out += c;
    }
    return out + "'";
}

std::string cache_name(Random* r, const Surface& s) {
    if (!s.caches.empty() && r->chance(80)) return quoted(r->of(s.caches)) + "::text";
    return r->of({"''", "'nope'", "repeat('a', 70)", "'OPEN'", "'x''y'", "NULL", "E'\\u00e9'",
                  "'entry'", "'many_open'", "'pg_class'", "'fuzz1'", "'fuzz2'", "'fuzz3'", "'a.b'",
                  "'\"'"}) +
           "::text";
}

std::string anything(Random* r) {
    return r->of({"1",
                  "2",
                  "3",
                  "-1",
                  "2147483647",
                  "9223372036854775807",
                  "'x'",
                  "'x'::text",
                  "1.5",
                  "now()",
                  "current_date",
                  "'{}'::jsonb",
                  "'{}'::json",
                  "ROW(1, 2)",
                  "ROW(1, 'a'::text)",
                  "ARRAY[1, 2]",
                  "ARRAY['a', 'b']",
                  "NULL",
                  "NULL::int",
                  "NULL::text",
                  "'x'::name",
                  "'\\x00'::bytea",
                  "'x'::varchar(3)",
                  "'x'::char(9)",
                  "int4range(1, 2)",
                  "B'101'",
                  "'u'::\"char\"",
                  "1::oid",
                  "1::smallint",
                  "1::bigint",
                  "true",
                  "'epoch'::timestamp",
                  "md5('a')::uuid",
                  "'infinity'::timestamptz",
                  "'-infinity'::date",
                  "'NaN'::float8",
                  "'NaN'::numeric",
                  "interval '1 s'",
                  "'1.2.3.4'::inet",
                  "point(1, 2)",
                  "'<a/>'::text",
                  "'pg_class'::regclass",
                  "repeat('k', 9000)",
                  "repeat('k', 300)",
                  "ARRAY[[1,2],[3,4]]",
                  "'{}'::int[]",
                  "(SELECT d FROM fuzz_pub.data AS d LIMIT 1)",
                  "'a' COLLATE \"C\"",
                  "1::money",
                  "'1 2'::int2vector",
                  "'1'::xid",
                  "'(0,1)'::tid",
                  "'x'::fuzz_pub.word",
                  "5::fuzz_pub.small",
                  "'sad'::fuzz_pub.mood",
                  "'a b'::tsvector"});
}

std::string value(Random* r, const Surface& s, const std::string& type) {
    if (r->chance(8)) return r->chance(50) ? anything(r) : "NULL";
    if (type.size() > 2 && type.ends_with("[]")) {
        return array_of(r, s, type.substr(0, type.size() - 2));
    }
    if (type == "text" || type == "character varying" || type == "name") return text_value(r, s);
    if (type == "jsonb") return json_value(r);
    if (type == "json") return json_value(r) + "::json";
    if (type == "integer" || type == "smallint") return number(r);
    if (type == "bigint") return number(r) + "::bigint";
    if (type == "double precision" || type == "real" || type == "numeric") {
        return r->of({"0.5", "'NaN'", "'infinity'", "0", "1", "-0.1", "1e-300", "1e30"}) +
               "::" + type;
    }
    if (type == "boolean") return r->of({"true", "false"});
    if (type == "interval") {
        return r->of({"'1 s'", "'-1 s'", "'1 ms'", "'0'", "'5 min'", "'1000 years'",
                      "'178000000 years'", "'1 mon'", "'1 us'"}) +
               "::interval";
    }
    if (type == "uuid") return r->of({"md5('1')::uuid", "md5('2')::uuid", "NULL::uuid"});
    if (type == "date") return r->of({"current_date", "'infinity'::date", "'4713-01-01 BC'::date"});
    if (type.starts_with("timestamp")) {
        return r->of({"now()", "'infinity'", "'-infinity'", "'294276-12-31'", "'epoch'"}) +
               "::" + type;
    }
    if (type == "regprocedure") {
        return r->of({"'load_open(int)'",
                      "'fuzz_pub.load(int)'",
                      "'fuzz_pub.load_text(text)'",
                      "'fuzz_pub.load_fails(int)'",
                      "'fuzz_pub.load_nested(int)'",
                      "'fuzz_pub.load_rows(int[])'",
                      "'fuzz_pub.load_every()'",
                      "'pg_sleep(float8)'",
                      "'random()'",
                      "'now()'",
                      "'version()'",
                      "'array_append(anycompatiblearray,anycompatible)'",
                      "'fuzz_pub.load_row(int)'",
                      "'fuzz_pub.load_slow(int)'",
                      "'fuzz_vault.load(int)'",
                      "'pg_read_file(text)'",
                      "'fuzz_pub.load_writes(int)'",
                      "1::oid",
                      "0::oid",
                      "'current_setting(text)'",
                      "'fuzz_pub.load_domain(int)'"}) +
               "::regprocedure";
    }
    if (type == "regclass") {
        return r->of({"'fuzz_pub.data'", "'fuzz_open.data'", "'fuzz_vault.data'", "'pg_class'",
                      "'pg_stat_activity'", "'fuzz_pub.parted'", "'fuzz_pub.matview'",
                      "'fuzz_pub.data_pkey'", "'pg_authid'", "1::oid", "0::oid",
                      "'fuzz_owner.data'", "'pg_temp.fuzz_t'"}) +
               "::regclass";
    }
    if (type == "regtype") {
        return r->of({"'int'", "'record'", "'text'", "'fuzz_pub.data'", "'int[]'", "1::oid",
                      "0::oid", "'anyelement'", "'fuzz_pub.word'", "'internal'", "'cstring'",
                      "'void'", "'jsonb'"}) +
               "::regtype";
    }
    if (type == "regnamespace")
        return r->of({"'public'", "'pg_catalog'", "1::oid"}) + "::regnamespace";
    if (type == "regrole") return r->of({"'fuzz_login'", "1::oid"}) + "::regrole";
    if (type == "oid" || type == "xid") {
        return r->of({"0", "1", "'pg_class'::regclass", "4294967295"}) + "::" + type;
    }
    if (type == "anyarray" || type == "anycompatiblearray") {
        return r->of({"ARRAY[1,2,1,NULL]", "'{}'::int[]", "NULL::int[]", "ARRAY['a','b','a']",
                      "ARRAY[[1,2],[2,1]]", "NULL", "ARRAY[1.5]", "1", "array_fill(7, ARRAY[2000])",
                      "ARRAY(SELECT generate_series(1, 300))", "ARRAY[md5('1')::uuid]",
                      "'{1,2}'::text[]", "ARRAY[ROW(1,2)]", "'[5:6]={1,2}'::int[]",
                      "'1 2'::int2vector"});
    }
    return anything(r);
}

std::string setting(Random* r, const Surface& s) {
    if (s.settings.empty() || r->chance(45)) {
        return r->of({"statement_timeout = '2s'",
                      "statement_timeout = '5ms'",
                      "lock_timeout = '3ms'",
                      "work_mem = '64kB'",
                      "track_counts = off",
                      "track_counts = on",
                      "jit_above_cost = 0",
                      "force_parallel_mode = on",
                      "force_parallel_mode = off",
                      "debug_parallel_query = on",
                      "debug_parallel_query = off",
                      "search_path = pg_temp, public",
                      "search_path = ''",
                      "search_path = public",
                      "search_path = fuzz_pub, public",
                      "search_path = cache_ext_internal, public",
                      "DateStyle = 'German'",
                      "bytea_output = 'escape'",
                      "row_security = off",
                      "default_transaction_read_only = on",
                      "default_transaction_read_only = off",
                      "session_replication_role = replica",
                      "transform_null_equals = on",
                      "standard_conforming_strings = on",
                      "client_min_messages = debug2",
                      "client_min_messages = warning",
                      "extra_float_digits = -15",
                      "enable_hashagg = off",
                      "plan_cache_mode = force_generic_plan",
                      "check_function_bodies = off",
                      "fuzz.x = 'y'",
                      "IntervalStyle = 'sql_standard'",
                      "array_nulls = off",
                      "timezone = 'Asia/Tokyo'"});
    }
    const Setting& one = r->of(s.settings);
    std::string value =
        one.values.empty() ? r->of({"''", "'x'", "'1'"}) : quoted(r->of(one.values));
    if (one.type == "bool") value = r->of({"on", "off"});
    if (r->chance(10))
        value = r->of({"'-1'", "'99999999999'", "'1GB'", "'junk'", "DEFAULT", "'10ms'"});
    return one.name + " = " + value;
}

}  // namespace fuzz
