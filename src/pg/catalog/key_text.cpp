#include "pg/catalog/key_text.hpp"

#include "pg/catalog/keys.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// As record_out quotes the columns of a row.
void append_quoted(StringInfo out, const char* text) {
    bool quote = text[0] == '\0';
    for (const char* c = text; *c != '\0' && !quote; ++c) {
        quote = strchr("\"\\(), \t\n\r\v\f", *c) != nullptr;
    }
    if (!quote) {
        appendStringInfoString(out, text);
        return;
    }
    appendStringInfoChar(out, '"');
    for (const char* c = text; *c != '\0'; ++c) {
        if (*c == '"' || *c == '\\') appendStringInfoChar(out, *c);
        appendStringInfoChar(out, *c);
    }
    appendStringInfoChar(out, '"');
}

}  // namespace

char* key_text(const uint8* bytes, int columns, const Oid* types) {
    Datum values[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    decode_key(bytes, columns, types, values, nulls);
    if (columns == 1 && nulls[0]) return nullptr;
    StringInfoData out;
    initStringInfo(&out);
    if (columns != 1) appendStringInfoChar(&out, '(');
    for (int i = 0; i < columns; ++i) {
        if (i > 0) appendStringInfoChar(&out, ',');
        if (nulls[i]) continue;
        Oid function;
        bool varlena;
        getTypeOutputInfo(types[i], &function, &varlena);
        const char* text = OidOutputFunctionCall(function, values[i]);
        if (columns == 1) {
            appendStringInfoString(&out, text);
        } else {
            append_quoted(&out, text);
        }
    }
    if (columns != 1) appendStringInfoChar(&out, ')');
    return out.data;
}

char* shown_key(const uint8* bytes, int columns, const Oid* types) {
    char* text = key_text(bytes, columns, types);
    return text != nullptr ? text : pstrdup("NULL");
}

}  // namespace cache_ext::pg
