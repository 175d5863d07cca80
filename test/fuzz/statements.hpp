// Random statements.
#pragma once

#include <string>

#include "random.hpp"
#include "surface.hpp"

namespace fuzz {

// What somebody may be made to do: the privileged ones must not hand the secrets to the others.
struct Means {
    bool trusted = false;    // sees the secrets, so it makes no new way to them
    bool superuser = false;  // may also write our tables
    std::string schema;      // where it can create, empty: nowhere
};

std::string statement(Random* r, const Surface& s, const Means& means);

}  // namespace fuzz
