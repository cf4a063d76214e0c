# What the stand-in of the API needs: it really recognises, hence the decoder and the models.
backscribe_require(POCKETSPHINX "pocketsphinx" libpocketsphinx-dev)
backscribe_require(OPUSFILE "opusfile" libopusfile-dev)
backscribe_require(MPG123 "libmpg123" libmpg123-dev)
# Debian's pocketsphinx.pc also names a folder that no package has, which CMake refuses.
set(existing_folders)
foreach(folder ${POCKETSPHINX_INCLUDE_DIRS})
  if(IS_DIRECTORY ${folder})
    list(APPEND existing_folders ${folder})
  endif()
endforeach()
set_target_properties(PkgConfig::POCKETSPHINX PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${existing_folders}")

# The acoustic and language models, and the recordings that they are tried on.
find_path(POCKETSPHINX_DATA model/en-us/en-us.lm.bin PATH_SUFFIXES share/pocketsphinx)
if(NOT POCKETSPHINX_DATA)
  message(FATAL_ERROR "PocketSphinx's English model is missing: apt-get install pocketsphinx-en-us")
endif()
if(NOT EXISTS ${POCKETSPHINX_DATA}/test/data/goforward.raw)
  message(FATAL_ERROR "PocketSphinx's recordings are missing: apt-get install pocketsphinx-testdata")
endif()
