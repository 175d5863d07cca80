// Loading of the library.
#include "pg/catalog/definitions.hpp"
#include "pg/load/environment.hpp"
#include "pg/declare/hooks.hpp"
#include "pg/declare/new_owners.hpp"
#include "pg/declare/reserved_names.hpp"
#include "pg/startup/gucs.hpp"
#include "pg/startup/shmem.hpp"
#include "pg/write/transaction.hpp"
#include "worker/workers.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

using namespace cache_ext;

extern "C" void _PG_init(void) {
    const bool preloading = process_shared_preload_libraries_in_progress;
    pg::define_settings(preloading);
    pg::install_definition_callbacks();
    pg::install_transaction_callbacks();
    pg::install_environment();
    if (!preloading) return;
    pg::install_shared_memory_hooks();
    pg::install_utility_hooks();
    pg::install_reserved_names();
    pg::install_new_owners();
    worker::register_launcher();
}
