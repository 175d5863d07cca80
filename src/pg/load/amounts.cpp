#include "pg/load/amounts.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

bool add_digit(int digit, Amount* amount) {
    return !__builtin_mul_overflow(*amount, Amount{10}, amount) &&
           !__builtin_add_overflow(*amount, Amount{digit}, amount);
}

}  // namespace

bool amount_of_numeric(Datum numeric, int scale, Amount* out) {
    const char* c = DatumGetCString(
        DirectFunctionCall1(numeric_out, NumericGetDatum(DatumGetNumeric(numeric))));
    const bool negative = *c == '-';
    if (negative) ++c;
    Amount amount = 0;
    int behind = -1;  // digits behind the point; -1: before it
    for (; *c != '\0'; ++c) {
        if (*c == '.' && behind < 0) {
            behind = 0;
            continue;
        }
        if (*c < '0' || *c > '9') return false;  // NaN, Infinity
        if (behind >= 0 && ++behind > scale) {
            if (*c != '0') return false;
            --behind;
            continue;
        }
        if (!add_digit(*c - '0', &amount)) return false;
    }
    for (int i = std::max(behind, 0); i < scale; ++i) {
        if (!add_digit(0, &amount)) return false;
    }
    *out = negative ? -amount : amount;
    return true;
}

Datum numeric_of_amount(Amount amount, int scale) {
    if (amount >= PG_INT64_MIN && amount <= PG_INT64_MAX) {
        return NumericGetDatum(int64_div_fast_to_numeric(static_cast<int64>(amount), scale));
    }
    char text[48];
    char* c = text + sizeof(text);
    *--c = '\0';
    auto rest = amount < 0 ? -static_cast<unsigned __int128>(amount)
                           : static_cast<unsigned __int128>(amount);
    for (int digits = 0; rest != 0 || digits <= scale; ++digits) {
        if (digits == scale && scale > 0) *--c = '.';
        *--c = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    if (amount < 0) *--c = '-';
    return DirectFunctionCall3(numeric_in, CStringGetDatum(c), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

}  // namespace cache_ext::pg
