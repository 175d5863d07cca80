#include "pg/base/text_rows.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {

void put_texts(const ReturnSetInfo* set, const char* const* texts) {
    AttInMetadata* types = TupleDescGetAttInMetadata(set->setDesc);
    tuplestore_puttuple(set->setResult, BuildTupleFromCStrings(types, const_cast<char**>(texts)));
}

}  // namespace cache_ext::pg
