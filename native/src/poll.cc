// One look at V8's live samples: births, deaths, the living.
#include <uv.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "gc_watch.h"
#include "sampler.h"

namespace rolp {

namespace {

// Script names can be whole data: URLs.
constexpr size_t kMostNameBytes = 256;
constexpr size_t kMostUrlBytes = 1024;

std::string TextOf(v8::Isolate* isolate, v8::Local<v8::String> string, size_t most_bytes) {
  if (string.IsEmpty()) return std::string();
  const v8::String::Utf8Value utf8(isolate, string);
  if (*utf8 == nullptr) return std::string();
  std::string text(*utf8, static_cast<size_t>(utf8.length()));
  if (text.size() <= most_bytes) return text;
  size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) end--;
  text.resize(end);
  return text;
}

// V8's own count of a sample is rounded to whole objects.
double WeightOf(double size, double interval_bytes) {
  return 1 / -std::expm1(-size / interval_bytes);
}

}  // namespace

uint64_t Sampler::Poll(Instant here, bool in_gc) {
  const uint64_t begin_ns = uv_hrtime();
  polling_ = true;
  {
    v8::HandleScope handles(isolate_);
    std::unique_ptr<v8::AllocationProfile> profile(isolate_->GetHeapProfiler()->GetAllocationProfile());
    if (nested_gc_ != 0) here = Here(uv_hrtime(), UsedBytes());
    nested_gc_ = 0;
    RecordLock lock(record_->mutex);
    record_->polls++;
    record_->version++;
    if (profile && Walk(profile->GetRootNode()) && !SawRestart(profile->GetSamples())) {
      CountSamples(profile->GetSamples());
      CountDeaths(here);
      CountBirths(here, in_gc);
      FoldContexts();
      record_->last_poll = here;
      gc_since_poll_ = false;
    } else {
      LoseSampler(here);
    }
    walk_.clear();
  }
  polling_ = false;
  const uint64_t ns = uv_hrtime() - begin_ns;
  RecordLock lock(record_->mutex);
  record_->poll_ns += ns;
  return ns;
}

// Lists the tree's nodes, and those with samples in nodes_. False if a node id has come to mean another function: then
// the sampler was stopped and started by somebody else since the last poll.
bool Sampler::Walk(v8::AllocationProfile::Node* root) {
  walk_.clear();
  next_nodes_.clear();
  next_index_.Reset(nodes_.size());
  walk_.push_back({root, kNoContext});
  for (uint32_t i = 0; i < walk_.size(); i++) {
    v8::AllocationProfile::Node* node = walk_[i].node;
    for (v8::AllocationProfile::Node* child : node->children) walk_.push_back({child, i});
    if (node->allocations.empty()) continue;
    Node known{node->script_id, node->start_position, i, {kNoContext, kNoContext, kNoContext}};
    const uint32_t at = node_index_.Find(node->node_id);
    if (at != IdMap::kNone) {
      if (nodes_[at].script_id != known.script_id || nodes_[at].start_position != known.start_position) return false;
      std::copy(std::begin(nodes_[at].contexts), std::end(nodes_[at].contexts), std::begin(known.contexts));
    }
    next_index_.Add(node->node_id, static_cast<uint32_t>(next_nodes_.size()));
    next_nodes_.push_back(known);
  }
  std::swap(nodes_, next_nodes_);
  std::swap(node_index_, next_index_);
  return true;
}

// Ids begin anew when somebody stops and starts the sampler between two polls: an id then names another object.
bool Sampler::SawRestart(const std::vector<v8::AllocationProfile::Sample>& samples) const {
  const bool all_known = epoch_births_ > 0 && epoch_births_ == anchor_id_;
  for (const auto& sample : samples) {
    if (sample.sample_id > anchor_id_) continue;
    const LiveSample* live = record_->live.Find(sample.sample_id);
    if (live == nullptr ? all_known : live->size != static_cast<uint32_t>(sample.size)) return true;
  }
  return false;
}

void Sampler::CountSamples(const std::vector<v8::AllocationProfile::Sample>& samples) {
  record_->contexts.ClearLive();
  births_.clear();
  max_id_ = anchor_id_;
  saw_own_birth_ = false;
  const bool in_cohort = draw_.births_in_cohort();
  for (const auto& sample : samples) {
    const uint32_t at = node_index_.Find(sample.node_id);
    if (at == IdMap::kNone) {
      // V8 reads the tree first, which makes strings, and may sample one of these in a node that it has read already.
      saw_own_birth_ = true;
      continue;
    }
    const uint32_t index = ContextOf(&nodes_[at], record_->LevelOf(sample.sample_id));
    Context& context = record_->contexts.at(index);
    const double size = static_cast<double>(sample.size);
    const double weight = WeightOf(size, record_->options.interval_bytes);
    context.live_samples++;
    context.live_objects += weight;
    context.live_bytes += weight * size;
    if (sample.sample_id <= anchor_id_) {
      if (LiveSample* live = record_->live.Find(sample.sample_id)) live->seen = 1;
      continue;
    }
    max_id_ = std::max(max_id_, sample.sample_id);
    if (in_cohort) births_.push_back({sample.sample_id, static_cast<uint32_t>(sample.size), index});
  }
}

