#include "pg/sql/like.hpp"

#include "pg/base/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
}

namespace cache_ext::pg {
namespace {

// Lets the process be interrupted every so many steps.
class Patience {
  public:
    void step() {
        if (--left_ > 0) return;
        left_ = kSteps;
        CHECK_FOR_INTERRUPTS();
    }

  private:
    static constexpr int kSteps = 100000;  // a tenth of a millisecond
    int left_ = kSteps;
};

size_t character(const char* at, const char* end) {
    return std::min(static_cast<size_t>(pg_mblen(at)), static_cast<size_t>(end - at));
}

}  // namespace

void check_like_pattern(const LikePattern& pattern) {
    Patience patience;
    const char* end = pattern.bytes + pattern.size;
    for (const char* p = pattern.bytes; p < end; ++p) {
        patience.step();
        if (*p != '\\' || ++p < end) continue;
        ereport(ERROR, (errcode(ERRCODE_INVALID_ESCAPE_SEQUENCE),
                        errmsg("LIKE pattern must not end with escape character"),
                        errhint("Write \\\\ for a backslash.")));
    }
}

// What is between two % is looked for from left to right, and the first place is as good as any
// later one; so only the last % that was passed is ever gone back to.
bool like(const char* text, size_t size, const LikePattern& pattern) {
    Patience patience;
    const char *t = text, *t_end = text + size;
    const char *p = pattern.bytes, *p_end = pattern.bytes + pattern.size;
    const char *after_percent = nullptr, *from = nullptr;
    while (t < t_end) {
        patience.step();
        if (p < p_end && *p == '%') {
            after_percent = ++p;
            from = t;
            if (p == p_end) return true;
            continue;
        }
        if (p < p_end && *p == '_') {
            t += character(t, t_end);
            ++p;
            continue;
        }
        const char* literal = p < p_end && *p == '\\' ? p + 1 : p;
        if (literal < p_end && *literal == *t) {
            ++t;
            p = literal + 1;
            continue;
        }
        if (after_percent == nullptr) return false;
        from += character(from, t_end);
        t = from;
        p = after_percent;
    }
    while (p < p_end && *p == '%') {
        patience.step();
        ++p;
    }
    return p == p_end;
}

}  // namespace cache_ext::pg
