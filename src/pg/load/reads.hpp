// What a load reads, noted while it does, for coverage.hpp to judge: the relations of every plan
// that it executes, and what else its value depends on that no relation tells of. (Statements that
// are no queries, SHOW and SET aside, are not allowed in functions that are not VOLATILE.)
//
// Complete by where it listens: every query of SQL, PL/pgSQL or SPI starts the executor, with a
// plan that names the tables behind views, in functions that were inlined, and under policies;
// every function that an expression calls is announced when the expression is made ready.
#pragma once

#include "pg/load/running_load.hpp"

namespace cache_ext::pg {

// The relations noted so far, each once.
template <class Visit>
void for_each_read(const Load& load, Visit visit) {
    if (load.relations == nullptr) return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, load.relations);
    while (const auto* relation = static_cast<const Oid*>(hash_seq_search(&scan))) visit(*relation);
}

// What a value that comes from calling this function cannot be published for: kNone, or
// kVolatileFunction, or kUntracked.
core::Bypass harm_of(Oid function);

// cache_valid_until(), by its row of pg_proc. It is VOLATILE so that no planner leaves a call out,
// or makes one that the loader would not make. It returns what it was given, and reads nothing.
// (Who can make functions in C is trusted.)
bool is_valid_until(HeapTuple tuple);

// Once, in _PG_init.
void install_read_hooks();

}  // namespace cache_ext::pg
