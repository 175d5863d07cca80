// The background processes: a launcher that connects to no database, and a worker per database that
// has something to refresh. docs/architecture.md has their states.
#pragma once

namespace cache_ext::worker {

// While shared_preload_libraries are being loaded.
void register_launcher();

}  // namespace cache_ext::worker
