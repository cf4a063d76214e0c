# The system's libraries through pkg-config; a missing one names the Debian package that brings it.
find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: apt-get install pkg-config")
endif()
find_package(Threads REQUIRED)

# backscribe_require(<name> <module> <Debian package>): the target PkgConfig::<name>.
function(backscribe_require name module package)
  pkg_check_modules(${name} IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} is missing: apt-get install ${package}")
  endif()
endfunction()

function(backscribe_require_program variable program package)
  find_program(${variable} ${program})
  if(NOT ${variable})
    message(FATAL_ERROR "${program} is missing: apt-get install ${package}")
  endif()
endfunction()

backscribe_require(RDKAFKA "rdkafka>=2.0.2" librdkafka-dev)
backscribe_require(CURL "libcurl>=7.88" libcurl4-openssl-dev)
backscribe_require(LIBXML2 "libxml-2.0>=2.9" libxml2-dev)
backscribe_require(CJSON "libcjson>=1.7.15" libcjson-dev)
backscribe_require(ZLIB "zlib" zlib1g-dev)
backscribe_require(CRYPTO "libcrypto>=3.0" libssl-dev)
backscribe_require(PROTOBUF_C "libprotobuf-c>=1.4" libprotobuf-c-dev)
backscribe_require(MICROHTTPD "libmicrohttpd>=0.9.75" libmicrohttpd-dev)
backscribe_require_program(PROTOC_C protoc-c protobuf-c-compiler)

# libs3 has no pkg-config file. Its shared library brings a second libcurl into the process, so the
# archive is linked, with ours. Version 2.0 is known by its header: later ones sign otherwise.
find_path(LIBS3_FOLDER libs3.h)
find_library(LIBS3_ARCHIVE libs3.a)
if(NOT LIBS3_FOLDER OR NOT LIBS3_ARCHIVE)
  message(FATAL_ERROR "libs3 is missing: apt-get install libs3-dev")
endif()
file(STRINGS ${LIBS3_FOLDER}/libs3.h later_libs3 REGEX "authRegion" LIMIT_COUNT 1)
if(later_libs3)
  message(FATAL_ERROR "${LIBS3_FOLDER}/libs3.h is not version 2.0: apt-get install libs3-dev")
endif()
add_library(backscribe_libs3 STATIC IMPORTED GLOBAL)
set_target_properties(backscribe_libs3 PROPERTIES
  IMPORTED_LOCATION ${LIBS3_ARCHIVE} INTERFACE_INCLUDE_DIRECTORIES ${LIBS3_FOLDER})
target_link_libraries(backscribe_libs3 INTERFACE PkgConfig::LIBXML2 PkgConfig::CURL Threads::Threads)
