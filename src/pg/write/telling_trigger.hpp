// Which trigger tells what a row adds to the values of aggregate caches.
//
// Several triggers of ours may be fired for the same row: a partition has one of its own and the
// clone of its parent's, and whoever has the right TRIGGER on a table can make more. To invalidate
// twice is the same as once; to add twice is not.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace cache_ext::pg {

enum class Telling : uint8 {
    kHere,       // this one tells it
    kElsewhere,  // another one does, or has done so
    kNowhere     // it is not known which does: what the row adds is unknown
};

// Of a trigger of ours that has been fired for a row. Costs a look at the relation's triggers;
// raises no errors, takes no locks.
Telling telling_of(const TriggerData& fired);

}  // namespace cache_ext::pg
