#include "signals.h"

#if defined(_WIN32)

namespace rolp {

// Windows has no such signals to die by.
void WatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args) {
  args.GetReturnValue().Set(false);
}

void UnwatchSignals(const v8::FunctionCallbackInfo<v8::Value>&) {}

}  // namespace rolp

#else

#include <errno.h>
#include <fcntl.h>
#include <node.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace rolp {

namespace {

constexpr int kCount = 2;
constexpr int kSignals[kCount] = {SIGINT, SIGTERM};
constexpr const char* kNames[kCount] = {"SIGINT", "SIGTERM"};
// How long a main thread may take to come back to its event loop before we ask V8 to interrupt it.
constexpr int kPatienceMs = 250;
// And how long until JavaScript runs that can be interrupted. There may be none for ever: the thread waits for a line of
// input, or for the end of another process.
constexpr int kLastPatienceMs = 750;
// What libuv's handler leaves in its loop's pipe for each of the loop's handles that wait for the signal.
struct SignalMessage {
  uv_signal_t* handle;
  int signal;
};

// One per process and never freed: the handler and the watcher thread may run until the very end.
//
// Why libuv's own handle is not enough. A listener that the app adds with process.once is gone by the time our
// handle, if libuv calls it second, looks whether there was one. And a main thread that never returns to its loop
// would be deaf, where without us the signal kills it. So we wrap the handler that libuv has installed. Ours runs
// first, wakes an async handle (libuv runs those before any signal's handles) and a thread that watches the main
// one. An unref'd uv_signal_t per signal only keeps libuv from installing or removing its handler once more. Where the main
// thread runs no JavaScript that could be asked whether the app listens, and there is no handle but ours, the signal ends
// the process from the watching thread, without a profile.
struct Watch {
  v8::Isolate* isolate = nullptr;  // under `mutex`; null before and after
  std::mutex mutex;
  v8::Global<v8::Context> context;
  v8::Global<v8::Object> process;
  v8::Global<v8::Function> callback;
  node::AsyncCleanupHookHandle cleanup;

  uv_async_t async;
  uv_signal_t handles[kCount];
  bool watched[kCount] = {};
  struct sigaction before[kCount];  // Node's own, to die by
  struct sigaction libuv[kCount];
  int wake[2] = {-1, -1};
  int open_handles = 0;
  void (*closed)(void*) = nullptr;
  void* closed_data = nullptr;

  std::atomic<bool> armed{false};
  std::atomic<unsigned> arrived[kCount] = {};
  std::atomic<unsigned> handled[kCount] = {};
  std::atomic<bool> sole[kCount] = {};  // no handle but ours got the signal
  std::atomic<int> loop_pipe{-1};
};

Watch* watch = nullptr;

bool Pending(const Watch* watch, int i) {
  return watch->arrived[i].load() != watch->handled[i].load();
}

// Bytes that wait in the loop's pipe; < 0 where that is not known.
int Queued() {
  int bytes = 0;
  return ioctl(watch->loop_pipe.load(), FIONREAD, &bytes) == 0 ? bytes : -1;
}

// Async-signal-safe throughout.
void OnSignal(int signal, siginfo_t* info, void* ucontext) {
  const int saved_errno = errno;
  const int i = signal == kSignals[0] ? 0 : 1;
  watch->arrived[i].fetch_add(1);
  if (watch->armed.load()) {
    uv_async_send(&watch->async);
    const char byte = 0;
    while (write(watch->wake[1], &byte, 1) < 0 && errno == EINTR) {
    }
  }
  const struct sigaction& next = watch->libuv[i];
  const int queued = Queued();
  if (next.sa_flags & SA_SIGINFO) {
    next.sa_sigaction(signal, info, ucontext);
  } else {
    next.sa_handler(signal);
  }
  // Wrong only where the main thread empties the pipe meanwhile, which then deals with the signal.
  watch->sole[i].store(queued >= 0 && Queued() - queued == static_cast<int>(sizeof(SignalMessage)));
  errno = saved_errno;
}

// Dies as Node would have: its own handler puts the terminal back and re-raises.
void DieBy(int i) {
  uv_tty_reset_mode();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kSignals[i]);
  sigaction(kSignals[i], &watch->before[i], nullptr);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  raise(kSignals[i]);
  signal(kSignals[i], SIG_DFL);
  raise(kSignals[i]);
}

