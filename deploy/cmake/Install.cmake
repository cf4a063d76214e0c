# What `cmake --install` puts where (DESTDIR and --prefix are heeded), and the Debian package.
set(BACKSCRIBE_ZSH_FOLDER ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
    "Where zsh looks for completions, below the prefix")

set(pages ${CMAKE_BINARY_DIR}/share) # made with the program: worker/CMakeLists.txt
install(DIRECTORY ${pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${pages}/bash/backscribe
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/zsh/_backscribe DESTINATION ${BACKSCRIBE_ZSH_FOLDER})
install(DIRECTORY schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/backscribe
        FILES_MATCHING PATTERN *.json PATTERN *.yaml PATTERN *.proto)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES deploy/systemd/config.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
configure_file(${CMAKE_CURRENT_LIST_DIR}/InstallUnits.cmake.in ${CMAKE_BINARY_DIR}/InstallUnits.cmake
               @ONLY)
install(SCRIPT ${CMAKE_BINARY_DIR}/InstallUnits.cmake)

# ---- the Debian package: cmake --build build/release --target package ----

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME backscribe)
set(CPACK_PACKAGE_VENDOR backscribe)
set(CPACK_PACKAGE_CONTACT "backscribe maintainers <maintainers@backscribe.invalid>" CACHE STRING
    "Who stands for the package, with an address")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "batch worker that turns archives of recordings into text")
set(CPACK_STRIP_FILES ON)
# The units need the final prefix while they are installed.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};backscribe;ALL;/")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_BINARY_DIR}/StageDebian.cmake)

# The release that it is built on, so that an upgrade of the system brings a newer package.
set(distribution "")
if(EXISTS /etc/os-release)
  file(STRINGS /etc/os-release release REGEX "^VERSION_ID=")
  string(REGEX MATCH "[0-9]+" release "${release}")
  if(release)
    set(distribution "~deb${release}")
  endif()
endif()
set(CPACK_DEBIAN_PACKAGE_RELEASE 1${distribution})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"backscribe takes job messages from Kafka, submits the recordings that they
name to SpeechKit's asynchronous recognition, keeps thousands of operations
in flight under the account's quota, and publishes exactly one result or
dead letter a job. Its state is in Kafka: any number of workers share the
work, and any of them may be killed at any moment.
.
The package has systemd units for one worker or several, which are neither
enabled nor started: they need /etc/backscribe/config.json.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, man-db")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/package/postinst ${PROJECT_SOURCE_DIR}/deploy/package/prerm
    ${PROJECT_SOURCE_DIR}/deploy/package/postrm ${PROJECT_SOURCE_DIR}/deploy/package/conffiles)

# RFC 5322, as dpkg wants it: the day's name is not in the version's date.
execute_process(COMMAND date -u -R -d ${BACKSCRIBE_VERSION_DATE}
                OUTPUT_VARIABLE DEBIAN_DATE OUTPUT_STRIP_TRAILING_WHITESPACE)
set(DEBIAN_VERSION ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
configure_file(deploy/package/changelog.in ${CMAKE_BINARY_DIR}/changelog.Debian @ONLY)
configure_file(deploy/package/StageDebian.cmake.in ${CMAKE_BINARY_DIR}/StageDebian.cmake @ONLY)
include(CPack)
