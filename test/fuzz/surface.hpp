// What there is to be called: enumerated from the catalog, so that what is new is covered.
#pragma once

#include <string>
#include <vector>

#include "connection.hpp"

namespace fuzz {

struct Function {
    std::string name;  // qualified and quoted
    std::vector<std::string> types;
    std::vector<std::string> arguments;  // their names, where they have some
    bool variadic = false;
    bool trigger = false;
    bool set = false;
};

struct Relation {
    std::string name;
    std::vector<std::string> columns;
    bool table = false;
};

struct Setting {
    std::string name;
    std::string type;
    std::vector<std::string> values;  // bounds, or what an enum may be
};

struct Surface {
    std::vector<Function> functions;
    std::vector<Function> triggers;
    std::vector<Relation> relations;
    std::vector<Setting> settings;
    std::vector<std::string> caches;
};

// False: something could not be read.
bool read_surface(Connection* superuser, Surface* out);

}  // namespace fuzz
