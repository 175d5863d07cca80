#include "pg/catalog/pinned_settings.hpp"

#include <iterator>

namespace cache_ext::pg {
namespace {

// Everything that can change what a query over the same rows returns. docs/reference.md lists them.
constexpr const char* kPinned[] = {
    "search_path",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "bytea_output",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "xmlbinary",
    "xmloption",
    "array_nulls",
    "quote_all_identifiers",
    "standard_conforming_strings",
    "backslash_quote",
    "transform_null_equals",
    "default_text_search_config",
    "row_security",
    "timezone_abbreviations",
};

}  // namespace

bool may_pin(const char* setting) {
    const size_t length = strcspn(setting, "=");
    for (const char* name : kPinned) {
        if (strlen(name) == length && strncmp(name, setting, length) == 0) return true;
    }
    return false;
}

const char* pinned_setting(int i) {
    return i < static_cast<int>(std::size(kPinned)) ? kPinned[i] : nullptr;
}

}  // namespace cache_ext::pg