// Looks at process._events, the plain data that listenerCount would read: an interrupted program must not have
// JavaScript of its own run under it.
bool AppListens(v8::Isolate* isolate, v8::Local<v8::Context> context, int i) {
  v8::Local<v8::Value> events, listeners;
  v8::Local<v8::Object> process = watch->process.Get(isolate);
  v8::Local<v8::String> key = v8::String::NewFromUtf8Literal(isolate, "_events");
  v8::Local<v8::String> name = v8::String::NewFromUtf8(isolate, kNames[i]).ToLocalChecked();
  if (!process->Get(context, key).ToLocal(&events) || !events->IsObject()) return true;
  if (!events.As<v8::Object>()->Get(context, name).ToLocal(&listeners)) return true;
  return !listeners->IsUndefined();
}

void Tell(v8::Isolate* isolate, v8::Local<v8::Context> context, int i, bool app_listens) {
  v8::Local<v8::Value> args[] = {v8::String::NewFromUtf8(isolate, kNames[i]).ToLocalChecked(),
                                 v8::Boolean::New(isolate, app_listens)};
  v8::Local<v8::Value> ignored;
  (void)watch->callback.Get(isolate)->Call(context, v8::Undefined(isolate), 2, args).ToLocal(&ignored);
}

// `interrupted`: within whatever JavaScript was running, not between two turns of the loop.
void Handle(v8::Isolate* isolate, bool interrupted) {
  v8::HandleScope handles(isolate);
  v8::Local<v8::Context> context = watch->context.Get(isolate);
  v8::Context::Scope scope(context);
  // The callback guards itself; what it throws all the same must not reach the app.
  v8::TryCatch guard(isolate);
  for (int i = 0; i < kCount; i++) {
    if (!Pending(watch, i)) continue;
    const bool app_listens = AppListens(isolate, context, i);
    if (interrupted && app_listens) continue;
    watch->handled[i].store(watch->arrived[i].load());
    Tell(isolate, context, i, app_listens);
    if (!watch->armed.load()) return;  // the callback has unwatched
    if (!app_listens) DieBy(i);
  }
}

void OnInterrupt(v8::Isolate* isolate, void*) {
  if (watch->armed.load()) Handle(isolate, true);
}

