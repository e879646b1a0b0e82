# SPDX-License-Identifier: Apache-2.0
# Precompiled headers, for tests and for kernels that are only tested: nobody compares their bytes. They pay where sources
# are many, small, and include the same much. A compiler cache does better without them, so they are the default only
# where there is none. GCC takes one only with the optimisation level and the macros that it was made with.
#
# capos_precompile(target HEADER...)      the target's own, of its flags
# capos_precompile_like(target OTHER)     OTHER's, for a target with the same flags
include_guard()
if(CMAKE_CXX_COMPILER_LAUNCHER OR CAPOS_COVERAGE OR CAPOS_SANITIZE)
  set(precompile OFF)
else()
  set(precompile ON)
endif()
option(CAPOS_PRECOMPILE "Precompile headers" ${precompile})

function(capos_precompile target)
  if(CAPOS_PRECOMPILE)
    list(TRANSFORM ARGN REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:\\1>" OUTPUT_VARIABLE headers)
    target_precompile_headers(${target} PRIVATE ${headers})
  endif()
endfunction()

function(capos_precompile_like target other)
  if(CAPOS_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${other})
  endif()
endfunction()
