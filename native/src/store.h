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

// What profiling a thread has taken so far, for benches that ask often: a whole reading is much more work.
struct OwnCost {
  uint64_t polls = 0, poll_ns = 0, samples = 0, files = 0, file_ns = 0;
};

class Store {
 public:
  struct Row {
    uint64_t key;
    int thread_id;
    bool ended, written;
    uint64_t version;
    OwnCost cost;
  };

  // Never destroyed: workers may still run when the process's static destructors do.
  static Store& Get();

  uint64_t Add(std::shared_ptr<ThreadRecord> record);
  std::vector<Row> List();
  // False if there is no such key (any more).
  bool Read(uint64_t key, Reading* reading);
  // `is_last`: whatever is counted from here on needs not be written.
  void MarkWritten(uint64_t key, bool is_last);
  // A profile of the thread was written, which took that much CPU time.
  void CountFile(uint64_t key, uint64_t cpu_ns);
  void Forget(uint64_t key);
  // The thread's isolate is going. Its record becomes a reading, and the oldest readings make room: written ones first.
  void End(uint64_t key);

 private:
  struct Entry {
    std::shared_ptr<ThreadRecord> record;  // null once ended
    Reading last;  // of an ended thread
    int thread_id;
    uint64_t version, written_version;
    OwnCost cost;
  };
  void Trim();

  std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;
  uint64_t next_key_ = 1;
};

}  // namespace rolp

#endif  // ROLP_STORE_H_
