// CREATE EXTENSION and ALTER EXTENSION ... UPDATE: to versions that the library knows.
#pragma once

namespace cache_ext::pg {

void install_new_version();

}  // namespace cache_ext::pg
