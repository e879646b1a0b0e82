# SPDX-License-Identifier: Apache-2.0
# The generator must refuse a generic type, and name it. -DCAPNP= -DGENERATOR= -DOUTPUT= -DSCHEMA=
execute_process(COMMAND ${CAPNP} compile -o${GENERATOR}:${OUTPUT} ${SCHEMA}
  RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(status EQUAL 0)
  message(FATAL_ERROR "a generic type was accepted")
endif()
if(NOT text MATCHES "Box: generic types are not supported")
  message(FATAL_ERROR "the refusal does not name the type: ${text}")
endif()
