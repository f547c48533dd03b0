// SIGINT and SIGTERM seen without a listener that the app could see.
#ifndef ROLP_SIGNALS_H_
#define ROLP_SIGNALS_H_

#include <v8.h>

namespace rolp {

// addon.watchSignals(callback) -> whether they are watched (POSIX only, on the main thread, by one callback at a time).
//
// At SIGINT or SIGTERM callback(name, appListens) runs on the main thread, before any listener of the app's. If the
// app has no listener, the process then dies by the signal as it would have without us; else that is left to the app.
// A program that is stuck in synchronous JavaScript is interrupted for it, but only if it has no listener: with one
// it would not have been stopped either.
void WatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args);

// addon.unwatchSignals(): gives the signals the effect back that they would have without us.
void UnwatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args);

}  // namespace rolp

#endif  // ROLP_SIGNALS_H_
