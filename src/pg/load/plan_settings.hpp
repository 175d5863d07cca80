// Settings that kept plans are made of: PostgreSQL reads the literals of a statement, and computes
// what it can, when it plans, and does not plan anew after SET. A run has settings of its own.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Where such a setting has changed since the last time, makes all plans of the session anew: on
// entering a run, so that its values are those of its settings, and on leaving it, so that the
// session's are.
void renew_plans_after_settings();
// The same where an error has left runs behind, whose settings go back only afterwards.
void renew_plans_of_left_runs();
// At the beginning of a run, when its settings are made: what goes back to the reader's defaults
// from now on makes its value good for this session only.
void note_defaults_of_session();
// Has this session read statements by different rules for backslashes? What it has kept of them
// (functions of PL/pgSQL) stays read as it was.
bool statements_read_differently();

// Once, in _PG_init.
void install_plan_settings();

}  // namespace cache_ext::pg
