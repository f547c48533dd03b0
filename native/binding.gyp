{
  # The addon proper, and the exact tracker that tests and benches hold the estimates against. Built by
  # build.mjs, which names one output folder per ABI and hands over `rolp_cxx_std`: V8's headers ask for C++20 from Node 24 on.
  'variables': {
    'rolp_cxx_std%': 'c++17',
  },
  'target_defaults': {
    'default_configuration': 'Release',
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-rtti'],
    'cflags_cc': ['-std=<(rolp_cxx_std)', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-cast-function-type', '-fvisibility=hidden'],
    'conditions': [
      ['OS=="linux"', {
        # nodelete: the process-wide store and the signal watcher's thread must survive the unloading of the
        # addon by the last worker that used it.
        'ldflags': ['-Wl,-z,nodelete'],
      }],
      ['OS=="mac"', {
        'xcode_settings': {
          'CLANG_CXX_LANGUAGE_STANDARD': '<(rolp_cxx_std)',
          'MACOSX_DEPLOYMENT_TARGET': '11.0',
        },
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'rolp',
      'sources': [
        'src/addon.cc',
        'src/callers.cc',
        'src/cohorts.cc',
        'src/contexts.cc',
        'src/gc_watch.cc',
        'src/json.cc',
        'src/lifetime_table.cc',
        'src/memory.cc',
        'src/pauses.cc',
        'src/poll.cc',
        'src/sampler.cc',
        'src/signals.cc',
        'src/store.cc',
        'src/thread_record.cc',
      ],
    },
    {
      'target_name': 'rolp_truth',
      'sources': ['truth/truth.cc', 'src/cohorts.cc', 'src/contexts.cc', 'src/lifetime_table.cc'],
    },
  ],
}
