# cmake -DPROGRAM=backscribe -DFOLDER=share -P Pages.cmake: the manual pages and the completions, as the
# program itself tells them (--help=FORM). FOLDER gets man1/, bash/ and zsh/.
function(tell file)
  execute_process(COMMAND ${PROGRAM} ${ARGN} OUTPUT_FILE ${FOLDER}/${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER}/man1 ${FOLDER}/bash ${FOLDER}/zsh)
tell(man1/backscribe.1 --help=man)
tell(bash/backscribe --help=bash)
tell(zsh/_backscribe --help=zsh)
execute_process(COMMAND ${PROGRAM} --help=names OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${names}" names)
string(REPLACE "\n" ";" names "${names}")
foreach(name IN LISTS names)
  tell(man1/backscribe-${name}.1 ${name} --help=man)
endforeach()
