# SPDX-License-Identifier: Apache-2.0
# Schemas compiled to code.
#
# capos_add_schema(name SOURCES DIR/a.capnp ... PREFIX DIR [IMPORTS DIR ...] [REFERENCE])
#   name        INTERFACE: the codec and generated headers <capos/schema/a.hpp>; freestanding
#   name_host   STATIC: the same schemas through the stock C++ generator <path below PREFIX/a.capnp.h>
#   REFERENCE: the reference pages go to <build>/docs/reference/a.md.
include_guard()
# Debian's package cannot be found twice, and its targets must be seen wherever *_host libraries are linked.
if(NOT TARGET CapnProto::capnp)
  find_package(CapnProto REQUIRED GLOBAL)
endif()
# (Its tool targets name a path that does not exist.)
find_program(CAPOS_CAPNP capnp REQUIRED)
find_program(CAPOS_CAPNPC_CXX capnpc-c++ REQUIRED)

function(capos_add_schema name)
  cmake_parse_arguments(ARG "REFERENCE" "PREFIX" "SOURCES;IMPORTS" ${ARGN})
  set(ours ${CMAKE_BINARY_DIR}/generated/${name})
  set(stock ${CMAKE_BINARY_DIR}/generated/${name}_host)
  file(MAKE_DIRECTORY ${ours} ${stock})
  set(flags --src-prefix=${ARG_PREFIX} -I${ARG_PREFIX})
  foreach(import IN LISTS ARG_IMPORTS)
    list(APPEND flags -I${import})
  endforeach()

  set(headers "")
  set(host_sources "")
  foreach(source IN LISTS ARG_SOURCES)
    file(RELATIVE_PATH path ${ARG_PREFIX} ${source})
    string(REGEX REPLACE "^capos/" "" base ${path})
    string(REGEX REPLACE "[.]capnp$" "" base ${base})
    list(APPEND headers ${ours}/capos/schema/${base}.hpp)
    list(APPEND host_sources ${stock}/${path}.c++)
  endforeach()

  set(publish "")
  if(ARG_REFERENCE)
    set(publish COMMAND ${CMAKE_COMMAND} -E copy_directory ${ours}/docs/reference ${CMAKE_BINARY_DIR}/docs/reference)
  endif()
  # One run per language for all files: they import one another.
  add_custom_command(OUTPUT ${headers}
    COMMAND ${CAPOS_CAPNP} compile ${flags} -o$<TARGET_FILE:capnpc-capos>:${ours} ${ARG_SOURCES}
    ${publish}
    DEPENDS ${ARG_SOURCES} capnpc-capos $<TARGET_FILE:capnpc-capos> COMMENT "Generating ${name}" VERBATIM)
  add_custom_target(${name}_generated DEPENDS ${headers})
  add_library(${name} INTERFACE)
  target_include_directories(${name} INTERFACE ${ours})
  target_link_libraries(${name} INTERFACE capos_codec)
  add_dependencies(${name} ${name}_generated)

  set(host_headers ${host_sources})
  list(TRANSFORM host_headers REPLACE "[.]c\\+\\+$" ".h")
  add_custom_command(OUTPUT ${host_sources} ${host_headers}
    COMMAND ${CAPOS_CAPNP} compile ${flags} -o${CAPOS_CAPNPC_CXX}:${stock} ${ARG_SOURCES}
    DEPENDS ${ARG_SOURCES} COMMENT "Generating ${name}_host" VERBATIM)
  set_source_files_properties(${host_sources} PROPERTIES COMPILE_OPTIONS "-w;-g0")
  add_library(${name}_host STATIC ${host_sources} ${host_headers})
  target_include_directories(${name}_host SYSTEM PUBLIC ${stock})
  target_link_libraries(${name}_host PUBLIC CapnProto::capnp CapnProto::capnp-rpc)
endfunction()
