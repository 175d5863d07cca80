// Loading of the library.
#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/load/environment.hpp"
#include "pg/declare/hooks.hpp"
#include "pg/declare/new_owners.hpp"
#include "pg/declare/reserved_names.hpp"
#include "pg/startup/gucs.hpp"
#include "pg/sql/explain_option.hpp"
#include "pg/startup/shmem.hpp"
#include "pg/write/transaction.hpp"
#include "worker/workers.hpp"

extern "C" {
CACHE_EXT_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

using namespace cache_ext;

extern "C" void _PG_init(void) {
    const bool preloading = process_shared_preload_libraries_in_progress;
    pg::install_compat();
    pg::define_settings(preloading);
    pg::install_definition_callbacks();
    pg::install_transaction_callbacks();
    pg::install_environment();
    pg::install_cache_option();
    if (!preloading) return;
    pg::install_shared_memory_hooks();
    pg::install_utility_hooks();
    pg::install_reserved_names();
    pg::install_new_owners();
    worker::register_launcher();
}
