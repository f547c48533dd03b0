#include "thread_record.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "json.h"

namespace rolp {

namespace {

// Lists that only a long series of restarts or window changes could make long: the oldest two entries become one.
constexpr size_t kMostEpochs = 256;
constexpr size_t kMostWindows = 256;

const char* LevelName(Level level) {
  static const char* const names[] = {"off", "sites", "calls"};
  return names[static_cast<int>(level)];
}

void WritePauses(JsonWriter* json, const char* key, const PauseStats& pauses) {
  json->Key(key).Open('{');
  json->Key("count").Integer(pauses.count);
  json->Key("sumNs").Integer(pauses.sum_ns);
  json->Key("maxNs").Integer(pauses.max_ns);
  json->Key("pollNs").Integer(pauses.poll_ns);
  json->Key("buckets").Open('[');
  for (size_t i = 0; i < PauseStats::kBuckets; i++) {
    if (pauses.buckets()[i] == 0) continue;
    json->Open('[').Number(PauseStats::UpperNs(i)).Integer(pauses.buckets()[i]).Close(']');
  }
  json->Close(']');
  json->Key("beforeBytes").Number(pauses.before_bytes);
  json->Key("afterBytes").Number(pauses.after_bytes);
  json->Key("work").Open('{').Key("bytes").Number(pauses.work.bytes);
  json->Key("bytesSquared").Number(pauses.work.bytes_squared).Key("ns").Number(pauses.work.ns);
  json->Key("nsSquared").Number(pauses.work.ns_squared).Key("product").Number(pauses.work.product);
  json->Close('}').Close('}');
}

void WriteEnd(JsonWriter* json, double end) {
  if (end < 0) {
    json->Null();
  } else {
    json->Number(end);
  }
}

// Frames in the order in which they are first asked for.
class FrameList {
 public:
  explicit FrameList(size_t most) : places_(most, kNone) {}

  uint32_t PlaceOf(uint32_t frame) {
    uint32_t& place = places_[frame];
    if (place == kNone) {
      place = static_cast<uint32_t>(frames_.size());
      frames_.push_back(frame);
    }
    return place;
  }

