// What a transaction has noted belongs to the subtransaction that noted it: when that is rolled
// back it is forgotten, when that commits it is its parent's.
//
// A note carries the nesting level of the outermost subtransaction that holds it, the one at hand
// when it is made. Nothing here raises an error but note(), for lack of memory.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// The level of a note after the subtransaction at `level` has ended; 0: it is forgotten.
inline int level_after(int noted, int level, bool committed) {
    if (noted < level) return noted;
    return committed ? level - 1 : 0;
}

// The same for an array of notes in the order in which they were made: later ones never have lower
// levels. Returns how many are left; undo(note) is called for those that are not, newest first.
template <class Note, class Undo>
int notes_left(Note* notes, int count, int level, bool committed, Undo undo) {
    for (int i = count - 1; i >= 0 && notes[i].level >= level; --i) {
        if (committed) {
            notes[i].level = level - 1;
        } else {
            undo(notes[i]);
            --count;
        }
    }
    return count;
}

// Oids or ids of caches, each noted once, in memory of the transaction. Few: they are searched one
// by one.
class NotedIds {
  public:
    bool has(uint64 id) const;
    void note(uint64 id);
    int count() const { return count_; }
    uint64 at(int i) const { return all_[i].id; }
    void subtransaction_ended(int level, bool committed);
    // The transaction has ended, and its memory is about to go.
    void forget() { *this = {}; }

  private:
    struct Noted {
        uint64 id;
        int level;
    };
    Noted* all_ = nullptr;
    int count_ = 0;
    int capacity_ = 0;
};

}  // namespace cache_ext::pg
