#include "surface.hpp"

#include <sstream>

namespace fuzz {
namespace {

// Members of the extension, and what depends on it: accessors.
constexpr const char* kFunctions = R"(
SELECT format('%I.%I', n.nspname, p.proname),
       array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t), E'\x1f'),
       array_to_string(p.proargnames[1:p.pronargs], E'\x1f'),
       p.provariadic <> 0, p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), p.proretset
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid IN (SELECT d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                WHERE e.extname = 'cache_ext' AND d.refclassid = 'pg_extension'::regclass
                  AND d.classid = 'pg_proc'::regclass)
ORDER BY 1, 2)";

constexpr const char* kRelations = R"(
SELECT c.oid::regclass, c.relkind = 'r', array_to_string(ARRAY(
    SELECT quote_ident(a.attname) FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum), E'\x1f')
FROM pg_class AS c JOIN pg_depend AS d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'cache_ext' AND c.relkind IN ('r', 'v') ORDER BY 1)";

constexpr const char* kSettings = R"(
SELECT name, vartype, coalesce(array_to_string(enumvals, E'\x1f'), concat_ws(E'\x1f', min_val, max_val, boot_val))
FROM pg_settings WHERE name LIKE 'cache\_ext.%' ORDER BY 1)";

constexpr const char* kCaches =
    "SELECT substr(p.proname, 11) FROM pg_proc AS p WHERE p.proname LIKE 'cache\\_get\\__%' ORDER "
    "BY 1";

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, '\x1f');) parts.push_back(part);
    return parts;
}

}  // namespace

bool read_surface(Connection* superuser, Surface* out) {
    Surface all;
    const Reply functions = superuser->execute(kFunctions);
    const Reply relations = superuser->execute(kRelations);
    const Reply settings = superuser->execute(kSettings);
    const Reply caches = superuser->execute(kCaches);
    if (!functions.ok || !relations.ok || !settings.ok || !caches.ok) return false;
    for (const auto& row : functions.rows) {
        Function f;
        f.name = row[0];
        f.types = split(row[1]);
        f.arguments = split(row[2]);
        f.variadic = row[3] == "t";
        f.trigger = row[4] == "t";
        f.set = row[5] == "t";
        (f.trigger ? all.triggers : all.functions).push_back(f);
    }
    for (const auto& row : relations.rows)
        all.relations.push_back({row[0], split(row[2]), row[1] == "t"});
    for (const auto& row : settings.rows) all.settings.push_back({row[0], row[1], split(row[2])});
    for (const auto& row : caches.rows) all.caches.push_back(row[0]);
    if (all.functions.empty() || all.relations.empty()) return false;
    *out = std::move(all);
    return true;
}

}  // namespace fuzz
