/* Distinct texts by number, from 0 in the order of their coming: the twin of trace/texts.py. */
#ifndef REGSIM_CORE_TEXTS_H
#define REGSIM_CORE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXTS_NONE = UINT32_MAX };

struct texts_slot {
    uint32_t hash, number; /* the number from 1; 0: free */
};

struct texts {
    uint8_t *bytes; /* all texts in a row */
    size_t bytes_used, bytes_room;
    size_t *ends; /* by text: where it ends in them */
    size_t used, room;
    struct texts_slot *slots; /* 1 << width of them, none at first */
    unsigned width;
    uint64_t seed; /* so that no file can be made whose texts all meet in one slot */
};

/* return the number of a text, which is added if it is new; TEXTS_NONE without memory */
uint32_t texts_number(struct texts *texts, const uint8_t *text, size_t size);

/* return the number of a text; TEXTS_NONE where it is not among them */
uint32_t texts_find(const struct texts *texts, const uint8_t *text, size_t size);

/* return a text's place in memory until the next is added, and its size */
const uint8_t *texts_get(const struct texts *texts, size_t number, size_t *size);

/* forget all texts, and keep the memory for others */
void texts_clear(struct texts *texts);

void texts_free(struct texts *texts);

#endif
