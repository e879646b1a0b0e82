# SPDX-License-Identifier: Apache-2.0
file(READ ${PAGE} page)
foreach(wanted
    "## interface Derived"
    "Inherits `Named`."
    "What every test object can."
    "### Counter.add @0"
    "| `amount` | Int64 | `1` |"
    "| `leafDefault` | Leaf | `(name = \"blatt\", value = 5, tags = [\"a\", \"bb\"])` |"
    "| `u32s` | List(UInt32) | `[1, 2, 3]` |"
    "| `both.right` | Leaf |"
    "| 2 | `default` |")
  string(FIND "${page}" "${wanted}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the reference page lacks: ${wanted}")
  endif()
endforeach()
