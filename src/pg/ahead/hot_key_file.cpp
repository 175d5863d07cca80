#include "pg/ahead/hot_key_file.hpp"

#include <unistd.h>

extern "C" {
#include "port/pg_crc32c.h"
#include "storage/fd.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kFile = "pg_stat/cache_ext.keys";
constexpr const char* kNewFile = "pg_stat/cache_ext.keys.new";
constexpr char kMagic[8] = {'c', 'x', 'h', 'o', 't', 'k', 'e', 'y'};
constexpr uint32 kVersion = 1;
constexpr uint64 kMostBytes = uint64{1} << 30;

struct FileHeader {
    char magic[8];
    uint32 version;
    pg_crc32c crc;  // of what follows
    uint64 bytes;   // that follow
};

// Followed by each cache: FiledCache, then `count` keys: KeyHeader and the key's bytes.
struct KeyHeader {
    uint32 score;
    uint32 bytes;
};

void ignore_file(const char* why) {
    ereport(LOG, (errmsg("cache_ext: file \"%s\" is ignored: %s", kFile, why)));
}

constexpr uint64 kReadAtOnce = uint64{1} << 20;  // then the process may be interrupted

bool read_all(FILE* file, void* data, uint64 bytes) {
    auto* to = static_cast<uint8*>(data);
    while (bytes > 0) {
        CHECK_FOR_INTERRUPTS();
        const uint64 n = std::min(bytes, kReadAtOnce);
        if (fread(to, 1, n, file) != n) return false;
        to += n;
        bytes -= n;
    }
    return true;
}

struct Writer {
    FILE* file;
    pg_crc32c crc;
    uint64 bytes;
    bool failed;

    void write(const void* data, size_t size) {
        COMP_CRC32C(crc, data, size);
        bytes += size;
        failed = failed || fwrite(data, 1, size, file) != size;
    }
};

void write_cache(const HotCache& c, Writer* w) {
    if (c.count == 0) return;
    FiledCache header = {c.database, c.idle, c.cache_id, c.count, 0};
    for (uint32 i = 0; i < c.count; ++i) {
        header.bytes += static_cast<uint32>(sizeof(KeyHeader)) + c.keys[i].bytes;
    }
    w->write(&header, sizeof(header));
    for (uint32 i = 0; i < c.count; ++i) {
        const KeyHeader key = {c.keys[i].score, c.keys[i].bytes};
        w->write(&key, sizeof(key));
        w->write(c.keys[i].key, key.bytes);
    }
}

}  // namespace

HotKeyFile read_hot_key_file() {
    FILE* file = AllocateFile(kFile, PG_BINARY_R);
    if (file == nullptr) {
        if (errno != ENOENT) ignore_file(strerror(errno));
        return {};
    }
    FileHeader header;
    uint8* data = nullptr;
    const char* why = nullptr;
    if (!read_all(file, &header, sizeof(header)) ||
        memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
        why = "it is not a list of keys";
    } else if (header.version != kVersion) {
        why = "it is of another version";
    } else if (header.bytes > kMostBytes) {
        why = "its size is wrong";
    } else {
        data = static_cast<uint8*>(
            MemoryContextAllocHuge(CurrentMemoryContext, std::max<uint64>(1, header.bytes)));
        pg_crc32c crc;
        INIT_CRC32C(crc);
        if (!read_all(file, data, header.bytes) || fgetc(file) != EOF) {
            why = "its size is wrong";
        } else {
            COMP_CRC32C(crc, data, header.bytes);
            FIN_CRC32C(crc);
            if (!EQ_CRC32C(crc, header.crc)) why = "its checksum is wrong";
        }
    }
    FreeFile(file);
    if (why == nullptr) return {data, header.bytes};
    ignore_file(why);
    return {};
}

bool next_cache(const HotKeyFile& file, uint64* at, FiledCache* cache, const uint8** keys) {
    if (file.bytes - *at < sizeof(FiledCache)) return false;
    memcpy(cache, file.data + *at, sizeof(*cache));
    *at += sizeof(*cache);
    if (cache->bytes > file.bytes - *at) return false;
    *keys = file.data + *at;
    *at += cache->bytes;
    return true;
}

bool next_key(const uint8** at, const uint8* end, HotKey* key) {
    KeyHeader header;
    if (static_cast<uint64>(end - *at) < sizeof(header)) return false;
    memcpy(&header, *at, sizeof(header));
    *at += sizeof(header);
    if (header.bytes > static_cast<uint64>(end - *at) || header.bytes > core::kMaxKeyBytes) {
        return false;
    }
    *key = {header.score, header.bytes, *at};
    *at += header.bytes;
    return true;
}

uint32 caches_in(const HotKeyFile& file) {
    uint32 n = 0;
    uint64 at = 0;
    FiledCache cache;
    const uint8* keys;
    while (next_cache(file, &at, &cache, &keys)) ++n;
    return n;
}

void write_hot_key_file(const HotCache* caches, uint32 count) {
    Writer w = {AllocateFile(kNewFile, PG_BINARY_W), 0, 0, false};
    if (w.file == nullptr) {
        ereport(LOG, (errcode_for_file_access(),
                      errmsg("cache_ext: could not create file \"%s\": %m", kNewFile)));
        return;
    }
    INIT_CRC32C(w.crc);
    FileHeader header = {};
    w.failed = fwrite(&header, sizeof(header), 1, w.file) != 1;
    for (uint32 i = 0; i < count; ++i) write_cache(caches[i], &w);
    FIN_CRC32C(w.crc);
    memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.crc = w.crc;
    header.bytes = w.bytes;
    w.failed = w.failed || fseek(w.file, 0, SEEK_SET) != 0 ||
               fwrite(&header, sizeof(header), 1, w.file) != 1;
    if (FreeFile(w.file) != 0 || w.failed) {
        ereport(LOG, (errcode_for_file_access(),
                      errmsg("cache_ext: could not write file \"%s\": %m", kNewFile)));
        unlink(kNewFile);
        return;
    }
    durable_rename(kNewFile, kFile, LOG);
}

}  // namespace cache_ext::pg
