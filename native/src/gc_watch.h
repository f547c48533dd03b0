// What the addon holds per isolate, and its GC callbacks: they time each pause and drive the sampler.
#ifndef ROLP_GC_WATCH_H_
#define ROLP_GC_WATCH_H_

#include <v8.h>

#include <cstdint>
#include <memory>

#include "pauses.h"

namespace rolp {

class Sampler;

// v8::GCType by value: 2 has another name on Node 20 than on later ones. Incremental marking and weak callbacks
// are no cycles.
constexpr int kScavenge = 1;
constexpr int kMinorMarkSweep = 2;
constexpr int kMarkCompact = 4;
constexpr int kCycleKinds = kScavenge | kMinorMarkSweep | kMarkCompact;

struct CopySpaces {
  size_t young_bytes = 0, old_bytes = 0;
};

struct IsolateState {
  v8::Isolate* isolate;
  std::unique_ptr<Sampler> sampler;
  uint64_t record_key = 0;  // in the store; 0: none
  std::unique_ptr<PauseRing> ring;
  double ring_origin_ms = 0;  // uv_hrtime at performance.now() = 0

  // Hooks V8's callbacks while anybody needs them.
  void Rehook();
  // The sampler and the hooks go; the record stays in the store.
  void EndThread();

  bool hooked = false;
  bool in_gc = false;
  Pause pause{};
  CopySpaces spaces_before;
  // Indices of V8's spaces, looked up once; < 0: not yet, or there is none.
  int new_space = -1, old_space = -1;
};

// Of the current thread; null before the addon was loaded in it and after its isolate's clean-up.
IsolateState* CurrentState();
void SetCurrentState(IsolateState* state);

// Has the thread's sampler restart at the next safe point. Holds no pointer to it: the isolate may go before.
void RequestRestart(v8::Isolate* isolate);

}  // namespace rolp

#endif  // ROLP_GC_WATCH_H_
