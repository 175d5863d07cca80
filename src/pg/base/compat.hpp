// Everything that differs between PostgreSQL versions, each with its reason.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 160000
#error \
    "cache_ext supports PostgreSQL 15: check the facts in docs/guarantees.md before adding a version"
#endif

namespace cache_ext::pg {

// The newest XID known to have completed. Written under ProcArrayLock; as an aligned 64-bit load it
// needs no lock, and any value not older than the snapshot at hand will do (see snapshots.cpp).
// 17 renames ShmemVariableCache to TransamVariables.
inline uint64 latest_completed_xid() {
    return __atomic_load_n(&ShmemVariableCache->latestCompletedXid.value, __ATOMIC_RELAXED);
}

// 15 declares the callbacks of tree walkers without parameters, which C++ takes at its word; 16
// gives them their types.
template <class Walker>
inline auto tree_walker(Walker* walker) {
    return reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker));
}

// Does cursor_to_xmlschema look whether a portal has columns before it describes them? 15.5 and
// later do. The server may be another minor version than the one we were compiled for.
inline bool looks_for_columns_of_cursor() {
    static const bool looks = atoi(GetConfigOption("server_version_num", false, false)) >= 150005;
    return looks;
}

}  // namespace cache_ext::pg
