// Memory of the current context that is never seen half set: everything begins as its type says.
#pragma once

#include <new>
#include <type_traits>

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// `count` objects, each value-initialised; a valid address for none as well.
template <class T>
T* make_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    // NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer
    const size_t bytes = sizeof(T) * std::max<size_t>(count, 1);
    auto* all = static_cast<T*>(palloc_extended(bytes, MCXT_ALLOC_HUGE));
    for (size_t i = 0; i < count; ++i) new (all + i) T{};
    return all;
}

template <class T>
T* make() {
    return make_array<T>(1);
}

}  // namespace cache_ext::pg
