#include "pg/ddl/catalog_roles.hpp"

#include "pg/catalog/ddl_writers.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
}

namespace cache_ext::pg {
namespace {

constexpr Catalog kRoles = {AuthIdRelationId, AuthIdOidIndexId, Anum_pg_authid_oid};
constexpr Catalog kMembers = {AuthMemRelationId, InvalidOid, 0};
constexpr Catalog kSettings = {DbRoleSettingRelationId, InvalidOid, 0};
// The index begins with the class of what is referred to, which is almost always pg_authid; so
// this is asked by what depends, where that will do.
constexpr Catalog kByDatabase = {SharedDependRelationId, SharedDependDependerIndexId,
                                 Anum_pg_shdepend_dbid};
constexpr Catalog kSharedDepend = {SharedDependRelationId, InvalidOid, 0};

// Sets of roles, as hash tables: there may be a role for each of very many users.
HTAB* make_set(const List* oids) {
    HASHCTL info = {};
    info.keysize = sizeof(Oid);
    info.entrysize = sizeof(Oid);
    info.hcxt = CurrentMemoryContext;
    HTAB* set = hash_create("cache_ext roles", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    ListCell* cell;
    foreach (cell, const_cast<List*>(oids)) {
        const Oid oid = lfirst_oid(cell);
        hash_search(set, &oid, HASH_ENTER, nullptr);
    }
    return set;
}

bool is_in(HTAB* set, Oid oid) {
    return hash_search(set, &oid, HASH_FIND, nullptr) != nullptr;
}

struct MembersOf {
    Oid role;  // the key
    List* members;
};

void add_members(HTAB* members, const List* rows) {
    ListCell* cell;
    foreach (cell, const_cast<List*>(rows)) {
        const auto* form = form_of<FormData_pg_auth_members>(static_cast<HeapTuple>(lfirst(cell)));
        bool found;
        auto* of = static_cast<MembersOf*>(hash_search(members, &form->roleid, HASH_ENTER, &found));
        of->members = lappend_oid(found ? of->members : NIL, form->member);
    }
}

void read_members(Roles* roles) {
    if (roles->members != nullptr) return;
    HASHCTL info = {};
    info.keysize = sizeof(Oid);
    info.entrysize = sizeof(MembersOf);
    info.hcxt = CurrentMemoryContext;
    roles->members =
        hash_create("cache_ext members", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    TupleDesc desc;
    add_members(roles->members, rows_of(roles->sides, kMembers, 0, &desc));
    // As they were, too: who has just left a role was concerned by what it had.
    add_members(roles->members, changes_of(roles->sides, kMembers, 0).gone);
}

// The role and all who are members of it, directly or not.
List* with_members(Roles* roles, Oid role) {
    read_members(roles);
    List* all = list_make1_oid(role);
    HTAB* seen = make_set(all);
    for (int i = 0; i < list_length(all); ++i) {
        CHECK_FOR_INTERRUPTS();
        const Oid next = list_nth_oid(all, i);
        const auto* of =
            static_cast<MembersOf*>(hash_search(roles->members, &next, HASH_FIND, nullptr));
        ListCell* cell;
        foreach (cell, of != nullptr ? of->members : NIL) {
            const Oid member = lfirst_oid(cell);
            bool found;
            hash_search(seen, &member, HASH_ENTER, &found);
            if (!found) all = lappend_oid(all, member);
        }
    }
    hash_destroy(seen);
    return all;
}

bool is_superuser(Roles* roles, Oid role) {
    const RowPair row = row_of(roles->sides, kRoles, role);
    return row.before != nullptr && row.after != nullptr &&
           form_of<FormData_pg_authid>(row.before)->rolsuper &&
           form_of<FormData_pg_authid>(row.after)->rolsuper;
}

struct Owners {
    Roles* roles;
    List* superusers;  // of those that own something: who has been asked about
    HTAB* wanted;      // roles; nullptr: any that is no superuser
    List* databases;   // out
};

bool is_plain_owner(HeapTuple row, TupleDesc, void* argument) {
    auto* owners = static_cast<Owners*>(argument);
    const auto* form = form_of<FormData_pg_shdepend>(row);
    if (form->deptype != SHARED_DEPENDENCY_OWNER || form->refclassid != AuthIdRelationId) {
        return false;
    }
    if (list_member_oid(owners->superusers, form->refobjid)) return false;
    if (!is_superuser(owners->roles, form->refobjid)) return true;
    owners->superusers = lappend_oid(owners->superusers, form->refobjid);
    return false;
}

bool add_database(HeapTuple row, TupleDesc, void* argument) {
    auto* owners = static_cast<Owners*>(argument);
    const auto* form = form_of<FormData_pg_shdepend>(row);
    if (form->deptype == SHARED_DEPENDENCY_OWNER && form->refclassid == AuthIdRelationId &&
        OidIsValid(form->dbid) && is_in(owners->wanted, form->refobjid)) {
        owners->databases = list_append_unique_oid(owners->databases, form->dbid);
    }
    return false;
}

bool owns_here(HeapTuple row, TupleDesc, void* argument) {
    auto* owners = static_cast<Owners*>(argument);
    const auto* form = form_of<FormData_pg_shdepend>(row);
    return form->deptype == SHARED_DEPENDENCY_OWNER && form->refclassid == AuthIdRelationId &&
           is_in(owners->wanted, form->refobjid);
}

bool plain_owner_here(Roles* roles) {
    if (roles->plain_owner_here < 0) {
        if (roles->final) announce_ddl(MyDatabaseId, DdlScope::kOwners);
        Owners owners = {roles, NIL, nullptr, NIL};
        roles->plain_owner_here = any_row(roles->sides, kByDatabase, ObjectIdGetDatum(MyDatabaseId),
                                          is_plain_owner, &owners)
                                      ? 1
                                      : 0;
    }
    return roles->plain_owner_here == 1;
}

List* without_superusers(Roles* roles, List* all) {
    List* plain = NIL;
    ListCell* cell;
    foreach (cell, all) {
        if (!is_superuser(roles, lfirst_oid(cell))) plain = lappend_oid(plain, lfirst_oid(cell));
    }
    return plain;
}

bool matters_to(Roles* roles, Oid grantee, Oid database) {
    if (database != MyDatabaseId) {
        if (grantee == ACL_ID_PUBLIC) return true;
        bool everywhere = false;
        return list_member_oid(databases_of_role(roles, grantee, true, &everywhere), database) ||
               everywhere;
    }
    if (!plain_owner_here(roles)) return false;
    if (grantee == ACL_ID_PUBLIC) return true;
    List* plain = without_superusers(roles, with_members(roles, grantee));
    if (plain == NIL) return false;
    Owners owners = {roles, NIL, make_set(plain), NIL};
    return any_row(roles->sides, kByDatabase, ObjectIdGetDatum(MyDatabaseId), owns_here, &owners);
}

const Acl* privileges(HeapTuple row, TupleDesc desc, AttrNumber column, ObjectType type,
                      Oid owner) {
    bool null;
    const Datum value = heap_getattr(row, column, desc, &null);
    return null ? acldefault(type, owner) : DatumGetAclP(value);
}

bool has_item(const Acl* acl, const AclItem& item) {
    const AclItem* items = ACL_DAT(acl);
    return std::any_of(items, items + ACL_NUM(acl), [&](const AclItem& other) {
        return other.ai_grantee == item.ai_grantee && other.ai_grantor == item.ai_grantor &&
               other.ai_privs == item.ai_privs;
    });
}

bool extra_items_matter(Roles* roles, const Acl* acl, const Acl* other, Oid database) {
    const AclItem* items = ACL_DAT(acl);
    return std::any_of(items, items + ACL_NUM(acl), [&](const AclItem& item) {
        return !has_item(other, item) && matters_to(roles, item.ai_grantee, database);
    });
}

// The settings of one row, as text.
List* settings_of(HeapTuple row, TupleDesc desc) {
    if (row == nullptr) return NIL;
    bool null;
    const Datum array = heap_getattr(row, Anum_pg_db_role_setting_setconfig, desc, &null);
    if (null) return NIL;
    Datum* items;
    int count;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, nullptr,
                      &count);
    List* settings = NIL;
    for (int i = 0; i < count; ++i) {
        settings = lappend(settings, makeString(TextDatumGetCString(items[i])));
    }
    return settings;
}

// The row of the same role and database among the others.
HeapTuple same_target(HeapTuple row, const List* others) {
    const auto* form = form_of<FormData_pg_db_role_setting>(row);
    ListCell* cell;
    foreach (cell, const_cast<List*>(others)) {
        auto* other = static_cast<HeapTuple>(lfirst(cell));
        const auto* o = form_of<FormData_pg_db_role_setting>(other);
        if (o->setrole == form->setrole && o->setdatabase == form->setdatabase) return other;
    }
    return nullptr;
}

// Ours change no value.
bool only_own_settings_differ(HeapTuple row, HeapTuple other, TupleDesc desc) {
    constexpr const char* kOurs = "cache_ext.";
    List* a = settings_of(row, desc);
    List* b = settings_of(other, desc);
    ListCell* cell;
    foreach (cell, list_concat(list_difference(a, b), list_difference(b, a))) {
        if (strncmp(strVal(lfirst(cell)), kOurs, strlen(kOurs)) != 0) return false;
    }
    return true;
}

}  // namespace

bool privileges_matter(Roles* roles, HeapTuple before, HeapTuple after, TupleDesc desc,
                       AttrNumber column, ObjectType type, Oid owner, Oid database) {
    if (!differ(before, after, desc, column)) return false;
    const Acl* a = privileges(before, desc, column, type, owner);
    const Acl* b = privileges(after, desc, column, type, owner);
    if (!OidIsValid(database)) database = MyDatabaseId;
    roles->readers = true;
    roles->all_readers = roles->all_readers || database != MyDatabaseId;
    return extra_items_matter(roles, a, b, database) || extra_items_matter(roles, b, a, database);
}

List* databases_of_role(Roles* roles, Oid role, bool skip_superusers, bool* everywhere) {
    if (roles->final) announce_ddl(InvalidOid, DdlScope::kOwners);
    List* all = with_members(roles, role);
    if (skip_superusers) all = without_superusers(roles, all);
    // What it owns is not on record.
    if (list_member_oid(all, BOOTSTRAP_SUPERUSERID)) {
        *everywhere = true;
        return NIL;
    }
    if (all == NIL) return NIL;
    Owners owners = {roles, NIL, make_set(all), NIL};
    any_row(roles->sides, kSharedDepend, 0, add_database, &owners);
    return owners.databases;
}

List* databases_of_memberships(Roles* roles, bool* everywhere) {
    const RowChanges changes = changes_of(roles->sides, kMembers, 0);
    List* databases = NIL;
    for (const List* rows : {changes.gone, changes.come}) {
        ListCell* cell;
        foreach (cell, const_cast<List*>(rows)) {
            const auto* form =
                form_of<FormData_pg_auth_members>(static_cast<HeapTuple>(lfirst(cell)));
            roles->all_readers = true;
            databases = list_concat_unique_oid(
                databases, databases_of_role(roles, form->member, true, everywhere));
        }
    }
    return databases;
}

List* databases_of_settings(Roles* roles, bool* everywhere) {
    const RowChanges changes = changes_of(roles->sides, kSettings, 0);
    List* databases = NIL;
    for (const List* rows : {changes.gone, changes.come}) {
        const List* others = rows == changes.gone ? changes.come : changes.gone;
        ListCell* cell;
        foreach (cell, const_cast<List*>(rows)) {
            auto* row = static_cast<HeapTuple>(lfirst(cell));
            if (only_own_settings_differ(row, same_target(row, others), changes.desc)) continue;
            const auto* form = form_of<FormData_pg_db_role_setting>(row);
            if (!OidIsValid(form->setrole) && !OidIsValid(form->setdatabase)) {
                *everywhere = true;
                continue;
            }
            bool all = false;
            List* concerned = OidIsValid(form->setrole)
                                  ? databases_of_role(roles, form->setrole, false, &all)
                                  : NIL;
            const bool here =
                !OidIsValid(form->setrole) || all || list_member_oid(concerned, form->setdatabase);
            if (OidIsValid(form->setdatabase)) {
                if (here) databases = list_append_unique_oid(databases, form->setdatabase);
            } else {
                *everywhere |= all;
                databases = list_concat_unique_oid(databases, concerned);
            }
        }
    }
    return databases;
}

}  // namespace cache_ext::pg
