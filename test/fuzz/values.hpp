// Random expressions by type, the odd ones above all.
#pragma once

#include <string>

#include "random.hpp"
#include "surface.hpp"

namespace fuzz {

std::string quoted(const std::string& text);

// The name of a cache as an expression: mostly one that there is.
std::string cache_name(Random* r, const Surface& s);
// An expression that may be of the type, and a value of any type.
std::string value(Random* r, const Surface& s, const std::string& type);
std::string anything(Random* r);
// name = value, for SET.
std::string setting(Random* r, const Surface& s);

}  // namespace fuzz
