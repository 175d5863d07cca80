// The server's headers, for C++: standard headers first, then extern "C".
//
// Rules of this layer: an object with a non-trivial destructor never lives across a call that can
// ereport (the jump skips it), and nothing that can ereport is called while the core holds a lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include "postgres.h"

#include "access/attnum.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lockdefs.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}
