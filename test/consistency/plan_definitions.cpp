// The statements that need tables for themselves, or change what loaders mean; rare.
#include "steps.hpp"

namespace consistency {
namespace {

Step item_freeze(Random& r) {
    std::string data;
    for (int id = r.below(3); id < kItems; id += 1 + r.below(4)) {
        data += number(id) + "\t" + key(r) + "\t" + value(r) + "\n";
    }
    // Somebody reads this table nearly all the time.
    return copying(
        "SET LOCAL lock_timeout = '700ms'; TRUNCATE item; COPY item (id, k, v) FROM STDIN (FREEZE)",
        data);
}
Step digest_refresh(Random& r) {
    const std::string how = r.chance(500) ? "CONCURRENTLY " : "";
    return sql("REFRESH MATERIALIZED VIEW " + how + "digest");
}

Step item_truncate(Random&) {
    return sql("TRUNCATE item");
}
Step sale_truncate(Random&) {
    return sql("TRUNCATE sale");
}
Step lead_truncate(Random& r) {
    static constexpr const char* kTables[] = {"lead", "call", "agent", "person"};
    return sql("TRUNCATE " + std::string(kTables[r.below(4)]) + " CASCADE");
}
Step event_truncate(Random& r) {
    return sql(r.chance(300) ? "TRUNCATE event" : "TRUNCATE event_" + any(r, 3));
}
Step item_rewrite(Random& r) {
    return sql("ALTER TABLE item ALTER COLUMN w TYPE int USING w + " + any(r, 2));
}
Step lead_rewrite(Random& r) {
    static constexpr const char* kTables[] = {"lead", "call", "agent"};
    return sql("ALTER TABLE " + std::string(kTables[r.below(3)]) +
               " ALTER COLUMN v TYPE int USING v + 1");
}
Step event_rewrite(Random&) {
    return sql("ALTER TABLE event ALTER COLUMN w TYPE int USING w + 1");
}
Step triggers(Random& r, const std::string& table, const std::string& change) {
    std::string text = "ALTER TABLE " + table + " DISABLE TRIGGER ALL; ";
    if (r.chance(600)) text += change + "; ";
    text += "ALTER TABLE " + table + " ENABLE TRIGGER ALL";
    if (r.chance(950)) text += "; SELECT fire_always('" + table + "')";
    return sql(text);
}
Step item_triggers(Random& r) {
    return triggers(r, "item", item_upsert(r).sql);
}
Step lead_triggers(Random& r) {
    return triggers(r, "lead", lead_upsert(r).sql);
}
Step event_attach(Random& r) {
    const std::string detach = "ALTER TABLE event DETACH PARTITION event_2; ";
    const std::string write =
        "UPDATE event_2 SET v = v + 5; INSERT INTO event_2 (id, part, k, v) "
        "SELECT " +
        any(r, kEvents) + ", 2, " + key(r) +
        ", 1 WHERE NOT "
        "EXISTS (SELECT FROM event_2 WHERE id = 7); ";
    const std::string attach = "ALTER TABLE event ATTACH PARTITION event_2 FOR VALUES IN (2)";
    const int way = r.below(3);
    return sql(way == 0 ? detach + attach : detach + write + attach);
}
Group any_loader(Random& r) {
    static constexpr Group kLoaders[] = {Group::kItem,  Group::kSale,  Group::kLead, Group::kQuote,
                                         Group::kEvent, Group::kVisit, Group::kTalk};
    return kLoaders[r.below(static_cast<int>(std::size(kLoaders)))];
}
Step comment(Random& r) {
    // The meaning stays 0: after `meaning` this is another one.
    return sql(loader_sql(any_loader(r), 0, r.below(1000)));
}
Step meaning(Random& r) {
    if (r.chance(150)) return sql(weigh_sql(1 + r.below(9)));
    if (r.chance(150)) return sql(scale_sql(1 + r.below(9)));
    if (r.chance(150)) return sql(swap_sql());
    return sql(loader_sql(any_loader(r), r.below(100), 0));
}

constexpr Choice kDefinitions[] = {
    {Kind::kTruncate, Group::kItem, 2, item_truncate},
    {Kind::kTruncate, Group::kSale, 2, sale_truncate},
    {Kind::kTruncate, Group::kLead, 2, lead_truncate},
    {Kind::kTruncate, Group::kEvent, 2, event_truncate},
    {Kind::kRewrite, Group::kItem, 2, item_rewrite},
    {Kind::kRewrite, Group::kLead, 2, lead_rewrite},
    {Kind::kRewrite, Group::kEvent, 2, event_rewrite},
    {Kind::kTriggers, Group::kItem, 3, item_triggers},
    {Kind::kTriggers, Group::kLead, 2, lead_triggers},
    {Kind::kAttach, Group::kEvent, 3, event_attach},
    {Kind::kFreeze, Group::kItem, 2, item_freeze},
    {Kind::kRefreshView, Group::kDigest, 6, digest_refresh},
    {Kind::kComment, Group::kItem, 2, comment},
    {Kind::kMeaning, Group::kItem, 4, meaning},
};

}  // namespace

std::span<const Choice> all_definitions() {
    return kDefinitions;
}

}  // namespace consistency
