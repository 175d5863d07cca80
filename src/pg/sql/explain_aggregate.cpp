// cache_explain_aggregate: what a value of an aggregate cache is made of.
#include "pg/base/commit_log.hpp"
#include "pg/base/snapshots.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/aggregates.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/amounts.hpp"
#include "pg/load/elements.hpp"
#include "pg/load/session_inputs.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"
}

namespace cache_ext::pg {
namespace {

Datum text_of_value(Oid type, Datum value) {
    Oid output;
    bool varlena;
    getTypeOutputInfo(type, &output, &varlena);
    return CStringGetTextDatum(OidOutputFunctionCall(output, value));
}

// What is collected of a group's elements. False: it has none.
bool group_text(const Measure& m, const core::Amount* group, int size, Datum* text) {
    const auto count = static_cast<int>(std::find(group, group + size, core::kNoLeast) - group);
    if (count == 0) return false;
    *text = text_of_value(m.result, array_of_elements(m, group, count));
    return true;
}

// False: it says nothing.
bool amount_text(const Measure& m, int i, core::Amount amount, Datum* text) {
    const bool extreme = is_extreme(m.kind);
    if (extreme && amount == core::kNoLeast) return false;
    const Oid type = extreme ? m.result : NUMERICOID;
    const int scale = extreme || i == 0 ? m.scale : 0;
    Datum value;
    if (!value_of_amount(type, turned(m.kind, amount), scale, &value)) return false;
    *text = text_of_value(type, value);
    return true;
}

Datum amounts_array(const Aggregate* a, const core::Amount* amounts) {
    Datum items[core::kMaxAmounts];
    bool nulls[core::kMaxAmounts];
    int dims[] = {0}, from[] = {1};
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        if (m.kind == MeasureKind::kFirsts) {
            const core::Amount* came = &amounts[m.amount];
            for (const bool went : {false, true}) {
                const int n = dims[0]++;
                items[n] = 0;
                nulls[n] = !group_text(m, came + (went ? m.kept : 0), went ? went_of(m) : m.kept,
                                       &items[n]);
            }
            continue;
        }
        for (int k = 0; k < amounts_of(m); ++k) {
            const int n = dims[0]++;
            items[n] = 0;
            nulls[n] = !amount_text(m, k, amounts[m.amount + k], &items[n]);
        }
    }
    return PointerGetDatum(
        construct_md_array(items, nulls, 1, dims, from, TEXTOID, -1, false, TYPALIGN_INT));
}

const char* ending(const core::Snapshot& now, core::Xid xid) {
    if (now.in_progress(xid)) return "no";
    switch (outcome_of(xid)) {
        case core::Outcome::kCommitted:
            return "committed";
        case core::Outcome::kAborted:
            return "rolled back";
        case core::Outcome::kUnknown:
            break;
    }
    return "long ago";
}

// What writers add is there before they commit, and after they have rolled back.
void require_sight(const Definition* d) {
    require_accessor(d);
    if (may_see(d)) return;
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("permission denied for what the values of cache \"%s\" are made of", d->name),
             errdetail("That tells of changes which are not committed, or never were."),
             errhint("It is for the owner of the cache and members of "
                     "pg_read_all_stats.")));
}

struct Rows {
    ReturnSetInfo* set;
    core::Snapshot reader;
    core::Snapshot now;
};

// `amounts` 0: they are not known, or nothing.
void put(const Rows& rows, const char* part, core::Xid writer, Datum amounts) {
    Datum values[] = {CStringGetTextDatum(part),
                      FullTransactionIdGetDatum(FullTransactionIdFromU64(writer)), 0, 0, amounts};
    const bool nobody = writer == 0;
    bool nulls[] = {false, nobody, nobody, nobody, amounts == 0};
    if (!nobody) {
        values[2] = CStringGetTextDatum(ending(rows.now, writer));
        values[3] = BoolGetDatum(!rows.reader.in_progress(writer));
    }
    tuplestore_putvalues(rows.set->setResult, rows.set->setDesc, values, nulls);
}

void put_all(const Rows& rows, const Aggregate* a, const core::AccountView& view) {
    put(rows, "base", view.witness, amounts_array(a, view.base));
    for (uint32 i = 0; i < view.count; ++i) {
        const core::AccountView::Line& line = view.line[i];
        switch (line.kind) {
            case core::LineKind::kDelta:
                put(rows, "delta", line.xid,
                    amounts_array(a, view.delta + static_cast<size_t>(i) * view.amounts));
                break;
            case core::LineKind::kSeen:
                put(rows, "in the base", line.xid, 0);
                break;
            case core::LineKind::kUnseen:
                put(rows, "unknown", line.xid, 0);
                break;
        }
    }
}

}  // namespace
}  // namespace cache_ext::pg

using namespace cache_ext;
using namespace cache_ext::pg;

extern "C" {
PG_FUNCTION_INFO_V1(cache_explain_aggregate_1_0);
}

extern "C" Datum cache_explain_aggregate_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    const Definition* d = named_cache(fcinfo);
    require_sight(d);
    const Aggregate* a = aggregate_of(d);
    if (a == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("cache \"%s\" is not an aggregate cache", d->name),
                        errhint("cache_explain is for all caches.")));
    }
    KeyArguments arguments;
    key_arguments(fcinfo, 1, d, &arguments);
    Key key;
    encode_session_key(d, arguments.values, arguments.nulls, &key);
    static core::AccountView view;
    if (!store_ready() || control_block(d) == core::kNoCache ||
        !store().account(d->session->index, key.view, &view) ||
        view.amounts != static_cast<uint32>(a->amount_count)) {
        PG_RETURN_VOID();
    }
    put_all({reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), to_core(GetActiveSnapshot()),
             copy_to_core(GetLatestSnapshot())},
            a, view);
    PG_RETURN_VOID();
}
