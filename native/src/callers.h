#pragma once

#include <node.h>

namespace rolp {

// callerKey(frames) -> a number for the way that led here, 0 where none can be given.
void CallerKey(const v8::FunctionCallbackInfo<v8::Value>& args);

// learnInterpreter() -> whether the interpreter's frames are known now. Called from nested interpreted functions.
void LearnInterpreter(const v8::FunctionCallbackInfo<v8::Value>& args);

}  // namespace rolp
