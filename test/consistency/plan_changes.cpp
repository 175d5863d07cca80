// The statements that change rows, by table.
#include "steps.hpp"

namespace consistency {
namespace {

Step comparing(std::string text) {
    Step step = sql(std::move(text));
    step.compares = true;
    return step;
}

// `rows` tuples with distinct ids below `ids`, each made by `rest` after the id.
template <class Rest>
std::string tuples(Random& r, int ids, const char* open, const char* close, Rest rest) {
    const int rows = 2 + r.below(4);
    const int first = r.below(ids);
    std::string text;
    for (int i = 0; i < rows; ++i) {
        if (i > 0 && *open != '\0') text += ", ";
        text += open + number((first + i * 7) % ids) + rest() + close;
    }
    return text;
}

std::string in_block(const std::string& inner, bool raise) {
    return "DO $$ BEGIN BEGIN " + inner + "; " +
           (raise ? "RAISE EXCEPTION 'planned'; " : "PERFORM 1 / 1; ") +
           "EXCEPTION WHEN raise_exception THEN NULL; END; END $$";
}

// --- item ---

Step item_insert(Random& r) {
    return sql("INSERT INTO item VALUES (" + item_row(r) + ") ON CONFLICT DO NOTHING");
}
Step item_rows(Random& r) {
    return sql("INSERT INTO item VALUES " +
               tuples(r, kItems, "(", ")", [&] { return ", " + key(r) + ", " + value(r); }) +
               " ON CONFLICT DO NOTHING");
}
Step item_update(Random& r) {
    return sql("UPDATE item SET v = v + 1 + " + any(r, 3) + " WHERE id = " + any(r, kItems));
}
Step item_move(Random& r) {
    return sql("UPDATE item SET k = " + key(r) + " WHERE id = " + any(r, kItems));
}
Step item_delete(Random& r) {
    return sql("DELETE FROM item WHERE id = " + any(r, kItems));
}
Step item_merge(Random& r) {
    return sql("MERGE INTO item AS t USING (VALUES " +
               tuples(r, kItems, "(", ")", [&] { return ", " + key(r) + ", " + value(r); }) +
               ") AS s (id, k, v) ON t.id = s.id WHEN MATCHED AND s.v % 3 = 0 THEN DELETE WHEN "
               "MATCHED THEN UPDATE SET k = s.k, v = s.v WHEN NOT MATCHED THEN INSERT VALUES "
               "(s.id, s.k, s.v)");
}
Step item_copy(Random& r) {
    // Conflicts would end the transaction, so what is in the way goes first.
    const std::string id = any(r, kItems);
    return copying("DELETE FROM item WHERE id = " + id + "; COPY item (id, k, v) FROM STDIN",
                   id + "\t" + key(r) + "\t" + value(r) + "\n");
}
Step item_returning(Random& r) {
    const int way = r.below(3);
    if (way == 0) {
        return comparing("INSERT INTO item VALUES (" + item_row(r) +
                         ") ON CONFLICT (id) DO UPDATE SET k = excluded.k, v = excluded.v "
                         "RETURNING " +
                         comparison(Group::kItem, "k"));
    }
    if (way == 1) {
        return comparing("UPDATE item SET k = " + key(r) + " WHERE id = " + any(r, kItems) +
                         " RETURNING " + comparison(Group::kItem, "k"));
    }
    return comparing("DELETE FROM item WHERE id = " + any(r, kItems) + " RETURNING " +
                     comparison(Group::kItem, "k"));
}
Step item_cte(Random& r) {
    return comparing("WITH w AS (UPDATE item SET v = v + 1 WHERE k = " + key(r) +
                     " RETURNING k), d AS (DELETE FROM item WHERE id = " + any(r, kItems) +
                     " RETURNING k) SELECT " + comparison(Group::kItem, "k") +
                     " FROM (SELECT k FROM w UNION SELECT k FROM d) AS x");
}
Step item_exception(Random& r) {
    const std::string inner = item_update(r).sql + "; " + item_upsert(r).sql;
    return sql(in_block(inner, r.chance(600)));
}
// More subtransactions than a snapshot lists.
Step item_subtransactions(Random& r) {
    return sql("DO $$ BEGIN FOR i IN 1 .. 70 LOOP BEGIN UPDATE item SET v = v + 1 WHERE id = " +
               any(r, kItems) +
               " + i % 3; IF i % 5 = 0 THEN RAISE EXCEPTION 'planned'; END IF; EXCEPTION WHEN "
               "raise_exception THEN NULL; END; END LOOP; END $$");
}

// --- sale and tariff ---

std::string sale_rest(Random& r) {
    return ", " + any(r, kKeys / kDays) + ", " + any(r, kDays) + ", " + value(r);
}
Step sale_upsert(Random& r) {
    return sql("INSERT INTO sale VALUES (" + any(r, kSales) + sale_rest(r) +
               ") ON CONFLICT (id) DO UPDATE SET day = excluded.day, v = excluded.v");
}
Step sale_rows(Random& r) {
    return sql("INSERT INTO sale VALUES " +
               tuples(r, kSales, "(", ")", [&] { return sale_rest(r); }) +
               " ON CONFLICT DO NOTHING");
}
Step sale_update(Random& r) {
    return sql("UPDATE sale SET v = " + value(r) + " WHERE id = " + any(r, kSales));
}
Step sale_move(Random& r) {
    return sql("UPDATE sale SET region = " + any(r, kKeys / kDays) + ", day = " + any(r, kDays) +
               " WHERE id = " + any(r, kSales));
}
Step sale_delete(Random& r) {
    return sql("DELETE FROM sale WHERE id = " + any(r, kSales));
}
Step sale_deferred(Random& r) {
    return sql("UPDATE sale SET v = " + number(11 * r.below(90)) + " WHERE id = " + any(r, kSales));
}
Step sale_copy(Random& r) {
    const std::string id = any(r, kSales);
    return copying("DELETE FROM sale WHERE id = " + id + "; COPY sale FROM STDIN",
                   id + "\t" + any(r, 4) + "\t" + any(r, kDays) + "\t" + value(r) + "\n");
}
Step sale_returning(Random& r) {
    return comparing("UPDATE sale SET v = v + 1, day = " + any(r, kDays) +
                     " WHERE id = " + any(r, kSales) + " RETURNING " +
                     comparison(Group::kSale, "(region * 6 + day)"));
}
Step tariff_update(Random& r) {
    return sql("UPDATE tariff SET v = v + 1 WHERE region = " + any(r, kKeys / kDays));
}

// --- lead -> call -> agent -> person ---

Step lead_insert(Random& r) {
    return sql("INSERT INTO lead SELECT " + any(r, kLeads) + ", " + value(r) +
               ", id FROM call WHERE id = " + any(r, kCalls) + " ON CONFLICT DO NOTHING");
}
Step lead_rows(Random& r) {
    return sql(
        "INSERT INTO lead SELECT s.id, s.v, c.id FROM (VALUES " +
        tuples(r, kLeads, "(", ")", [&] { return ", " + any(r, kCalls) + ", " + value(r); }) +
        ") AS s (id, call_id, v) JOIN call c ON c.id = s.call_id ON CONFLICT DO NOTHING");
}
Step lead_update(Random& r) {
    return sql("UPDATE lead SET v = v + 1 WHERE id = " + any(r, kLeads));
}
Step lead_move(Random& r) {
    return sql("UPDATE lead SET call_id = (SELECT min(id) FROM call WHERE id >= " +
               any(r, kCalls / 2) + ") WHERE id = " + any(r, kLeads) +
               " AND EXISTS (SELECT FROM call WHERE id >= " + number(kCalls / 2) + ")");
}
Step lead_delete(Random& r) {
    return sql("DELETE FROM lead WHERE id = " + any(r, kLeads));
}
Step lead_exception(Random& r) {
    const std::string inner = lead_update(r).sql + "; " + lead_upsert(r).sql;
    return sql(in_block(inner, r.chance(600)));
}
Step lead_cte(Random& r) {
    return comparing("WITH w AS (UPDATE lead SET v = v + 1 WHERE call_id = " + any(r, kCalls) +
                     " RETURNING call_id) SELECT " + comparison(Group::kLead, "k") +
                     " FROM (SELECT DISTINCT a.person_id AS k FROM w JOIN call c ON c.id = "
                     "w.call_id JOIN agent a ON a.id = c.agent_id) AS x");
}
Step call_update(Random& r) {
    return sql("UPDATE call SET v = v + 1 WHERE id = " + any(r, kCalls));
}
Step call_move(Random& r) {
    return sql("UPDATE call SET agent_id = a.id FROM agent a WHERE a.id = " + any(r, kAgents) +
               " AND call.id = " + any(r, kCalls));
}
Step agent_move(Random& r) {
    return sql("UPDATE agent SET person_id = p.id FROM person p WHERE p.id = " + key(r) +
               " AND agent.id = " + any(r, kAgents));
}
Step person_update(Random& r) {
    return sql("UPDATE person SET v = v + 1 WHERE id = " + key(r));
}
Step parent_delete(Random& r) {
    const int way = r.below(3);
    if (way == 0) return sql("DELETE FROM call WHERE id = " + any(r, kCalls));
    if (way == 1) return sql("DELETE FROM agent WHERE id = " + any(r, kAgents));
    return sql("DELETE FROM person WHERE id = " + key(r));
}
Step repopulate(Random&) {
    return sql(repopulate_sql());
}

// --- price and rate ---

Step price_update(Random& r) {
    return sql("UPDATE price SET v = v + 1 WHERE k = " + key(r));
}
Step price_upsert(Random& r) {
    return sql("INSERT INTO price VALUES (" + key(r) + ", " + value(r) +
               ") ON CONFLICT (k) DO UPDATE SET v = price.v + 3");
}
Step price_delete(Random& r) {
    return sql("DELETE FROM price WHERE k = " + key(r));
}
Step rate_update(Random& r) {
    return sql("UPDATE rate SET v = v + 1 WHERE id = " + any(r, kRates));
}

// --- event, partitioned ---

std::string event_rest(Random& r) {
    return ", " + any(r, 3) + ", " + key(r) + ", " + value(r);
}
Step event_insert(Random& r) {
    return sql("INSERT INTO event (id, part, k, v) VALUES (" + any(r, kEvents) + event_rest(r) +
               ") ON CONFLICT DO NOTHING");
}
Step event_rows(Random& r) {
    return sql("INSERT INTO event (id, part, k, v) VALUES " +
               tuples(r, kEvents, "(", ")", [&] { return event_rest(r); }) +
               " ON CONFLICT DO NOTHING");
}
Step event_update(Random& r) {
    return sql("UPDATE event SET v = v + 1 WHERE id = " + any(r, kEvents));
}
// Half of them move the row to another partition.
Step event_move(Random& r) {
    if (r.chance(500)) {
        return sql("UPDATE event SET part = " + any(r, 3) +
                   ", v = v + 1 WHERE id = " + any(r, kEvents));
    }
    return sql("UPDATE event SET k = " + key(r) + " WHERE id = " + any(r, kEvents));
}
Step event_delete(Random& r) {
    return sql("DELETE FROM event WHERE id = " + any(r, kEvents));
}
Step event_leaf(Random& r) {
    const std::string leaf = "event_" + any(r, 3);
    if (r.chance(300)) return sql("DELETE FROM " + leaf + " WHERE id = " + any(r, kEvents));
    return sql("UPDATE " + leaf + " SET v = v + 2, k = " + key(r) +
               " WHERE id = " + any(r, kEvents));
}
Step event_copy(Random& r) {
    const std::string part = any(r, 3);
    const std::string id = any(r, kEvents);
    const std::string table = r.chance(500) ? "event" : "event_" + part;
    return copying(
        "DELETE FROM event WHERE id = " + id + "; COPY " + table + " (id, part, k, v) FROM STDIN",
        id + "\t" + part + "\t" + key(r) + "\t" + value(r) + "\n");
}
Step event_merge(Random& r) {
    return sql("MERGE INTO event AS t USING (VALUES (" + any(r, kEvents) + event_rest(r) +
               ")) AS s (id, part, k, v) ON t.id = s.id AND t.part = s.part WHEN MATCHED THEN "
               "UPDATE SET k = s.k, v = s.v WHEN NOT MATCHED THEN INSERT (id, part, k, v) VALUES "
               "(s.id, s.part, s.k, s.v)");
}
Step event_returning(Random& r) {
    return comparing("INSERT INTO event (id, part, k, v) VALUES (" + any(r, kEvents) +
                     event_rest(r) +
                     ") ON CONFLICT (id, part) DO UPDATE SET k = excluded.k "
                     "RETURNING " +
                     comparison(Group::kEvent, "k"));
}

// --- the rest ---

Step version_raise(Random& r) {
    Step step = sql("UPDATE counter SET version = version + 1 WHERE k = " + key(r) +
                    " RETURNING k, version");
    step.raises_version = true;
    return step;
}
// So many keys that it takes a while to announce them: what is announced last would be seen too
// late if the commit came first.
Step sweep(Random& r) {
    Step step =
        sql("UPDATE price SET v = v + 1; UPDATE event SET v = v + 1 WHERE id % 3 = " + any(r, 3) +
            "; UPDATE item SET v = v + 1 WHERE id % 3 = " + any(r, 3) +
            "; UPDATE counter SET version = version + 1 RETURNING k, version");
    step.raises_version = true;
    return step;
}
Step note_put(Random& r) {
    const int first = r.below(kKeys - 3);
    return sql("SELECT cache_put_note(k, call_note(k)) FROM generate_series(" + number(first) +
               ", " + number(first + r.below(4)) + ") AS k");
}
Step note_change_and_put(Random& r) {
    // In one implicit transaction, in either order.
    const std::string k = key(r);
    const std::string put = "SELECT cache_put_note(" + k + ", call_note(" + k + "))";
    const std::string change = "UPDATE item SET v = v + 1 WHERE k = " + k;
    return sql(r.chance(500) ? put + "; " + change : change + "; " + put);
}
Step invalidate(Random& r) {
    const auto group = static_cast<Group>(r.below(static_cast<int>(Group::kCount)));
    const std::string name = name_of(group);
    if (r.chance(60)) return sql("SELECT cache_invalidate_all('" + name + "')");
    if (r.chance(60)) return sql("SELECT cache_invalidate_like('" + name + "', '1%')");
    return sql("SELECT cache_invalidate('" + name + "', " + arguments(group, key(r)) + ")");
}
Step refresh(Random& r) {
    static constexpr Group kLoaded[] = {Group::kItem,   Group::kSale,  Group::kLead,
                                        Group::kQuote,  Group::kEvent, Group::kVersion,
                                        Group::kDigest, Group::kTotal, Group::kShare,
                                        Group::kStream, Group::kVisit, Group::kTalk};
    const Group group = kLoaded[r.below(static_cast<int>(std::size(kLoaded)))];
    return sql("SELECT cache_refresh('" + std::string(name_of(group)) + "', " +
               arguments(group, key(r)) + ")");
}

Step ledger_change(Random& r) {
    const std::string id = any(r, kKeys);
    if (r.chance(300)) return sql("DELETE FROM ledger WHERE id = " + id);
    return sql("INSERT INTO ledger VALUES (" + id + ", " + key(r) + ", " + value(r) +
               ") ON CONFLICT (id) DO UPDATE SET k = excluded.k, v = excluded.v");
}

constexpr Choice kChanges[] = {
    {Kind::kInsert, Group::kItem, 6, item_insert},
    {Kind::kMultiRow, Group::kItem, 4, item_rows},
    {Kind::kUpdate, Group::kItem, 8, item_update},
    {Kind::kKeyMove, Group::kItem, 6, item_move},
    {Kind::kDelete, Group::kItem, 5, item_delete},
    {Kind::kUpsert, Group::kItem, 6, item_upsert},
    {Kind::kMerge, Group::kItem, 4, item_merge},
    {Kind::kCopy, Group::kItem, 4, item_copy},
    {Kind::kReturning, Group::kItem, 6, item_returning},
    {Kind::kCte, Group::kItem, 4, item_cte},
    {Kind::kException, Group::kItem, 5, item_exception},
    {Kind::kSubtransactions, Group::kItem, 1, item_subtransactions},
    {Kind::kUpsert, Group::kSale, 8, sale_upsert},
    {Kind::kMultiRow, Group::kSale, 4, sale_rows},
    {Kind::kUpdate, Group::kSale, 6, sale_update},
    {Kind::kKeyMove, Group::kSale, 6, sale_move},
    {Kind::kDelete, Group::kSale, 5, sale_delete},
    {Kind::kDeferred, Group::kSale, 5, sale_deferred},
    {Kind::kCopy, Group::kSale, 3, sale_copy},
    {Kind::kReturning, Group::kSale, 4, sale_returning},
    {Kind::kUpdate, Group::kSale, 3, tariff_update},
    {Kind::kInsert, Group::kLead, 6, lead_insert},
    {Kind::kMultiRow, Group::kLead, 5, lead_rows},
    {Kind::kUpdate, Group::kLead, 6, lead_update},
    {Kind::kKeyMove, Group::kLead, 5, lead_move},
    {Kind::kDelete, Group::kLead, 4, lead_delete},
    {Kind::kUpsert, Group::kLead, 5, lead_upsert},
    {Kind::kException, Group::kLead, 3, lead_exception},
    {Kind::kCte, Group::kLead, 3, lead_cte},
    {Kind::kUpdate, Group::kLead, 3, call_update},
    {Kind::kKeyMove, Group::kLead, 5, call_move},
    {Kind::kKeyMove, Group::kLead, 5, agent_move},
    {Kind::kUpdate, Group::kLead, 2, person_update},
    {Kind::kCascade, Group::kLead, 2, parent_delete},
    {Kind::kInsert, Group::kLead, 3, repopulate},
    {Kind::kUpdate, Group::kQuote, 5, price_update},
    {Kind::kUpsert, Group::kQuote, 3, price_upsert},
    {Kind::kDelete, Group::kQuote, 2, price_delete},
    {Kind::kUpdate, Group::kQuote, 2, rate_update},
    {Kind::kInsert, Group::kEvent, 5, event_insert},
    {Kind::kMultiRow, Group::kEvent, 3, event_rows},
    {Kind::kUpdate, Group::kEvent, 5, event_update},
    {Kind::kKeyMove, Group::kEvent, 5, event_move},
    {Kind::kDelete, Group::kEvent, 4, event_delete},
    {Kind::kUpdate, Group::kEvent, 4, event_leaf},
    {Kind::kCopy, Group::kEvent, 3, event_copy},
    {Kind::kMerge, Group::kEvent, 3, event_merge},
    {Kind::kReturning, Group::kEvent, 3, event_returning},
    {Kind::kUpdate, Group::kVersion, 14, version_raise},
    {Kind::kSweep, Group::kVersion, 8, sweep},
    {Kind::kPut, Group::kNote, 12, note_put},
    {Kind::kPut, Group::kNote, 3, note_change_and_put},
    {Kind::kUpdate, Group::kDigest, 3, ledger_change},
    {Kind::kInvalidate, Group::kItem, 2, invalidate},
    {Kind::kRefresh, Group::kItem, 3, refresh},
};

}  // namespace

std::span<const Choice> all_changes() {
    return kChanges;
}

}  // namespace consistency
