#ifndef REGSIM_TESTS_MUST_H
#define REGSIM_TESTS_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* Ends the program where a condition does not hold, with its place; unlike assert() in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
