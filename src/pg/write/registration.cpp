#include "pg/write/registration.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/commit_log.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

core::Xid own_xid() {
    return U64FromFullTransactionId(GetTopFullTransactionId());
}

bool register_with(const core::WrittenTag& written, core::Xid xid, const core::Snapshot& snapshot) {
    core::Xid running[core::kMaxRunning];
    core::Xid ended[core::kMaxRunning];
    core::Outcome outcomes[core::kMaxRunning];
    core::Ended knowledge;
    // Zero for hard writers: nobody has ended by age alone, see below.
    knowledge.oldest_running = written.hard ? 0 : std::min(snapshot.xmin, xid);
    const uint32 n = store().possibly_running(written, running);
    for (uint32 i = 0; i < n; ++i) {
        // Our own XID is missing from our own snapshots' lists, and runs.
        if (running[i] == xid || running[i] == own_xid() || snapshot.in_progress(running[i])) {
            continue;
        }
        // A hard writer is forgotten by the next one, but not before its messages are out: it holds
        // its lock until then, and whoever fills asks those on record (hard_writers.hpp).
        if (written.hard && running[i] + kLongAgo > snapshot.xmax &&
            !try_xact_lock(static_cast<TransactionId>(running[i]))) {
            continue;
        }
        // What is added to a value is put into it once it is known how it has ended.
        outcomes[knowledge.count] =
            written.delta != nullptr ? outcome_of(running[i]) : core::Outcome::kUnknown;
        ended[knowledge.count++] = running[i];
    }
    knowledge.xids = ended;
    if (written.delta != nullptr) knowledge.outcomes = outcomes;
    return store().register_writer(written, xid, knowledge);
}

void register_now(const core::WrittenTag& written, core::Xid xid) {
    register_with(written, xid, to_core(GetLatestSnapshot()));
}

core::CacheIndex control_block_of(uint64 cache) {
    const Definition* d = definitions_known() ? find_definition_by_id(cache) : nullptr;
    return d != nullptr ? control_block(d) : attach_control_block(cache);
}

}  // namespace cache_ext::pg
