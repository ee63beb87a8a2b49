/* Pages of a Parquet file; core_parquet.h says which.
 *
 * From the bottom up: numbers of Thrift's compact protocol, in which a page's header is written;
 * Snappy; the levels that tell nulls; runs of indices; pages. */
#include "core_parquet.h"

#include <string.h>

#include "core_memory.h"

enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2, DATA_PAGE_2 = 3 };
enum { PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, RLE_DICTIONARY = 8 };
enum { TRUE_FIELD = 1, FALSE_FIELD = 2, INT32_FIELD = 5, INT64_FIELD = 6, BINARY = 8, STRUCT = 12 };
enum { DEEPEST = 4, FIELDS = 10 };

static uint32_t load32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t load64(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

/* read a number of seven bits a byte, of at most 64 bits; false where it does not end */
static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* -- a page's header ------------------------------------------------------------------------- */

/* what a struct of Thrift's says in numbers, by field, and of which type each is; 0 for none */
struct fields {
    int64_t number[FIELDS];
    unsigned type[FIELDS];
};

/* read a field's id and type; false at the end of the struct, or where the bytes end */
static bool field(const uint8_t **at, const uint8_t *end, uint64_t *id, unsigned *type, bool *bad)
{
    uint8_t head;

    *bad = *at >= end;
    if (*bad)
        return false;
    head = *(*at)++;
    *type = head & 15;
    if (!head)
        return false;
    *id += head >> 4;
    *bad = !(head >> 4) || *id >= FIELDS;
    return !*bad;
}

static bool skip_struct(const uint8_t **at, const uint8_t *end, int depth);

/* read a field's value, and keep it where it is a number; false for one of another kind */
static bool value(const uint8_t **at, const uint8_t *end, uint64_t id, unsigned type, int depth,
                  struct fields *out)
{
    uint64_t number;

    if (type == STRUCT)
        return skip_struct(at, end, depth + 1);
    if (type == TRUE_FIELD || type == FALSE_FIELD)
        number = 0;
    else if ((type != INT32_FIELD && type != INT64_FIELD && type != BINARY) ||
             !varint(at, end, &number))
        return false;
    if (type == BINARY) {
        if (number > (uint64_t)(end - *at))
            return false;
        *at += number;
        return true;
    }
    out->number[id] = (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
    out->type[id] = type;
    return true;
}

/* read a struct; false where something in it is of no kind that a page's header has */
static bool read_struct(const uint8_t **at, const uint8_t *end, int depth, struct fields *out)
{
    uint64_t id = 0;
    unsigned type;
    bool bad;

    memset(out, 0, sizeof *out);
    while (field(at, end, &id, &type, &bad))
        if (depth > DEEPEST || !value(at, end, id, type, depth, out))
            return false;
    return !bad;
}

static bool skip_struct(const uint8_t **at, const uint8_t *end, int depth)
{
    struct fields ignored;

    return read_struct(at, end, depth, &ignored);
}

/* a page: its body, which is `size` bytes once it is unpacked, and what its own header says */
struct page {
    int64_t kind;
    const uint8_t *body;
    size_t packed, size;
    struct fields of;
};

/* whether each of some fields is there and counts something */
static bool has(const struct fields *fields, unsigned first, unsigned last)
{
    for (unsigned id = first; id <= last; id++)
        if (fields->type[id] != INT32_FIELD || fields->number[id] < 0 ||
            fields->number[id] > INT32_MAX)
            return false;
    return true;
}

/* read the header of the page that is next; false where it is strange */
static bool read_header(struct parquet *parquet, struct page *page)
{
    static const uint8_t own[] = {[DATA_PAGE] = 5, [DICTIONARY_PAGE] = 7, [DATA_PAGE_2] = 8};
    const uint8_t *at = parquet->at, *end = parquet->end;
    struct fields all = {{0}, {0}};
    uint64_t id = 0;
    unsigned type;
    bool bad, found = false;

    while (field(&at, end, &id, &type, &bad)) {
        if (type != STRUCT ? !value(&at, end, id, type, 0, &all)
                           : found || !has(&all, 1, 1) || all.number[1] > DATA_PAGE_2 ||
                                 id != own[all.number[1]] ||
                                 !read_struct(&at, end, 1, &page->of))
            return false;
        found = found || type == STRUCT;
    }
    if (bad || !found || !has(&all, 1, 3))
        return false;
    page->kind = all.number[1];
    page->body = at;
    page->size = (size_t)all.number[2];
    page->packed = (size_t)all.number[3];
    if (all.number[3] > end - at)
        return false;
    parquet->at = at + page->packed;
    return true;
}

/* -- Snappy ---------------------------------------------------------------------------------- */

/* a copy takes so many bytes at once where both ends have the room, whatever its length */
enum { STRIDE = 16 };

/* copy `size` bytes from `from` to `out`, which have `source` and `room` bytes left */
static void copy(uint8_t *out, size_t room, const uint8_t *from, size_t source, size_t size)
{
    if (size <= STRIDE && room >= STRIDE && source >= STRIDE)
        memcpy(out, from, STRIDE);
    else
        memcpy(out, from, size);
}

/* copy `size` of `room` bytes from `offset` bytes back, which may overlap what is written */
static void copy_back(uint8_t *out, size_t room, size_t offset, size_t size)
{
    const uint8_t *from = out - offset;

    if (offset >= STRIDE && room >= size + STRIDE) {
        for (size_t i = 0; i < size; i += STRIDE)
            memcpy(out + i, from + i, STRIDE);
        return;
    }
    for (size_t i = 0; i < size; i++)
        out[i] = from[i];
}

/* read a literal's length, of which its tag says less than there is; false where the bytes end */
static bool long_literal(const uint8_t **at, const uint8_t *end, size_t *length)
{
    size_t bytes = *length - 60;

    if (bytes > (size_t)(end - *at))
        return false;
    *length = 1;
    for (size_t i = 0; i < bytes; i++)
        *length += (size_t)*(*at)++ << (8 * i);
    return true;
}

/* read how far back a copy is, and its length; false where the bytes end */
static bool read_copy(const uint8_t **at, const uint8_t *end, uint8_t tag, size_t *offset,
                      size_t *length)
{
    size_t bytes = (tag & 3) == 3 ? 4 : tag & 3;

    if (bytes > (size_t)(end - *at))
        return false;
    *offset = 0;
    for (size_t i = 0; i < bytes; i++)
        *offset |= (size_t)*(*at)++ << (8 * i);
    *length = (tag >> 2) + (size_t)1;
    if ((tag & 3) == 1) {
        *length = 4 + (tag >> 2 & 7);
        *offset |= (size_t)(tag >> 5) << 8;
    }
    return true;
}

/* unpack to exactly `size` bytes; false for bytes that are not as Snappy makes them */
static bool unsnap(const uint8_t *at, const uint8_t *end, uint8_t *out, size_t size)
{
    uint64_t said;
    size_t done = 0, length, offset;

    if (!varint(&at, end, &said) || said != size)
        return false;
    while (at < end) {
        uint8_t tag = *at++;

        if (tag & 3) {
            if (!read_copy(&at, end, tag, &offset, &length) || !offset || offset > done ||
                length > size - done)
                return false;
            copy_back(out + done, size - done, offset, length);
        } else {
            length = (tag >> 2) + (size_t)1;
            if (length > 60 && !long_literal(&at, end, &length))
                return false;
            if (length > (size_t)(end - at) || length > size - done)
                return false;
            copy(out + done, size - done, at, (size_t)(end - at), length);
            at += length;
        }
        done += length;
    }
    return done == size;
}

/* unpack `packed` bytes to `size`, and have `*body` point to them */
static enum parquet_answer unpack(struct parquet *parquet, const uint8_t **body, size_t packed,
                                  size_t size)
{
    void *block = parquet->unpacked;

    /* three bytes make 64 at most */
    if (size / 32 > packed)
        return PARQUET_STRANGE;
    if (!regsim_reserve(&block, &parquet->unpacked_room, 0, size + PARQUET_SLACK, 1))
        return PARQUET_NO_MEMORY;
    parquet->unpacked = block;
    if (!unsnap(*body, *body + packed, block, size))
        return PARQUET_STRANGE;
    memset((uint8_t *)block + size, 0, PARQUET_SLACK);
    *body = block;
    return PARQUET_DONE;
}

/* -- levels ---------------------------------------------------------------------------------- */

/* whether runs of levels of one bit, which fill `size` bytes, say of all values that they are
 * there */
static bool all_there(const uint8_t *at, size_t size, uint64_t values)
{
    const uint8_t *end = at + size;

    while (values) {
        uint64_t head, run;

        if (!varint(&at, end, &head) || head < 2)
            return false;
        run = head >> 1;
        if (!(head & 1)) {
            if (at == end || *at++ != 1)
                return false;
            values -= run < values ? run : values;
            continue;
        }
        if (run > (uint64_t)(end - at))
            return false;
        for (uint64_t i = 0; i < run; i++, at++) {
            unsigned mask = values < 8 ? (1u << values) - 1 : 0xFF;

            if ((*at & mask) != mask)
                return false;
            values -= values < 8 ? values : 8;
        }
    }
    return at == end;
}

/* -- runs of indices ------------------------------------------------------------------------- */

/* unpack groups of eight numbers of so many bits; PARQUET_SLACK bytes behind them are read too */
static inline void unpack_eights(const uint8_t *at, unsigned bits, size_t eights, uint32_t *out)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    unsigned at_once = bits <= 8 ? 8 : bits <= 16 ? 4 : 1; /* so many lie within one load */

    for (size_t i = 0; i < eights; i++, at += bits, out += 8)
        for (unsigned k = 0; k < 8; k += at_once) {
            uint64_t loaded = load64(at + (k * bits >> 3)) >> (k * bits & 7);

            for (unsigned j = 0; j < at_once; j++)
                out[k + j] = (uint32_t)(loaded >> (j * bits) & mask);
        }
}

/* the same, each of the usual widths with a loop of its own */
static void unpack_any(const uint8_t *at, unsigned bits, size_t eights, uint32_t *out)
{
#define WIDTH(N)                                                                                   \
    case N:                                                                                        \
        unpack_eights(at, N, eights, out);                                                         \
        return;
    switch (bits) {
        WIDTH(1) WIDTH(2) WIDTH(3) WIDTH(4) WIDTH(5) WIDTH(6) WIDTH(7) WIDTH(8) WIDTH(9) WIDTH(10)
        WIDTH(11) WIDTH(12) WIDTH(13) WIDTH(14) WIDTH(15) WIDTH(16) WIDTH(17) WIDTH(18)
    default:
        unpack_eights(at, bits, eights, out);
    }
#undef WIDTH
}

/* begin the next run of the page; false where it is strange */
static bool next_run(struct parquet *parquet)
{
    unsigned bytes = (parquet->bits + 7) / 8;
    uint64_t head, groups;

    if (!varint(&parquet->next, parquet->stop, &head) || head < 2 || head > UINT32_MAX)
        return false;
    parquet->packed = head & 1;
    groups = head >> 1;
    parquet->run_left = parquet->packed ? 8 * groups : groups;
    if (parquet->packed)
        return groups * parquet->bits <= (uint64_t)(parquet->stop - parquet->next);
    if (bytes > (size_t)(parquet->stop - parquet->next))
        return false;
    parquet->repeated = 0;
    for (unsigned i = 0; i < bytes; i++)
        parquet->repeated |= (uint32_t)*parquet->next++ << (8 * i);
    return parquet->repeated < parquet->entry_count;
}

/* fill the block with the next indices of a packed run; false where one is beyond the dictionary */
static bool fill_block(struct parquet *parquet)
{
    size_t eights = (size_t)(parquet->run_left / 8);
    uint32_t last = parquet->entry_count - 1, beyond = 0;

    if (eights > PARQUET_BLOCK / 8)
        eights = PARQUET_BLOCK / 8;
    unpack_any(parquet->next, parquet->bits, eights, parquet->block);
    parquet->next += eights * parquet->bits;
    parquet->run_left -= 8 * eights;
    parquet->block_at = 0;
    parquet->block_used = 8 * (unsigned)eights;
    /* what fills up the last group of a page is of no value */
    if (parquet->block_used > parquet->page_left)
        parquet->block_used = (unsigned)parquet->page_left;
    for (unsigned i = 0; i < parquet->block_used; i++)
        beyond |= last - parquet->block[i]; /* the top bit, as neither has more than 31 */
    return !(beyond >> 31);
}

/* write the items that stand in the dictionary at `index` */
static void look_up(const struct parquet *parquet, const uint32_t *index, size_t count, void *out)
{
#define ITEMS(TYPE)                                                                                \
    for (size_t i = 0; i < count; i++)                                                             \
        ((TYPE *)out)[i] = ((const TYPE *)(const void *)parquet->table)[index[i]];
    switch (parquet->table_item) {
    case 0:
        memcpy(out, index, count * sizeof *index);
        break;
    case 1:
        ITEMS(uint8_t)
        break;
    case 2:
        ITEMS(uint16_t)
        break;
    case 4:
        ITEMS(uint32_t)
        break;
    default:
        ITEMS(uint64_t)
    }
#undef ITEMS
}

/* write the next `count` items of a page by index; false where it is strange */
static bool read_indices(struct parquet *parquet, uint8_t *out, unsigned item, size_t count)
{
    size_t taken;

    for (; count; count -= taken, out += taken * item, parquet->page_left -= taken) {
        if (parquet->block_at == parquet->block_used) {
            if (!parquet->run_left && !next_run(parquet))
                return false;
            if (parquet->packed) {
                if (!fill_block(parquet))
                    return false;
            } else {
                size_t most = parquet->run_left < PARQUET_BLOCK ? (size_t)parquet->run_left
                                                                : PARQUET_BLOCK;

                for (size_t i = 0; i < most; i++)
                    parquet->block[i] = parquet->repeated;
                parquet->block_at = 0;
                parquet->block_used = (unsigned)most;
                parquet->run_left -= most;
            }
        }
        taken = parquet->block_used - parquet->block_at;
        taken = taken < count ? taken : count;
        look_up(parquet, parquet->block + parquet->block_at, taken, out);
        parquet->block_at += (unsigned)taken;
    }
    /* a page ends with the run that its last value is in */
    return parquet->page_left ||
           (parquet->next == parquet->stop && !parquet->run_left &&
            parquet->block_at == parquet->block_used);
}

/* -- pages ----------------------------------------------------------------------------------- */

/* write `count` numbers of `width` bytes as items */
static void narrow(const uint8_t *from, unsigned width, uint8_t *out, unsigned item, size_t count)
{
    if (item == width)
        memcpy(out, from, count * width);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(out + i * item, from + i * width, item);
}

static enum parquet_answer read_dictionary(struct parquet *parquet, const struct page *page)
{
    const uint8_t *body = page->body;
    int64_t count, encoding;

    if (!has(&page->of, 1, 2) || parquet->has_entries || parquet->next)
        return PARQUET_STRANGE;
    count = page->of.number[1];
    encoding = page->of.number[2];
    if ((encoding != PLAIN && encoding != PLAIN_DICTIONARY) || count > INT32_MAX ||
        (parquet->width ? (uint64_t)count * parquet->width != page->size
                        : (uint64_t)count * 4 > page->size)) /* before a text is its length */
        return PARQUET_STRANGE;
    if (parquet->snappy) {
        enum parquet_answer answer = unpack(parquet, &body, page->packed, page->size);

        if (answer != PARQUET_DONE)
            return answer;
    } else if (page->packed != page->size) {
        return PARQUET_STRANGE;
    }
    parquet->entries = regsim_resize(NULL, page->size + 1);
    if (!parquet->entries)
        return PARQUET_NO_MEMORY;
    memcpy(parquet->entries, body, page->size);
    parquet->entries_size = page->size;
    parquet->entry_count = (uint32_t)count;
    parquet->has_entries = true;
    return PARQUET_DONE;
}

/* take the levels off the body of a page; false where there is a null, or they are strange */
static bool take_levels(const struct parquet *parquet, const struct page *page,
                        const uint8_t **body, size_t *size)
{
    size_t levels;

    if (!parquet->optional)
        return true;
    if (*size < 4 || page->of.number[3] != RLE)
        return false;
    levels = load32(*body);
    if (levels > *size - 4 || !all_there(*body + 4, levels, (uint64_t)page->of.number[1]))
        return false;
    *body += 4 + levels;
    *size -= 4 + levels;
    return true;
}

/* find the values of a page of the first kind, whose levels are packed with them */
static enum parquet_answer open_page(struct parquet *parquet, const struct page *page,
                                     const uint8_t **body, size_t *size)
{
    if (parquet->snappy) {
        enum parquet_answer answer = unpack(parquet, body, page->packed, page->size);

        if (answer != PARQUET_DONE)
            return answer;
    } else if (page->packed != page->size) {
        return PARQUET_STRANGE;
    }
    *size = page->size;
    return has(&page->of, 1, 4) && take_levels(parquet, page, body, size) ? PARQUET_DONE
                                                                          : PARQUET_STRANGE;
}

/* find the values of a page of the second kind, before which its levels stand as they are */
static enum parquet_answer open_page_2(struct parquet *parquet, const struct page *page,
                                       const uint8_t **body, size_t *size)
{
    const int64_t *number = page->of.number;
    bool packed = parquet->snappy && page->of.type[7] != FALSE_FIELD;
    size_t levels;

    if (!has(&page->of, 1, 6) || page->of.type[7] > FALSE_FIELD || number[2] || number[6] ||
        number[3] != number[1] ||
        (uint64_t)number[5] > page->packed || (uint64_t)number[5] > page->size)
        return PARQUET_STRANGE;
    levels = (size_t)number[5];
    if (parquet->optional ? !all_there(*body, levels, (uint64_t)number[1]) : levels)
        return PARQUET_STRANGE;
    *body += levels;
    *size = page->size - levels;
    if (packed)
        return unpack(parquet, body, page->packed - levels, *size);
    return page->packed == page->size ? PARQUET_DONE : PARQUET_STRANGE;
}

/* begin the next page of values, past a dictionary */
static enum parquet_answer next_page(struct parquet *parquet)
{
    struct page page;
    const uint8_t *body;
    size_t size;
    int64_t encoding;
    enum parquet_answer answer;

    if (!read_header(parquet, &page))
        return PARQUET_STRANGE;
    if (page.kind == DICTIONARY_PAGE)
        return read_dictionary(parquet, &page);
    body = page.body;
    answer = page.kind == DATA_PAGE ? open_page(parquet, &page, &body, &size)
                                    : open_page_2(parquet, &page, &body, &size);
    if (answer != PARQUET_DONE)
        return answer;
    encoding = page.of.number[page.kind == DATA_PAGE ? 2 : 4];
    parquet->page_left = (uint64_t)page.of.number[1];
    if (parquet->page_left > parquet->left)
        return PARQUET_STRANGE;
    parquet->left -= parquet->page_left;
    parquet->next = body;
    parquet->stop = body + size;
    parquet->by_index = encoding == RLE_DICTIONARY || encoding == PLAIN_DICTIONARY;
    parquet->run_left = parquet->block_at = parquet->block_used = 0;
    if (!parquet->by_index) {
        bool plain = encoding == PLAIN && parquet->width &&
                     parquet->page_left <= size / parquet->width &&
                     size == parquet->page_left * parquet->width;

        return plain ? PARQUET_DONE : PARQUET_STRANGE;
    }
    if (!parquet->has_entries || !parquet->entry_count || !size || *body > 31)
        return PARQUET_STRANGE;
    parquet->bits = *parquet->next++;
    /* a page without values may have no run either */
    return parquet->page_left || size == 1 ? PARQUET_DONE : PARQUET_STRANGE;
}

/* make the dictionary's numbers items of so many bytes */
static bool make_table(struct parquet *parquet, unsigned item)
{
    uint8_t *table = regsim_resize(parquet->table, (size_t)parquet->entry_count * item + 1);

    if (!table)
        return false;
    parquet->table = table;
    parquet->table_item = item;
    narrow(parquet->entries, parquet->width, table, item, parquet->entry_count);
    return true;
}

enum parquet_answer parquet_read(struct parquet *parquet, void *out, unsigned item, size_t count)
{
    uint8_t *to = out;

    if (parquet->width ? item > parquet->width : item != sizeof *parquet->block)
        return PARQUET_STRANGE;
    while (count) {
        size_t taken;

        if (!parquet->page_left) {
            enum parquet_answer answer = parquet->left ? next_page(parquet) : PARQUET_STRANGE;

            if (answer != PARQUET_DONE)
                return answer;
            continue;
        }
        taken = parquet->page_left < count ? (size_t)parquet->page_left : count;
        if (!parquet->by_index) {
            narrow(parquet->next, parquet->width, to, item, taken);
            parquet->next += taken * parquet->width;
            parquet->page_left -= taken;
        } else {
            if (parquet->width && parquet->table_item != item && !make_table(parquet, item))
                return PARQUET_NO_MEMORY;
            if (!read_indices(parquet, to, item, taken))
                return PARQUET_STRANGE;
        }
        to += taken * item;
        count -= taken;
    }
    /* a column ends with its last page */
    return parquet->left || parquet->page_left || parquet->at == parquet->end ? PARQUET_DONE
                                                                              : PARQUET_STRANGE;
}

enum parquet_answer parquet_dictionary(struct parquet *parquet)
{
    if (!parquet->has_entries && parquet->left && !parquet->page_left) {
        enum parquet_answer answer = next_page(parquet);

        if (answer != PARQUET_DONE)
            return answer;
    }
    return parquet->has_entries ? PARQUET_DONE : PARQUET_STRANGE;
}

size_t parquet_texts_size(const struct parquet *parquet)
{
    size_t lengths = 4 * (size_t)parquet->entry_count;

    return lengths > parquet->entries_size ? SIZE_MAX : parquet->entries_size - lengths;
}

bool parquet_texts(const struct parquet *parquet, uint32_t *ends, uint8_t *texts)
{
    const uint8_t *at = parquet->entries, *stop = at + parquet->entries_size;
    uint32_t done = 0;

    ends[0] = 0;
    for (uint32_t i = 0; i < parquet->entry_count; i++) {
        size_t length;

        if (stop - at < 4 || load32(at) > (size_t)(stop - at) - 4)
            return false;
        length = load32(at);
        /* of the lengths not yet read each takes four bytes, that `texts` has no room for */
        if (done + length > parquet_texts_size(parquet))
            return false;
        memcpy(texts + done, at + 4, length);
        at += 4 + length;
        done += (uint32_t)length;
        ends[i + 1] = done;
    }
    return at == stop;
}

void parquet_init(struct parquet *parquet, const uint8_t *pages, size_t size, uint64_t values,
                  unsigned width, bool optional, bool snappy)
{
    memset(parquet, 0, sizeof *parquet);
    parquet->at = pages;
    parquet->end = pages + size;
    parquet->left = values;
    parquet->width = width;
    parquet->optional = optional;
    parquet->snappy = snappy;
}

void parquet_free(struct parquet *parquet)
{
    regsim_free(parquet->entries);
    regsim_free(parquet->table);
    regsim_free(parquet->unpacked);
}
