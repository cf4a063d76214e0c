# What every target is compiled with.
add_library(backscribe_flags INTERFACE)
target_compile_definitions(backscribe_flags INTERFACE _GNU_SOURCE)
target_compile_options(backscribe_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -fno-common $<$<BOOL:${BACKSCRIBE_WERROR}>:-Werror>)

if(BACKSCRIBE_SANITIZE)
  target_compile_options(backscribe_flags INTERFACE
    -fsanitize=${BACKSCRIBE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(backscribe_flags INTERFACE -fsanitize=${BACKSCRIBE_SANITIZE})
  if(BACKSCRIBE_SANITIZE STREQUAL "thread")
    target_sources(backscribe_flags INTERFACE
      $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${PROJECT_SOURCE_DIR}/tests/tsan/thread_sanitizer.c>)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(backscribe_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(backscribe_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fPIE)
  target_link_options(backscribe_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
