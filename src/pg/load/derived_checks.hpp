// Dependencies that were derived from a loader's text: does its text still prove them?
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/load/loader_analysis.hpp"

namespace cache_ext::pg {

enum class Proof : uint8 {
    kHolds,
    kFails,
    kNotFound  // that cannot be found out, here (in a parallel query) or now (after an error)
};

// By the analysis of now, which is made anew once this session has heard of any change. kHolds
// where nothing was derived. Only for who has received all messages.
Proof text_proves_derived(const Definition* definition);

// analyse_loader() that keeps no locks. nullptr: the loader's text is wrong now.
LoaderAnalysis* analysis_of(const Definition* definition, Oid declarer);

}  // namespace cache_ext::pg
