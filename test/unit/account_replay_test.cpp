// Accounts in C++ give the values that the model gave: test/model/aggregate.py --trace writes them,
// test/model/aggregate_trace.py describes the format. One trace lies beside this file;
// CACHE_EXT_ACCOUNT_TRACE can name another.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/account.hpp"
#include "support/transactions.hpp"

namespace cache_ext::core::test {
namespace {

constexpr const char* kCheckedIn = "test/unit/data/account.trace";
// Two sums, the least that came and went, and of the first ones some that came and went.
constexpr std::uint32_t kAmounts = 12;
constexpr std::uint32_t kCame = 4, kWent = 9, kWanted = 3;
constexpr Groups make_groups() {
    Groups groups;
    groups.add(2, 1);
    groups.add(3, 1);
    groups.add(kCame, kWent - kCame);
    groups.add(kWent, kAmounts - kWent);
    return groups;
}
constexpr Groups kGroups = make_groups();

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    if (text == "-") return parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
    return parts;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
    return text.empty() ? "-" : text;
}

// An account and the base of its entry.
struct Held {
    std::unique_ptr<std::uint64_t[]> memory;
    std::uint8_t base[kAmounts * sizeof(Amount)];

    explicit Held(std::uint32_t capacity)
        : memory(new std::uint64_t[Account::bytes_for(kAmounts, capacity) / 8]) {
        get()->init(kAmounts, kGroups, capacity);
        clear_amounts(base, kAmounts, kGroups);
    }
    Account* get() const { return reinterpret_cast<Account*>(memory.get()); }
};

class Replay {
  public:
    std::string answer(const std::vector<std::string>& f) {
        switch (f[0][0]) {
            case 'H':
                accounts_.clear();
                snapshots_.clear();
                return "";
            case 'S': {
                std::vector<Xid> running;
                for (const std::string& x : split(f[4], ',')) running.push_back(std::stoull(x));
                snapshots_[number(f[1])] = {number(f[2]), number(f[3]), running};
                return "";
            }
            case 'O':
                return open(f);
            case 'V':
                return done(add(f[1], f[2]).derive(account(f[3]), snapshot(f[4])));
            case 'W':
                return register_writer(f);
            case 'B':
                EXPECT_TRUE(
                    merge_amounts(held(f[1]).base, bytes(amounts(f[2])), kAmounts, kGroups));
                return "";
            case 'N':
                account(f[1]).note(number(f[2]),
                                   f[3] == "1" ? Outcome::kCommitted : Outcome::kAborted);
                return "";
            case 'G':
                return account(f[1]).agrees(snapshot(f[2])) ? "1" : "0";
            case 'X':
                return value(f);
            case 'L':
                return list(account(f[1]));
            default:
                return "no such operation";
        }
    }

  private:
    static std::uint64_t number(const std::string& text) { return std::stoull(text); }
    static std::string done(Account::Opened opened) {
        return opened == Account::Opened::kYes ? "1" : "0";
    }
    Held& held(const std::string& name) { return accounts_.at(number(name)); }
    Account& account(const std::string& name) { return *held(name).get(); }
    Snapshot snapshot(const std::string& name) { return snapshots_.at(number(name)); }
    Account& add(const std::string& name, const std::string& capacity) {
        const auto it = accounts_.emplace(number(name), Held(number(capacity)));
        return *it.first->second.get();
    }
    static std::vector<Amount> amounts(const std::string& text) {
        std::vector<Amount> all;
        for (const std::string& part : split(text, ',')) {
            all.push_back(part == "none" ? kNoLeast : Amount{std::stoll(part)});
        }
        return all;
    }
    static const std::uint8_t* bytes(const std::vector<Amount>& amounts) {
        static std::uint8_t copy[kAmounts * sizeof(Amount)];
        std::memcpy(copy, amounts.data(), sizeof(copy));
        return copy;
    }

    std::string open(const std::vector<std::string>& f) {
        WriterRing ring;
        ring.init();
        // As the ring of a key: a floor only while it has overflowed.
        ring.horizon = number(f[3]);
        ring.overflowed = ring.horizon != 0;
        ring.witness = number(f[4]);
        for (const std::string& record : split(f[5], ',')) {
            const std::vector<std::string> r = split(record, ':');
            WriterRecord w = {number(r[0]), number(r[1]), number(r[2])};
            w.ended_before = number(r[3]) & ((std::uint64_t{1} << 62) - 1);
            w.borrowed = r[4] == "1" ? 1 : 0;
            ring.records[ring.record_count++] = w;
        }
        return done(add(f[1], f[2]).open(ring, number(f[6]), snapshot(f[7])));
    }

