// The records of all threads of the process: what a worker counted is still there when the worker is not.
#ifndef ROLP_STORE_H_
#define ROLP_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "thread_record.h"

namespace rolp {

class Store {
 public:
  struct Row {
    uint64_t key;
    int thread_id;
    bool ended, written;
    uint64_t version;
  };

  // Never destroyed: workers may still run when the process's static destructors do.
  static Store& Get();

  uint64_t Add(std::shared_ptr<ThreadRecord> record);
  std::vector<Row> List();
  // False if there is no such key (any more).
  bool Read(uint64_t key, std::string* json);
  void MarkWritten(uint64_t key);
  void Forget(uint64_t key);
  // The thread's isolate is going. Its record becomes text, and the oldest texts make room: written ones first.
  void End(uint64_t key);

 private:
  struct Entry {
    std::shared_ptr<ThreadRecord> record;  // null once ended
    std::string json;
    int thread_id;
    uint64_t version, written_version;
  };
  void Trim();

  std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;
  uint64_t next_key_ = 1;
};

}  // namespace rolp

#endif  // ROLP_STORE_H_
