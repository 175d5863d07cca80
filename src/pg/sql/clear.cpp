#include "pg/sql/clear.hpp"

#include "pg/base/compat.hpp"
#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/base/entries.hpp"
#include "pg/write/puts.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/load/run.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
}

namespace cache_ext::pg {
namespace {

constexpr core::Millis kTokenLife = 60000;
constexpr int kTokenBytes = 16;
constexpr int kMaxTokens = 64;

struct Token {
    Oid database;
    Oid role;
    core::Millis expires_at;  // 0: free
    uint8 secret[kTokenBytes];
};

// One token per role and database; a request replaces the one before. When all places are taken,
// the token that would expire first makes room. The spinlock protects everything, for the few
// instructions of one scan.
struct Tokens {
    slock_t lock;
    Token all[kMaxTokens];
};

Tokens* tokens = nullptr;

bool same_bearer(const Token& t) {
    return t.expires_at != 0 && t.database == MyDatabaseId && t.role == GetUserId();
}

void issue(const uint8* secret, core::Millis now) {
    SpinLockAcquire(&tokens->lock);
    Token* place = &tokens->all[0];
    for (Token& t : tokens->all) {
        if (t.expires_at < place->expires_at) place = &t;
    }
    for (Token& t : tokens->all) {
        if (same_bearer(t)) place = &t;
    }
    place->database = MyDatabaseId;
    place->role = GetUserId();
    place->expires_at = now + kTokenLife;
    memcpy(place->secret, secret, kTokenBytes);
    SpinLockRelease(&tokens->lock);
}

// True, once, for the token that this role was given in this database. It takes the same time
// however much of a guess is right.
bool redeem(const uint8* secret, core::Millis now) {
    bool valid = false;
    SpinLockAcquire(&tokens->lock);
    for (Token& t : tokens->all) {
        if (!same_bearer(t)) continue;
        uint8 difference = 0;
        for (int i = 0; i < kTokenBytes; ++i) {
            difference = static_cast<uint8>(difference | (t.secret[i] ^ secret[i]));
        }
        valid = difference == 0 && now < t.expires_at;
        if (difference == 0) t.expires_at = 0;
    }
    SpinLockRelease(&tokens->lock);
    return valid;
}

// Whose entries are removed must all be the caller's. A cache without its accessor has no owner.
void require_all_caches() {
    if (superuser()) return;
    const int n = definition_count();
    for (int i = 0; i < n; ++i) {
        const Definition* d = definition_at(i);
        if (OidIsValid(d->accessor) &&
            object_ownercheck(ProcedureRelationId, d->accessor, GetUserId()))
            continue;
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of all caches of this database to clear them"),
                        errdetail("Cache \"%s\" belongs to another role.", d->name),
                        errhint("Clear your own with cache_invalidate_all.")));
    }
}

bool decode(const text* token, uint8* secret) {
    const char* hex = VARDATA_ANY(token);
    if (VARSIZE_ANY_EXHDR(token) != size_t{2} * kTokenBytes) return false;
    for (int i = 0; i < 2 * kTokenBytes; ++i) {
        const char c = hex[i];
        const bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) return false;
        const int value = digit ? c - '0' : c - 'a' + 10;
        secret[i / 2] = static_cast<uint8>(i % 2 == 0 ? value << 4 : secret[i / 2] | value);
    }
    return true;
}

}  // namespace

size_t clear_bytes() {
    return sizeof(Tokens);
}

void attach_clear() {
    bool found;
    tokens = static_cast<Tokens*>(ShmemInitStruct("cache_ext tokens", sizeof(Tokens), &found));
    if (found) return;
    memset(static_cast<void*>(tokens), 0, sizeof(Tokens));
    SpinLockInit(&tokens->lock);
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_clear_request_1_0);
PG_FUNCTION_INFO_V1(cache_clear_1_0);
}

extern "C" Datum cache_clear_request_1_0(PG_FUNCTION_ARGS) {
    require_store("cache_clear_request");
    forbid_in_run("cache_clear_request");
    PreventCommandDuringRecovery("cache_clear_request");
    require_all_caches();
    uint8 secret[kTokenBytes];
    if (!pg_strong_random(secret, sizeof(secret))) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no random number for a token")));
    }
    issue(secret, now_ms());
    char hex[2 * kTokenBytes + 1];
    char* end = hex;
    for (const uint8 byte : secret) end += snprintf(end, 3, "%02x", byte);
    PG_RETURN_TEXT_P(cstring_to_text(hex));
}

// The entries go at once, all keys count as changed by this transaction, and the token is used up,
// whether it commits or not.
extern "C" Datum cache_clear_1_0(PG_FUNCTION_ARGS) {
    require_store("cache_clear");
    forbid_in_run("cache_clear");
    PreventCommandDuringRecovery("cache_clear");
    require_all_caches();
    uint8 secret[kTokenBytes];
    if (!decode(PG_GETARG_TEXT_PP(0), secret) || !redeem(secret, now_ms())) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("token is not valid"),
                        errdetail("A token is good for one use within 60 seconds, by the role and "
                                  "in the database that asked for it last."),
                        errhint("Ask for a new one with cache_clear_request().")));
    }
    GetTopTransactionId();
    int64 removed = 0;
    const int n = definition_count();
    for (int i = 0; i < n; ++i) {
        const Definition* d = definition_at(i);
        const core::CacheIndex index = control_block(d);
        drop_pending_puts(d->id, nullptr);
        collect_whole(d->id, false);
        removed += remove_entries(index);
    }
    PG_RETURN_INT64(removed);
}

}  // namespace cache_ext::pg
