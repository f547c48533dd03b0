// SIGINT and SIGTERM seen without a listener that the app could see.
#ifndef ROLP_SIGNALS_H_
#define ROLP_SIGNALS_H_

#include <v8.h>

namespace rolp {

// addon.watchSignals(callback), addon.unwatchSignals(): see src/profiler/native-source.ts.
void WatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args);
void UnwatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args);

}  // namespace rolp

#endif  // ROLP_SIGNALS_H_
