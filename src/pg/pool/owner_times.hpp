// How much of the workers' time each owner of caches has had of late: what was a minute ago counts
// half. The caller holds tasks_lock.
#pragma once

#include "core/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

struct OwnerTimes {
    static constexpr uint32 kCapacity = 256;
    struct Owner {
        Oid database;
        Oid owner;
        double ms;
        core::Millis as_of;
    };
    Owner entries[kCapacity];  // the one with the least time gives way

    double recent_ms(Oid database, Oid owner, core::Millis now) const;
    void charge(Oid database, Oid owner, double ms, core::Millis now);
};

}  // namespace cache_ext::pg
