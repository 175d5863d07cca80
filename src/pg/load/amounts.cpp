#include "pg/load/amounts.hpp"

#include <limits>

extern "C" {
#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

bool add_digit(int digit, Amount* amount) {
    return !__builtin_mul_overflow(*amount, Amount{10}, amount) &&
           !__builtin_add_overflow(*amount, Amount{digit}, amount);
}

constexpr Amount kUnixDays = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;

// In millionths.
Amount number_of(Datum numeric) {
    Amount amount = 0;
    if (!amount_of_numeric(numeric, 6, &amount)) {
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("the loader of an aggregate cache has returned no time")));
    }
    return amount;
}

// -1, 1; 0: it is none.
int which_infinity(Datum numeric) {
    if (!numeric_is_inf(DatumGetNumeric(numeric))) return 0;
    return DatumGetBool(DirectFunctionCall2(numeric_lt, numeric, numeric_of_amount(0, 0))) ? -1 : 1;
}

template <class Integer>
bool fits(Amount amount) {
    return amount >= std::numeric_limits<Integer>::min() &&
           amount <= std::numeric_limits<Integer>::max();
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

bool amount_of_value(Oid type, Datum value, int scale, Amount* out) {
    switch (type) {
        case BOOLOID:
            *out = DatumGetBool(value) ? 1 : 0;
            return true;
        case INT2OID:
            *out = DatumGetInt16(value);
            return true;
        case INT4OID:
            *out = DatumGetInt32(value);
            return true;
        case INT8OID:
            *out = DatumGetInt64(value);
            return true;
        case OIDOID:
            *out = DatumGetObjectId(value);
            return true;
        case DATEOID:
            *out = DatumGetDateADT(value);
            return true;
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            *out = DatumGetTimestamp(value);
            return true;
        default:
            return amount_of_numeric(value, scale, out);
    }
}

bool value_of_amount(Oid type, Amount amount, int scale, Datum* out) {
    switch (type) {
        case BOOLOID:
            *out = BoolGetDatum(amount != 0);
            return true;
        case INT2OID:
            *out = Int16GetDatum(static_cast<int16>(amount));
            return fits<int16>(amount);
        case INT4OID:
            *out = Int32GetDatum(static_cast<int32>(amount));
            return fits<int32>(amount);
        case INT8OID:
            *out = Int64GetDatum(static_cast<int64>(amount));
            return fits<int64>(amount);
        case OIDOID:
            *out = ObjectIdGetDatum(static_cast<Oid>(amount));
            return fits<Oid>(amount);
        case DATEOID:
            *out = DateADTGetDatum(static_cast<DateADT>(amount));
            return fits<DateADT>(amount);
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            *out = TimestampGetDatum(static_cast<Timestamp>(amount));
            return fits<Timestamp>(amount);
        default:
            *out = numeric_of_amount(amount, scale);
            return true;
    }
}

Datum date_of_epoch(Datum epoch) {
    if (const int end = which_infinity(epoch); end != 0) {
        return DateADTGetDatum(end < 0 ? DATEVAL_NOBEGIN : DATEVAL_NOEND);
    }
    const Amount days = number_of(epoch) / USECS_PER_DAY - kUnixDays;
    return DateADTGetDatum(static_cast<DateADT>(days));
}

Datum time_of_epoch(Datum epoch, Datum microseconds) {
    if (const int end = which_infinity(epoch); end != 0) {
        return TimestampGetDatum(end < 0 ? DT_NOBEGIN : DT_NOEND);
    }
    Amount us = number_of(epoch) - kUnixDays * USECS_PER_DAY;
    // The nearest with that fraction of a second, which no time zone changes.
    Amount more = (number_of(microseconds) / USECS_PER_SEC - us) % USECS_PER_SEC;
    if (more > USECS_PER_SEC / 2) more -= USECS_PER_SEC;
    if (more < -USECS_PER_SEC / 2) more += USECS_PER_SEC;
    return TimestampGetDatum(static_cast<Timestamp>(us + more));
}

}  // namespace cache_ext::pg
