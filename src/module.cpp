// Loading of the library.
#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/load/environment.hpp"
#include "pg/ddl/row_counts.hpp"
#include "pg/declare/hooks.hpp"
#include "pg/declare/new_owners.hpp"
#include "pg/declare/new_version.hpp"
#include "pg/declare/reserved_names.hpp"
#include "pg/startup/gucs.hpp"
#include "pg/sql/explain_option.hpp"
#include "pg/startup/shmem.hpp"
#include "pg/write/transaction.hpp"
#include "pg/write/query_meaning.hpp"
#include "worker/workers.hpp"

extern "C" {
CACHE_EXT_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

using namespace cache_ext;

namespace {

// After an update a server goes on with the file that it was started with. But whoever asks for the
// library by another path than shared_preload_libraries gets the new one beside the old one, in the
// same process: that one has neither settings nor shared memory, and must not pass for the library.
void refuse_second_copy() {
    static char own[] = CACHE_EXT_VERSION;
    void** loaded = find_rendezvous_variable("cache_ext library");
    if (*loaded != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("library cache_ext was loaded already, from another file"),
                 errdetail("That one is of version %s, this one of version %s.",
                           static_cast<char*>(*loaded), own),
                 errhint("Restart the server if the library was updated since it started. "
                         "shared_preload_libraries has to name the file that the extension uses: "
                         "shared_preload_libraries = 'cache_ext'")));
    }
    *loaded = own;
}

}  // namespace

extern "C" void _PG_init(void) {
    refuse_second_copy();
    const bool preloading = process_shared_preload_libraries_in_progress;
    pg::install_compat();
    pg::define_settings(preloading);
    pg::install_definition_callbacks();
    pg::install_transaction_callbacks();
    pg::install_row_counts();
    pg::install_environment();
    pg::install_query_meaning();
    pg::install_cache_option();
    if (!preloading) return;
    pg::install_shared_memory_hooks();
    pg::install_utility_hooks();
    pg::install_reserved_names();
    pg::install_new_owners();
    pg::install_new_version();
    worker::register_launcher();
}
