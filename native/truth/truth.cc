// Exact lifetimes through weak handles: what tests and benches hold rolp's estimates against. Not published.
//
// track(object, label, everyNth = 1): counts a birth under `label` (a small integer, or a string at some 100 ns more)
// and follows each nth. Ages are counted as the sampler counts them: GC cycles faced, the one that collects included.
// report() -> {gcCycles, labels: {[label]: {calls, births, live, deaths: number[], liveAges: number[]}}} with births
// the objects followed, deaths and liveAges by age. reset() forgets all labels and the objects followed.
// drawPolls(budgetPercent, seed, cycles, cycleNs, cycleCpuNs, pollNs, pollCpuNs) -> the numbers of the GC cycles that the
// sampler's budget has polled, where a cycle and a poll take that much wall and CPU time: the real draw, on clocks of paper.
// churnContexts(maxContexts, rounds, perRound) -> {places, lost}: the places that the sampler's table of contexts has after each
// round of so many contexts that were never there before, folded as a poll does it, and how many of them folding left nowhere.
// mallocBytes() -> what malloc has handed out in this process (0 where glibc cannot tell): where an addon's memory is.
#include <node.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "../src/cohorts.h"
#include "../src/contexts.h"

namespace rolp_truth {

namespace {

using Args = v8::FunctionCallbackInfo<v8::Value>;

struct Label {
  uint64_t calls = 0;
  uint64_t births = 0;
  std::vector<uint64_t> deaths;
};

struct Tracked {
  v8::Global<v8::Value> handle;
  Label* label = nullptr;
  uint32_t birth_cycle = 0;
  bool alive = false;
};

struct State {
  uint32_t cycles = 0;  // begun: an object born now faces cycle number cycles + 1 first
  std::map<std::string, Label> names;
  std::vector<Label*> by_number;
  std::deque<Tracked> tracked;
  std::vector<Tracked*> free;
};

// One per thread, and so per isolate.
thread_local State* state = nullptr;

constexpr auto kCycleKinds = static_cast<v8::GCType>(1 | 2 | 4);

void OnPrologue(v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* data) {
  static_cast<State*>(data)->cycles++;
}

void OnDeath(const v8::WeakCallbackInfo<Tracked>& info) {
  Tracked* dead = info.GetParameter();
  dead->handle.Reset();
  dead->alive = false;
  const uint32_t age = state->cycles - dead->birth_cycle;
  std::vector<uint64_t>& deaths = dead->label->deaths;
  if (deaths.size() <= age) deaths.resize(age + 1);
  deaths[age]++;
  state->free.push_back(dead);
}

Label* LabelOf(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value->IsUint32()) {
    const uint32_t number = value.As<v8::Uint32>()->Value();
    if (number < state->by_number.size() && state->by_number[number] != nullptr) return state->by_number[number];
    if (number < 65536) {
      if (number >= state->by_number.size()) state->by_number.resize(number + 1);
      return state->by_number[number] = &state->names[std::to_string(number)];
    }
  }
  const v8::String::Utf8Value name(isolate, value);
  return &state->names[*name == nullptr ? "" : *name];
}

void Track(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  Label* label = LabelOf(isolate, args[1]);
  const uint64_t every = args[2]->IsUint32() ? args[2].As<v8::Uint32>()->Value() : 1;
  if (label->calls++ % (every == 0 ? 1 : every) != 0) return;
  label->births++;
  Tracked* tracked;
  if (state->free.empty()) {
    tracked = &state->tracked.emplace_back();
  } else {
    tracked = state->free.back();
    state->free.pop_back();
  }
  tracked->label = label;
  tracked->birth_cycle = state->cycles;
  tracked->alive = true;
  tracked->handle.Reset(isolate, args[0]);
  tracked->handle.SetWeak(tracked, OnDeath, v8::WeakCallbackType::kParameter);
}

v8::Local<v8::Array> Numbers(v8::Local<v8::Context> context, const std::vector<uint64_t>& values) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Array> array = v8::Array::New(isolate, static_cast<int>(values.size()));
  for (uint32_t i = 0; i < values.size(); i++) {
    array->Set(context, i, v8::Number::New(isolate, static_cast<double>(values[i]))).Check();
  }
  return array;
}

void Set(v8::Local<v8::Context> context, v8::Local<v8::Object> object, const char* key, v8::Local<v8::Value> value) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  object->Set(context, v8::String::NewFromUtf8(isolate, key).ToLocalChecked(), value).Check();
}

