#include "store.h"

#include <limits>
#include <utility>

namespace rolp {

namespace {

// What ended threads may hold, in readings and bytes.
constexpr size_t kMostEnded = 1024;
constexpr size_t kMostEndedBytes = 64 << 20;

// Under the record's lock.
OwnCost CostOf(const ThreadRecord& record) {
  return {record.polls, record.poll_ns, record.Samples(), record.files, record.file_ns};
}

}  // namespace

Store& Store::Get() {
  static Store* store = new Store();
  return *store;
}

uint64_t Store::Add(std::shared_ptr<ThreadRecord> record) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t key = next_key_++;
  const int thread_id = record->options.thread_id;
  entries_[key] = {std::move(record), Reading(), thread_id, 0, 0, OwnCost()};
  return key;
}

std::vector<Store::Row> Store::List() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Row> rows;
  for (auto& [key, entry] : entries_) {
    const bool ended = !entry.record;
    if (!ended) {
      RecordLock record_lock(entry.record->mutex);
      entry.version = entry.record->version;
      entry.cost = CostOf(*entry.record);
    }
    rows.push_back(
        {key, entry.thread_id, ended, entry.written_version >= entry.version + 1, entry.version, entry.cost});
  }
  return rows;
}

bool Store::Read(uint64_t key, Reading* reading) {
  std::shared_ptr<ThreadRecord> record;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto at = entries_.find(key);
    if (at == entries_.end()) return false;
    record = at->second.record;
    if (!record) {
      *reading = at->second.last;
      return true;
    }
  }
  RecordLock lock(record->mutex);
  *reading = record->Read();
  return true;
}

void Store::MarkWritten(uint64_t key, bool is_last) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto at = entries_.find(key);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  if (entry.record) {
    RecordLock record_lock(entry.record->mutex);
    entry.version = entry.record->version;
  }
  // One more than the version written, so that 0 can mean "never".
  entry.written_version = is_last ? std::numeric_limits<uint64_t>::max() : entry.version + 1;
}

void Store::CountFile(uint64_t key, uint64_t cpu_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto at = entries_.find(key);
  if (at == entries_.end() || !at->second.record) return;
  RecordLock record_lock(at->second.record->mutex);
  at->second.record->files++;
  at->second.record->file_ns += cpu_ns;
}

void Store::Forget(uint64_t key) {
  std::lock_guard<std::mutex> lock(mutex_);
  entries_.erase(key);
}

void Store::End(uint64_t key) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto at = entries_.find(key);
  if (at == entries_.end() || !at->second.record) return;
  Entry& entry = at->second;
  {
    RecordLock record_lock(entry.record->mutex);
    entry.record->ended = true;
    entry.record->version++;
    entry.version = entry.record->version;
    entry.last = entry.record->Read();
    entry.cost = CostOf(*entry.record);
  }
  entry.record.reset();
  Trim();
}

void Store::Trim() {
  size_t ended = 0, bytes = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry.record) continue;
    ended++;
    bytes += entry.last.bytes();
  }
  for (const bool written_only : {true, false}) {
    for (auto at = entries_.begin(); at != entries_.end() && (ended > kMostEnded || bytes > kMostEndedBytes);) {
      const Entry& entry = at->second;
      if (entry.record || (written_only && entry.written_version < entry.version + 1)) {
        ++at;
        continue;
      }
      ended--;
      bytes -= entry.last.bytes();
      at = entries_.erase(at);
    }
  }
}

}  // namespace rolp
