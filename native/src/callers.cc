// A number for a call stack, for some tens of nanoseconds: return addresses along the chain of frame pointers, hashed.
//
// V8 keeps frame pointers in all JavaScript frames. In compiled code a return address says which call of which function
// (and of which functions inlined into it) is under way. Frames of the interpreter all have one return address; what they
// execute is told by their bytecode array and offset, which lie at fixed places in the frame.
//
// The number means nothing by itself: JavaScript asks V8 once per number what the stack is. An address that is used
// again for other code makes it wrong for a while, which costs a block its best place and nothing else. Nothing but this
// thread's stack is read.
#include "callers.h"

#include <cstdint>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#define ROLP_WALKS_STACK 1
#include <pthread.h>
#else
#define ROLP_WALKS_STACK 0
#endif

namespace rolp {

namespace {

#if ROLP_WALKS_STACK

// No frame is longer: a jump past it is no frame pointer.
constexpr uintptr_t kMostFrameBytes = 1 << 20;
constexpr int kMostFrames = 128;
// A chain that breaks off sooner has not left the addon: it was built without frame pointers.
constexpr int kLeastFrames = 3;
// In words from the frame pointer, on Node 20 to 26 (InterpreterFrameConstants).
constexpr int kBytecodeArray = -4;
constexpr int kBytecodeOffset = -5;

// The return address into the interpreter; 0 until it is known.
thread_local uintptr_t interpreter_pc = 0;
// Frames between the addon and an interpreted function that calls it, where they are most: V8 11 and 12 go by way of C++
// from there, compiled code does not.
thread_local int native_frames = 0;
thread_local uintptr_t stack_end = 0;

uintptr_t StackEnd() {
  if (stack_end != 0) return stack_end;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) stack_end = reinterpret_cast<uintptr_t>(low) + size;
  pthread_attr_destroy(&attributes);
  return stack_end;
}

// Calls visit(pc, fp) for the frames from `fp` outwards, as long as it says to go on and there are any: the address at which
// a frame goes on, and its pointer. Returns how many there were.
template <typename Visit>
inline int Walk(const uintptr_t* fp, Visit visit) {
  const uintptr_t end = StackEnd();
  for (int i = 0; i < kMostFrames; i++) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(fp);
    if (at + 2 * sizeof(uintptr_t) > end) return i;
    const uintptr_t next = fp[0];
    if (next <= at || next - at > kMostFrameBytes || next % sizeof(uintptr_t) != 0) return i;
    if (next + 2 * sizeof(uintptr_t) > end) return i;
    if (!visit(fp[1], reinterpret_cast<const uintptr_t*>(next))) return i + 1;
    fp = reinterpret_cast<const uintptr_t*>(next);
  }
  return kMostFrames;
}

// Whether a frame is V8's own, such as that between `new` and a constructor: a small number, of an even word, says of what
// kind it is where functions have their context, a pointer whose lowest bit is set.
inline bool IsOfV8(const uintptr_t* fp) {
  return fp[-1] < 256 && fp[-1] % 2 == 0;
}

#endif

}  // namespace

void CallerKey(const v8::FunctionCallbackInfo<v8::Value>& args) {
#if ROLP_WALKS_STACK
  const int frames = args[0].As<v8::Int32>()->Value();
  const uintptr_t interpreted = interpreter_pc;
  uint64_t hash = static_cast<uint64_t>(frames) * 0x9e3779b97f4a7c15u;
  const auto mix = [&hash](uintptr_t value) { hash = (hash ^ value) * 0xff51afd7ed558ccdu ^ (hash >> 29); };
  const auto* here = static_cast<const uintptr_t*>(__builtin_frame_address(0));
  int native = native_frames;
  int left = frames;
  // Where the stack ends before, all of it is in the number.
  const int walked = Walk(here, [&](uintptr_t pc, const uintptr_t* fp) {
    mix(pc);
    if (pc == interpreted) {
      mix(fp[kBytecodeArray]);
      mix(fp[kBytecodeOffset]);
    }
    if (native > 0) {
      native--;
    } else if (!IsOfV8(fp)) {
      left--;
    }
    return left > 0;
  });
  // 30 bits, so that V8 need not box it.
  const auto key = static_cast<int32_t>((hash ^ (hash >> 32)) & 0x3fffffff);
  args.GetReturnValue().Set(walked >= kLeastFrames ? (key | 1) : 0);
#else
  args.GetReturnValue().Set(0);
#endif
}

void LearnInterpreter(const v8::FunctionCallbackInfo<v8::Value>& args) {
#if ROLP_WALKS_STACK
  // Once known it holds for the thread's isolate: asked for again from code that has been compiled meanwhile, what is repeated
  // may be a recursion.
  if (interpreter_pc != 0) return args.GetReturnValue().Set(true);
  uintptr_t seen[kMostFrames];
  int count = 0;
  const auto* here = static_cast<const uintptr_t*>(__builtin_frame_address(0));
  Walk(here, [&](uintptr_t pc, const uintptr_t*) {
    for (int i = 0; i < count; i++) {
      if (seen[i] != pc) continue;
      interpreter_pc = pc;
      native_frames = i;
      return false;
    }
    seen[count++] = pc;
    return true;
  });
  args.GetReturnValue().Set(interpreter_pc != 0);
#else
  args.GetReturnValue().Set(false);
#endif
}

}  // namespace rolp
