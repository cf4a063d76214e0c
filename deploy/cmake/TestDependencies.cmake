# What only the tests need.
include(StandinDependencies)
backscribe_require(CMOCKA "cmocka>=1.1.5" libcmocka-dev)
backscribe_require_program(OPUSENC opusenc opus-tools)
backscribe_require_program(LAME lame lame)
find_package(Python3 3.11 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(FATAL_ERROR "python3 is missing: apt-get install python3")
endif()
