#include "core/guard.hpp"

#include <sys/mman.h>

#include "core/store.hpp"

namespace cache_ext::core {

// In front of the first control block, and behind each of them; so there is one in front of the
// arena.
bool Store::protect_guard_pages() const {
    if (!kGuarded) return true;
    const auto protect = [](void* page) { return mprotect(page, kGuardPage, PROT_READ) == 0; };
    bool done = protect(reinterpret_cast<char*>(caches_) - kGuardPage);
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        done = protect(reinterpret_cast<char*>(caches_ + i + 1) - kGuardPage) && done;
    }
    return done;
}

void Store::check_arena() const {
    static std::uint32_t calls = 0;
    if (kGuarded && ++calls % kChecksApart == 0) sound(arena_.check());
}

}  // namespace cache_ext::core
