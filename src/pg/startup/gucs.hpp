// The settings as the server knows them: names, ranges, and what a change of them sets off.
#pragma once

namespace cache_ext::pg {

// preloading: called while the postmaster starts, so settings fixed at start can be defined.
void define_settings(bool preloading);

}  // namespace cache_ext::pg
