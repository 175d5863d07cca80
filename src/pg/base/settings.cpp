#include "pg/base/settings.hpp"

namespace cache_ext::pg {

Settings settings = {};
HealthSettings health_settings = {};

}  // namespace cache_ext::pg
