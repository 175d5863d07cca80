// Processes that map one store, with locks that they share, against the same oracle as the threads.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "support/store.hpp"
#include "support/world.hpp"

namespace cache_ext::core::test {
namespace {

constexpr std::uint32_t kMaxCaches = 4;

struct Shared {
    pthread_rwlock_t locks[kFirstBudgetLock + kMaxCaches];
    World world;
    std::uint64_t hits;
    std::uint64_t published;
};
Shared* shared = nullptr;

LockTable process_locks() {
    return {[](LockId id) {
                TestLocks::held(id, false);
                pthread_rwlock_rdlock(&shared->locks[id]);
            },
            [](LockId id) {
                TestLocks::held(id, true);
                pthread_rwlock_wrlock(&shared->locks[id]);
            },
            [](LockId id) {
                TestLocks::forget(id);
                pthread_rwlock_unlock(&shared->locks[id]);
            }};
}

Clock milliseconds() {
    return {[] {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return Millis{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
    }};
}

// Of a file without a name, which can be mapped again.
void* map(std::size_t bytes, int fd) {
    void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return block == MAP_FAILED ? nullptr : block;
}
void* map_new(std::size_t bytes, int* fd) {
    *fd = memfd_create("store", 0);
    return *fd >= 0 && ftruncate(*fd, static_cast<off_t>(bytes)) == 0 ? map(bytes, *fd) : nullptr;
}

// The work of a child; what it returns is its exit code.
int work(const Store& store, std::uint32_t child) {
    Actor actor(store, &shared->world, 100 + child);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
    while (std::chrono::steady_clock::now() < end) {
        actor.read();
        switch (child) {
            case 0:
                actor.write();
                break;
            case 1:
                actor.write();
                actor.crowd(1);
                break;
            case 2:
                actor.remove();
                actor.sweep();
                break;
            case 3:
                actor.crowd(2);
                break;
            default:
                if (actor.hits % 256 == 255) actor.release();
        }
    }
    add_relaxed(shared->hits, actor.hits);
    add_relaxed(shared->published, actor.published);
    if (actor.wrong != 0) std::fprintf(stderr, "%s\n", actor.first_wrong.c_str());
    return actor.wrong == 0 ? 0 : 1;
}

TEST(StoreProcesses, NoProcessIsServedAValueThatItsSnapshotWouldNotCompute) {
    const StoreOptions options = {kMaxCaches};
    const std::size_t bytes = Store::min_bytes(options);
    int fd, shared_fd;
    void* block = map_new(bytes, &fd);
    shared = static_cast<Shared*>(map_new(sizeof(Shared), &shared_fd));
    ASSERT_NE(block, nullptr);
    ASSERT_NE(shared, nullptr);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    for (pthread_rwlock_t& lock : shared->locks) pthread_rwlock_init(&lock, &attributes);
    shared->world.start();
    ASSERT_TRUE(Store::format(block, bytes, options));
    Store store(block, process_locks(), milliseconds());

    std::vector<pid_t> children;
    for (std::uint32_t child = 0; child < 6; ++child) {
        const pid_t pid = fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            // Not where the parent has it: whatever holds a pointer breaks.
            void* elsewhere = map(bytes, fd);
            if (elsewhere == nullptr || elsewhere == block) _exit(2);
            munmap(block, bytes);
            _exit(work(Store(elsewhere, process_locks(), milliseconds()), child));
        }
        children.push_back(pid);
    }
    for (const pid_t pid : children) {
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    EXPECT_GT(shared->hits, 100U);
    EXPECT_GT(shared->published, 100U);
    EXPECT_TRUE(settled_check(store));
    munmap(block, bytes);
    munmap(shared, sizeof(Shared));
    close(fd);
    close(shared_fd);
}

}  // namespace
}  // namespace cache_ext::core::test
