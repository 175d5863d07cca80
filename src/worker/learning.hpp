// Remembering the hottest keys: the launcher's part time job.
#pragma once

namespace cache_ext::worker {

// Writes them down when cache_ext.learn_interval has passed since the last time. Returns the
// milliseconds until then, at least 1.
long learn();
// Before the launcher ends, for whatever reason: writes them down.
void learn_finally();

}  // namespace cache_ext::worker
