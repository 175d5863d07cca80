// Accessors that their owners give to another role.
#pragma once

namespace cache_ext::pg {

void install_new_owners();

}  // namespace cache_ext::pg
