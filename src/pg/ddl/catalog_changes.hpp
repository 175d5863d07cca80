// What this transaction's DDL changes for cached values, told by what was changed in the catalogs.
//
// PostgreSQL keeps the invalidation messages of a transaction: they say which rows of which
// catalogs it has changed, whatever statement, function or extension did it. They are there for
// nothing when there was no DDL. Each message is either understood, by comparing the rows it speaks
// of before and after, or counts as harmful; so nothing is missed for not being on a list.
#pragma once

#include "pg/ddl/catalog_effect.hpp"

namespace cache_ext::pg {

// What has been changed so far, in the current memory context. To be called at the top level of the
// transaction, outside any error to be survived; never raises one: what cannot be told counts as
// the worst. final: the transaction is about to commit, so others are told (ddl_writers.hpp).
CatalogEffect effect_of_catalog_changes(bool final);

}  // namespace cache_ext::pg
