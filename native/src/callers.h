#pragma once

#include <node.h>

namespace rolp {

// callerKey(frames) -> a number for the way that led here through so many functions, or from the stack's beginning; 0 where none can
// be given. Functions inlined into another count with that as one: then the number covers more than was asked for.
void CallerKey(const v8::FunctionCallbackInfo<v8::Value>& args);

// learnInterpreter() -> whether the interpreter's frames are known now. Called from nested interpreted functions.
void LearnInterpreter(const v8::FunctionCallbackInfo<v8::Value>& args);

}  // namespace rolp
