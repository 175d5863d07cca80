#include "pg/read/held.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "storage/ipc.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

constexpr uint32 kAll = (1U << core::kHazards) - 1;

core::Ref* hazards = nullptr;  // of this process; nullptr: none, or no more
uint32 in_use = 0;             // a bit for each
bool asked = false;
MemoryContextCallback callbacks[core::kHazards];

void let_go(void* argument) {
    if (hazards == nullptr) return;
    auto* hazard = static_cast<core::Ref*>(argument);
    core::Store::let_go(hazard);
    in_use &= ~(1U << (hazard - hazards));
}

// Contexts that outlive the last transaction are not reset before the process ends.
void let_go_of_all(int, Datum) {
    for (uint32 i = 0; i < core::kHazards; ++i) core::Store::let_go(&hazards[i]);
    hazards = nullptr;
    in_use = kAll;
}

}  // namespace

core::Ref* free_hazard() {
    if (!asked) {
        asked = true;
        hazards = store().hazards(static_cast<uint32>(proc_number()));
        if (hazards == nullptr) {
            in_use = kAll;
        } else {
            on_shmem_exit(let_go_of_all, 0);
        }
    }
    return in_use == kAll ? nullptr : &hazards[__builtin_ctz(~in_use)];
}

void hold_for_context(core::Ref* hazard) {
    const auto i = hazard - hazards;
    in_use |= 1U << i;
    callbacks[i].func = let_go;
    callbacks[i].arg = hazard;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &callbacks[i]);
}

}  // namespace cache_ext::pg
