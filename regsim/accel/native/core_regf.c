/* Walking a well-formed hive, and finding by name in it: see core_regf.h. The layout is that of regf/nk.py, vk.py and
 * subkeys.py. */
#include "core_regf.h"

#include <string.h>

#include "core_memory.h"

enum {
    BASE = 4096,       /* bytes before the bins */
    BIN_HEADER = 32,   /* no cell begins before */
    KEY_SIZE = 76,     /* fixed bytes of a key */
    VALUE_SIZE = 20,   /* and of a value */
    COMP_NAME = 0x20,  /* a key's name is Latin-1 */
    PREDEF = 0x40,     /* its count of values is a handle */
    VALUE_COMP = 1,    /* a value's name is Latin-1 */
    SMALLEST_KEY = 80, /* bytes of a key with its cell */
    FEW = 256,         /* offsets that are compared each with each */
};

#define INLINE_DATA UINT32_C(0x80000000)

/* -- cells ------------------------------------------------------------------------------------ */

static uint32_t get16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const unsigned char *at)
{
    return get16(at) | get16(at + 2) << 16;
}

/* return whether the bytes hold all that they are said to */
static bool bytes_there(const struct regf_image *image)
{
    return image->length >= BASE && image->length - BASE >= image->data_size;
}

/* return the data of the allocated cell at `offset` and its length; NULL where there is none */
static const unsigned char *cell(const struct regf_image *image, uint32_t offset, uint32_t *length)
{
    uint32_t size;

    if (offset < BIN_HEADER || offset % 8 || (uint64_t)offset + 8 > image->data_size)
        return NULL;
    size = UINT32_C(0) - get32(image->bytes + BASE + offset);
    if (size < 8 || size % 8 || size > INT32_MAX || (uint64_t)offset + size > image->data_size)
        return NULL;
    *length = size - 4;
    return image->bytes + BASE + offset + 4;
}

/* return where in the file a pointer into it points */
static uint32_t place(const struct regf_image *image, const unsigned char *at)
{
    return (uint32_t)(at - image->bytes);
}

/* fill in a name of `size` bytes at `at`; false for half a UTF-16 unit */
static bool name_of(const struct regf_image *image, const unsigned char *at, uint32_t size,
                    bool latin, struct regf_name *out)
{
    out->at = place(image, at);
    out->length = (uint16_t)size;
    out->wide = !latin && size;
    return latin || size % 2 == 0;
}

/* return the key at `offset`, its name filled in; NULL where it is odd */
static const unsigned char *key_at(const struct regf_image *image, uint32_t offset,
                                   struct regf_name *name)
{
    uint32_t length, size;
    const unsigned char *key = cell(image, offset, &length);

    if (!key || length < KEY_SIZE || memcmp(key, "nk", 2))
        return NULL;
    size = get16(key + 72);
    if (size > length - KEY_SIZE)
        return NULL;
    if (!name_of(image, key + KEY_SIZE, size, get16(key + 2) & COMP_NAME, name))
        return NULL;
    return key;
}

/* -- sets of cells ---------------------------------------------------------------------------- */

/* put a cell into a set; false where it is in already, or cannot be a cell at all */
static bool put(uint8_t *set, uint32_t data_size, uint32_t offset)
{
    uint8_t bit = (uint8_t)(1u << (offset / 8 % 8));

    if (offset % 8 || offset >= data_size || set[offset / 64] & bit)
        return false;
    set[offset / 64] |= bit;
    return true;
}

/* put the offsets at `list` into the marks; take them out again; return whether each was new */
static bool distinct(struct regf_walk *walk, const unsigned char *list, uint32_t count,
                     uint32_t step)
{
    uint32_t in = 0;

    while (in < count && put(walk->marked, walk->data_size, get32(list + (size_t)in * step)))
        in++;
    for (uint32_t i = 0; i < in; i++) {
        uint32_t offset = get32(list + (size_t)i * step);

        walk->marked[offset / 64] &= (uint8_t) ~(1u << (offset / 8 % 8));
    }
    return in == count;
}

/* take the elements of one list off the credit; false where the hive has no room for them */
static bool charge(struct regf_walk *walk, uint64_t count)
{
    if (count > walk->credit)
        return false;
    walk->credit -= count;
    return true;
}

/* -- lists of subkeys ------------------------------------------------------------------------- */

struct list {
    const unsigned char *at; /* the first element */
    uint32_t count, step;    /* how many, of how many bytes each */
    bool root;               /* whether they are lists themselves */
};

