#include "history.hpp"

#include <algorithm>
#include <iomanip>
#include <vector>

namespace consistency {
namespace {

constexpr std::size_t kKept = 2000;

std::string one_line(std::string text, std::size_t limit) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.size() > limit) text = text.substr(0, limit) + "...";
    return text;
}

void print_one(std::ostream& out, const Operation& o) {
    out << std::fixed << std::setprecision(4) << std::setw(9) << o.started << " - ";
    if (o.finished < 0) {
        out << "  running";
    } else {
        out << std::setw(9) << o.finished;
    }
    out << "  s" << std::setw(2) << std::left << o.session << std::right << "  "
        << one_line(o.statement, 400) << "\n";
    if (!o.result.empty())
        out << "                              -> " << one_line(o.result, 300) << "\n";
}

}  // namespace

double History::now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

std::uint64_t History::start(int session, bool read, const std::string& statement) {
    const double time = now();
    std::lock_guard<std::mutex> guard(mutex_);
    std::deque<Operation>& list = read ? reads_ : changes_;
    list.push_back({++next_id_, session, time, -1, read, statement, {}});
    if (list.size() > kKept) list.pop_front();
    return next_id_;
}

void History::finish(std::uint64_t id, const std::string& result) {
    const double time = now();
    std::lock_guard<std::mutex> guard(mutex_);
    for (std::deque<Operation>* list : {&reads_, &changes_}) {
        const auto it =
            std::lower_bound(list->begin(), list->end(), id,
                             [](const Operation& o, std::uint64_t i) { return o.id < i; });
        if (it == list->end() || it->id != id) continue;
        it->finished = time;
        it->result = result;
        return;
    }
}

void History::print(std::ostream& out, std::size_t writes, std::size_t reads) {
    std::lock_guard<std::mutex> guard(mutex_);
    std::vector<Operation> chosen;
    const auto take = [&](const std::deque<Operation>& list, std::size_t most) {
        const std::size_t n = std::min(most, list.size());
        chosen.insert(chosen.end(), list.end() - static_cast<std::ptrdiff_t>(n), list.end());
    };
    take(changes_, writes);
    take(reads_, reads);
    std::sort(chosen.begin(), chosen.end(),
              [](const Operation& a, const Operation& b) { return a.started < b.started; });
    for (const Operation& o : chosen) print_one(out, o);
}

}  // namespace consistency
