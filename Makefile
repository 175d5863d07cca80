# Builds the extension with PGXS; everything else is in scripts/, the benchmarks in test/bench/. `make help` lists the targets.

# Variables of ours begin with EXT_: PGXS uses many plain names itself, INSTALL_SCRIPT and HEADERS
# among them.
EXTENSION = cache_ext
MODULE_big = cache_ext
EXT_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" cache_ext.control)
# The library works with the SQL objects of its own version and of those released before.
EXT_VERSIONS := $(sort $(EXT_VERSION) $(patsubst sql/released/cache_ext--%.sql,%,$(wildcard sql/released/cache_ext--*.sql)))

EXT_SOURCES := $(sort $(wildcard src/*.cpp src/core/*.cpp src/pg/*/*.cpp src/worker/*.cpp))
EXT_HEADERS := $(sort $(wildcard src/*.hpp src/*/*.hpp src/pg/*/*.hpp))
EXT_SQL := sql/cache_ext--$(EXT_VERSION).sql

# The install script, part by part.
EXT_SQL_PARTS := $(addprefix sql/parts/,$(addsuffix .sql, \
	internal_schema definitions options generated_calls \
	declare by_name explain loading clear \
	statistics workers suspended queue health))
# The caches of the example, which are built on it: one function in several files.
EXT_SQL_PARTS += $(addprefix sql/call_center/,$(addsuffix .sql, \
	callees begin checks calls leads \
	dashboard dashboard_analytics agent agents agent_performance agent_config agent_tools \
	end))
# Looks at all names above.
EXT_SQL_PARTS += sql/parts/taken_names.sql

ifneq ($(sort $(EXT_SQL_PARTS)),$(sort $(wildcard sql/parts/*.sql sql/call_center/*.sql)))
$(error The Makefile does not list the files in sql/parts and sql/call_center as they are)
endif

# Scripts may have to install PostgreSQL first, so these targets work without pg_config.
SCRIPT_TARGETS := check check-core check-matrix matrix-clean check-memory check-arm64 check-upgrade check-image \
	fuzz soak unit lint format demo demo-stop bench bench-page deb deb-test dist help

ifneq ($(filter $(SCRIPT_TARGETS),$(MAKECMDGOALS)),)

.PHONY: $(SCRIPT_TARGETS)

check:
	@scripts/check.sh

check-core:
	@scripts/check_core.sh

check-matrix:
	@scripts/check_matrix.sh

matrix-clean:
	@scripts/matrix_clean.sh

check-memory:
	@scripts/check_memory.sh

check-arm64:
	@scripts/check_arm64.sh

check-upgrade:
	@scripts/check_upgrade.sh

check-image:
	@scripts/check_image.sh

fuzz:
	@FUZZ_SECONDS=$(or $(SECONDS),600) scripts/check.sh fuzz

soak:
	@SECONDS_TO_RUN=$(or $(SECONDS),600) scripts/check.sh consistency

unit:
	@scripts/check.sh unit

lint:
	@scripts/check.sh lint

format:
	find src test '(' -name '*.cpp' -o -name '*.hpp' ')' -exec clang-format -i {} +

demo:
	@scripts/demo.sh

demo-stop:
	@scripts/demo_stop.sh

bench:
	@test/bench/run.sh

bench-page:
	@test/bench/page.sh

deb:
	@scripts/deb.sh

deb-test:
	@scripts/deb_test.sh $(MAJORS)

dist:
	@scripts/dist.sh

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

# Goals beside them, as in `make clean check`, get a make of their own.
OTHER_TARGETS := $(filter-out $(SCRIPT_TARGETS),$(MAKECMDGOALS))
ifneq ($(OTHER_TARGETS),)
.PHONY: $(OTHER_TARGETS)
$(OTHER_TARGETS):
	@$(MAKE) $@
endif

#: make               build the extension
#: make install       install it into PostgreSQL's directories
#: make check         install what is missing, build, run all tests on throwaway clusters
#:                    ONLY=unit|lint|format|layers|model|regress|security|isolation|guarded|pgtap|tap|fuzz|consistency
#:                    runs a part; with it, TESTS="names" runs some tests of that part
#: make check-core    PostgreSQL's own regression suite, with and without cache_ext, from its source package
#: make check-matrix  other major versions of PostgreSQL (scripts/majors), each in a Debian of its own in
#:                    /var/cache/cache_ext: build, regress, security, isolation, pgTAP, the history checker; TAP on one;
#:                    and the assertions of check-memory. MAJORS="17 19 assert" runs those, STEPS="regress" only that
#: make matrix-clean  remove these Debian systems
#: make check-memory  the same tests where memory is watched: an assert build of PostgreSQL that spoils
#:                    what is freed, guard pages in shared memory, then valgrind; builds the server first
#:                    ONLY=assert|valgrind runs a part
#: make check-arm64   compile for 64-bit ARM, look at the instructions that order memory, run the unit tests under
#:                    qemu, all in a Debian of its own; TESTS="names" runs some of them
#: make check-upgrade pg_upgrade from one PostgreSQL to the next, in Debian systems that have both
#: make check-image   what the container images are made of, under a server of PostgreSQL 18
#: make fuzz          random SQL by random roles for SECONDS=600, with SEED=1
#: make soak          the history checker for SECONDS=600, with SEED=1
#: make unit          the unit tests, under ASan and UBSan, then under TSan
#: make lint          clang-format, shellcheck, the layers, clang-tidy
#: make format        apply clang-format
#: make demo          install what is missing, build, show the call-centre example
#:                    USERS= AGENTS= CALLS= set the size; KEEP=1 leaves the cluster running
#: make demo-stop     stop what KEEP=1 left running
#: make bench         install what is missing, build, measure the cache beside its peers
#:                    ONLY=protocol|inserver|many|writers|aggregate|copy|update|stampede|core|values runs a part;
#:                    ROUNDS=3 is how often each contestant runs
#: make bench-page    put the last result of make bench into docs/benchmarks.md
#: make deb           install what is missing, build the Debian packages for the PostgreSQLs of this release, run
#:                    lintian; they are in build/deb
#: make deb-test      build the packages, install them in a clean Debian, run their tests there, purge them;
#:                    MAJORS="15 17" for these PostgreSQLs
#: make dist          the archive for PGXN, build/cache_ext-VERSION.zip
#: make clean         remove what was built
#:
#: PG_CONFIG=/path/to/pg_config chooses the PostgreSQL to build for and to test with.

else

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error PostgreSQL's build files are missing: install postgresql-server-dev-15 (or another of 15 to 18) or set PG_CONFIG)
endif

# Once a tree was built with WERROR=1 it stays so until `make clean`: objects that a warning got
# past would otherwise not be compiled again.
ifndef WERROR
WERROR := $(strip $(file <build/werror))
endif

DATA_built = $(EXT_SQL)
DATA = $(wildcard sql/upgrade/cache_ext--*--*.sql)
OBJS = $(EXT_SOURCES:.cpp=.o)
EXTRA_CLEAN = build $(OBJS:.o=.d) $(wildcard sql/cache_ext--*.sql)

# -isystem: PostgreSQL's headers do not compile cleanly with -Wextra as C++.
EXT_SERVER_HEADERS := $(shell $(PG_CONFIG) --includedir-server)
PG_CPPFLAGS = -Isrc -isystem $(EXT_SERVER_HEADERS) \
	-DCACHE_EXT_VERSION='"$(EXT_VERSION)"' -DCACHE_EXT_VERSIONS='$(EXT_VERSIONS:%="%",)' $(if $(filter 1,$(EXT_GUARD)),-DCACHE_EXT_GUARD)
EXT_LANGUAGE = -std=c++20 -fno-exceptions -fno-rtti -fno-threadsafe-statics -Wall -Wextra
PG_CXXFLAGS = $(EXT_LANGUAGE) -fno-semantic-interposition $(if $(filter 1,$(WERROR)),-Werror) -MMD -MP

# Nobody replaces functions inside the library: calls between its files need no detour.
SHLIB_LINK = -Wl,-Bsymbolic-functions

# PGXS compiles bitcode without PG_CXXFLAGS, thus for an older C++.
override with_llvm = no

include $(PGXS)

-include $(OBJS:.o=.d)

# $(call remember,FILE,TEXT) rewrites the file when the text is another than the last time, so that
# what depends on the file is made again after a change of flags or of the set of sources. (make 4.3
# does not always drop a file's last newline, hence the second strip.)
remember = $(if $(subst <$(strip $2)>,,<$(strip $(file <$1))>),$(shell mkdir -p build)$(file >$1,$(strip $2)))

ifeq ($(filter %clean,$(MAKECMDGOALS)),)
$(call remember,build/werror,$(WERROR))
$(call remember,build/flags,$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(VERSION))
$(call remember,build/objects,$(OBJS))
$(call remember,build/sql_parts,$(EXT_SQL_PARTS))
endif

$(OBJS): build/flags
$(shlib): build/objects

$(EXT_SQL): $(EXT_SQL_PARTS) build/sql_parts
	cat $(EXT_SQL_PARTS) > $@

# clang-tidy file by file, again only after a change.
.PHONY: tidy
tidy: $(EXT_SOURCES:%.cpp=build/tidy/%.ok)

build/tidy/%.ok: %.cpp $(EXT_HEADERS) .clang-tidy build/flags
	@mkdir -p $(@D)
	@echo "clang-tidy $<"
	@clang-tidy --quiet $< -- $(PG_CPPFLAGS) $(EXT_LANGUAGE) -D_GNU_SOURCE \
		2> $(@:.ok=.err) || { cat $(@:.ok=.err) >&2; exit 1; }
	@touch $@

endif
