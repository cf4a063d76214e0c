/* The version that every part of the program tells. */
#ifndef BS_COMMANDS_VERSION_H
#define BS_COMMANDS_VERSION_H

#ifndef BS_VERSION
#define BS_VERSION "0.0.0" /* the build sets it from the project's version */
#endif
#ifndef BS_VERSION_DATE
#define BS_VERSION_DATE "1970-01-01" /* when that version was made: the build sets it, too */
#endif

#endif
