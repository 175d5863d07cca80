#include "kinds.hpp"

#include <sstream>

namespace consistency {
namespace {

template <std::size_t N>
std::string join(const std::bitset<N>& set, const char* const* names) {
    std::string text;
    for (std::size_t i = 0; i < N; ++i) {
        if (!set[i]) continue;
        if (!text.empty()) text += ',';
        text += names[i];
    }
    return text.empty() ? "none" : text;
}

template <std::size_t N>
bool find(const std::string& name, const char* const* names, std::bitset<N>* set) {
    for (std::size_t i = 0; i < N; ++i) {
        if (name == names[i]) {
            set->set(i);
            return true;
        }
    }
    return false;
}

}  // namespace

std::string describe(const KindSet& kinds) {
    return kinds.all() ? "all" : join(kinds, kKindNames);
}

std::string describe(const GroupSet& groups) {
    return groups.all() ? "all" : join(groups, kGroupNames);
}

bool parse_only(const std::string& list, KindSet* kinds, GroupSet* groups) {
    kinds->reset();
    groups->reset();
    std::istringstream stream(list);
    for (std::string name; std::getline(stream, name, ',');) {
        if (!find(name, kKindNames, kinds) && !find(name, kGroupNames, groups)) return false;
    }
    if (kinds->none()) kinds->set();
    if (groups->none()) groups->set();
    return true;
}

}  // namespace consistency
