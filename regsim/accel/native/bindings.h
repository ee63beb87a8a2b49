/* What every part of regsim.accel._native adds to the module, and the one list of the parts.
 *
 * A part is a plain C core (core_NAME.c, no Python.h) and a thin file bind_NAME.c that defines
 * `const struct binding bind_NAME`. Adding a part is adding its line to BINDINGS. */
#ifndef REGSIM_BINDINGS_H
#define REGSIM_BINDINGS_H

#include <Python.h>

struct binding {
    PyMethodDef *methods; /* module functions, ended by {NULL}; or NULL */
    PyType_Spec *type;    /* the type it adds to the module; or NULL */
};

#define BINDINGS(PART) PART(handles)

#endif
