#include "store.h"

#include <utility>

namespace rolp {

namespace {

// What ended threads may hold, in texts and bytes.
constexpr size_t kMostEnded = 1024;
constexpr size_t kMostEndedBytes = 64 << 20;

}  // namespace

Store& Store::Get() {
  static Store* store = new Store();
  return *store;
}

uint64_t Store::Add(std::shared_ptr<ThreadRecord> record) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t key = next_key_++;
  const int thread_id = record->options.thread_id;
  entries_[key] = {std::move(record), std::string(), thread_id, 0, 0};
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
    }
    rows.push_back({key, entry.thread_id, ended, entry.written_version >= entry.version + 1, entry.version});
  }
  return rows;
}

bool Store::Read(uint64_t key, std::string* json) {
  std::shared_ptr<ThreadRecord> record;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto at = entries_.find(key);
    if (at == entries_.end()) return false;
    record = at->second.record;
    if (!record) {
      *json = at->second.json;
      return true;
    }
  }
  RecordLock lock(record->mutex);
  *json = record->ToJson();
  return true;
}

void Store::MarkWritten(uint64_t key) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto at = entries_.find(key);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  if (entry.record) {
    RecordLock record_lock(entry.record->mutex);
    entry.version = entry.record->version;
  }
  // One more than the version written, so that 0 can mean "never".
  entry.written_version = entry.version + 1;
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
    entry.json = entry.record->ToJson();
  }
  entry.record.reset();
  Trim();
}

void Store::Trim() {
  size_t ended = 0, bytes = 0;
  for (const auto& [key, entry] : entries_) {
    if (entry.record) continue;
    ended++;
    bytes += entry.json.size();
  }
  for (const bool written_only : {true, false}) {
    for (auto at = entries_.begin(); at != entries_.end() && (ended > kMostEnded || bytes > kMostEndedBytes);) {
      const Entry& entry = at->second;
      if (entry.record || (written_only && entry.written_version < entry.version + 1)) {
        ++at;
        continue;
      }
      ended--;
      bytes -= entry.json.size();
      at = entries_.erase(at);
    }
  }
}

}  // namespace rolp
