// The tests' main: as GoogleTest's own, and with --every_kernel_target all of them once more on
// each instruction set and dot product of this machine, from which every executor that a test makes
// then has to do.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "kernels/testing/targets_to_test.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 1) return RUN_ALL_TESTS();
  if (argc > 2 || std::string_view(argv[1]) != "--every_kernel_target") {
    std::fprintf(stderr, "%s: expected --every_kernel_target or nothing, found %s\n", argv[0],
                 argv[argc - 1]);
    return 2;
  }
  int failed = 0;
  for (const deixis::KernelTarget& target : deixis::testing::TargetsToTest()) {
    std::printf("== %s\n", target.FullName().c_str());
    std::fflush(stdout);
    const deixis::ScopedKernelTarget forced(target);
    failed |= RUN_ALL_TESTS();
  }
  return failed;
}
