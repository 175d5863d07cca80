// Atomic access to plain fields of shared structs.
//
// Structs in shared memory stay trivially copyable, so their fields are plain integers; the few
// that are touched without the lock that protects the rest go through these functions (and say so
// where they are declared).
#pragma once

namespace cache_ext::core {

template <class T>
inline T load_relaxed(const T& field) {
    return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

template <class T>
inline T load_acquire(const T& field) {
    return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}

template <class T, class V>
inline void store_relaxed(T& field, V value) {
    __atomic_store_n(&field, static_cast<T>(value), __ATOMIC_RELAXED);
}

template <class T, class V>
inline void store_release(T& field, V value) {
    __atomic_store_n(&field, static_cast<T>(value), __ATOMIC_RELEASE);
}

template <class T, class V>
inline T add_relaxed(T& field, V value) {
    return __atomic_fetch_add(&field, static_cast<T>(value), __ATOMIC_RELAXED);
}

template <class T>
inline bool claim(T& field, T expected, T desired) {
    return __atomic_compare_exchange_n(&field, &expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

}  // namespace cache_ext::core