static bool list_at(const struct regf_image *image, uint32_t offset, struct list *out)
{
    uint32_t length;
    const unsigned char *list = cell(image, offset, &length);

    if (!list)
        return false;
    out->root = !memcmp(list, "ri", 2);
    if (out->root || !memcmp(list, "li", 2))
        out->step = 4;
    else if (!memcmp(list, "lf", 2) || !memcmp(list, "lh", 2))
        out->step = 8;
    else
        return false;
    out->count = get16(list + 2);
    out->at = list + 4;
    return out->count <= (length - 4) / out->step;
}

/* have room for more keys in `pending`; false without memory */
static bool reserve(struct regf_walk *walk, uint32_t more)
{
    void *items = walk->pending;
    bool done = regsim_reserve(&items, &walk->pending_room, walk->pending_used, more,
                               sizeof *walk->pending);

    walk->pending = items;
    return done;
}

/* add the keys of one leaf to `pending` */
static enum regf_end add_leaf(struct regf_walk *walk, const struct list *leaf)
{
    if (!reserve(walk, leaf->count))
        return REGF_NO_MEMORY;
    for (uint32_t i = 0; i < leaf->count; i++) {
        uint32_t offset = get32(leaf->at + (size_t)i * leaf->step);

        if (!put(walk->listed, walk->data_size, offset))
            return REGF_ODD;
        walk->pending[walk->pending_used++] = offset;
    }
    return REGF_MORE;
}

/* add the keys of the lists that an index root names */
static enum regf_end add_leaves(struct regf_walk *walk, const struct regf_image *image,
                                const struct list *root)
{
    uint32_t room = image->extent / SMALLEST_KEY;
    enum regf_end end = REGF_MORE;

    if (!distinct(walk, root->at, root->count, root->step))
        return REGF_ODD;
    for (uint32_t i = 0; end == REGF_MORE && i < root->count; i++) {
        struct list leaf;

        if (!list_at(image, get32(root->at + (size_t)i * root->step), &leaf) || leaf.root ||
            leaf.count > room)
            return REGF_ODD;
        room -= leaf.count;
        end = add_leaf(walk, &leaf);
    }
    return end;
}

/* have the subkeys of `key`, whose cell is at `offset`, be the next to be met */
static enum regf_end descend(struct regf_walk *walk, const struct regf_image *image,
                             uint32_t offset, const unsigned char *key)
{
    uint32_t count = get32(key + 20);
    size_t before = walk->pending_used;
    struct list list;
    enum regf_end end;

    if (!count)
        return REGF_MORE;
    if (walk->depth >= REGF_DEPTH - 1 || !list_at(image, get32(key + 28), &list))
        return REGF_ODD;
    end = list.root ? add_leaves(walk, image, &list) : add_leaf(walk, &list);
    if (end != REGF_MORE)
        return end;
    if (walk->pending_used - before != count || !charge(walk, count))
        return REGF_ODD;
    walk->levels[walk->depth++] = (struct regf_level){offset, before, before, walk->pending_used};
    return REGF_MORE;
}

/* -- values ----------------------------------------------------------------------------------- */

/* return where the data of the value at `value` lies; NULL where that takes a closer look */
static const unsigned char *data_of(const struct regf_image *image, const unsigned char *value)
{
    uint32_t size = get32(value + 4), length;
    const unsigned char *data;

    if (size & INLINE_DATA)
        return size - INLINE_DATA <= 4 ? value + 8 : NULL;
    if (!size)
        return value;
    if (size > REGF_DATA)
        return NULL;
    data = cell(image, get32(value + 8), &length);
    return data && size <= length ? data : NULL;
}

static bool value_at(const struct regf_image *image, uint32_t offset, struct regf_value *out)
{
    uint32_t length, size;
    const unsigned char *data, *value = cell(image, offset, &length);

    if (!value || length < VALUE_SIZE || memcmp(value, "vk", 2))
        return false;
    size = get16(value + 2);
    if (size > length - VALUE_SIZE)
        return false;
    out->offset = offset;
    out->size = get32(value + 4);
    out->where = get32(value + 8);
    out->type = get32(value + 12);
    data = data_of(image, value);
    out->at = data ? place(image, data) : 0;
    return name_of(image, value + VALUE_SIZE, size, get16(value + 16) & VALUE_COMP, &out->name);
}

/* list the values of a key; false where the specification must be asked, and none is listed */
static bool values_of(struct regf_walk *walk, const struct regf_image *image,
                      const unsigned char *key, uint32_t count)
{
    uint32_t length;
    const unsigned char *list = cell(image, get32(key + 40), &length);

    if (!list || count > length / 4 || !distinct(walk, list, count, 4))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!value_at(image, get32(list + 4 * (size_t)i), &walk->values[walk->value_count + i]))
            return false;
    walk->value_count += count;
    return true;
}

/* -- the walk --------------------------------------------------------------------------------- */

