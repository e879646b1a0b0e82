// SPDX-License-Identifier: Apache-2.0
// Clang's thread-safety annotations; nothing for other compilers. The test static.thread_safety compiles the kernel with them.
// (Clang documentation, "Thread Safety Analysis".)
#pragma once

#if defined(__clang__)
#define CAPOS_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define CAPOS_THREAD_ANNOTATION(x)
#endif

#define CAPOS_CAPABILITY(name) CAPOS_THREAD_ANNOTATION(capability(name))
#define CAPOS_SCOPED_CAPABILITY CAPOS_THREAD_ANNOTATION(scoped_lockable)
#define CAPOS_GUARDED_BY(lock) CAPOS_THREAD_ANNOTATION(guarded_by(lock))
#define CAPOS_ACQUIRE(...) CAPOS_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define CAPOS_RELEASE(...) CAPOS_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define CAPOS_NOT_ANALYSED CAPOS_THREAD_ANNOTATION(no_thread_safety_analysis)
