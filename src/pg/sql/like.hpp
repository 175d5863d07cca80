// LIKE over the text of a key, for cache_invalidate_like. The server's own answers to no cancel
// within one comparison, and a key of 8 kB can be 100 MB of text (jsonb of large numbers).
#pragma once

#include <cstddef>

namespace cache_ext::pg {

struct LikePattern {
    const char* bytes;
    size_t size;
};

// ERROR 22025 if it ends with an escape character.
void check_like_pattern(const LikePattern& pattern);

// text LIKE pattern, byte by byte; answers to cancel and terminate.
bool like(const char* text, size_t size, const LikePattern& pattern);

}  // namespace cache_ext::pg
