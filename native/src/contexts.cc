#include "contexts.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rolp {

namespace {

constexpr uint64_t kLeafSeed = 0x6c656166;
constexpr uint64_t kEverythingSeed = 0x616c6c;

}  // namespace

uint64_t Mix(uint64_t hash, uint64_t value) {
  uint64_t mixed = hash ^ (value + 0x9e3779b97f4a7c15ull + (hash << 6) + (hash >> 2));
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
  return mixed ^ (mixed >> 31);
}

size_t FrameHash::operator()(const Frame& frame) const {
  const uint64_t names = (static_cast<uint64_t>(frame.name) << 32) | frame.url;
  const uint64_t place = (static_cast<uint64_t>(static_cast<uint32_t>(frame.line)) << 32) |
                         static_cast<uint32_t>(frame.column);
  return static_cast<size_t>(Mix(names, place));
}

uint32_t FrameTable::InternText(const std::string& text) {
  auto [at, added] = text_ids_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
  if (added) texts_.push_back(&at->first);
  return at->second;
}

uint32_t FrameTable::Intern(const std::string& name, const std::string& url, int line, int column) {
  const Frame frame{InternText(name), InternText(url), line, column};
  auto [at, added] = frame_ids_.try_emplace(frame, static_cast<uint32_t>(frames_.size()));
  if (added) frames_.push_back(frame);
  return at->second;
}

uint32_t FrameTable::CopyFrom(const FrameTable& other, uint32_t id) {
  const Frame& frame = other.frame(id);
  return Intern(other.text(frame.name), other.text(frame.url), frame.line, frame.column);
}

void Context::MergeFrom(const Context& other) {
  last_birth_cycle = std::max(last_birth_cycle, other.last_birth_cycle);
  samples += other.samples;
  objects += other.objects;
  objects_squared += other.objects_squared;
  bytes += other.bytes;
  bytes_squared += other.bytes_squared;
  deaths_young += other.deaths_young;
  deaths_old += other.deaths_old;
  for (int group = 0; group < kGroups; group++) {
    group_weight[group] += other.group_weight[group];
    group_life[group] += other.group_life[group];
  }
  live_samples += other.live_samples;
  live_objects += other.live_objects;
  live_bytes += other.live_bytes;
  ages.Merge(Scale::Ages(), other.ages);
  life_bytes.Merge(Scale::Bytes(), other.life_bytes);
  life_ms.Merge(Scale::Ms(), other.life_ms);
}

uint32_t ContextTable::Find(uint64_t key) const {
  auto at = index_.find(key);
  return at == index_.end() ? kNoContext : at->second;
}

uint32_t ContextTable::Create(uint64_t key, std::vector<uint32_t> frames, Level level) {
  auto context = std::make_unique<Context>();
  context->key = key;
  context->frames = std::move(frames);
  context->level = level;
  uint32_t index;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.push_back(std::move(context));
  } else {
    index = free_.back();
    free_.pop_back();
    slots_[index] = std::move(context);
  }
  index_[key] = index;
  return index;
}

void ContextTable::ClearLive() {
  for (auto& slot : slots_) {
    if (!slot) continue;
    slot->live_samples = 0;
    slot->live_objects = slot->live_bytes = 0;
  }
}

std::vector<uint32_t> ContextTable::All() const {
  std::vector<uint32_t> all;
  all.reserve(index_.size());
  for (uint32_t i = 0; i < slots_.size(); i++) {
    if (slots_[i]) all.push_back(i);
  }
  return all;
}

// Few births and nothing alive first; among equals the one that has allocated nothing for longest.
std::vector<uint32_t> ContextTable::Coldest() const {
  std::vector<uint32_t> order;
  for (uint32_t i : All()) {
    if (slots_[i]->folded < 2) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    const Context& x = *slots_[a];
    const Context& y = *slots_[b];
    return std::make_tuple(x.samples + 2 * x.live_samples, x.last_birth_cycle, a) <
           std::make_tuple(y.samples + 2 * y.live_samples, y.last_birth_cycle, b);
  });
  return order;
}

void ContextTable::MoveInto(uint32_t victim, uint64_t key, std::vector<uint32_t> frames, uint8_t folded) {
  const Level level = slots_[victim]->level;
  uint32_t target = Find(key);
  if (target == kNoContext) {
    target = Create(key, std::move(frames), level);
    slots_[target]->folded = folded;
    moved_to_.resize(slots_.size(), kNoContext);
    moved_to_[target] = target;
  }
  if (slots_[victim]->folded == 0) folded_contexts_++;
  slots_[target]->MergeFrom(*slots_[victim]);
  index_.erase(slots_[victim]->key);
  slots_[victim].reset();
  let_go_.push_back(victim);
  moved_to_[victim] = target;
}

std::vector<uint32_t> ContextTable::Fold() {
  const size_t target = max_contexts_ - max_contexts_ / 8;
  moved_to_.assign(slots_.size(), kNoContext);
  for (uint32_t i : All()) moved_to_[i] = i;

  // What no cohort has counted and nothing keeps alive tells nothing: let it go before anything is folded.
  for (uint32_t i : All()) {
    if (slots_[i]->samples > 0 || slots_[i]->live_samples > 0 || slots_[i]->folded != 0) continue;
    index_.erase(slots_[i]->key);
    slots_[i].reset();
    let_go_.push_back(i);
    moved_to_[i] = kNoContext;
  }

  // Then the callers of the coldest: many callers of one leaf become one context.
  const size_t victims = 2 * (index_.size() - std::min(index_.size(), target));
  std::vector<uint32_t> order = Coldest();
  for (size_t i = 0; i < order.size() && i < victims && index_.size() > target; i++) {
    const Context& victim = *slots_[order[i]];
    if (victim.folded != 0 || victim.frames.size() < 2) continue;
    const uint32_t leaf = victim.frames[0];
    const uint64_t level = static_cast<uint64_t>(victim.level);
    // By the frame's text, not by its id: ids change when the frames are swept, and a re-evaluated script is one site.
    const Frame& frame = frames_.frame(leaf);
    const std::hash<std::string> hash;
    const uint64_t key = Mix(Mix(Mix(kLeafSeed + level, hash(frames_.text(frame.name))), hash(frames_.text(frame.url))),
                             (static_cast<uint64_t>(frame.line) << 32) ^ static_cast<uint32_t>(frame.column));
    MoveInto(order[i], key, {leaf}, 1);
  }
  // Where that was not enough (each leaf another one), into the one context without frames.
  if (index_.size() > target) {
    for (uint32_t victim : Coldest()) {
      if (index_.size() <= target) break;
      MoveInto(victim, kEverythingSeed + static_cast<uint64_t>(slots_[victim]->level), {}, 2);
    }
  }
  // A context may have moved twice in one round.
  for (uint32_t i = 0; i < moved_to_.size(); i++) {
    while (moved_to_[i] != kNoContext && moved_to_[moved_to_[i]] != moved_to_[i]) moved_to_[i] = moved_to_[moved_to_[i]];
  }
  free_.insert(free_.end(), let_go_.begin(), let_go_.end());
  let_go_.clear();
  SweepFrames();
  return std::move(moved_to_);
}

void ContextTable::SweepFrames() {
  FrameTable kept;
  for (auto& slot : slots_) {
    if (!slot) continue;
    for (uint32_t& frame : slot->frames) frame = kept.CopyFrom(frames_, frame);
  }
  frames_ = std::move(kept);
}

}  // namespace rolp
