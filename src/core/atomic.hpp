// Atomic access to plain fields of shared structs.
//
// Structs in shared memory stay trivially copyable, so their fields are plain integers; the few
// that are touched without the lock that protects the rest go through these functions (and say so
// where they are declared).
#pragma once

#include <cstddef>
#include <cstring>

// Reads that may race with writers, and whose result is thrown away unless a version proves that
// they did not. ThreadSanitizer cannot know that.
#if defined(__SANITIZE_THREAD__)
#define CACHE_EXT_UNCHECKED __attribute__((no_sanitize("thread"), noinline))
#else
#define CACHE_EXT_UNCHECKED
#endif

namespace cache_ext::core {

template <class T>
inline T load_relaxed(const T& field) {
    T value;  // this form takes enumerations as well
    __atomic_load(&field, &value, __ATOMIC_RELAXED);
    return value;
}

template <class T>
inline T load_acquire(const T& field) {
    return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}

template <class T, class V>
inline void store_relaxed(T& field, V value) {
    T converted = static_cast<T>(value);
    __atomic_store(&field, &converted, __ATOMIC_RELAXED);
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

// Loads before it are not moved behind it.
inline void read_fence() {
#if defined(__SANITIZE_THREAD__)
    __asm__ volatile("" ::: "memory");  // it does not know fences; nobody reorders loads there
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

// Stores before it are not moved behind those that follow.
inline void write_fence() {
#if defined(__SANITIZE_THREAD__)
    __asm__ volatile("" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

// Nothing is moved across it, not even a load before an earlier store.
inline void full_fence() {
#if defined(__SANITIZE_THREAD__)
    static int nowhere = 0;
    __atomic_fetch_add(&nowhere, 0, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

template <class T>
CACHE_EXT_UNCHECKED inline T load_racing(const T& field) {
#if defined(__SANITIZE_THREAD__)
    return *static_cast<const volatile T*>(&field);
#else
    return load_acquire(field);
#endif
}

// memcpy and memcmp of bytes that may change meanwhile. What is copied is looked at once: what is
// checked of the copy afterwards, and then used, is no second look that the compiler has found
// cheaper.
CACHE_EXT_UNCHECKED inline void copy_racing(void* to, const void* from, std::size_t n) {
#if defined(__SANITIZE_THREAD__)
    const auto* source = static_cast<const volatile unsigned char*>(from);
    for (std::size_t i = 0; i < n; ++i) static_cast<unsigned char*>(to)[i] = source[i];
#else
    std::memcpy(to, from, n);
    __asm__ volatile("" ::: "memory");
#endif
}

CACHE_EXT_UNCHECKED inline bool equal_racing(const void* a, const void* b, std::size_t n) {
#if defined(__SANITIZE_THREAD__)
    const auto* x = static_cast<const volatile unsigned char*>(a);
    const auto* y = static_cast<const volatile unsigned char*>(b);
    for (std::size_t i = 0; i < n; ++i) {
        if (x[i] != y[i]) return false;
    }
    return true;
#else
    return n == 0 || std::memcmp(a, b, n) == 0;
#endif
}

}  // namespace cache_ext::core
