// What a judgement of a transaction's catalog changes is made of.
#pragma once

#include "pg/ddl/catalog_effect.hpp"
#include "pg/ddl/catalog_roles.hpp"

namespace cache_ext::pg {

struct Judge {
    Sides sides;
    Roles roles;
    CatalogEffect effect;
    bool final;      // see effect_of_catalog_changes()
    bool announced;  // this transaction is on the list of DDL writers
};

}  // namespace cache_ext::pg
