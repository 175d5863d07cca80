// The history checker: many sessions of random transactions against one server, every read of the
// cache compared with its loader under the same snapshot.
#include <cstring>
#include <iomanip>
#include <iostream>

#include "run.hpp"
#include "shrink.hpp"

namespace consistency {
namespace {

// Percent of the reads, of a run of so many statements: of all, and of those of one phase, which
// may be short and begin with empty caches.
constexpr double kLeastHits = 50.0;
constexpr double kLeastHitsOfPhase = 30.0;
constexpr std::uint64_t kHitsExpected = 40000;
// A run of so many statements has tried everything that it can do, and one that is longer has done
// it.
constexpr std::uint64_t kAllTried = 20000;
constexpr std::uint64_t kAllDone = 500000;

[[noreturn]] void usage(const char* program) {
    std::cerr << "usage: " << program
              << " --socket DIR --port N --db NAME --user U --seed S --seconds T\n"
                 "       [--sessions N] [--only KIND,...] [--shrink SECONDS] [--restart COMMAND] "
                 "[--declared all|some|none|auto] [--verbose]\n"
                 "kinds: "
              <<
        [] {
            std::string all;
            for (const char* name : kKindNames) all += std::string(name) + " ";
            return all;
        }()
              << "\ntables: " <<
        [] {
            std::string all;
            for (const char* name : kGroupNames) all += std::string(name) + " ";
            return all;
        }() << "\n";
    std::exit(2);
}

// How often each kind was done; false: one that should have been by now was not.
bool report_kinds(const Config& config, const Verdict& v) {
    bool all = true;
    bool first = true;
    std::size_t column = 0;
    for (std::size_t i = 0; i < v.done.size(); ++i) {
        // Of a run for some of the tables, what these do not have says nothing.
        const bool nothing = v.done[i] + v.tried[i] == 0;
        if (!config.kinds[i] || (nothing && !config.groups.all())) continue;
        const std::string text = std::string(kKindNames[i]) + " " + std::to_string(v.done[i]) +
                                 (v.done[i] == 0 ? " of " + std::to_string(v.tried[i]) : "");
        if (column + text.size() > 96) column = 0;
        std::cout << (first ? "  " : column == 0 ? ",\n  " : ", ") << text;
        first = false;
        column += text.size() + 2;
        if (v.statements >= kAllDone && v.done[i] == 0) all = false;
        if (v.statements >= kAllTried && nothing) all = false;
    }
    std::cout << "\n";
    return all;
}

int report(const Config& config, const Verdict& v) {
    std::cout << std::fixed << std::setprecision(1) << "seed " << config.seed << ", "
              << config.sessions << " sessions, " << v.seconds << " s: " << v.statements
              << " statements, " << v.comparisons << " comparisons (" << v.moved
              << " more not counted, " << v.settled << " settled), " << v.errors
              << " expected errors\n";
    Share all;
    bool enough = true;
    for (const auto& [name, share] : v.phases) {
        all.hits += share.hits;
        all.reads += share.reads;
        // A run for a part of the kinds says nothing about the mix.
        enough = enough && share.percent() >= kLeastHitsOfPhase;
        std::cout << "  hits " << std::setw(5) << share.percent() << " % of " << share.reads
                  << " reads, " << name << "\n";
    }
    std::cout << "  hits " << std::setw(5) << all.percent() << " % of " << all.reads << " reads\n";
    enough = (enough && all.percent() >= kLeastHits) || v.statements < kHitsExpected;
    // Where a change invalidates all keys, there are fewer hits.
    enough = enough || config.declared != Declared::kAll;
    const bool whole = config.kinds.all() && config.groups.all();
    const bool every_kind = report_kinds(config, v);
    if (config.verbose || v.failure || (whole && !enough)) std::cout << v.by_cache;
    if (v.failure) return 1;
    if (whole && !enough) {
        std::cout << "FAILED: fewer than " << kLeastHits
                  << " % of the reads were hits, or fewer than " << kLeastHitsOfPhase
                  << " % of a phase's\n";
        return 1;
    }
    if (whole && !every_kind) {
        std::cout << "FAILED: one kind never happened\n";
        return 1;
    }
    std::cout << "no wrong value\n";
    return 0;
}

int work(Config config, double shrink_seconds) {
    const Verdict verdict = run(config, false);
    if (!verdict.failure) return report(config, verdict);
    std::cout << "\nFAILED after " << std::fixed << std::setprecision(2) << verdict.seconds
              << " s and " << verdict.comparisons << " comparisons: " << verdict.failure->title
              << "\n  " << verdict.failure->details << "\n";
    report(config, verdict);
    if (shrink_seconds > 0) shrink(config, verdict, shrink_seconds);
    return 1;
}

}  // namespace
}  // namespace consistency

int main(int argc, char** argv) {
    using namespace consistency;
    Config config;
    std::string socket = "/tmp", port = "5432", db = "postgres", user = "postgres";
    double shrink_seconds = 60;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--verbose") {
            config.verbose = true;
            continue;
        }
        if (i + 1 == argc) usage(argv[0]);
        const char* value = argv[++i];
        if (option == "--socket")
            socket = value;
        else if (option == "--port")
            port = value;
        else if (option == "--db")
            db = value;
        else if (option == "--user")
            user = value;
        else if (option == "--seed")
            config.seed = std::strtoull(value, nullptr, 10);
        else if (option == "--seconds")
            config.seconds = std::strtod(value, nullptr);
        else if (option == "--sessions")
            config.sessions = std::atoi(value);
        else if (option == "--restart")
            config.restart = value;
        else if (option == "--declared") {
            if (std::strcmp(value, "none") == 0)
                config.declared = Declared::kNone;
            else if (std::strcmp(value, "auto") == 0)
                config.declared = Declared::kDerived;
            else if (std::strcmp(value, "some") == 0)
                config.declared = Declared::kSome;
            else if (std::strcmp(value, "all") != 0)
                usage(argv[0]);
        } else if (option == "--shrink")
            shrink_seconds = std::strtod(value, nullptr);
        else if (option == "--only") {
            if (!parse_only(value, &config.kinds, &config.groups)) usage(argv[0]);
        } else
            usage(argv[0]);
    }
    if (config.sessions < 1 || config.seconds <= 0) usage(argv[0]);
    config.conninfo = "host='" + socket + "' port=" + port + " dbname='" + db + "' user='" + user +
                      "' application_name=consistency";
    try {
        return work(config, shrink_seconds);
    } catch (const std::exception& e) {
        std::cerr << e.what() << "\n";
        return 2;
    }
}
