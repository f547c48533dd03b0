#include "gc_watch.h"

#include <uv.h>

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

// Bytes in the spaces between which a scavenge copies. Large objects have spaces of their own and change hands in place.
CopySpaces SpacesOf(IsolateState* state) {
  v8::HeapSpaceStatistics space;
  if (state->new_space < 0) {
    for (size_t i = 0; i < state->isolate->NumberOfHeapSpaces(); i++) {
      if (!state->isolate->GetHeapSpaceStatistics(&space, i)) continue;
      const std::string name = space.space_name();
      if (name == "new_space") state->new_space = static_cast<int>(i);
      if (name == "old_space") state->old_space = static_cast<int>(i);
    }
  }
  const auto used = [&](int index) -> size_t {
    if (index < 0 || !state->isolate->GetHeapSpaceStatistics(&space, static_cast<size_t>(index))) return 0;
    return space.space_used_size();
  };
  return {used(state->new_space), used(state->old_space)};
}

// A mark-compact marks what lives after it. A scavenge copies what is young after it, and what has become old.
size_t WorkBytes(const Pause& pause, const CopySpaces& before, const CopySpaces& after) {
  if (pause.kind == kMarkCompact) return pause.after_bytes;
  return after.young_bytes + (after.old_bytes > before.old_bytes ? after.old_bytes - before.old_bytes : 0);
}

void OnPrologue(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags, void* data) {
  auto* state = static_cast<IsolateState*>(data);
  if (state->in_gc) return;
  state->in_gc = true;
  Pause& pause = state->pause;
  pause = {static_cast<int>(type), uv_hrtime(), 0, 0, UsedBytes(isolate), 0, 0};
  if (state->sampler) state->spaces_before = SpacesOf(state);
  if (state->sampler) pause.poll_ns = state->sampler->OnPrologue(pause.kind, pause.start_ns, pause.before_bytes);
}

void OnEpilogue(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* data) {
  auto* state = static_cast<IsolateState*>(data);
  // Hooked while a GC was under way: its beginning is not known.
  if (!state->in_gc) return;
  state->in_gc = false;
  Pause& pause = state->pause;
  pause.after_bytes = UsedBytes(isolate);
  if (state->sampler) pause.work_bytes = WorkBytes(pause, state->spaces_before, SpacesOf(state));
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
