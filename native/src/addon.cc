// The addon's face to JavaScript. Arguments are checked by the TypeScript that calls it.
#include <node.h>
#include <uv.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "callers.h"
#include "cpu_clock.h"
#include "gc_watch.h"
#include "memory.h"
#include "sampler.h"
#include "signals.h"
#include "store.h"

namespace rolp {

namespace {

using Args = v8::FunctionCallbackInfo<v8::Value>;

v8::Local<v8::String> Text(v8::Isolate* isolate, const char* text) {
  return v8::String::NewFromUtf8(isolate, text).ToLocalChecked();
}

void Throw(v8::Isolate* isolate, const char* message) {
  isolate->ThrowException(v8::Exception::Error(Text(isolate, message)));
}

double NumberOf(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  return value->NumberValue(isolate->GetCurrentContext()).FromMaybe(0);
}

double Option(v8::Isolate* isolate, v8::Local<v8::Object> options, const char* name) {
  v8::Local<v8::Value> value;
  if (!options->Get(isolate->GetCurrentContext(), Text(isolate, name)).ToLocal(&value)) return 0;
  return NumberOf(isolate, value);
}

void Set(v8::Isolate* isolate, v8::Local<v8::Object> object, const char* name, v8::Local<v8::Value> value) {
  object->Set(isolate->GetCurrentContext(), Text(isolate, name), value).Check();
}

// The thread's state, or null with an exception thrown (the addon outlived its isolate's clean-up).
IsolateState* StateOf(const Args& args) {
  IsolateState* state = CurrentState();
  if (state == nullptr) Throw(args.GetIsolate(), "rolp: this thread is being torn down");
  return state;
}

Sampler* SamplerOf(const Args& args) {
  IsolateState* state = StateOf(args);
  if (state == nullptr) return nullptr;
  if (!state->sampler) Throw(args.GetIsolate(), "rolp: the sampler is not running");
  return state->sampler.get();
}

// start({intervalBytes, stackDepth, budgetPercent, inclusion, maxContexts, level, seed, threadId, unixMs}) -> key in the store
void Start(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  IsolateState* state = StateOf(args);
  if (state == nullptr) return;
  if (state->sampler) return Throw(isolate, "rolp: the sampler is running already in this thread");
  v8::Local<v8::Object> given = args[0].As<v8::Object>();
  SamplerOptions options;
  options.interval_bytes = Option(isolate, given, "intervalBytes");
  options.stack_depth = static_cast<int>(Option(isolate, given, "stackDepth"));
  options.budget_percent = Option(isolate, given, "budgetPercent");
  options.inclusion = Option(isolate, given, "inclusion");
  options.max_contexts = static_cast<size_t>(Option(isolate, given, "maxContexts"));
  options.level = static_cast<Level>(static_cast<int>(Option(isolate, given, "level")));
  options.seed = static_cast<uint64_t>(Option(isolate, given, "seed"));
  options.thread_id = static_cast<int>(Option(isolate, given, "threadId"));
  options.now_unix_ms = Option(isolate, given, "unixMs");
  if (state->record_key != 0) Store::Get().Forget(state->record_key);
  auto record = std::make_shared<ThreadRecord>(options);
  state->record_key = Store::Get().Add(record);
  state->sampler = std::make_unique<Sampler>(isolate, record);
  state->Rehook();
  if (!state->sampler->Start()) {
    state->sampler.reset();
    state->Rehook();
    Store::Get().Forget(state->record_key);
    state->record_key = 0;
    return Throw(isolate,
                 "V8's heap sampler is in use by DevTools or another inspector client, which has V8 collect all garbage "
                 "at each look; stop it first");
  }
  args.GetReturnValue().Set(static_cast<double>(state->record_key));
}

void Stop(const Args& args) {
  Sampler* sampler = SamplerOf(args);
  if (sampler == nullptr) return;
  sampler->Stop();
  CurrentState()->sampler.reset();
  CurrentState()->Rehook();
}

// poll(): a look at the samples now, so that the next read() of this thread's key is up to date.
void PollNow(const Args& args) {
  if (Sampler* sampler = SamplerOf(args)) sampler->PollNow();
}

void SetLevel(const Args& args) {
  const int level = static_cast<int>(NumberOf(args.GetIsolate(), args[0]));
  if (Sampler* sampler = SamplerOf(args)) sampler->SetLevel(static_cast<Level>(level));
}

void SetInterval(const Args& args) {
  const double interval_bytes = NumberOf(args.GetIsolate(), args[0]);
  Sampler* sampler = SamplerOf(args);
  if (sampler == nullptr || sampler->SetInterval(interval_bytes)) return;
  Throw(args.GetIsolate(),
        "rolp: another tool has started V8's heap sampler, whose interval rolp must leave alone");
}

void SetBudget(const Args& args) {
  const double percent = NumberOf(args.GetIsolate(), args[0]);
  if (Sampler* sampler = SamplerOf(args)) sampler->SetBudget(percent);
}

void GcCycles(const Args& args) {
  if (Sampler* sampler = SamplerOf(args)) args.GetReturnValue().Set(sampler->cycles());
}

// pauseSums() -> [count, ns, nsSquared] of this thread's pauses, polls left out: no poll, no lock
void GetPauseSums(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  Sampler* sampler = SamplerOf(args);
  if (sampler == nullptr) return;
  const PauseSums sums = sampler->Pauses();
  v8::Local<v8::Value> parts[] = {v8::Number::New(isolate, sums.count), v8::Number::New(isolate, sums.ns),
                                  v8::Number::New(isolate, sums.ns_squared)};
  args.GetReturnValue().Set(v8::Array::New(isolate, parts, 3));
}

// threads() -> [{key, threadId, ended, written, version, polls, pollNs, samples, files, fileNs}]
void Threads(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Array> list = v8::Array::New(isolate);
  uint32_t index = 0;
  for (const Store::Row& row : Store::Get().List()) {
    v8::Local<v8::Object> object = v8::Object::New(isolate);
    const std::pair<const char*, uint64_t> numbers[] = {
        {"key", row.key},         {"version", row.version},       {"polls", row.cost.polls},  {"pollNs", row.cost.poll_ns},
        {"samples", row.cost.samples}, {"files", row.cost.files}, {"fileNs", row.cost.file_ns},
    };
    for (const auto& [name, value] : numbers) {
      Set(isolate, object, name, v8::Number::New(isolate, static_cast<double>(value)));
    }
    Set(isolate, object, "threadId", v8::Number::New(isolate, row.thread_id));
    Set(isolate, object, "ended", v8::Boolean::New(isolate, row.ended));
    Set(isolate, object, "written", v8::Boolean::New(isolate, row.written));
    list->Set(context, index++, object).Check();
  }
  args.GetReturnValue().Set(list);
}

// read(key) -> [JSON, Float64Array], see src/profiler/thread-reading.ts, or null
void Read(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  const double key = NumberOf(isolate, args[0]);
  Reading reading;
  if (!Store::Get().Read(static_cast<uint64_t>(key), &reading)) return args.GetReturnValue().SetNull();
  v8::Local<v8::String> text;
  if (!v8::String::NewFromUtf8(isolate, reading.json.data(), v8::NewStringType::kNormal,
                               static_cast<int>(reading.json.size()))
           .ToLocal(&text)) {
    return Throw(isolate, "rolp: the aggregates are too large for a string");
  }
  const size_t count = reading.table.size();
  v8::Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(isolate, count * sizeof(double));
  if (count > 0) std::memcpy(buffer->GetBackingStore()->Data(), reading.table.data(), count * sizeof(double));
  v8::Local<v8::Value> parts[] = {text, v8::Float64Array::New(buffer, 0, count)};
  args.GetReturnValue().Set(v8::Array::New(isolate, parts, 2));
}

void CountFile(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  Store::Get().CountFile(static_cast<uint64_t>(NumberOf(isolate, args[0])),
                         static_cast<uint64_t>(NumberOf(isolate, args[1])));
}

void ThreadCpu(const Args& args) {
  args.GetReturnValue().Set(static_cast<double>(ThreadCpuNs()));
}

void MarkWritten(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  Store::Get().MarkWritten(static_cast<uint64_t>(NumberOf(isolate, args[0])), args[1]->BooleanValue(isolate));
}

void Forget(const Args& args) {
  Store::Get().Forget(static_cast<uint64_t>(NumberOf(args.GetIsolate(), args[0])));
}

// recordPauses(capacity, performance.now()); 0 ends it
void RecordPauses(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  IsolateState* state = StateOf(args);
  if (state == nullptr) return;
  const auto capacity = static_cast<size_t>(NumberOf(isolate, args[0]));
  state->ring_origin_ms = static_cast<double>(uv_hrtime()) / 1e6 - NumberOf(isolate, args[1]);
  state->ring = capacity > 0 ? std::make_unique<PauseRing>(capacity) : nullptr;
  state->Rehook();
}

// takePauses() -> Float64Array, six numbers a pause: kind, startMs, ns, pollNs, beforeBytes, afterBytes
void TakePauses(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  IsolateState* state = StateOf(args);
  if (state == nullptr) return;
  if (!state->ring) return Throw(isolate, "rolp: takePauses() before recordPauses()");
  constexpr size_t kColumns = 6;
  const std::vector<Pause> pauses = state->ring->Take();
  v8::Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(isolate, pauses.size() * kColumns * sizeof(double));
  auto* at = static_cast<double*>(buffer->GetBackingStore()->Data());
  for (const Pause& pause : pauses) {
    *at++ = pause.kind;
    *at++ = static_cast<double>(pause.start_ns) / 1e6 - state->ring_origin_ms;
    *at++ = static_cast<double>(pause.ns);
    *at++ = static_cast<double>(pause.poll_ns);
    *at++ = static_cast<double>(pause.before_bytes);
    *at++ = static_cast<double>(pause.after_bytes);
  }
  args.GetReturnValue().Set(v8::Float64Array::New(buffer, 0, pauses.size() * kColumns));
}

void PausesDropped(const Args& args) {
  IsolateState* state = StateOf(args);
  if (state == nullptr) return;
  args.GetReturnValue().Set(state->ring ? static_cast<double>(state->ring->dropped()) : 0.0);
}

// The memory behind a buffer; nullptr, and something is thrown, if it is none.
std::shared_ptr<v8::BackingStore> BackingStoreOf(v8::Isolate* isolate, v8::Local<v8::Value> buffer) {
  if (buffer->IsArrayBuffer()) return buffer.As<v8::ArrayBuffer>()->GetBackingStore();
  if (buffer->IsSharedArrayBuffer()) return buffer.As<v8::SharedArrayBuffer>()->GetBackingStore();
  Throw(isolate, "rolp: an ArrayBuffer or a SharedArrayBuffer is needed");
  return nullptr;
}

// decommit(buffer, byteOffset, byteLength) -> whether pages were given back
void DecommitBuffer(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  const std::shared_ptr<v8::BackingStore> store = BackingStoreOf(isolate, args[0]);
  if (store == nullptr) return;
  const double offset = NumberOf(isolate, args[1]);
  const double length = NumberOf(isolate, args[2]);
  if (!(offset >= 0 && length >= 0 && offset + length <= static_cast<double>(store->ByteLength()))) {
    return Throw(isolate, "rolp: decommit() beyond the buffer's end");
  }
  args.GetReturnValue().Set(Decommit(store->Data(), static_cast<size_t>(offset), static_cast<size_t>(length)));
}

// useHugePages(buffer) -> whether the system was told
void UseHugePagesIn(const Args& args) {
  const std::shared_ptr<v8::BackingStore> store = BackingStoreOf(args.GetIsolate(), args[0]);
  if (store == nullptr) return;
  args.GetReturnValue().Set(UseHugePages(store->Data(), store->ByteLength()));
}

void PageSizeOf(const Args& args) {
  args.GetReturnValue().Set(static_cast<double>(PageSize()));
}

void CleanUp(void* data) {
  auto* state = static_cast<IsolateState*>(data);
  v8::HandleScope handles(state->isolate);
  state->EndThread();
  SetCurrentState(nullptr);
  delete state;
}

void Initialize(v8::Local<v8::Object> exports, v8::Local<v8::Context> context) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  if (CurrentState() == nullptr) {
    auto* state = new IsolateState{};
    state->isolate = isolate;
    SetCurrentState(state);
    node::AddEnvironmentCleanupHook(isolate, CleanUp, state);
  }
  const std::pair<const char*, v8::FunctionCallback> functions[] = {
      {"start", Start},
      {"stop", Stop},
      {"poll", PollNow},
      {"setLevel", SetLevel},
      {"setInterval", SetInterval},
      {"setBudget", SetBudget},
      {"gcCycles", GcCycles},
      {"pauseSums", GetPauseSums},
      {"threads", Threads},
      {"read", Read},
      {"markWritten", MarkWritten},
      {"countFile", CountFile},
      {"threadCpuNs", ThreadCpu},
      {"forget", Forget},
      {"recordPauses", RecordPauses},
      {"takePauses", TakePauses},
      {"pausesDropped", PausesDropped},
      {"callerKey", CallerKey},
      {"learnInterpreter", LearnInterpreter},
      {"decommit", DecommitBuffer},
      {"useHugePages", UseHugePagesIn},
      {"pageSize", PageSizeOf},
      {"watchSignals", WatchSignals},
      {"unwatchSignals", UnwatchSignals},
  };
  for (const auto& [name, function] : functions) {
    Set(isolate, exports, name, v8::Function::New(context, function).ToLocalChecked());
  }
}

}  // namespace

NODE_MODULE_INIT() {
  Initialize(exports, context);
}

}  // namespace rolp
