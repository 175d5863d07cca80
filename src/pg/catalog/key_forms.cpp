#include "pg/catalog/key_forms.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

// What this session has looked up, until a type, an operator class or a function changes.
constexpr uint32 kRemembered = 64;
KeyForm remembered[kRemembered];
uint64 forgotten = 0;  // how often
bool has_callbacks = false;

void forget(Datum, int, uint32) {
    ++forgotten;
    for (KeyForm& form : remembered) form.type = InvalidOid;
}

void install_callbacks() {
    for (const SysCacheIdentifier cache : {TYPEOID, CLAOID, PROCOID}) {
        CacheRegisterSyscacheCallback(cache, forget, 0);
    }
    has_callbacks = true;
}

// Writers run it whenever they change a row, with whatever rights they have: so no function that
// somebody has written in a language of the database.
bool is_compiled(Oid function) {
    if (function < FirstNormalObjectId) return true;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    const Oid language = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang;
    ReleaseSysCache(tuple);
    return language == INTERNALlanguageId || language == ClanguageId;
}

// With the equality that goes with the hash functions, if there are any.
TypeCacheEntry* with_hashes(Oid type) {
    return lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC |
                                       TYPECACHE_HASH_EXTENDED_PROC |
                                       TYPECACHE_HASH_EXTENDED_PROC_FINFO);
}

// Do btree indexes deduplicate its values, by a rule of the server's own?
bool has_equal_images(Oid type) {
    const TypeCacheEntry* entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(entry->btree_opf)) return false;
    const Oid function = get_opfamily_proc(entry->btree_opf, entry->btree_opintype,
                                           entry->btree_opintype, BTEQUALIMAGE_PROC);
    return OidIsValid(function) && function < FirstNormalObjectId &&
           DatumGetBool(OidFunctionCall1Coll(function, C_COLLATION_OID,
                                             ObjectIdGetDatum(entry->btree_opintype)));
}

Equality equality_of(Oid type);

// Its bounds are compared by an operator class of its own, which need not be that of the hash.
bool compares_as_its_bounds(Oid range) {
    const TypeCacheEntry* entry = lookup_type_cache(range, TYPECACHE_RANGE_INFO);
    if (entry->rngelemtype == nullptr) return false;
    const TypeCacheEntry* bound =
        lookup_type_cache(entry->rngelemtype->type_id, TYPECACHE_CMP_PROC);
    return entry->rng_cmp_proc_finfo.fn_oid == bound->cmp_proc;
}

bool has_own_hash(Oid type) {
    const TypeCacheEntry* entry = with_hashes(type);
    const Oid function =
        OidIsValid(entry->hash_extended_proc) ? entry->hash_extended_proc : entry->hash_proc;
    return OidIsValid(function) && is_compiled(function);
}

// Of what is no domain, under a collation that is deterministic.
Equality equality_of_base(Oid type) {
    switch (type) {
        case BOOLOID:
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case OIDOID:
        case DATEOID:
        case TIMEOID:
        case TIMETZOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case MONEYOID:
        case UUIDOID:
        case MACADDROID:
        case BYTEAOID:
        case TEXTOID:
        case VARCHAROID:
        case NAMEOID:
            return Equality::kBytes;
        case BPCHAROID:
            return Equality::kBlanks;
        case NUMERICOID:
            return Equality::kNumeric;
        default:
            break;
    }
    Oid inner = InvalidOid;
    switch (get_typtype(type)) {
        case TYPTYPE_ENUM:
            return Equality::kBytes;
        case TYPTYPE_RANGE:
            inner = get_range_subtype(type);
            if (!compares_as_its_bounds(type)) return Equality::kUnknown;
            break;
        case TYPTYPE_MULTIRANGE:
            inner = get_multirange_range(type);
            break;
        case TYPTYPE_BASE:
            inner = get_element_type(type);
            break;
        default:
            return Equality::kUnknown;
    }
    if (OidIsValid(inner) && equality_of(inner) == Equality::kUnknown) return Equality::kUnknown;
    // Where both are known: its own hash may mix what differs (that of pg_lsn).
    if (has_equal_images(type)) return Equality::kBytes;
    return has_own_hash(type) ? Equality::kOwn : Equality::kUnknown;
}

Equality equality_of(Oid type) {
    check_stack_depth();
    const char kind = get_typtype(type);
    if (kind == '\0' || kind == TYPTYPE_PSEUDO || !get_typisdefined(type)) {
        return Equality::kUnknown;
    }
    if (kind != TYPTYPE_DOMAIN) return equality_of_base(type);
    return differs_in_collation(type) ? Equality::kUnknown : equality_of(getBaseType(type));
}

