#include "sampler.h"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "cpu_clock.h"
#include "gc_watch.h"

namespace rolp {

Sampler::Sampler(v8::Isolate* isolate, std::shared_ptr<ThreadRecord> record)
    : isolate_(isolate),
      record_(std::move(record)),
      draw_(record_->options.budget_percent, record_->options.inclusion, record_->options.seed, ThreadCpuNs),
      start_ns_(uv_hrtime()),
      used_after_gc_(UsedBytes()) {}

size_t Sampler::UsedBytes() {
  v8::HeapStatistics heap;
  isolate_->GetHeapStatistics(&heap);
  return heap.used_heap_size();
}

// The bytes clock advances by what the heap has grown since the last epilogue: GC alone shrinks it.
Instant Sampler::Here(uint64_t now_ns, size_t used_bytes) {
  const double grown = used_bytes > used_after_gc_ ? static_cast<double>(used_bytes - used_after_gc_) : 0;
  return {record_->cycles_done + 1, clock_bytes_ + grown, Ms(now_ns)};
}

bool Sampler::Start() {
  {
    RecordLock lock(record_->mutex);
    record_->BeginWindow(record_->options.level, 0);
  }
  return BeginEpoch("start");
}

// Starts V8's sampler, or finds another's that can be read too. DevTools' cannot: it asks V8 for a full GC before each
// look, which would turn each of our polls, and with them each scavenge, into a mark-compact.
bool Sampler::Acquire() {
  v8::HeapProfiler* profiler = isolate_->GetHeapProfiler();
  const SamplerOptions& options = record_->options;
  own_ = profiler->StartSamplingHeapProfiler(static_cast<uint64_t>(options.interval_bytes), options.stack_depth);
  if (own_) return true;
  v8::HandleScope handles(isolate_);
  nested_gc_ = 0;
  polling_ = true;
  delete profiler->GetAllocationProfile();
  polling_ = false;
  return (nested_gc_ & kMarkCompact) == 0;
}

bool Sampler::BeginEpoch(const char* reason) {
  if (!Acquire()) return false;
  active_ = true;
  const uint64_t now_ns = uv_hrtime();
  {
    RecordLock lock(record_->mutex);
    record_->BeginEpoch(own_ ? reason : "adopted", record_->options.interval_bytes, Ms(now_ns), 0);
    ForgetEpoch();
    anchor_ = record_->last_poll = Here(now_ns, UsedBytes());
    gc_since_poll_ = false;
    if (own_) draw_.Restart(now_ns);
  }
  // Another's sampler has run before: learn where its ids are.
  if (!own_) {
    PollNow();
    RecordLock lock(record_->mutex);
    record_->first_id = record_->last_id + 1;
    anchor_exact_ = false;
    draw_.Restart(uv_hrtime());
  }
  return true;
}

// Somebody stopped the sampler, for all, and perhaps started another: this epoch is over. The next begins at a safe
// point: a new sampler hooks into V8's allocators, which is no business for a GC's prologue.
void Sampler::LoseSampler(const Instant& here) {
  record_->EndEpoch(here.ms);
  ForgetEpoch();
  active_ = own_ = false;
  RequestRestart(isolate_);
}

// Node ids, sample ids and the cohorts' draws of an epoch mean nothing in the next.
void Sampler::ForgetEpoch() {
  anchor_id_ = 0;
  anchor_exact_ = true;
  anchor_in_gc_ = false;
  epoch_births_ = 0;
  nodes_.clear();
  node_index_.Reset(0);
  draw_.Forget();
}

void Sampler::Stop() {
  if (active_) PollNow();
  if (active_ && own_) isolate_->GetHeapProfiler()->StopSamplingHeapProfiler();
  active_ = false;
  RecordLock lock(record_->mutex);
  record_->Finish();
}

void Sampler::PollNow() {
  if (polling_) return;
  if (!active_) {
    RestartAfterForeignStop();
    return;
  }
  const uint64_t now_ns = uv_hrtime();
  const uint64_t cpu_ns = ThreadCpuNs();
  const uint64_t poll_ns = Poll(Here(now_ns, UsedBytes()), false);
  draw_.CountPoll(now_ns, poll_ns, ThreadCpuNs() - cpu_ns);
}

void Sampler::SetLevel(Level level) {
  // Tells the ids born under the old level from those of the new.
  PollNow();
  RecordLock lock(record_->mutex);
  record_->BeginWindow(level, Ms(uv_hrtime()));
}

bool Sampler::SetInterval(double interval_bytes) {
  PollNow();
  if (!own_) return false;
  isolate_->GetHeapProfiler()->StopSamplingHeapProfiler();
  {
    RecordLock lock(record_->mutex);
    record_->EndEpoch(Ms(uv_hrtime()));
    record_->options.interval_bytes = interval_bytes;
  }
  return BeginEpoch("interval");
}

uint64_t Sampler::OnPrologue(int kind, uint64_t now_ns, size_t used_bytes) {
  const Instant here = Here(now_ns, used_bytes);
  clock_bytes_ = here.bytes;
  const bool major = kind == kMarkCompact;
  uint64_t poll_ns = 0;
  if (polling_) {
    // Who was born and died since the last poll will not be seen: those births are in no cohort.
    nested_gc_ |= kind;
    draw_.Forget();
  } else if (active_) {
    polled_in_this_gc_ = draw_.Prologue(now_ns, major);
    if (polled_in_this_gc_) {
      const uint64_t cpu_ns = ThreadCpuNs();
      poll_ns = Poll(here, true);
      draw_.CountPoll(now_ns, poll_ns, ThreadCpuNs() - cpu_ns);
    }
    draw_.Advance();
  }
  if (!gc_since_poll_) first_gc_ = here;
  gc_since_poll_ = true;
  last_gc_ = here;
  last_gc_major_ = major;
  return poll_ns;
}

void Sampler::OnEpilogue(const Pause& pause) {
  used_after_gc_ = pause.after_bytes;
  if (polled_in_this_gc_) anchor_.ms = Ms(pause.start_ns + pause.ns);
  polled_in_this_gc_ = false;
  RecordLock lock(record_->mutex);
  record_->cycles_done++;
  record_->version++;
  (pause.kind == kMarkCompact ? record_->mark_compact : record_->scavenge).Add(pause);
}

void Sampler::RestartAfterForeignStop() {
  if (!active_) BeginEpoch("foreign-stop");
}

}  // namespace rolp
