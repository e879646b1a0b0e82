# SPDX-License-Identifier: Apache-2.0
# What the two walks are made of besides what CMakeLists.txt lists, and the cases of what they found. Included by tests/CMakeLists.txt.
if(NOT TARGET test_kernel_walk)
  return()
endif()
set(walks ${CMAKE_CURRENT_LIST_DIR})
target_sources(test_kernel_walk PRIVATE ${walks}/actions_buffers.cpp ${walks}/actions_devices.cpp ${walks}/actions_system.cpp
  ${walks}/walk_model_devices.cpp)
target_sources(test_kernel_islands PRIVATE ${walks}/context_model.cpp ${walks}/island_judge.cpp ${walks}/island_walk.cpp)
target_sources(test_kernel_objects PRIVATE ${walks}/test_devices.cpp)