void Sampler::CountDeaths(const Instant& here) {
  const Instant missing{record_->last_poll.cycle, here.bytes, here.ms};
  const Instant& earliest = gc_since_poll_ ? first_gc_ : missing;
  const Instant& latest = gc_since_poll_ ? last_gc_ : missing;
  record_->live.Sweep([&](const LiveSample& dead) { record_->CountDeath(dead, earliest, latest, last_gc_major_); });
}

void Sampler::CountBirths(const Instant& here, bool in_gc) {
  const double taken = static_cast<double>(max_id_ - anchor_id_);
  const double cohort_weight = 1 / draw_.births_probability();
  std::sort(births_.begin(), births_.end(), [](const Birth& a, const Birth& b) { return a.id < b.id; });
  for (const Birth& birth : births_) {
    const double size = birth.size;
    const double weight = WeightOf(size, record_->options.interval_bytes) * cohort_weight;
    const double place = (static_cast<double>(birth.id - anchor_id_) - 0.5) / taken;
    const uint32_t group = GroupOf(record_->cohorts);
    Context& context = record_->contexts.at(birth.context);
    context.samples++;
    context.last_birth_cycle = here.cycle;
    context.objects += weight;
    context.objects_squared += weight * weight;
    context.bytes += weight * size;
    context.bytes_squared += weight * size * weight * size;
    context.group_weight[group] += weight;
    record_->live.Add({birth.id, weight, anchor_.bytes + place * (here.bytes - anchor_.bytes),
                       anchor_.ms + place * (here.ms - anchor_.ms), birth.context, here.cycle, birth.size, 0, group});
  }
  record_->births += births_.size();
  record_->weighted_samples += static_cast<double>(births_.size()) * cohort_weight;
  epoch_births_ += births_.size();
  if (draw_.births_in_cohort() && !births_.empty()) {
    uint64_t gaps = max_id_ - anchor_id_ - births_.size();
    if (!anchor_exact_) gaps -= births_.front().id - anchor_id_ - 1;
    record_->missed += gaps;
  }
  if (draw_.births_in_cohort() && in_gc) record_->cohorts++;

  // A poll in a prologue has seen who dies in that GC. One outside has not seen who is born after it and before the GC.
  const bool unseen_gc = here.cycle > anchor_.cycle + (anchor_in_gc_ ? 1 : 0);
  if (unseen_gc || saw_own_birth_) {
    anchor_exact_ = false;
  } else if (max_id_ > anchor_id_) {
    anchor_exact_ = true;
  }
  anchor_id_ = record_->last_id = max_id_;
  anchor_ = here;
  anchor_in_gc_ = in_gc;
}

uint32_t Sampler::ContextOf(Node* node, Level level) {
  uint32_t& known = node->contexts[static_cast<int>(level)];
  if (known != kNoContext) return known;
  const int depth = record_->options.stack_depth;
  uint64_t key = Mix(0, static_cast<uint64_t>(level));
  int frames = 0;
  // The root (index 0) is no function, but V8 hangs samples without a stack on it.
  for (uint32_t at = node->walk_index; at != kNoContext && (at != 0 || frames == 0) && frames < depth;
       at = walk_[at].parent, frames++) {
    v8::AllocationProfile::Node* frame = walk_[at].node;
    key = Mix(key, (static_cast<uint64_t>(static_cast<uint32_t>(frame->script_id)) << 32) |
                       static_cast<uint32_t>(frame->start_position));
    key = Mix(key, frame->name.IsEmpty() ? 0 : static_cast<uint32_t>(frame->name->GetIdentityHash()));
  }
  known = record_->contexts.Find(key);
  if (known != kNoContext) return known;
  std::vector<uint32_t> path;
  path.reserve(static_cast<size_t>(frames));
  for (uint32_t at = node->walk_index; path.size() < static_cast<size_t>(frames); at = walk_[at].parent) {
    path.push_back(FrameOf(walk_[at].node));
  }
  return known = record_->contexts.Create(key, std::move(path), level);
}

uint32_t Sampler::FrameOf(v8::AllocationProfile::Node* node) {
  return record_->contexts.frames().Intern(TextOf(isolate_, node->name, kMostNameBytes),
                                           TextOf(isolate_, node->script_name, kMostUrlBytes), node->line_number,
                                           node->column_number);
}

void Sampler::FoldContexts() {
  record_->FoldIfNeeded(&moved_);
  if (moved_.empty()) return;
  for (Node& node : nodes_) {
    for (uint32_t& context : node.contexts) {
      if (context != kNoContext) context = moved_[context];
    }
  }
  moved_.clear();
  moved_.shrink_to_fit();
}

}  // namespace rolp
