#include "gc_watch.h"

#include <uv.h>

#include <algorithm>
#include <string>

#include "sampler.h"
#include "store.h"

namespace rolp {

namespace {

thread_local IsolateState* current_state = nullptr;

size_t UsedBytes(v8::Isolate* isolate) {
  v8::HeapStatistics heap;
  isolate->GetHeapStatistics(&heap);
  return heap.used_heap_size();
}

size_t YoungBytes(IsolateState* state) {
  v8::HeapSpaceStatistics space;
  if (state->young_spaces.empty()) {
    for (size_t i = 0; i < state->isolate->NumberOfHeapSpaces(); i++) {
      if (!state->isolate->GetHeapSpaceStatistics(&space, i)) continue;
      const std::string name = space.space_name();
      if (name == "new_space" || name == "new_large_object_space") state->young_spaces.push_back(i);
    }
  }
  size_t bytes = 0;
  for (const size_t index : state->young_spaces) {
    if (state->isolate->GetHeapSpaceStatistics(&space, index)) bytes += space.space_used_size();
  }
  return bytes;
}

// A mark-compact marks what lives after it. A scavenge copies what is young after it, and what has become old.
size_t WorkBytes(const Pause& pause, size_t young_before, size_t young_after) {
  if (pause.kind == kMarkCompact) return pause.after_bytes;
  const size_t old_before = pause.before_bytes - std::min(pause.before_bytes, young_before);
  const size_t old_after = pause.after_bytes - std::min(pause.after_bytes, young_after);
  return young_after + (old_after > old_before ? old_after - old_before : 0);
}

void OnPrologue(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags, void* data) {
  auto* state = static_cast<IsolateState*>(data);
  if (state->in_gc) return;
  state->in_gc = true;
  Pause& pause = state->pause;
  pause = {static_cast<int>(type), uv_hrtime(), 0, 0, UsedBytes(isolate), 0, 0};
  if (state->sampler) state->young_before_bytes = YoungBytes(state);
  if (state->sampler) pause.poll_ns = state->sampler->OnPrologue(pause.kind, pause.start_ns, pause.before_bytes);
}

void OnEpilogue(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* data) {
  auto* state = static_cast<IsolateState*>(data);
  // Hooked while a GC was under way: its beginning is not known.
  if (!state->in_gc) return;
  state->in_gc = false;
  Pause& pause = state->pause;
  pause.after_bytes = UsedBytes(isolate);
  if (state->sampler) pause.work_bytes = WorkBytes(pause, state->young_before_bytes, YoungBytes(state));
  pause.ns = uv_hrtime() - pause.start_ns;
  if (state->ring) state->ring->Add(pause);
  if (state->sampler) state->sampler->OnEpilogue(pause);
}

}  // namespace

IsolateState* CurrentState() {
  return current_state;
}

void SetCurrentState(IsolateState* state) {
  current_state = state;
}

void IsolateState::Rehook() {
  const bool wanted = sampler || ring;
  if (wanted == hooked) return;
  hooked = wanted;
  const auto kinds = static_cast<v8::GCType>(kCycleKinds);
  if (wanted) {
    in_gc = false;
    isolate->AddGCPrologueCallback(OnPrologue, this, kinds);
    isolate->AddGCEpilogueCallback(OnEpilogue, this, kinds);
  } else {
    isolate->RemoveGCPrologueCallback(OnPrologue, this);
    isolate->RemoveGCEpilogueCallback(OnEpilogue, this);
  }
}

void IsolateState::EndThread() {
  if (sampler) sampler->Stop();
  sampler.reset();
  ring.reset();
  Rehook();
  if (record_key != 0) Store::Get().End(record_key);
}

void RequestRestart(v8::Isolate* isolate) {
  isolate->RequestInterrupt(
      [](v8::Isolate*, void*) {
        IsolateState* state = CurrentState();
        if (state != nullptr && state->sampler) state->sampler->RestartAfterForeignStop();
      },
      nullptr);
}

}  // namespace rolp
