#include "pg/catalog/path_announcements.hpp"

#include "pg/base/store_handle.hpp"

extern "C" {
#include "common/hashfn.h"
}

namespace cache_ext::pg {
namespace {

core::Tag announcement_tag(int64 path, uint64 kind) {
    const uint64 parts[] = {MyDatabaseId, static_cast<uint64>(path), kind};
    return hash_bytes_extended(reinterpret_cast<const uint8*>(parts), sizeof(parts), kind);
}

}  // namespace

core::Tag children_tag(int64 path) {
    return announcement_tag(path, 'c');
}
core::Tag movers_tag(int64 path) {
    return announcement_tag(path, 'm');
}

bool announce_prepared(uint64 cache_id, core::Xid xid) {
    const Definition* d = definitions_known() ? find_definition_by_id(cache_id) : nullptr;
    for (int i = 0; d != nullptr && i < d->relation_count; ++i) {
        const RelationDependencies* r = dependencies_of(d->relations[i]);
        for (int k = 0; r != nullptr && k < r->count; ++k) {
            const Dependency& dep = r->dependencies[k];
            if (dep.kind != DependencyKind::kPath || dep.declared != r->relation) continue;
            for (core::Tag tag : {movers_tag(dep.path), children_tag(dep.path)}) {
                store().register_writer({tag, core::TagKind::kPart, false, core::kNoCache, true},
                                        xid, core::Ended{});
            }
        }
    }
    return d != nullptr;
}

}  // namespace cache_ext::pg
