/* Reading a hive for as long as all is as it should be: the fast form of regf.walk, and of what
 * regf.key.Key finds by name, which specify it.
 *
 * The walk meets the keys below one key in the same order, and stops before the first thing that the
 * specification would report: it never reports and never repairs. What it has met by then is what
 * the specification has met too, so that this can go on where it stopped.
 *
 *      regf_take()  ->  keys[]:   offset, depth, name, first value, number of values
 *                       values[]: offset, name, type, size, and where the data lies
 *
 * A key whose values are not all as they should be has them not listed: reading them is left to
 * the specification. Every read is checked against the bytes at hand, which are given anew with
 * each call. A walk is {0} before regf_begin(). */
#ifndef REGSIM_CORE_REGF_H
#define REGSIM_CORE_REGF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REGF_KEYS = 256,    /* keys that one call gives at most */
    REGF_VALUES = 4096, /* and values; a key with more has them not listed */
    REGF_DATA = 1024,   /* bytes of data that are looked up at once */
    REGF_DEPTH = 512,   /* levels of keys (regf.layout.MAX_DEPTH) */
};

#define REGF_UNLISTED UINT32_MAX

struct regf_name {
    uint32_t at;     /* where it begins in the file */
    uint16_t length; /* in bytes */
    uint16_t wide;   /* UTF-16LE, else Latin-1 */
};

struct regf_key {
    uint32_t offset;       /* its cell */
    uint32_t depth;        /* levels below the key where the walk began: 1 is a child of it */
    uint32_t first, count; /* its values among those of this call; or REGF_UNLISTED */
    struct regf_name name;
};

struct regf_value {
    uint32_t offset, type, size, where; /* as the cell has them */
    uint32_t at;                        /* where its data begins in the file, or 0: ask */
    struct regf_name name;
};

/* the bytes of a hive, and what its base block makes of them */
struct regf_image {
    const unsigned char *bytes;
    size_t length;
    uint32_t data_size; /* bytes of bins, from byte 4096 on */
    uint32_t extent;    /* how many there may be (regf.image.Image.extent) */
};

struct regf_level {
    uint32_t key;            /* the cell of the key whose children these are */
    size_t begin, next, end; /* where they lie among `pending`, and which is to come */
};

struct regf_walk {
    uint8_t *listed, *marked; /* a bit for each possible cell: met in a list; in the list at hand */
    uint32_t *pending;        /* the children of every level */
    size_t pending_room, pending_used;
    struct regf_level *levels;
    uint32_t depth;
    uint32_t data_size; /* what the bits are for */
    uint64_t credit;    /* elements of lists that may still be read */
    struct regf_key *keys;
    struct regf_value *values;
    uint32_t key_count, value_count;
};

enum regf_end {
    REGF_MORE,      /* there may be more keys */
    REGF_DONE,      /* there are none */
    REGF_ODD,       /* the next thing is for the specification */
    REGF_NO_MEMORY, /* the walk cannot go on */
};

/* begin below the key at `offset`; what is wrong with that one shows at the first regf_take();
 * false without memory */
bool regf_begin(struct regf_walk *walk, const struct regf_image *image, uint32_t offset);

/* put the next keys and their values into `keys` and `values`; those found before the end count */
enum regf_end regf_take(struct regf_walk *walk, const struct regf_image *image);

/* give the memory back */
void regf_end(struct regf_walk *walk);

/* a name that is looked for, of ASCII characters only */
struct regf_wanted {
    const char *text;
    size_t length;
};

enum regf_sought {
    REGF_FOUND,
    REGF_ABSENT, /* the specification finds none either */
    REGF_UNSURE, /* the specification must be asked: something is odd, or has no certain order */
};

/* tell the name of the key at `offset`; false where that is odd */
bool regf_key_at(const struct regf_image *image, uint32_t offset, struct regf_name *name);

/* look for a subkey of the key at `offset`, by halves as regf.key.Key does; tell its cell and name */
enum regf_sought regf_subkey(const struct regf_image *image, uint32_t offset,
                             struct regf_wanted wanted, uint32_t *found, struct regf_name *name);

/* look for a value of the key at `offset`, the first of that name */
enum regf_sought regf_find_value(const struct regf_image *image, uint32_t offset,
                                 struct regf_wanted wanted, struct regf_value *found);

#endif
