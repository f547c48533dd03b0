// CPU time of the calling thread.
#ifndef ROLP_CPU_CLOCK_H_
#define ROLP_CPU_CLOCK_H_

#include <uv.h>

#include <cstdint>
#include <ctime>

namespace rolp {

// Where the system does not tell: wall time, which is never less.
inline uint64_t ThreadCpuNs() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec spent;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) == 0) {
    return static_cast<uint64_t>(spent.tv_sec) * 1000000000 + static_cast<uint64_t>(spent.tv_nsec);
  }
#endif
  return uv_hrtime();
}

}  // namespace rolp

#endif  // ROLP_CPU_CLOCK_H_