void Report(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  std::map<const Label*, std::vector<uint64_t>> living;
  std::map<const Label*, uint64_t> live_counts;
  for (const Tracked& tracked : state->tracked) {
    if (!tracked.alive) continue;
    const uint32_t age = state->cycles - tracked.birth_cycle;
    std::vector<uint64_t>& ages = living[tracked.label];
    if (ages.size() <= age) ages.resize(age + 1);
    ages[age]++;
    live_counts[tracked.label]++;
  }
  v8::Local<v8::Object> labels = v8::Object::New(isolate);
  for (const auto& [name, label] : state->names) {
    v8::Local<v8::Object> row = v8::Object::New(isolate);
    Set(context, row, "calls", v8::Number::New(isolate, static_cast<double>(label.calls)));
    Set(context, row, "births", v8::Number::New(isolate, static_cast<double>(label.births)));
    Set(context, row, "live", v8::Number::New(isolate, static_cast<double>(live_counts[&label])));
    Set(context, row, "deaths", Numbers(context, label.deaths));
    Set(context, row, "liveAges", Numbers(context, living[&label]));
    Set(context, labels, name.c_str(), row);
  }
  v8::Local<v8::Object> report = v8::Object::New(isolate);
  Set(context, report, "gcCycles", v8::Number::New(isolate, state->cycles));
  Set(context, report, "labels", labels);
  args.GetReturnValue().Set(report);
}

void Forget() {
  for (Tracked& tracked : state->tracked) tracked.handle.Reset();
  state->tracked.clear();
  state->free.clear();
  state->names.clear();
  state->by_number.clear();
}

void Reset(const Args&) {
  Forget();
}

uint64_t drawn_cpu_ns = 0;

void DrawPolls(const Args& args) {
  v8::Local<v8::Context> context = args.GetIsolate()->GetCurrentContext();
  const auto number = [&](int index) { return args[index]->NumberValue(context).FromMaybe(0); };
  const auto ns = [&](int index) { return static_cast<uint64_t>(number(index)); };
  const uint64_t cycles = ns(2), cycle_ns = ns(3), cycle_cpu_ns = ns(4), poll_ns = ns(5), poll_cpu_ns = ns(6);
  rolp::CohortDraw draw(number(0), 0, ns(1), [] { return drawn_cpu_ns; });
  std::vector<uint64_t> polled;
  uint64_t now_ns = 0;
  draw.Restart(now_ns);
  for (uint64_t cycle = 0; cycle < cycles; cycle++) {
    now_ns += cycle_ns;
    drawn_cpu_ns += cycle_cpu_ns;
    const uint64_t begin_ns = now_ns;
    if (draw.Prologue(begin_ns, false)) {
      now_ns += poll_ns;
      drawn_cpu_ns += poll_cpu_ns;
      draw.CountPoll(begin_ns, poll_ns, poll_cpu_ns);
      polled.push_back(cycle);
    }
    draw.Advance();
  }
  args.GetReturnValue().Set(Numbers(context, polled));
}

void ChurnContexts(const Args& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  const auto number = [&](int index) {
    return static_cast<uint64_t>(args[index]->NumberValue(context).FromMaybe(0));
  };
  const uint64_t rounds = number(1), per_round = number(2);
  rolp::ContextTable table(number(0));
  std::vector<uint64_t> places;
  uint64_t made = 0, lost = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    for (uint64_t i = 0; i < per_round; i++) {
      made++;
      const uint32_t leaf = table.frames().Intern("leaf" + std::to_string(made), "app.js", 1, 1);
      const uint32_t caller = table.frames().Intern("main", "app.js", 1, 1);
      table.at(table.Create(rolp::Mix(1, made), {leaf, caller}, rolp::Level::kOff)).samples = 1;
    }
    if (table.over_cap()) {
      const std::vector<uint32_t> before = table.All();
      const std::vector<uint32_t> moved = table.Fold();
      const std::vector<uint32_t> after = table.All();
      const std::unordered_set<uint32_t> there(after.begin(), after.end());
      for (const uint32_t index : before) lost += there.count(moved[index]) == 0 ? 1 : 0;
    }
    places.push_back(table.places());
  }
  uint64_t counted = 0;
  for (const uint32_t index : table.All()) counted += table.at(index).samples;
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  Set(context, result, "places", Numbers(context, places));
  Set(context, result, "lost", v8::Number::New(isolate, static_cast<double>(lost + made - counted)));
  args.GetReturnValue().Set(result);
}

void MallocBytes(const Args& args) {
#if defined(__GLIBC__)
  const struct mallinfo2 info = mallinfo2();
  args.GetReturnValue().Set(static_cast<double>(info.uordblks + info.hblkhd));
#else
  args.GetReturnValue().Set(0);
#endif
}

void CleanUp(void* data) {
  auto* isolate = static_cast<v8::Isolate*>(data);
  isolate->RemoveGCPrologueCallback(OnPrologue, state);
  Forget();
  delete state;
  state = nullptr;
}

}  // namespace

NODE_MODULE_INIT() {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  if (state == nullptr) {
    state = new State();
    isolate->AddGCPrologueCallback(OnPrologue, state, kCycleKinds);
    node::AddEnvironmentCleanupHook(isolate, CleanUp, isolate);
  }
  const std::pair<const char*, v8::FunctionCallback> functions[] = {
      {"track", Track},
      {"report", Report},
      {"reset", Reset},
      {"mallocBytes", MallocBytes},
      {"drawPolls", DrawPolls},
      {"churnContexts", ChurnContexts},
  };
  for (const auto& [name, function] : functions) {
    Set(context, exports, name, v8::Function::New(context, function).ToLocalChecked());
  }
}

}  // namespace rolp_truth