  const std::vector<uint32_t>& frames() const { return frames_; }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  std::vector<uint32_t> places_;
  std::vector<uint32_t> frames_;
};

void PutCells(std::vector<double>* table, const Scale& scale, const LifetimeTable& cells) {
  table->push_back(static_cast<double>(cells.cells().size()));
  for (const Cell& cell : cells.cells()) {
    table->insert(table->end(), {scale.bound(cell.low), cell.high == kAlive ? -1 : scale.bound(cell.high),
                                 static_cast<double>(cell.samples), cell.weight, cell.weight_squared});
  }
}

void PutContext(std::vector<double>* table, FrameList* frames, const Context& context) {
  table->insert(table->end(), {static_cast<double>(context.level), static_cast<double>(context.folded),
                               static_cast<double>(context.samples), context.objects, context.objects_squared,
                               context.bytes, context.bytes_squared, static_cast<double>(context.live_samples),
                               context.live_objects, context.live_bytes, context.deaths_young, context.deaths_old});
  for (int i = 0; i < kGroups; i++) table->insert(table->end(), {context.group_weight[i], context.group_life[i]});
  table->push_back(static_cast<double>(context.frames.size()));
  for (const uint32_t frame : context.frames) table->push_back(frames->PlaceOf(frame));
  PutCells(table, Scale::Ages(), context.ages);
  PutCells(table, Scale::Bytes(), context.life_bytes);
  PutCells(table, Scale::Ms(), context.life_ms);
}

}  // namespace

ThreadRecord::ThreadRecord(const SamplerOptions& given) : options(given), contexts(given.max_contexts) {}

Level ThreadRecord::LevelOf(uint64_t id) const {
  for (size_t i = windows.size(); i-- > 1;) {
    if (id >= windows[i].first_id) return windows[i].level;
  }
  return windows.front().level;
}

void ThreadRecord::BeginEpoch(const char* reason, double interval_bytes, double now_ms, uint64_t ids_before) {
  options.interval_bytes = interval_bytes;
  const int index = epochs.empty() ? 0 : epochs.back().index + 1;
  if (epochs.size() >= kMostEpochs) {
    epochs[1].start_ms = epochs[0].start_ms;
    epochs[1].samples += epochs[0].samples;
    epochs[1].censored += epochs[0].censored;
    epochs.erase(epochs.begin());
  }
  epochs.push_back({index, reason, interval_bytes, now_ms, -1, 0, 0});
  last_id = ids_before;
  first_id = ids_before + 1;
  sampling = true;
  // Ids begin anew: all of them belong to the window that is open now.
  for (Window& window : windows) window.first_id = 0;
}

void ThreadRecord::EndEpoch(double now_ms) {
  Epoch& epoch = epochs.back();
  epoch.end_ms = now_ms;
  epoch.samples += EpochSamples();
  epoch.censored += live.all().size();
  past_samples += EpochSamples();
  last_id = 0;
  first_id = 1;
  sampling = false;
  for (const LiveSample& sample : live.all()) CountAlive(&contexts.at(sample.context), sample);
  live.Clear();
}

void ThreadRecord::BeginWindow(Level level, double now_ms) {
  options.level = level;
  if (!windows.empty()) {
    windows.back().end_ms = now_ms;
    windows.back().end_cycle = cycles_done;
  }
  if (windows.size() >= kMostWindows) {
    windows[1].start_ms = windows[0].start_ms;
    windows[1].start_cycle = windows[0].start_cycle;
    windows.erase(windows.begin());
  }
  windows.push_back({level, now_ms, -1, cycles_done, 0, last_id + 1});
}

void ThreadRecord::Finish() {
  if (sampling) EndEpoch(last_poll.ms);
  if (!windows.empty() && windows.back().end_ms < 0) {
    windows.back().end_ms = last_poll.ms;
    windows.back().end_cycle = cycles_done;
  }
  version++;
}

// `old`: collected by a mark-compact after it had lived through two cycles, by when V8 has promoted it. Mark-compacts
// are polled on both sides, so an interval that holds one holds nothing else.
void ThreadRecord::CountDeath(const LiveSample& sample, const Instant& earliest, const Instant& latest, bool major) {
  Context& context = contexts.at(sample.context);
  const double w = sample.weight;
  const double low = earliest.cycle - sample.birth_cycle;
  const double high = std::max<double>(latest.cycle - sample.birth_cycle + 1, low + 1);
  context.ages.AddInterval(Scale::Ages(), low, high, w);
  context.life_bytes.AddDeath(Scale::Bytes(), earliest.bytes - sample.birth_bytes, latest.bytes - sample.birth_bytes, w);
  context.life_ms.AddDeath(Scale::Ms(), earliest.ms - sample.birth_ms, latest.ms - sample.birth_ms, w);
  if (major && low >= 2) {
    context.deaths_old += w;
  } else {
    context.deaths_young += w;
  }
  context.group_life[sample.group] += w * (low + 1 + high) / 2;
}

void ThreadRecord::CountAlive(Context* context, const LiveSample& sample) const {
  const double age = last_poll.cycle - sample.birth_cycle;
  context->ages.AddAlive(Scale::Ages(), age, sample.weight);
  context->life_bytes.AddAlive(Scale::Bytes(), last_poll.bytes - sample.birth_bytes, sample.weight);
  context->life_ms.AddAlive(Scale::Ms(), last_poll.ms - sample.birth_ms, sample.weight);
  context->group_life[sample.group] += sample.weight * age;
}

void ThreadRecord::FoldIfNeeded(std::vector<uint32_t>* moved) {
  moved->clear();
  if (!contexts.over_cap()) return;
  *moved = contexts.Fold();
  for (LiveSample& sample : live.all()) sample.context = (*moved)[sample.context];
}

Reading ThreadRecord::Read() const {
  // The living are cells of the copy only: at the next poll they may be dead.
  std::unordered_map<uint32_t, Context> with_living;
  for (const LiveSample& sample : live.all()) {
    auto at = with_living.find(sample.context);
    if (at == with_living.end()) at = with_living.emplace(sample.context, contexts.at(sample.context)).first;
    CountAlive(&at->second, sample);
  }

  const uint64_t samples = Samples();
  JsonWriter json;
  json.Open('{').Key("threadId").Number(options.thread_id).Key("startedAtUnixMs").Number(options.now_unix_ms);
  json.Key("durationMs").Number(last_poll.ms).Key("ended").Bool(ended).Key("engine").String("native");
  json.Key("intervalBytes").Number(options.interval_bytes).Key("stackDepth").Number(options.stack_depth);
  json.Key("samples").Integer(samples).Key("missed").Integer(missed);
  json.Key("skipped").Integer(samples - births - missed).Key("cohorts").Integer(cohorts);
  json.Key("weightedSamples").Number(weighted_samples);
  json.Key("polls").Integer(polls).Key("pollNs").Integer(poll_ns).Key("gcCycles").Integer(cycles_done);
  json.Key("allocatedBytes").Number(last_poll.bytes);
  WritePauses(&json, "scavenge", scavenge);
  WritePauses(&json, "markCompact", mark_compact);
  json.Key("epochs").Open('[');
  for (const Epoch& epoch : epochs) {
    const uint64_t taken = epoch.end_ms < 0 ? epoch.samples + EpochSamples() : epoch.samples;
    json.Open('{').Key("index").Integer(epoch.index).Key("reason").String(epoch.reason);
    json.Key("intervalBytes").Number(epoch.interval_bytes).Key("startMs").Number(epoch.start_ms).Key("endMs");
    WriteEnd(&json, epoch.end_ms);
    json.Key("samples").Integer(taken).Key("censored").Integer(epoch.censored).Close('}');
  }
  json.Close(']').Key("windows").Open('[');
  for (const Window& window : windows) {
    json.Open('{').Key("level").String(LevelName(window.level)).Key("startMs").Number(window.start_ms).Key("endMs");
    WriteEnd(&json, window.end_ms);
    json.Key("startGcCycle").Integer(window.start_cycle).Key("endGcCycle");
    WriteEnd(&json, window.end_ms < 0 ? -1 : static_cast<double>(window.end_cycle));
    json.Close('}');
  }
  Reading reading;
  FrameList used(contexts.frames().size());
  for (const uint32_t index : contexts.All()) {
    auto living = with_living.find(index);
    const Context& context = living == with_living.end() ? contexts.at(index) : living->second;
    // Known from unpolled or dead births alone, and now empty: nothing to tell.
    if (context.samples == 0 && context.live_samples == 0) continue;
    PutContext(&reading.table, &used, context);
  }
  json.Close(']').Key("frames").Open('[');
  for (const uint32_t id : used.frames()) {
    const FrameTable& frames = contexts.frames();
    const Frame& frame = frames.frame(id);
    json.Open('{').Key("function").String(frames.text(frame.name)).Key("url").String(frames.text(frame.url));
    json.Key("line").Number(frame.line).Key("column").Number(frame.column).Close('}');
  }
  json.Close(']').Key("foldedContexts").Integer(contexts.folded_contexts());
  json.Key("files").Integer(files).Key("fileNs").Integer(file_ns).Close('}');
  reading.json = json.Take();
  return reading;
}

}  // namespace rolp