KeyForm looked_up(Oid type) {
    const Equality equality = equality_of(type);
    if (equality == Equality::kUnknown) return {type, type, -1, false, equality};
    KeyForm form = {type, getBaseType(type), 0, false, equality};
    bool by_value;
    get_typlenbyval(form.base, &form.size, &by_value);
    form.by_reference = !by_value && form.size > 0;
    if (form.size < 0 || form.is_name()) form.size = 0;
    return form;
}

// What is equal in arrays: their elements, which the type's own hash is made of, and their bounds.
uint64 with_bounds(uint64 hash, Datum value) {
    ArrayType* array = DatumGetArrayTypeP(value);
    const int size = ARR_NDIM(array) * static_cast<int>(sizeof(int));
    const auto bytes = [](const int* bounds) { return reinterpret_cast<const uint8*>(bounds); };
    hash = hash_combine64(hash, hash_bytes_extended(bytes(ARR_DIMS(array)), size, 0));
    return hash_combine64(hash, hash_bytes_extended(bytes(ARR_LBOUND(array)), size, 0));
}

uint64 call_own_hash(Oid type, Datum value) {
    TypeCacheEntry* entry = with_hashes(type);
    // Collations of keys are deterministic: what they call equal has the same bytes, as in C.
    if (!OidIsValid(entry->hash_extended_proc)) {
        entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO);
        return finish(
            DatumGetUInt32(FunctionCall1Coll(&entry->hash_proc_finfo, C_COLLATION_OID, value)));
    }
    const bool is_array = entry->hash_extended_proc == F_HASH_ARRAY_EXTENDED;
    const uint64 hash = DatumGetUInt64(FunctionCall2Coll(
        &entry->hash_extended_proc_finfo, C_COLLATION_OID, value, UInt64GetDatum(0)));
    return is_array ? with_bounds(hash, value) : hash;
}

// Without the zeros at its end. (Its own hash leaves out the sign as well.)
uint64 hash_numeric_key(Datum value) {
    const char* text = numeric_normalize(DatumGetNumeric(value));
    return hash_bytes_extended(reinterpret_cast<const uint8*>(text), static_cast<int>(strlen(text)),
                               0);
}

}  // namespace

bool differs_in_collation(Oid domain) {
    return get_typcollation(domain) != get_typcollation(getBaseType(domain));
}

KeyForm form_of(Oid type) {
    KeyForm& place = remembered[type % kRemembered];
    if (place.type == type && OidIsValid(type)) return place;
    if (!has_callbacks) install_callbacks();
    // Looking up may hear of changes: then it may have seen what was before.
    const uint64 before = forgotten;
    const KeyForm form = looked_up(type);
    if (forgotten == before) place = form;
    return form;
}

Bytes bytes_of(const KeyForm& form, Datum value, uint64* scratch) {
    if (form.is_name()) {
        const char* name = NameStr(*DatumGetName(value));
        return {reinterpret_cast<const uint8*>(name), static_cast<uint32>(strlen(name))};
    }
    const auto size = static_cast<uint32>(form.size);
    if (form.by_reference) {
        return {reinterpret_cast<const uint8*>(DatumGetPointer(value)), size};
    }
    if (size == 0) {
        struct varlena* v = PG_DETOAST_DATUM_PACKED(value);
        return {reinterpret_cast<const uint8*>(VARDATA_ANY(v)),
                static_cast<uint32>(VARSIZE_ANY_EXHDR(v))};
    }
    *scratch = static_cast<uint64>(value);
#ifdef WORDS_BIGENDIAN
    *scratch <<= 8 * (8 - size);
#endif
    return {reinterpret_cast<const uint8*>(scratch), size};
}

uint64 hash_of(const KeyForm& form, Datum value, Bytes bytes) {
    switch (form.equality) {
        case Equality::kNumeric:
            return hash_numeric_key(value);
        case Equality::kOwn:
            return call_own_hash(form.base, value);
        case Equality::kBlanks:
            while (bytes.size > 0 && bytes.data[bytes.size - 1] == ' ') --bytes.size;
            break;
        case Equality::kBytes:
        case Equality::kUnknown:
            break;
    }
    if (bytes.size <= sizeof(uint64)) {
        uint64 word = 0;
        memcpy(&word, bytes.data, bytes.size);
        return finish(word + bytes.size);
    }
    return hash_bytes_extended(bytes.data, static_cast<int>(bytes.size), 0);
}

}  // namespace cache_ext::pg
