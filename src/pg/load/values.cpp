#include "pg/load/values.hpp"

#include "pg/base/settings.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/toast_compression.h"
#include "access/toast_internals.h"
}

namespace cache_ext::pg {

void value_bytes(const Definition* d, Datum value, bool is_null, ValueBytes* out) {
    out->by_value = 0;
    out->data = reinterpret_cast<const uint8*>(&out->by_value);
    out->size = 0;
    if (is_null) return;
    if (d->value_by_value) {
        out->by_value = value;
        out->size = sizeof(out->by_value);
        return;
    }
    out->data = reinterpret_cast<const uint8*>(DatumGetPointer(value));
    if (d->value_length == -1) {
        out->size = static_cast<uint32>(VARSIZE_ANY(DatumGetPointer(value)));
    } else if (d->value_length == -2) {
        out->size = static_cast<uint32>(strlen(DatumGetCString(value)) + 1);
    } else {
        out->size = static_cast<uint32>(d->value_length);
    }
}

void stored_bytes(const Definition* d, Datum value, bool is_null, ValueBytes* out) {
    value_bytes(d, value, is_null, out);
    const auto method = static_cast<char>(settings.compression);
    if (method == kNoCompression || d->value_length != -1 || !d->value_is_base ||
        out->size <= static_cast<uint32>(settings.compress_above_bytes) ||
        !VARATT_IS_4B_U(out->data)) {
        return;
    }
    const Datum packed = toast_compress_datum(value, method);
    if (DatumGetPointer(packed) == nullptr) return;
    const auto size = static_cast<uint32>(VARSIZE_ANY(DatumGetPointer(packed)));
    if (size > out->size / 4 * 3) {
        pfree(DatumGetPointer(packed));
        return;
    }
    out->data = reinterpret_cast<const uint8*>(DatumGetPointer(packed));
    out->size = size;
}

Datum value_from_bytes(const Definition* d, const uint8* data, uint32 size) {
    if (d->value_by_value) {
        uint64 by_value;
        memcpy(&by_value, data, sizeof(by_value));
        return static_cast<Datum>(by_value);
    }
    void* copy = palloc(std::max<uint32>(size, 1));
    memcpy(copy, data, size);
    return open_value(d, PointerGetDatum(copy));
}

Datum copy_value(const Definition* d, Datum value) {
    if (d->value_length == -1) return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
    if (d->value_by_value) return value;
    ValueBytes bytes;
    value_bytes(d, value, false, &bytes);
    return value_from_bytes(d, bytes.data, bytes.size);
}

bool same_value(const Definition* d, Datum a, bool a_null, Datum b, bool b_null) {
    if (a_null || b_null) return a_null == b_null;
    ValueBytes x, y;
    value_bytes(d, a, false, &x);
    value_bytes(d, b, false, &y);
    return x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
}

bool is_compressed(const Definition* d, Datum stored) {
    return d->value_length == -1 && VARATT_IS_COMPRESSED(DatumGetPointer(stored));
}

Datum decompressed(Datum stored) {
    return PointerGetDatum(
        detoast_attr(reinterpret_cast<struct varlena*>(DatumGetPointer(stored))));
}

Datum open_value(const Definition* d, Datum stored) {
    if (!is_compressed(d, stored)) return stored;
    const Datum value = decompressed(stored);
    pfree(DatumGetPointer(stored));
    return value;
}

}  // namespace cache_ext::pg