void Sleep(int ms) {
  timespec left{0, ms * 1000000L};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

void* WatchMainThread(void* data) {
  auto* watch = static_cast<Watch*>(data);
  for (;;) {
    char bytes[64];
    const ssize_t got = read(watch->wake[0], bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return nullptr;
    Sleep(kPatienceMs);
    {
      std::lock_guard<std::mutex> lock(watch->mutex);
      if (watch->isolate == nullptr || (!Pending(watch, 0) && !Pending(watch, 1))) continue;
      watch->isolate->RequestInterrupt(OnInterrupt, nullptr);
    }
    Sleep(kLastPatienceMs);
    std::lock_guard<std::mutex> lock(watch->mutex);
    for (int i = 0; watch->isolate != nullptr && i < kCount; i++) {
      if (Pending(watch, i) && watch->sole[i].load()) DieBy(i);
    }
  }
}

// With all signals blocked: they belong to the threads that Node has.
bool StartThread(Watch* watch) {
  if (pipe(watch->wake) != 0) return false;
  for (const int fd : watch->wake) fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(watch->wake[1], F_SETFL, O_NONBLOCK);
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const bool started = pthread_create(&thread, &attributes, WatchMainThread, watch) == 0;
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return started;
}

void ArmOne(uv_loop_t* loop, int i) {
  uv_signal_t* handle = &watch->handles[i];
  sigaction(kSignals[i], nullptr, &watch->before[i]);
  // Told to ignore it, the process would not have died by it.
  if (!(watch->before[i].sa_flags & SA_SIGINFO) && watch->before[i].sa_handler == SIG_IGN) return;
  if (handle->loop == nullptr) {
    if (uv_signal_init(loop, handle) != 0) return;
    watch->open_handles++;
    uv_unref(reinterpret_cast<uv_handle_t*>(handle));
  }
  if (uv_signal_start(handle, [](uv_signal_t*, int) {}, kSignals[i]) != 0) return;
  watch->loop_pipe.store(loop->signal_pipefd[0]);
  sigaction(kSignals[i], nullptr, &watch->libuv[i]);
  // The app listened before we came: what was there is libuv's handler, and Node's own is not to be had.
  if (watch->before[i].sa_sigaction == watch->libuv[i].sa_sigaction) {
    watch->before[i] = {};
    watch->before[i].sa_handler = SIG_DFL;
  }
  struct sigaction ours = watch->libuv[i];
  ours.sa_flags |= SA_SIGINFO;
  ours.sa_sigaction = OnSignal;
  watch->watched[i] = sigaction(kSignals[i], &ours, nullptr) == 0;
}

// Leaves the signal to the app's listeners if there are any, else to Node.
void DisarmOne(int i) {
  if (!watch->watched[i]) return;
  watch->watched[i] = false;
  struct sigaction current;
  sigaction(kSignals[i], nullptr, &current);
  if (current.sa_sigaction == OnSignal) sigaction(kSignals[i], &watch->libuv[i], nullptr);
  uv_signal_stop(&watch->handles[i]);
  // What libuv leaves when the last handle has stopped; Node's own handler put the terminal back first.
  sigaction(kSignals[i], nullptr, &current);
  if (current.sa_handler == SIG_DFL) sigaction(kSignals[i], &watch->before[i], nullptr);
}

void Disarm() {
  watch->armed.store(false);
  {
    std::lock_guard<std::mutex> lock(watch->mutex);
    watch->isolate = nullptr;
  }
  for (int i = 0; i < kCount; i++) DisarmOne(i);
  watch->context.Reset();
  watch->process.Reset();
  watch->callback.Reset();
}

void OnClosed(uv_handle_t*) {
  if (--watch->open_handles == 0 && watch->closed != nullptr) watch->closed(watch->closed_data);
}

// At the end of the main environment.
void CleanUp(void*, void (*done)(void*), void* data) {
  if (watch->armed.load()) Disarm();
  watch->closed = done;
  watch->closed_data = data;
  uv_close(reinterpret_cast<uv_handle_t*>(&watch->async), OnClosed);
  for (uv_signal_t& handle : watch->handles) {
    if (handle.loop != nullptr) uv_close(reinterpret_cast<uv_handle_t*>(&handle), OnClosed);
  }
}

void OnAsync(uv_async_t*) {
  if (watch->armed.load()) Handle(watch->isolate, false);
}

bool SetUp(v8::Isolate* isolate, uv_loop_t* loop) {
  if (watch != nullptr) return true;
  auto* fresh = new Watch();
  if (!StartThread(fresh) || uv_async_init(loop, &fresh->async, OnAsync) != 0) return false;
  fresh->open_handles++;
  uv_unref(reinterpret_cast<uv_handle_t*>(&fresh->async));
  fresh->cleanup = node::AddEnvironmentCleanupHook(isolate, CleanUp, nullptr);
  watch = fresh;
  return true;
}

}  // namespace

void WatchSignals(const v8::FunctionCallbackInfo<v8::Value>& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  uv_loop_t* loop = node::GetCurrentEventLoop(isolate);
  v8::Local<v8::Value> process;
  args.GetReturnValue().Set(false);
  if (!args[0]->IsFunction() || loop == nullptr || loop != uv_default_loop()) return;
  if (!context->Global()->Get(context, v8::String::NewFromUtf8Literal(isolate, "process")).ToLocal(&process)) return;
  if (!process->IsObject() || !SetUp(isolate, loop) || watch->armed.load()) return;
  watch->context.Reset(isolate, context);
  watch->process.Reset(isolate, process.As<v8::Object>());
  watch->callback.Reset(isolate, args[0].As<v8::Function>());
  {
    std::lock_guard<std::mutex> lock(watch->mutex);
    watch->isolate = isolate;
  }
  watch->armed.store(true);
  for (int i = 0; i < kCount; i++) ArmOne(loop, i);
  args.GetReturnValue().Set(watch->watched[0] || watch->watched[1]);
}

void UnwatchSignals(const v8::FunctionCallbackInfo<v8::Value>&) {
  if (watch != nullptr && watch->armed.load()) Disarm();
}

}  // namespace rolp

#endif  // _WIN32
