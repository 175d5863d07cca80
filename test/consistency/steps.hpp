// What steps are made of, for the files that say which there are.
#pragma once

#include "plan.hpp"
#include "schema.hpp"

namespace consistency {

inline std::string number(int n) {
    return std::to_string(n);
}
inline std::string any(Random& r, int n) {
    return number(r.id(n));
}
inline std::string key(Random& r) {
    return any(r, kKeys);
}
inline std::string value(Random& r) {
    return any(r, 1000);
}

inline Step sql(std::string text) {
    Step step;
    step.sql = std::move(text);
    return step;
}
inline Step copying(std::string text, std::string data) {
    Step step = sql(std::move(text));
    step.copy_data = std::move(data);
    return step;
}

// Changes that are also made while triggers are off.
inline std::string item_row(Random& r) {
    return any(r, kItems) + ", " + key(r) + ", " + value(r);
}
inline Step item_upsert(Random& r) {
    return sql("INSERT INTO item VALUES (" + item_row(r) +
               ") ON CONFLICT (id) DO UPDATE SET k = excluded.k, v = item.v + 1");
}
inline Step lead_upsert(Random& r) {
    return sql("INSERT INTO lead SELECT " + any(r, kLeads) + ", " + value(r) +
               ", id FROM call WHERE id = " + any(r, kCalls) +
               " ON CONFLICT (id) DO UPDATE SET call_id = excluded.call_id, v = lead.v + 1");
}

}  // namespace consistency
