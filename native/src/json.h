// The little of JSON that aggregates need. A library would be the addon's only dependency for four functions.
#ifndef ROLP_JSON_H_
#define ROLP_JSON_H_

#include <cstdint>
#include <string>

namespace rolp {

class JsonWriter {
 public:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  JsonWriter& Key(const char* name);
  JsonWriter& String(const std::string& utf8);
  // Shortest of %.15g and %.17g that reads back as the same number; not finite becomes null.
  JsonWriter& Number(double value);
  JsonWriter& Integer(uint64_t value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();

  std::string Take() { return std::move(text_); }

 private:
  void Separate();

  std::string text_;
  bool first_ = true;
};

}  // namespace rolp

#endif  // ROLP_JSON_H_
