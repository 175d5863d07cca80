// The rule in C++ gives the verdicts that the model gave: test/model/agreement.py --trace writes
// them, test/model/trace.py describes the format. One trace lies beside this file; CACHE_EXT_TRACE
// can name another.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/spans.hpp"
#include "core/writers.hpp"
#include "support/transactions.hpp"

namespace cache_ext::core::test {
namespace {

constexpr const char* kCheckedIn = "test/unit/data/agreement.trace";

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
    return parts;
}

std::vector<Xid> xid_list(const std::string& text) {
    std::vector<Xid> xids;
    if (text == "-") return xids;
    for (const std::string& part : split(text, ',')) xids.push_back(std::stoull(part));
    return xids;
}

std::string text_of(const std::vector<Xid>& xids) {
    std::string text;
    for (const Xid xid : xids) text += (text.empty() ? "" : ",") + std::to_string(xid);
    return text.empty() ? "-" : text;
}

std::string text_of(const WriterRecord* dropped, std::uint32_t count) {
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) {
        text += (text.empty() ? "" : ",") + std::to_string(dropped[i].xid) + ":" +
                std::to_string(dropped[i].seq);
    }
    return text.empty() ? "-" : text;
}

class Replay {
  public:
    // What this rule answers to one operation, as the trace would have it; "" if it answers
    // nothing.
    std::string answer(const std::vector<std::string>& f) {
        switch (f[0][0]) {
            case 'H':
                rings_.clear();
                spans_.clear();
                snapshots_.clear();
                return "";
            case 'R':
                rings_.emplace_back();
                rings_.back().init(static_cast<std::uint8_t>(number(f[2])),
                                   static_cast<std::uint8_t>(number(f[3])));
                return "";
            case 'S':
                snapshots_[number(f[1])] = {number(f[2]), number(f[3]), xid_list(f[4])};
                return "";
            case 'D':
                ring(f).distrust(number(f[2]));
                if (f[3] == "1") ring(f).distrusted = false;
                return "";
            case 'K':
                ring(f).unknown_below(number(f[2]));
                return "";
            case 'T':
                ring(f).trust();
                return "";
            case 'A':
                return add(f);
            case 'B': {
                WriterRecord dropped[2 * kRingCapacity];
                const std::uint32_t n =
                    ring(f).absorb(rings_.at(number(f[2])), number(f[3]), dropped);
                return text_of(dropped, n);
            }
            case 'P': {
                Xid out[kRingCapacity + kMaxLost + kMaxHard];
                return text_of({out, out + ring(f).possibly_running(out)});
            }
            case 'U':
                return verdict(ring(f).usable(snapshots_.at(number(f[2]))));
            case 'G':
                return agrees(f);
            case 'F':
                return unseen_by(ring(f), f);
            case 'Q':
                return verdict(ring(f).quick(number(f[2]), snapshots_.at(number(f[3])).xmin()));
            case 'X':
                spans(f).add(number(f[2]), {signed_number(f[3]), signed_number(f[4])},
                             dropped_.data(), static_cast<std::uint32_t>(dropped_.size()));
                return "";
            case 'J': {
                const Unseen unseen = unseen_of(xid_list(f[4]));
                const Tag tag = number(f[2]);
                const Seq seq = number(f[3]);
                const Span own = {signed_number(f[6]), signed_number(f[7])};
                return verdict(spans(f)
                                   .against(ring(f), tag, seq, unseen, own)
                                   .agrees(tag, seq, unseen, snapshots_.at(number(f[5]))));
            }
            case 'M': {
                const Span own = {signed_number(f[6]), signed_number(f[7])};
                return unseen_by(spans(f).concerning(ring(f), own), f);
            }
            case 'N':
                return std::to_string(ring(f).newest(number(f[2])));
            default:
                return "no such operation";
        }
    }

  private:
    static std::uint64_t number(const std::string& text) { return std::stoull(text); }
    static Instant signed_number(const std::string& text) { return std::stoll(text); }
    static std::string verdict(bool yes) { return yes ? "1" : "0"; }
    WriterRing& ring(const std::vector<std::string>& f) { return rings_.at(number(f[1])); }

    std::string add(const std::vector<std::string>& f) {
        WriterRecord dropped[kRingCapacity];
        const Knowledge knowledge(xid_list(f[8]), number(f[7]));
        WriterRecord record = {number(f[3]), number(f[2]), number(f[4])};
        record.hard = f[5] == "1" ? 1 : 0;
        record.borrowed = f[6] == "1" ? 1 : 0;
        const std::uint32_t n = ring(f).add(record, knowledge, dropped);
        dropped_.assign(dropped, dropped + n);
        return text_of(dropped, n);
    }

    // On the way: what the fast path allows, the rule allows.
    std::string agrees(const std::vector<std::string>& f) {
        const Unseen unseen = unseen_of(xid_list(f[4]));
        const HeldSnapshot& s = snapshots_.at(number(f[5]));
        const bool yes = ring(f).agrees(number(f[2]), number(f[3]), unseen, s);
        if (unseen.count == 0 && !yes && ring(f).quick(number(f[3]), s.xmin())) return "too quick";
        return verdict(yes);
    }

    std::string unseen_by(const WriterRing& ring, const std::vector<std::string>& f) {
        Unseen unseen = unseen_of(xid_list(f[3]));
        const bool yes =
            ring.unseen_by(number(f[2]), snapshots_.at(number(f[5])), &unseen, number(f[4]));
        if (!yes) return "0 -";
        std::vector<Xid> all(unseen.xid, unseen.xid + unseen.count);
        std::sort(all.begin(), all.end());
        return "1 " + text_of(all);
    }

    // The model remembers fewer forgotten spans, so that they become one more often.
    NodeSpans& spans(const std::vector<std::string>& f) {
        const auto [at, is_new] = spans_.try_emplace(number(f[1]));
        if (is_new) at->second.init(0, 2);
        return at->second;
    }

    std::deque<WriterRing> rings_;
    std::map<std::uint64_t, NodeSpans> spans_;
    std::vector<WriterRecord> dropped_;  // by the last A
    std::map<std::uint64_t, HeldSnapshot> snapshots_;
};

// Replays up to the first operation that is answered otherwise; returns how many were.
std::uint64_t replay(const std::string& path) {
    std::ifstream in(path);
    EXPECT_TRUE(in.is_open()) << "cannot open " << path << ": run this from the project's root";
    Replay replay;
    std::uint64_t operations = 0, line_number = 0;
    std::string history;
    for (std::string line; std::getline(in, line);) {
        ++line_number;
        if (line[0] == 'H') history = line.substr(2);
        const std::size_t equals = line.find(" = ");
        const std::string expected =
            equals == std::string::npos ? "" : line.substr(equals + 3, std::string::npos);
        const std::string answer = replay.answer(split(line.substr(0, equals), ' '));
        if (answer != expected) {
            ADD_FAILURE() << path << ":" << line_number << ", history " << history << ": " << line
                          << "\nbut the rule says: " << answer;
            return operations;
        }
        ++operations;
    }
    return operations;
}

TEST(AgreementReplay, TheRuleGivesTheModelsVerdicts) {
    EXPECT_GT(replay(kCheckedIn), 5000U);
    const char* another = std::getenv("CACHE_EXT_TRACE");
    if (another != nullptr) {
        EXPECT_GT(replay(another), 5000U);
    }
}

}  // namespace
}  // namespace cache_ext::core::test
