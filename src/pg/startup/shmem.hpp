// Shared memory of the extension: who gets how much of it, and which locks.
#pragma once

namespace cache_ext::pg {

// Installs the request and startup hooks. Only while shared_preload_libraries are being loaded.
void install_shared_memory_hooks();

}  // namespace cache_ext::pg
