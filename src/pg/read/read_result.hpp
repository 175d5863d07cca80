// What a read came to.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

enum class Source : uint8 { kCache, kStale, kLoader, kPut, kNothing };

struct ReadResult {
    Datum value = 0;
    bool is_null = true;
    Source source = Source::kNothing;
    bool published = false;
    uint32 value_bytes = 0;
    core::Millis calculated_at = 0;
    core::Millis expires_at = 0;
};

}  // namespace cache_ext::pg
