// What is begun in a run of an owner's code is carried out in that run, and nothing else is.
//
// A function that a loader calls can close a cursor of the reader and open another one under its
// name, which the reader would then carry out as himself; or fetch from the reader's.
#pragma once

namespace cache_ext::pg {

// Once, in _PG_init.
void install_run_queries();

}  // namespace cache_ext::pg
