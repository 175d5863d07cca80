// Rings that keys share: the writers of a full key's tag are in the slot of its hash, beside those
// of other keys.
//
// In a shared ring nothing else speaks against an entry once the record that did is dropped, so the
// entry goes with it, unless it has an account, which knows by itself. The tag of a full key and
// its entry have the same hash, so one partition lock covers both. All functions: the partition
// lock of the tag, exclusive unless they say otherwise.
#pragma once

#include "core/block.hpp"

namespace cache_ext::core {

// Records a writer in the tag's slot (WriterRing::add).
void write_slot(const Block& block, const WriterRecord& record, const Ended& ended);
// The slot takes over what a ring that goes away knows of its tag.
void absorb_into_slot(const Block& block, const WriterRing& from, Tag tag);
// Is there an entry of another key whose writers are in the same slot? Shared.
bool has_bystander(const Block& block, Tag tag);

}  // namespace cache_ext::core
