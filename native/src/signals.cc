#include "signals.h"
namespace rolp {
void WatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args) {}
void UnwatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args) {}
}
