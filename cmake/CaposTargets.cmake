# SPDX-License-Identifier: Apache-2.0
# What the parts are built with: warnings for all, and the three worlds code lives in.
#
#   host      ordinary Linux code: tools, tests, benches           (sanitizers and coverage apply)
#   kernel    upper half, no FPU, no libc, no exceptions           capos_kernel_flags(target)
#   program   a static ELF that runs on capOS, FPU allowed         capos_program(name SOURCES ... LIBRARIES ...)
#
# Freestanding code uses the header-only parts of libstdc++; it is compiled hosted, linked against nothing.

option(CAPOS_SANITIZE "Build host code with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(CAPOS_COVERAGE "Build host code and the kernel with gcov counters" OFF)
option(CAPOS_FUZZ "Build the code under fuzzing with clang's sanitizers and libFuzzer's counters" OFF)
option(CAPOS_DEBUG_CHECKS "Check kernel invariants at every kernel exit" OFF)

add_library(capos_warnings INTERFACE)
target_compile_options(capos_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wcast-align -Wold-style-cast
  -Wno-gnu-statement-expression -Wno-pedantic -Werror=return-type)

add_library(capos_host INTERFACE)
target_link_libraries(capos_host INTERFACE capos_warnings)
# Enough for a backtrace with lines; the debug preset has the rest.
target_compile_options(capos_host INTERFACE $<$<CONFIG:RelWithDebInfo>:-g1>)
# Code that is compiled more often than it runs: most tests, and tools.
add_library(capos_quick INTERFACE)
target_compile_options(capos_quick INTERFACE $<$<CONFIG:RelWithDebInfo>:-O1>)
if(CAPOS_SANITIZE)
  target_compile_options(capos_host INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(capos_host INTERFACE -fsanitize=address,undefined)
endif()
if(CAPOS_COVERAGE)
  target_compile_options(capos_host INTERFACE --coverage -O1)
  target_link_options(capos_host INTERFACE --coverage)
endif()

if(CAPOS_FUZZ)
  # fuzz_shim: what libcapnp's headers lack for clang.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-include$<SEMICOLON>${PROJECT_SOURCE_DIR}/tests/codec/fuzz_shim.hpp>)
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_compile_options(capos_host INTERFACE -fsanitize=fuzzer-no-link ${sanitizers} -fno-omit-frame-pointer -O1 -UNDEBUG)
  target_link_options(capos_host INTERFACE ${sanitizers})
  # The schema compiler plug-in is a tool of the build: taken from the release build, uninstrumented.
  add_executable(capnpc-capos IMPORTED GLOBAL)
  set_target_properties(capnpc-capos PROPERTIES
    IMPORTED_LOCATION ${PROJECT_SOURCE_DIR}/build/release/tools/capnpc-capos/capnpc-capos)
endif()

# A target with the property CAPOS_QUICK is compiled more often than it runs.
set(quick $<BOOL:$<TARGET_PROPERTY:CAPOS_QUICK>>)
set(CAPOS_FREESTANDING_FLAGS
  -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-stack-protector -fno-pic -fno-pie
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fno-math-errno
  -fno-omit-frame-pointer $<IF:${quick},-O1,-O2> $<IF:${quick},-g1,-g>)

add_library(capos_freestanding_kernel INTERFACE)
target_compile_options(capos_freestanding_kernel INTERFACE
  ${CAPOS_FREESTANDING_FLAGS} -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -mpreferred-stack-boundary=3
  -fno-omit-frame-pointer)
target_link_libraries(capos_freestanding_kernel INTERFACE capos_warnings)
if(CAPOS_DEBUG_CHECKS)
  target_compile_definitions(capos_freestanding_kernel INTERFACE CAPOS_DEBUG_CHECKS=1)
endif()

add_library(capos_freestanding_program INTERFACE)
target_compile_options(capos_freestanding_program INTERFACE ${CAPOS_FREESTANDING_FLAGS})
target_link_libraries(capos_freestanding_program INTERFACE capos_warnings)

# capos_program(name SOURCES a.cpp ... LIBRARIES x ...): an ELF under <build>/programs/<name>, linked with
# the runtime at a fixed address, never for the host.
function(capos_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE capos_runtime ${ARG_LIBRARIES} capos_freestanding_program)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/programs)
  target_link_options(${name} PRIVATE -nostdlib -nostartfiles -static -no-pie -Wl,--gc-sections
    -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,-z,separate-code -Wl,--build-id=none
    -Wl,-T,${PROJECT_SOURCE_DIR}/runtime/program.ld)
  set_property(GLOBAL APPEND PROPERTY CAPOS_PROGRAMS ${name})
endfunction()
