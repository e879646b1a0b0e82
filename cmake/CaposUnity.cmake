# SPDX-License-Identifier: Apache-2.0
# Several sources in one translation, for tools: nine tenths of their building is the front end's work on JSON, formatting and command-line
# headers. A build from nothing takes a fifth of the time so; one after a change takes longer, and a compiler cache does better
# without it, so it is the default only where there is none.
#
# capos_unity(target [ALONE source...])   ALONE: sources whose own names are another's, too
include_guard()
if(CMAKE_CXX_COMPILER_LAUNCHER OR CAPOS_COVERAGE OR CAPOS_SANITIZE OR CAPOS_FUZZ)
  set(unity OFF)
else()
  set(unity ON)
endif()
option(CAPOS_UNITY "Translate several sources of a tool in one" ${unity})

function(capos_unity target)
  cmake_parse_arguments(PARSE_ARGV 1 unity "" "" "ALONE")
  if(CAPOS_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    set_source_files_properties(${unity_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()