    std::string register_writer(const std::vector<std::string>& f) {
        WriterRecord w = {number(f[2]), 1, number(f[3])};
        w.borrowed = f[7] == "1" ? 1 : 0;
        std::vector<Xid> xids;
        std::vector<Outcome> outcomes;
        for (const std::string& each : split(f[5], ',')) {
            const std::vector<std::string> parts = split(each, ':');
            xids.push_back(number(parts[0]));
            outcomes.push_back(parts[1] == "1" ? Outcome::kCommitted : Outcome::kAborted);
        }
        const Ended ended = {xids.data(), static_cast<std::uint32_t>(xids.size()), number(f[6]),
                             outcomes.data()};
        const std::vector<Amount> delta = amounts(f[4]);
        Held& h = held(f[1]);
        return h.get()->add(w, delta.empty() ? nullptr : delta.data(), ended, h.base) ? "1" : "0";
    }

    std::string value(const std::vector<std::string>& f) {
        Held& h = held(f[1]);
        Amount sum[kAmounts];
        std::memcpy(sum, h.base, sizeof(sum));
        static SeenDeltas seen;
        if (!h.get()->add_seen(snapshot(f[2]), reinterpret_cast<std::uint8_t*>(sum), &seen)) {
            return "does not fit";
        }
        std::vector<std::string> xids, sums;
        for (std::uint32_t i = 0; i < seen.count; ++i) xids.push_back(std::to_string(seen.xid[i]));
        for (const Amount a : sum) {
            sums.push_back(a == kNoLeast ? "none" : std::to_string(static_cast<long long>(a)));
        }
        return joined(sums) + " " + joined(xids) + " " + firsts(sum);
    }

    static std::string firsts(const Amount* amounts) {
        Amount left[kWanted];
        std::uint32_t count;
        if (!least_left({amounts + kCame, kWent - kCame}, {amounts + kWent, kAmounts - kWent},
                        kWanted, left, &count)) {
            return "?";
        }
        std::vector<std::string> values;
        for (std::uint32_t i = 0; i < count; ++i) {
            values.push_back(std::to_string(static_cast<long long>(left[i])));
        }
        return joined(values);
    }

    static std::string list(const Account& account) {
        static const char* const kinds[] = {"delta", "seen", "unseen"};
        static const char* const outcomes[] = {"unknown", "committed", "aborted"};
        std::vector<std::string> lines;
        for (std::uint32_t i = 0; i < account.count; ++i) {
            const AccountLine& l = *account.line(i);
            lines.push_back(std::to_string(l.xid) + ":" + kinds[static_cast<int>(l.kind)] + ":" +
                            outcomes[static_cast<int>(l.outcome)]);
        }
        return joined(lines) + " " + std::to_string(account.witness) + " " +
               std::to_string(account.floor);
    }

    std::map<std::uint64_t, Held> accounts_;
    std::map<std::uint64_t, HeldSnapshot> snapshots_;
};

// Replays up to the first operation that is answered otherwise; returns how many were.
std::uint64_t replay(const std::string& path) {
    std::ifstream in(path);
    EXPECT_TRUE(in.is_open()) << "cannot open " << path << ": run this from the project's root";
    Replay replay;
    std::uint64_t operations = 0;
    std::string history;
    for (std::string line; std::getline(in, line); ++operations) {
        if (line[0] == 'H') history = line.substr(2);
        const std::size_t equals = line.find(" = ");
        const std::string expected = equals == std::string::npos ? "" : line.substr(equals + 3);
        const std::string answer = replay.answer(split(line.substr(0, equals), ' '));
        if (answer != expected) {
            ADD_FAILURE() << path << ":" << operations + 1 << ", history " << history << ": "
                          << line << "\nbut the account says: " << answer;
            return operations;
        }
    }
    return operations;
}

TEST(AccountReplay, AccountsGiveTheModelsValues) {
    EXPECT_GT(replay(kCheckedIn), 3000U);
    const char* another = std::getenv("CACHE_EXT_ACCOUNT_TRACE");
    if (another != nullptr) {
        EXPECT_GT(replay(another), 3000U);
    }
}

}  // namespace
}  // namespace cache_ext::core::test
