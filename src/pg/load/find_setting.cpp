#include "pg/load/find_setting.hpp"

namespace cache_ext::pg {

// What the order of settings in the server's table is made of.
int compare_names(const char* a, const char* b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; };
    for (; *a != '\0' && *b != '\0'; ++a, ++b) {
        const int difference = lower(*a) - lower(*b);
        if (difference != 0) return difference;
    }
    return static_cast<int>(*a != '\0') - static_cast<int>(*b != '\0');
}

config_generic* find_setting(const char* name) {
    config_generic** all = get_guc_variables();
    int low = 0, high = GetNumConfigOptions();
    while (low < high) {
        const int middle = (low + high) / 2;
        const int order = compare_names(name, all[middle]->name);
        if (order == 0) return all[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return nullptr;
}

}  // namespace cache_ext::pg
