# SPDX-License-Identifier: Apache-2.0
# capos_kernel(name SOURCES a.cpp ... LIBRARIES x ...): a bootable image, <build>/kernel/<name>, of these sources,
# the HAL and nothing else. It carries PVH and Multiboot2 headers, and a table of its functions for panics
# (link_with_symbols.sh). Libraries given must be freestanding. CHECKED: it checks its invariants at each exit, and is
# built quickly rather than to be fast.
get_filename_component(compiler_directory ${CMAKE_CXX_COMPILER} DIRECTORY)
find_program(CAPOS_CXXFILT c++filt HINTS ${compiler_directory} REQUIRED)

function(capos_kernel name)
  cmake_parse_arguments(ARG "CHECKED" "" "SOURCES;LIBRARIES" ${ARGN})
  set(script ${PROJECT_SOURCE_DIR}/hal/x86_64/kernel.ld)
  set(linker ${PROJECT_SOURCE_DIR}/cmake/link_with_symbols.sh)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} capos_hal_x86_64 capos_freestanding_kernel)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/kernel
    LINK_DEPENDS "${script};${linker}"
    RULE_LAUNCH_LINK "sh ${linker} ${CMAKE_NM} ${CAPOS_CXXFILT}")
  if(CAPOS_COVERAGE)
    # Counters in the image's memory; tests/coverage/guest_counters.py finds them through the section .gcov_info. Nothing
    # merges or writes them inside the machine.
    target_compile_options(${name} PRIVATE -O1 -fprofile-arcs -ftest-coverage -fprofile-info-section)
    target_link_options(${name} PRIVATE -Wl,--defsym=__gcov_merge_add=0)
  elseif(ARG_CHECKED)
    set_target_properties(${name} PROPERTIES CAPOS_QUICK ON)
    target_compile_definitions(${name} PRIVATE CAPOS_DEBUG_CHECKS=1)
  else()
    # The paths that are counted in instructions cross files: one optimisation over all of them.
    target_compile_options(${name} PRIVATE -flto)
  endif()
  target_link_options(${name} PRIVATE -flto=auto -O2 -nostdlib -nostartfiles -static -no-pie -Wl,--gc-sections
    -Werror=odr -Werror=lto-type-mismatch
    -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--no-warn-rwx-segments
    -Wl,-T,${script})
endfunction()
