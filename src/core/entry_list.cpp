#include "core/entry_list.hpp"

namespace cache_ext::core {

void EntryList::push(const Arena& arena, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    e->queue_prev = kNullRef;
    e->queue_next = newest;
    (newest != kNullRef ? arena.at<Entry>(newest)->queue_prev : oldest) = ref;
    newest = ref;
}

void EntryList::remove(const Arena& arena, Ref ref) {
    const Entry& e = *arena.at<Entry>(ref);
    (e.queue_prev != kNullRef ? arena.at<Entry>(e.queue_prev)->queue_next : newest) = e.queue_next;
    (e.queue_next != kNullRef ? arena.at<Entry>(e.queue_next)->queue_prev : oldest) = e.queue_prev;
}

void EntryList::replace(const Arena& arena, Ref old, Ref fresh) {
    const Entry& from = *arena.at<Entry>(old);
    Entry& to = *arena.at<Entry>(fresh);
    to.queue_prev = from.queue_prev;
    to.queue_next = from.queue_next;
    (to.queue_prev != kNullRef ? arena.at<Entry>(to.queue_prev)->queue_next : newest) = fresh;
    (to.queue_next != kNullRef ? arena.at<Entry>(to.queue_next)->queue_prev : oldest) = fresh;
}

}  // namespace cache_ext::core
