// Queries that functions run in parallel workers: what they read there no load notes.
//
// Numbers in shared memory say how often that has come up for the leader; some leaders share one.
// Writers take no lock; whoever reads has waited for the workers.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// In a parallel worker, for each query that starts.
void note_query_in_worker();
// How often workers of this session have run queries of functions. Grows.
uint32 queries_in_workers();

// --- for the shared-memory hooks ---

size_t worker_reads_bytes();
void attach_worker_reads();

}  // namespace cache_ext::pg