bool regf_begin(struct regf_walk *walk, const struct regf_image *image, uint32_t offset)
{
    size_t bytes = image->data_size / 64 + 1;

    *walk = (struct regf_walk){.data_size = image->data_size, .credit = image->extent / 4};
    walk->listed = regsim_resize(NULL, bytes);
    walk->marked = regsim_resize(NULL, bytes);
    walk->levels = regsim_resize(NULL, REGF_DEPTH * sizeof *walk->levels);
    walk->keys = regsim_resize(NULL, REGF_KEYS * sizeof *walk->keys);
    walk->values = regsim_resize(NULL, REGF_VALUES * sizeof *walk->values);
    if (!walk->listed || !walk->marked || !walk->levels || !walk->keys || !walk->values ||
        !reserve(walk, 1)) {
        regf_end(walk);
        return false;
    }
    memset(walk->listed, 0, bytes);
    memset(walk->marked, 0, bytes);
    put(walk->listed, walk->data_size, offset);
    walk->pending[0] = offset; /* level 0 is the key itself, which the caller has met */
    walk->pending_used = 1;
    return true;
}

/* begin with the subkeys of the key where the walk starts */
static enum regf_end first(struct regf_walk *walk, const struct regf_image *image)
{
    struct regf_name name;
    uint32_t offset = walk->pending[0];
    const unsigned char *key = key_at(image, offset, &name);

    walk->pending_used = 0;
    if (!key || !charge(walk, get16(key + 2) & PREDEF ? 0 : get32(key + 36)))
        return REGF_ODD;
    if (!get32(key + 20))
        return REGF_DONE;
    return descend(walk, image, offset, key);
}

/* add one key and its values; REGF_DONE where the values need another call */
static enum regf_end add_key(struct regf_walk *walk, const struct regf_image *image,
                             uint32_t offset, const unsigned char *key, struct regf_name name)
{
    uint32_t count = get16(key + 2) & PREDEF ? 0 : get32(key + 36);
    struct regf_key *out = &walk->keys[walk->key_count];

    if (count <= REGF_VALUES && count > REGF_VALUES - walk->value_count)
        return REGF_DONE;
    if (!charge(walk, count))
        return REGF_ODD;
    *out = (struct regf_key){offset, walk->depth, walk->value_count, count, name};
    if (count > REGF_VALUES || (count && !values_of(walk, image, key, count)))
        out->count = REGF_UNLISTED;
    walk->key_count++;
    return REGF_MORE;
}

/* meet the next key of the deepest level; REGF_DONE where this call is full */
static enum regf_end next(struct regf_walk *walk, const struct regf_image *image)
{
    struct regf_level *level = &walk->levels[walk->depth - 1];
    struct regf_name name;
    uint32_t offset = walk->pending[level->next];
    const unsigned char *key = key_at(image, offset, &name);
    enum regf_end end;

    if (!key || get32(key + 16) != level->key)
        return REGF_ODD;
    end = add_key(walk, image, offset, key, name);
    if (end != REGF_MORE)
        return end;
    level->next++;
    return descend(walk, image, offset, key);
}

enum regf_end regf_take(struct regf_walk *walk, const struct regf_image *image)
{
    walk->key_count = walk->value_count = 0;
    if (!bytes_there(image) || image->data_size != walk->data_size)
        return REGF_ODD;
    if (!walk->depth) {
        enum regf_end end = walk->pending_used ? first(walk, image) : REGF_DONE;

        if (end != REGF_MORE)
            return end;
    }
    while (walk->depth && walk->key_count < REGF_KEYS) {
        struct regf_level *level = &walk->levels[walk->depth - 1];
        enum regf_end end;

        if (level->next == level->end) {
            walk->pending_used = level->begin;
            walk->depth--;
            continue;
        }
        end = next(walk, image);
        if (end == REGF_DONE)
            return REGF_MORE;
        if (end != REGF_MORE)
            return end;
    }
    return walk->depth ? REGF_MORE : REGF_DONE;
}

void regf_end(struct regf_walk *walk)
{
    regsim_free(walk->listed);
    regsim_free(walk->marked);
    regsim_free(walk->pending);
    regsim_free(walk->levels);
    regsim_free(walk->keys);
    regsim_free(walk->values);
    *walk = (struct regf_walk){0};
}

/* -- by name ---------------------------------------------------------------------------------- */

/* return unit number `i` of a name, an ASCII letter as the large one */
static uint32_t unit(const struct regf_image *image, struct regf_name name, size_t i)
{
    const unsigned char *at = image->bytes + name.at;
    uint32_t code = name.wide ? get16(at + 2 * i) : at[i];

    return code >= 'a' && code <= 'z' ? code - 'a' + 'A' : code;
}

static size_t units(struct regf_name name)
{
    return name.wide ? name.length / 2 : name.length;
}

