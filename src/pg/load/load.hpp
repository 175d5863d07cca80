// Running a loader: as the accessor's owner, in the cache's environment, under the reader's own
// snapshot.
#pragma once

#include "pg/load/environment.hpp"

namespace cache_ext::pg {

struct Loaded {
    Datum value = 0;  // in the caller's memory context, detoasted
    bool is_null = true;
    uint32 load_us = 0;
    bool here_only = false;  // it holds for this session, and is not to be compared with anything
    // Of an aggregate cache, what the value is made of: core::Amount by core::Amount, at any
    // address. nullptr: it cannot be told so.
    const uint8* amounts = nullptr;
    core::Groups groups = {};  // those of them that are kept in order
    core::Seq account = 0;     // where writers have told meanwhile what they add to it
};

// `key` is the whole one, of which the loader may see some settings.
//
// ERROR if the loader is missing, has changed, or may not be executed by the owner; the loader's
// own errors pass unchanged.
Loaded run_loader(const Definition* definition, const Datum* arguments, const bool* nulls,
                  Oid collation, const core::KeyView& key);

// Settings whose current values cache_create pins: name=value texts.
List* settings_to_pin();

}  // namespace cache_ext::pg
