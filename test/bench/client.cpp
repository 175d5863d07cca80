// A small client for Redis and memcached: one request at a time on each connection, as pgbench does
// with statements.
//
//   client redis|memcached HOST:PORT|/SOCKET fill KEYS < VALUE
//   client redis|memcached HOST:PORT|/SOCKET run KEYS SECONDS CLIENTS     prints requests per
//   second
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "client: %s\n", what);
    std::exit(1);
}

int connect_to(const std::string& address) {
    int fd = -1;
    int result = -1;
    if (address.front() == '/') {
        sockaddr_un un = {};
        un.sun_family = AF_UNIX;
        std::strncpy(un.sun_path, address.c_str(), sizeof(un.sun_path) - 1);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        result = connect(fd, reinterpret_cast<sockaddr*>(&un), sizeof(un));
    } else {
        const std::size_t colon = address.rfind(':');
        if (colon == std::string::npos) die("address without a port");
        sockaddr_in in = {};
        in.sin_family = AF_INET;
        in.sin_port = htons(static_cast<std::uint16_t>(std::atoi(&address[colon + 1])));
        inet_pton(AF_INET, address.substr(0, colon).c_str(), &in.sin_addr);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        result = connect(fd, reinterpret_cast<sockaddr*>(&in), sizeof(in));
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (result != 0) die("cannot connect");
    return fd;
}

class Connection {
  public:
    Connection(bool redis, const std::string& address) : redis_(redis), fd_(connect_to(address)) {}
    ~Connection() { close(fd_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void set(unsigned key, const std::string& value) {
        const std::string name = "k" + std::to_string(key);
        const std::string bytes = std::to_string(value.size());
        send_all(redis_ ? "*3\r\n$3\r\nSET\r\n$" + std::to_string(name.size()) + "\r\n" + name +
                              "\r\n$" + bytes + "\r\n" + value + "\r\n"
                        : "set " + name + " 0 0 " + bytes + "\r\n" + value + "\r\n");
        if (read_until_line() != (redis_ ? "+OK" : "STORED")) die("a value was not stored");
    }

    // The size of the value; ends the program if there is none.
    std::size_t get(unsigned key) {
        char request[64];
        const int length = std::snprintf(name_, sizeof(name_), "k%u", key);
        const int n = redis_ ? std::snprintf(request, sizeof(request),
                                             "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", length, name_)
                             : std::snprintf(request, sizeof(request), "get %s\r\n", name_);
        send_bytes(request, static_cast<std::size_t>(n));
        const std::string header = read_until_line();
        const std::size_t at = redis_ ? 1 : header.rfind(' ') + 1;
        if (header[0] != (redis_ ? '$' : 'V') || header[at] == '-') die("a key is missing");
        const auto value = static_cast<std::size_t>(std::atol(&header[at]));
        skip(value + (redis_ ? 2 : std::strlen("\r\nEND\r\n")));
        return value;
    }

  private:
    void send_all(const std::string& s) { send_bytes(s.data(), s.size()); }

    void send_bytes(const char* p, std::size_t n) {
        while (n > 0) {
            const ssize_t sent = send(fd_, p, n, MSG_NOSIGNAL);
            if (sent <= 0) die("the connection was lost");
            p += sent;
            n -= static_cast<std::size_t>(sent);
        }
    }

    void receive() {
        if (begin_ == end_) begin_ = end_ = 0;
        if (end_ == sizeof(buffer_)) die("an answer is too long");
        const ssize_t got = recv(fd_, buffer_ + end_, sizeof(buffer_) - end_, 0);
        if (got <= 0) die("the connection was lost");
        end_ += static_cast<std::size_t>(got);
    }

    std::string read_until_line() {
        for (;;) {
            const auto* end =
                static_cast<const char*>(std::memchr(buffer_ + begin_, '\n', end_ - begin_));
            if (end != nullptr) {
                std::string line(buffer_ + begin_,
                                 static_cast<std::size_t>(end - buffer_) - begin_ - 1);
                begin_ = static_cast<std::size_t>(end + 1 - buffer_);
                return line;
            }
            receive();
        }
    }

    void skip(std::size_t n) {
        while (end_ - begin_ < n) receive();
        begin_ += n;
    }

    bool redis_;
    int fd_;
    char name_[16] = {};
    char buffer_[64 * 1024] = {};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

struct alignas(64) Result {
    std::uint64_t requests;
    double seconds;
};

void ask(bool redis, const std::string& address, unsigned keys, double seconds, unsigned seed,
         Result* result) {
    Connection connection(redis, address);
    std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
    for (int i = 0; i < 1000; ++i) connection.get(1 + static_cast<unsigned>(i) % keys);
    std::uint64_t n = 0;
    const Clock::time_point start = Clock::now();
    double elapsed = 0;
    while (elapsed < seconds) {
        for (int i = 0; i < 100; ++i, ++n) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            connection.get(1 + static_cast<unsigned>(state >> 33) % keys);
        }
        elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    *result = {n, elapsed};
}

void fill(bool redis, const std::string& address, unsigned keys) {
    std::string value;
    for (int c = std::getchar(); c != EOF; c = std::getchar()) value += static_cast<char>(c);
    Connection connection(redis, address);
    for (unsigned k = 1; k <= keys; ++k) connection.set(k, value);
    if (connection.get(keys) != value.size()) die("a value came back in another size");
}

void run(bool redis, const std::string& address, unsigned keys, double seconds, unsigned clients) {
    std::vector<Result> results(clients);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i)
        threads.emplace_back(ask, redis, address, keys, seconds, i + 1, &results[i]);
    for (std::thread& t : threads) t.join();
    double rate = 0;
    for (const Result& r : results) rate += static_cast<double>(r.requests) / r.seconds;
    std::printf("%.1f\n", rate);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string usage = "client redis|memcached ADDRESS fill KEYS | run KEYS SECONDS CLIENTS";
    if (argc < 5) die(usage.c_str());
    const bool redis = std::strcmp(argv[1], "redis") == 0;
    const auto keys = static_cast<unsigned>(std::atoi(argv[4]));
    if (keys == 0) die(usage.c_str());
    if (std::strcmp(argv[3], "fill") == 0) {
        fill(redis, argv[2], keys);
    } else if (argc == 7) {
        run(redis, argv[2], keys, std::atof(argv[5]), static_cast<unsigned>(std::atoi(argv[6])));
    } else {
        die(usage.c_str());
    }
    return 0;
}
