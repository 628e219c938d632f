# One library per folder under src/, with its unit tests beside the sources.
#
#   deixis_library(NAME [DEPENDS target...] [EXCLUDE regex] [PRECOMPILE header...] [UNITY])
#       libNAME from every *.cc of this folder, recursively, but for *_test.cc, *_bench.cc and
#       *_fuzz.cc; and deixis_NAME_test from every *_test.cc. Files whose path matches EXCLUDE are
#       left out of both. PRECOMPILE: costly headers of theirs, parsed once. UNITY: several files
#       are compiled as one in every build, where headers cost more than the files themselves. The
#       presets that build all this once more for a test (CMakePresets.json) do so for every library,
#       so a name in an unnamed namespace is used once in a folder.
include_guard(GLOBAL)
include(GoogleTest)

function(deixis_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                         -Wno-sign-conversion -Wno-gnu-zero-variadic-macro-arguments
                         # GCC 12 sees overlaps in std::string that are not there (its bug 105651).
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  if(DEIXIS_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(DEIXIS_FUZZ)
    # What the fuzzers steer by: which branches of the libraries an input reaches.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# GoogleTest's headers, parsed once for all test programs (which are compiled alike).
function(deixis_test_headers)
  if(TARGET test_headers)
    return()
  endif()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cc CONTENT "")
  add_library(test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cc)
  deixis_test_options(test_headers)
  target_precompile_headers(test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

function(deixis_test_options target)
  deixis_target_defaults(${target})
  target_link_libraries(${target} PRIVATE GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE DEIXIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # What they test is optimized; they themselves are compiled often and run briefly.
  target_compile_options(${target} PRIVATE -O1)
  # Tests of different things may call their helpers alike.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
endfunction()

# deixis_test(NAME SOURCES file... [DEPENDS target...] [LABELS label...] [PRECOMPILE header...])
#     PRECOMPILE: costly headers of these files, parsed once, beside GoogleTest's.
function(deixis_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LABELS;PRECOMPILE" ${ARGN})
  if(NOT DEIXIS_TESTS)
    return()
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  deixis_test_options(${name})
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE} <gmock/gmock.h> <gtest/gtest.h>)
  else()
    deixis_test_headers()
    target_precompile_headers(${name} REUSE_FROM test_headers)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()

# deixis_fuzz_target(NAME SOURCE file DEPENDS target... CORPUS folder): a libFuzzer program with
# clang, and everywhere a test that replays the corpus through the same entry point.
function(deixis_fuzz_target name)
  cmake_parse_arguments(ARG "" "SOURCE;CORPUS" "DEPENDS" ${ARGN})
  if(DEIXIS_FUZZ)
    add_executable(${name} ${ARG_SOURCE})
    deixis_target_defaults(${name})
    target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
  if(DEIXIS_TESTS)
    add_executable(${name}_replay ${ARG_SOURCE} ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc)
    deixis_target_defaults(${name}_replay)
    target_link_libraries(${name}_replay PRIVATE ${ARG_DEPENDS})
    add_test(NAME ${name}_replay COMMAND ${name}_replay ${ARG_CORPUS})
    if(NOT TARGET fuzz_replays)
      add_custom_target(fuzz_replays)
    endif()
    add_dependencies(fuzz_replays ${name}_replay)
    set_tests_properties(${name}_replay PROPERTIES LABELS fast TIMEOUT 120)
  endif()
endfunction()

function(deixis_library name)
  cmake_parse_arguments(ARG "UNITY" "EXCLUDE" "DEPENDS;PRECOMPILE" ${ARGN})
  # Relative, so that EXCLUDE sees nothing of where the checkout lies.
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *_test.cc)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
    list(FILTER tests EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  add_library(${name} STATIC ${sources})
  deixis_target_defaults(${name})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
  endif()
  if(tests)
    deixis_test(deixis_${name}_test SOURCES ${tests} DEPENDS ${name} PRECOMPILE ${ARG_PRECOMPILE})
  endif()
  if(ARG_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
    if(TARGET deixis_${name}_test)
      set_target_properties(deixis_${name}_test PROPERTIES UNITY_BUILD ON)
    endif()
  endif()
endfunction()
