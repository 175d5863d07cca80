#include "pg/base/spi.hpp"

namespace cache_ext::pg {

void connect_spi() {
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
}

SPIPlanPtr prepare_spi(const char* sql, int arguments, const Oid* types) {
    SPIPlanPtr plan = SPI_prepare(sql, arguments, const_cast<Oid*>(types));
    if (plan == nullptr) elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
    return plan;
}

}  // namespace cache_ext::pg