/* return whether a name comes before (< 0), after (> 0) or is the one that is looked for.
 *
 * What is not ASCII has no upper case that is, so that it comes after all that is. */
static int order(const struct regf_image *image, struct regf_name name, struct regf_wanted wanted)
{
    size_t length = units(name);

    for (size_t i = 0; i < length && i < wanted.length; i++) {
        uint32_t mine = unit(image, name, i), other = (unsigned char)wanted.text[i];

        if (other >= 'a' && other <= 'z')
            other -= 'a' - 'A';
        if (mine != other)
            return mine < other ? -1 : 1;
    }
    return (length > wanted.length) - (length < wanted.length);
}

static bool is_ascii(const struct regf_image *image, struct regf_name name)
{
    uint32_t bits = 0;

    for (size_t i = 0, length = units(name); i < length; i++)
        bits |= unit(image, name, i);
    return bits < 0x80;
}

/* return whether `count` offsets are different ones; false for very many, too */
static bool all_differ(const unsigned char *list, uint32_t count)
{
    if (count > FEW)
        return false;
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (get32(list + 4 * (size_t)i) == get32(list + 4 * (size_t)j))
                return false;
    return true;
}

/* the keys of one list, or of the leaves that an index root names, one after the other */
struct keys {
    struct list list; /* the list, or the root */
    uint32_t count;
};

/* return the leaf number `i` of an index root, which is there */
static struct list leaf_at(const struct regf_image *image, const struct list *root, uint32_t i)
{
    struct list leaf = {0};

    list_at(image, get32(root->at + 4 * (size_t)i), &leaf);
    return leaf;
}

static bool keys_at(const struct regf_image *image, uint32_t offset, struct keys *out)
{
    uint32_t room = image->extent / SMALLEST_KEY;

    if (!list_at(image, offset, &out->list))
        return false;
    out->count = out->list.root ? 0 : out->list.count;
    if (!out->list.root)
        return true;
    if (!all_differ(out->list.at, out->list.count))
        return false;
    for (uint32_t i = 0; i < out->list.count; i++) {
        struct list leaf = leaf_at(image, &out->list, i);

        if (!leaf.at || leaf.root || leaf.count > room - out->count)
            return false;
        out->count += leaf.count;
    }
    return true;
}

/* return the offset of key number `i` */
static uint32_t key_number(const struct regf_image *image, const struct keys *keys, uint32_t i)
{
    struct list leaf = keys->list;

    for (uint32_t next = 0; keys->list.root; i -= leaf.count) {
        leaf = leaf_at(image, &keys->list, next++);
        if (i < leaf.count)
            break;
    }
    return get32(leaf.at + (size_t)i * leaf.step);
}

bool regf_key_at(const struct regf_image *image, uint32_t offset, struct regf_name *name)
{
    return bytes_there(image) && key_at(image, offset, name);
}

enum regf_sought regf_subkey(const struct regf_image *image, uint32_t offset,
                             struct regf_wanted wanted, uint32_t *found, struct regf_name *name)
{
    const unsigned char *key = bytes_there(image) ? key_at(image, offset, name) : NULL;
    struct keys keys = {.count = 0};
    bool certain = true;

    if (!key || (get32(key + 20) && !keys_at(image, get32(key + 28), &keys)))
        return REGF_UNSURE;
    for (uint32_t low = 0, high = keys.count; low < high;) {
        uint32_t middle = (low + high) / 2;
        int before;

        *found = key_number(image, &keys, middle);
        key = key_at(image, *found, name);
        if (!key)
            return REGF_UNSURE;
        before = order(image, *name, wanted);
        if (!before)
            return get32(key + 16) == offset ? REGF_FOUND : REGF_UNSURE;
        certain = certain && is_ascii(image, *name);
        if (before < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return certain ? REGF_ABSENT : REGF_UNSURE;
}

enum regf_sought regf_find_value(const struct regf_image *image, uint32_t offset,
                                 struct regf_wanted wanted, struct regf_value *found)
{
    struct regf_name name;
    const unsigned char *list, *key = bytes_there(image) ? key_at(image, offset, &name) : NULL;
    uint32_t count, length;

    if (!key)
        return REGF_UNSURE;
    count = get16(key + 2) & PREDEF ? 0 : get32(key + 36);
    if (!count)
        return REGF_ABSENT;
    list = cell(image, get32(key + 40), &length);
    if (!list || count > length / 4 || !all_differ(list, count))
        return REGF_UNSURE;
    for (uint32_t i = 0; i < count; i++) {
        if (!value_at(image, get32(list + 4 * (size_t)i), found))
            return REGF_UNSURE;
        if (!order(image, found->name, wanted))
            return REGF_FOUND;
    }
    return REGF_ABSENT;
}
