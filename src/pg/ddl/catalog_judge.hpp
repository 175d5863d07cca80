// What the invalidation messages of a transaction speak of, and what that means for cached values.
#pragma once

#include "pg/ddl/catalog_effect.hpp"

extern "C" {
#include "storage/sinval.h"
}

namespace cache_ext::pg {

// May raise an error.
CatalogEffect judge_messages(const SharedInvalidationMessage* messages, int count, bool final);

}  // namespace cache_ext::pg
