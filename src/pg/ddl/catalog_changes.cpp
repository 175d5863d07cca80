#include "pg/ddl/catalog_changes.hpp"

#include "pg/ddl/catalog_judge.hpp"
#include "pg/ddl/catalog_relations.hpp"
#include "pg/base/guarded.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "utils/inval.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

struct Work {
    const SharedInvalidationMessage* messages;
    int count;
    bool final;
    CatalogEffect effect;
};

void judge(void* argument) {
    auto* work = static_cast<Work*>(argument);
    work->effect = judge_messages(work->messages, work->count, work->final);
}

bool is_shared(const SharedInvalidationMessage& m) {
    if (m.id >= 0) return !OidIsValid(m.cc.dbId);
    if (m.id == SHAREDINVALCATALOG_ID) return !OidIsValid(m.cat.dbId);
    return m.id == SHAREDINVALSNAPSHOT_ID && !OidIsValid(m.sn.dbId);
}

}  // namespace

CatalogEffect effect_of_catalog_changes(bool final) {
    SharedInvalidationMessage* messages;
    bool init_file;
    Work work = {nullptr, 0, final, {}};
    work.count = xactGetCommittedInvalidationMessages(&messages, &init_file);
    work.messages = messages;
    if ((work.count > 0 || inheritance_changed()) &&
        !guarded(judge, &work,
                 "a change of the catalogs cannot be told, all caches are invalidated")) {
        work.effect = {};
        work.effect.database = true;
        work.effect.everywhere = std::any_of(messages, messages + work.count, is_shared);
    }
    if (messages != nullptr) pfree(messages);
    return work.effect;
}

}  // namespace cache_ext::pg
