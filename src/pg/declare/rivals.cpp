#include "pg/declare/rivals.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// What is to be known of a row of pg_proc, pg_type or pg_extension.
struct Named {
    Oid class_id;
    Oid oid;
    Oid schema;
    bool row_type;
};

Named named(Oid class_id, HeapTuple tuple) {
    if (class_id == ProcedureRelationId) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        return {class_id, proc->oid, proc->pronamespace, false};
    }
    if (class_id == TypeRelationId) {
        auto* type = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
        return {class_id, type->oid, type->typnamespace, OidIsValid(type->typrelid)};
    }
    auto* extension = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
    return {class_id, extension->oid, extension->extnamespace, false};
}

// Rows of one catalog that have the name, by the snapshot.
template <class Visit>
void each_named(Oid class_id, const char* name, Snapshot snapshot, Visit visit) {
    const bool function = class_id == ProcedureRelationId, type = class_id == TypeRelationId;
    NameData key_name;
    namestrcpy(&key_name, name);
    ScanKeyData key;
    static_assert(Anum_pg_type_typname == Anum_pg_proc_proname &&
                  Anum_pg_extension_extname == Anum_pg_proc_proname);
    ScanKeyInit(&key, Anum_pg_proc_proname, BTEqualStrategyNumber, F_NAMEEQ,
                NameGetDatum(&key_name));
    Relation catalog = table_open(class_id, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog,
                                          function ? ProcedureNameArgsNspIndexId
                                          : type   ? TypeNameNspIndexId
                                                   : ExtensionNameIndexId,
                                          true, snapshot, 1, &key);
    for (HeapTuple t = systable_getnext(scan); HeapTupleIsValid(t); t = systable_getnext(scan)) {
        visit(named(class_id, t));
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

template <class Visit>
void each_rival(const Rivals& rivals, Snapshot snapshot, Visit visit) {
    const auto check = [&](const Named& n) {
        if (n.schema == rivals.schema && n.oid != rivals.but && !n.row_type) visit(n);
    };
    each_named(ProcedureRelationId, rivals.name, snapshot, check);
    if (!rivals.is_type) each_named(TypeRelationId, rivals.name, snapshot, check);
}

// Is it a member of the extension, or does it go with it, as accessors do?
RivalOf whose(const Named& n, Oid extension, Snapshot snapshot) {
    RivalOf of = RivalOf::kAnybody;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(n.class_id));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(n.oid));
    Relation catalog = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, DependDependerIndexId, true, snapshot, 2, keys);
    for (HeapTuple t = systable_getnext(scan); HeapTupleIsValid(t); t = systable_getnext(scan)) {
        auto* depend = reinterpret_cast<Form_pg_depend>(GETSTRUCT(t));
        if (depend->refclassid != ExtensionRelationId || depend->refobjid != extension) continue;
        if (depend->deptype == DEPENDENCY_EXTENSION) of = RivalOf::kExtension;
        if (depend->deptype == DEPENDENCY_AUTO_EXTENSION) of = std::max(of, RivalOf::kCache);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return of;
}

}  // namespace

Oid extension_in(Oid schema) {
    Oid found = InvalidOid;
    const auto check = [&](const Named& n) {
        if (n.schema == schema) found = n.oid;
    };
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    each_named(ExtensionRelationId, "cache_ext", &dirty, check);
    // A look at uncommitted rows can miss one that is updated at that moment.
    if (!OidIsValid(found)) each_named(ExtensionRelationId, "cache_ext", nullptr, check);
    return found;
}

void require_no_rival_in_progress(const Rivals& rivals) {
    TransactionId maker = InvalidTransactionId;
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    each_rival(rivals, &dirty, [&](const Named&) {
        if (TransactionIdIsValid(dirty.xmin)) maker = dirty.xmin;
    });
    if (!TransactionIdIsValid(maker)) return;
    ereport(ERROR,
            (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
             errmsg("another transaction is making \"%s\" in the schema of cache_ext", rivals.name),
             errdetail("Transaction %u has not ended; it may be a prepared one.", maker),
             errhint("Try again when it has ended, or take another name.")));
}

Rival find_rival(const Rivals& rivals, Oid extension) {
    Rival worst = {RivalOf::kNobody, InvalidOid, false};
    Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
    each_rival(rivals, latest, [&](const Named& n) {
        const RivalOf of = whose(n, extension, latest);
        if (of > worst.of) worst = {of, n.oid, n.class_id == TypeRelationId};
    });
    UnregisterSnapshot(latest);
    return worst;
}

void require_no_rival(const Rivals& rivals, Oid extension) {
    const Rival rival = find_rival(rivals, extension);
    if (rival.of == RivalOf::kNobody || rival.of == RivalOf::kExtension) return;
    ereport(ERROR,
            (errcode(rival.is_type ? ERRCODE_DUPLICATE_OBJECT : ERRCODE_DUPLICATE_FUNCTION),
             rival.is_type
                 ? errmsg("type \"%s\" already exists in the schema of cache_ext", rivals.name)
                 : errmsg("function \"%s\" already exists in the schema of cache_ext", rivals.name),
             errhint("Have it dropped, or take another name or schema.")));
}

}  // namespace cache_ext::pg
