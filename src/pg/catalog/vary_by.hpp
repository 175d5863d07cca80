// What the values of a cache vary by: expressions over the reader's session (the option vary_by).
//
// They are the owner's, and are evaluated as the reader, before anything is read. So they are
// written in a language that can do no harm: constants, settings, who the user is, and what
// built-in IMMUTABLE functions make of them. Nothing in it reads a table or calls code of
// somebody's.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace cache_ext::pg {

constexpr int kMaxSessionInputs = 16;

struct SessionInput {
    enum class Kind : uint8 {
        kSetting,  // a custom setting and nothing else: loaders see it
        kUser,     // current_user and nothing else
        kExpression
    };
    Kind kind;
    const char* setting;  // kSetting
    bool missing_ok;      // kSetting: unknown ones are NULL
    bool tells_session;   // it has session_user in it, which no outer cache's key tells
    bool session_user;    // and is nothing else
    Expr* expression;     // gives text
};

// Can values vary by a setting of this name? What the server and libraries mean by theirs is not
// the application's business.
bool is_custom_setting(const char* name);

// Is it a custom setting, as in current_setting('app.name', true), or current_user, by its text
// alone? A background worker can set up all that a loader sees of that.
bool is_plain_input(const char* text);

// In the current memory context. ERROR 22023, or the parser's own, unless the text is such an
// expression. The same whatever the session has set.
SessionInput checked_input(const char* text);

// The elements of an array of texts. ERROR 2202E, 22004 or 54000, in the name of the option, if it
// is no list of so many at most.
List* option_texts(Datum array, const char* option);

}  // namespace cache_ext::pg
