// Names in the extension's schema that are the extension's, and its caches'.
#pragma once

namespace cache_ext::pg {

void install_reserved_names();

}  // namespace cache_ext::pg
