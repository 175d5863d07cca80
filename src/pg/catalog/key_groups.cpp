#include "pg/catalog/key_groups.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace cache_ext::pg {
namespace {

// Without the spaces around it.
char* trimmed(const char* from, const char* end) {
    while (from < end && *from == ' ') ++from;
    while (end > from && end[-1] == ' ') --end;
    return pnstrdup(from, static_cast<Size>(end - from));
}

bool is_plain(const char* name) {
    if (name[0] != '_' && !(name[0] >= 'a' && name[0] <= 'z')) return false;
    for (const char* c = name; *c != '\0'; ++c) {
        if (*c != '_' && !(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9')) return false;
    }
    return strlen(name) < NAMEDATALEN;
}

// -1: there is none.
int column_of(const char* text, int columns, const char* const* names) {
    for (int i = 0; names != nullptr && i < columns; ++i) {
        if (strcmp(names[i], text) == 0) return i;
    }
    for (int i = 0; i < columns; ++i) {
        if (strcmp(psprintf("%d", i + 1), text) == 0) return i;
    }
    return -1;
}

}  // namespace

const char* read_group(const char* text, int columns, const char* const* names, KeyGroup* out) {
    *out = {};
    const char* colon = strchr(text, ':');
    if (colon == nullptr) return psprintf("\"%s\" has no colon between name and columns", text);
    out->name = trimmed(text, colon);
    if (!is_plain(out->name)) {
        return psprintf("\"%s\" is no name of a group, which is made of a-z, 0-9 and _", out->name);
    }
    for (const char* from = colon; from != nullptr;) {
        const char* end = strchr(++from, ',');
        const char* column = trimmed(from, end != nullptr ? end : from + strlen(from));
        const int i = column_of(column, columns, names);
        if (i < 0) return psprintf("the key has no column \"%s\"", column);
        if ((out->mask & ColumnMask{1} << i) != 0) {
            return psprintf("group \"%s\" has column \"%s\" twice", out->name, column);
        }
        out->mask |= ColumnMask{1} << i;
        out->columns[out->count++] = i;
        from = end;
    }
    return nullptr;
}

char* stored_group(const KeyGroup& group) {
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfo(&s, "%s:", group.name);
    for (int i = 0; i < group.count; ++i) {
        appendStringInfo(&s, "%s %d", i > 0 ? "," : "", group.columns[i] + 1);
    }
    return s.data;
}

}  // namespace cache_ext::pg
