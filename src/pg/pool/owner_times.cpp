#include "pg/pool/owner_times.hpp"

#include <cmath>

namespace cache_ext::pg {
namespace {

constexpr double kHalfLifeMs = 60000;

double faded(const OwnerTimes::Owner& o, core::Millis now) {
    const auto age = static_cast<double>(std::max<core::Millis>(0, now - o.as_of));
    return o.ms * std::exp2(-age / kHalfLifeMs);
}

}  // namespace

double OwnerTimes::recent_ms(Oid database, Oid owner, core::Millis now) const {
    for (const Owner& o : entries) {
        if (o.owner == owner && o.database == database) return faded(o, now);
    }
    return 0;
}

void OwnerTimes::charge(Oid database, Oid owner, double ms, core::Millis now) {
    Owner* place = &entries[0];
    for (Owner& o : entries) {
        if (o.owner == owner && o.database == database) {
            o.ms = faded(o, now) + ms;
            o.as_of = now;
            return;
        }
        if (faded(o, now) < faded(*place, now)) place = &o;
    }
    *place = {database, owner, ms, now};
}

}  // namespace cache_ext::pg
