// Finds fewer tables, sessions and kinds of statements that still fail.
#pragma once

#include "run.hpp"

namespace consistency {

// Runs again with parts left out, for at most about `seconds`, and prints what is left.
void shrink(const Config& config, const Verdict& failed, double seconds);

}  // namespace consistency
