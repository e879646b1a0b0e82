@0xd1ce0f0a5c0ffee1;
using M = import "/capos/manifest.capnp";
const period :M.Period = (every = (ms = 1));
const small :M.SystemManifest = (
  schemaVersion = 1,  # a comment
  binaries = [(name = "a", path = "b\n\"c")],
  initConfig = (init = "x", islands = [(name = "i", tasks = [(period = .period, deep = [[1, -2], [0x3]])])]));
