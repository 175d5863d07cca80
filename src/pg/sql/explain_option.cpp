#include "pg/sql/explain_option.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/tally.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace cache_ext::pg {
namespace {

struct Shown {
    core::Counter counter;
    const char* text;   // in the text format, where zeros are left out
    const char* label;  // in the others
};
constexpr Shown kShown[] = {
    {core::Counter::kHits, "hits", "Hits"},
    {core::Counter::kStaleHits, "stale hits", "Stale Hits"},
    {core::Counter::kMisses, "misses", "Misses"},
    {core::Counter::kFills, "fills", "Fills"},
    {core::Counter::kWaits, "waits", "Waits"},
    {core::Counter::kBypasses, "bypasses", "Bypasses"},
};

uint64 value_of(const TallyRow& row, core::Counter counter) {
    return row.value[static_cast<uint32>(counter)];
}

void report_as_text(const TallyRow& row, ExplainState* es) {
    appendStringInfoSpaces(es->str, es->indent * 2);
    appendStringInfo(es->str, "Cache %s:", quote_identifier(row.name));
    for (const Shown& s : kShown) {
        if (value_of(row, s.counter) == 0) continue;
        appendStringInfo(es->str, " %s=" UINT64_FORMAT, s.text, value_of(row, s.counter));
    }
    appendStringInfoChar(es->str, '\n');
    for (uint32 i = 0; i < core::kBypassReasons; ++i) {
        if (row.bypass[i] == 0) continue;
        appendStringInfoSpaces(es->str, es->indent * 2 + 2);
        appendStringInfo(es->str, "Bypass: %s=" UINT64_FORMAT "\n",
                         bypass_text(static_cast<core::Bypass>(i)), row.bypass[i]);
    }
}

void report_as_group(const TallyRow& row, ExplainState* es) {
    ExplainOpenGroup("Cache", nullptr, true, es);
    ExplainPropertyText("Name", row.name, es);
    for (const Shown& s : kShown) {
        ExplainPropertyInteger(s.label, nullptr, static_cast<int64>(value_of(row, s.counter)), es);
    }
    ExplainOpenGroup("Bypass Reasons", "Bypass Reasons", false, es);
    for (uint32 i = 0; i < core::kBypassReasons; ++i) {
        if (row.bypass[i] == 0) continue;
        ExplainOpenGroup("Bypass Reason", nullptr, true, es);
        ExplainPropertyText("Reason", bypass_text(static_cast<core::Bypass>(i)), es);
        ExplainPropertyInteger("Count", nullptr, static_cast<int64>(row.bypass[i]), es);
        ExplainCloseGroup("Bypass Reason", nullptr, true, es);
    }
    ExplainCloseGroup("Bypass Reasons", "Bypass Reasons", false, es);
    ExplainCloseGroup("Cache", nullptr, true, es);
}

void* begin() {
    return begin_tally();
}

void report(void* state, ExplainState* es) {
    const bool text = es->format == EXPLAIN_FORMAT_TEXT;
    if (!text) ExplainOpenGroup("Caches", "Caches", false, es);
    for (const TallyRow* row = take_tally(static_cast<Tally*>(state)); row != nullptr;
         row = row->next) {
        if (text) {
            report_as_text(*row, es);
        } else {
            report_as_group(*row, es);
        }
    }
    if (!text) ExplainCloseGroup("Caches", "Caches", false, es);
}

}  // namespace

void install_cache_option() {
    install_explain_option({"cache_ext", "CACHE_EXT", begin, report});
}

}  // namespace cache_ext::pg
