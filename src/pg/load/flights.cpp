#include "pg/load/flights.hpp"

#include <iterator>

#include "pg/base/compat.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/hard_writers.hpp"
#include "pg/load/error_kinds.hpp"
#include "pg/load/run.hpp"
#include "pg/base/settings.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/condition_variable.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/proclist.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/wait_event.h"
}

namespace cache_ext::pg {
namespace {

constexpr uint32 kFlights = 256;  // keys whose hashes meet in one place do not wait
constexpr long kShortestNapMs = 5;
constexpr long kLongestNapMs = 100;  // how late a load that waits for a lock may be noticed

// An error of the loader, and the snapshot that it was raised under.
struct Failure {
    static constexpr uint32 kMaxRunning = 32;
    int code;  // 0: none that others would meet, too
    CacheId cache;
    core::Xid xmin;
    core::Xid xmax;
    uint32 running_count;
    uint32 running[kMaxRunning];
    char text[496];  // message, detail and hint, each with its zero; longer ones are not shared

    core::Snapshot snapshot() const { return {xmin, xmax, running, running_count}; }
};

struct Flight {
    core::Tag key;
    int pid;  // 0: nobody loads
    int procno;
    uint32 number;  // of loads so far
    bool gone;      // the last one was not ended by what it loads: somebody else may try
    bool published;
    Failure failure;
    ConditionVariable landed;
};

Flight* flights = nullptr;
LWLock* flights_lock = nullptr;

Flight* own = nullptr;  // the load of this session that others may wait for
int own_level = 0;
uint64 own_marks = 0;     // marks_made() when it began
bool own_failed = false;  // by an error of the loader
Failure own_failure = {};

// Does this session hold a lock that somebody could be waiting for while holding up the load that
// this session would wait for? Its own virtual transaction does not count.
bool holds_strong_lock() {
    return holds_strong_fast_path_lock() || holds_lock([](const PROCLOCK& p) {
               return (p.holdMask & ~LOCKBIT_ON(AccessShareLock)) != 0 &&
                      p.tag.myLock->tag.locktag_type != LOCKTAG_VIRTUALTRANSACTION;
           });
}

bool waits_for_lock(int procno) {
    return __atomic_load_n(&ProcGlobal->allProcs[procno].waitLock, __ATOMIC_RELAXED) != nullptr;
}

// What a session does about the load of a key.
enum class Role : uint8 { kLoads, kLoadsUnshared, kWaits };

Role join(core::Tag key, Flight** flight, uint32* number) {
    Flight& f = flights[key % kFlights];
    Role role = Role::kLoadsUnshared;
    LWLockAcquire(flights_lock, LW_EXCLUSIVE);
    if (f.pid == 0) {
        f.key = key;
        f.pid = MyProcPid;
        f.procno = proc_number();
        role = Role::kLoads;
    } else if (f.key == key && f.pid != MyProcPid) {
        role = Role::kWaits;
    }
    *number = f.number;
    LWLockRelease(flights_lock);
    *flight = &f;
    return role;
}

// If there is no room for the texts, the whole failure is emptied: it is not shared.
void keep_text(const ErrorData& e, Failure* failure) {
    char* to = failure->text;
    size_t room = sizeof(failure->text);
    for (const char* part : {e.message, e.detail, e.hint}) {
        const size_t size = part == nullptr ? 1 : strlen(part) + 1;
        if (size > room) {
            *failure = {};
            return;
        }
        memcpy(to, part == nullptr ? "" : part, size);
        to += size;
        room -= size;
    }
}

[[noreturn]] void fail_alike(const Definition* d, const Failure& failure) {
    const char* message = failure.text;
    const char* detail = message + strlen(message) + 1;
    const char* hint = detail + strlen(detail) + 1;
    ereport(ERROR,
            (errcode(failure.code), errmsg_internal("%s", message),
             *detail != '\0' ? errdetail_internal("%s", detail) : 0,
             *hint != '\0' ? errhint("%s", hint) : 0,
             errcontext("load of cache \"%s\" by a session that this one waited for", d->name)));
}

// What the load came to; kNobody: it goes on, or there is nothing to share but perhaps its failure.
Await wait_for(Flight* f, uint32 number, Failure* failure) {
    const TimestampTz deadline =
        TimestampTzPlusMilliseconds(GetCurrentTimestamp(), settings.load_wait_ms);
    bool landed = false, again = false;
    const uint32 event = wait_event(Wait::kLoad);
    ConditionVariablePrepareToSleep(&f->landed);
    for (long nap = kShortestNapMs;; nap = std::min(nap * 2, kLongestNapMs)) {
        LWLockAcquire(flights_lock, LW_SHARED);
        landed = f->pid == 0 || f->number != number;
        again = f->published || f->gone;
        if (landed && f->number == number + 1) *failure = f->failure;
        const int procno = f->procno;
        LWLockRelease(flights_lock);
        if (landed || waits_for_lock(procno)) break;
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if (left <= 0) break;
        ConditionVariableTimedSleep(&f->landed, std::min(left, nap), event);
    }
    ConditionVariableCancelSleep();
    return landed && again ? Await::kServeAgain : Await::kNobody;
}

void end_flight(bool published, bool gone) {
    if (own == nullptr) return;
    LWLockAcquire(flights_lock, LW_EXCLUSIVE);
    own->pid = 0;
    own->published = published;
    own->gone = gone;
    own->failure = own_failure;
    ++own->number;
    LWLockRelease(flights_lock);
    ConditionVariableBroadcast(&own->landed);
    own = nullptr;
}

}  // namespace

size_t flights_bytes() {
    return sizeof(Flight) * kFlights;
}

void attach_flights(LWLock* lock) {
    bool found;
    flights_lock = lock;
    flights = static_cast<Flight*>(ShmemInitStruct("cache_ext flights", flights_bytes(), &found));
    if (found) return;
    memset(static_cast<void*>(flights), 0, flights_bytes());
    for (uint32 i = 0; i < kFlights; ++i) ConditionVariableInit(&flights[i].landed);
}

Await await_load(const Definition* d, const core::KeyView& key, const core::Snapshot& snapshot,
                 bool may_wait) {
    // A transaction that has an XID publishes nothing that others could wait for.
    if (own != nullptr || settings.load_wait_ms == 0 ||
        TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        return Await::kNobody;
    }
    Flight* flight;
    uint32 number;
    const Role role = join(key.hash, &flight, &number);
    if (role == Role::kLoads) {
        own = flight;
        own_level = GetCurrentTransactionNestLevel();
        own_marks = marks_made();
        own_failed = false;
        own_failure = {};
        return Await::kOthersWait;
    }
    if (role != Role::kWaits || !may_wait || inside_run() || holds_strong_lock()) {
        return Await::kNobody;
    }
    count(d, core::Counter::kWaits);
    Failure failure = {};
    const Await others = wait_for(flight, number, &failure);
    if (failure.code != 0 && failure.cache.id == d->id && failure.cache.database == MyDatabaseId &&
        core::same_snapshot(failure.snapshot(), snapshot) &&
        !misses_hard_writer(d->session->index, snapshot)) {
        fail_alike(d, failure);
    }
    return others;
}

bool others_wait() {
    if (own == nullptr) return false;
    SpinLockAcquire(&own->landed.mutex);
    const bool some = !proclist_is_empty(&own->landed.wakeup);
    SpinLockRelease(&own->landed.mutex);
    return some;
}

void land(bool published) {
    own_failure = {};
    end_flight(published, false);
}

void fail_flight(const Definition* d, const core::KeyView& key, const core::Snapshot& snapshot) {
    // The loader of another key may go on after that.
    if (own == nullptr || own->key != key.hash) return;
    own_failure = {};
    const int code = geterrcode();
    own_failed = ERRCODE_TO_CATEGORY(code) != ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION);
    const bool temporary = (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0;
    if (made_by_session(code) || marks_made() != own_marks || temporary) return;
    const MemoryContext errors = MemoryContextSwitchTo(TopTransactionContext);
    ErrorData* e = CopyErrorData();
    // What names an object, too, its reader may want to know.
    const auto given = [](const char* text) { return text != nullptr; };
    const char* named[] = {e->schema_name,   e->table_name,      e->column_name,
                           e->datatype_name, e->constraint_name, e->internalquery};
    const bool plain = std::none_of(std::begin(named), std::end(named), given);
    if (plain && snapshot.running_count <= Failure::kMaxRunning) {
        own_failure.code = code;
        own_failure.cache = d->cache_id();
        own_failure.xmin = snapshot.xmin;
        own_failure.xmax = snapshot.xmax;
        own_failure.running_count = snapshot.running_count;
        std::copy_n(snapshot.running, snapshot.running_count, own_failure.running);
        keep_text(*e, &own_failure);
    }
    FreeErrorData(e);
    MemoryContextSwitchTo(errors);
}

void transaction_ended_for_flights() {
    end_flight(false, !own_failed);
}

void subtransaction_aborted_for_flights(int level) {
    if (own != nullptr && own_level >= level) end_flight(false, !own_failed);
}

}  // namespace cache_ext::pg
