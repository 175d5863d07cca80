// Hooks on statements that change what snapshots read without touching rows.
#pragma once

namespace cache_ext::pg {

void install_utility_hooks();

}  // namespace cache_ext::pg
