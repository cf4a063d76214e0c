/* The version that every part of the program tells. */
#ifndef BS_COMMANDS_VERSION_H
#define BS_COMMANDS_VERSION_H

#ifndef BS_VERSION
#define BS_VERSION "0.0.0" /* the build sets it from the project's version */
#endif

#endif
