// SPI, which tells by its results what went wrong: as errors.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace cache_ext::pg {

// Until SPI_finish(), or an error.
void connect_spi();
SPIPlanPtr prepare_spi(const char* sql, int arguments, const Oid* types);

}  // namespace cache_ext::pg
