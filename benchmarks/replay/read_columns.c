/* What "merely to read the columns once" means: add up every item of each, one column at a time. */
#include <stddef.h>
#include <stdint.h>

#define SUM(type, name)                                                                            \
    static uint64_t name(const type *items, size_t rows)                                           \
    {                                                                                              \
        uint64_t sum = 0;                                                                          \
                                                                                                   \
        for (size_t i = 0; i < rows; i++)                                                          \
            sum += (uint64_t)items[i];                                                             \
        return sum;                                                                                \
    }
SUM(uint8_t, bytes)
SUM(uint32_t, words)
SUM(uint64_t, longs)

uint64_t read_columns(const uint8_t *op, const uint32_t *pid, const uint64_t *handle,
                      const uint64_t *parent, const uint32_t *key, const uint32_t *status,
                      const uint64_t *time, size_t rows)
{
    return bytes(op, rows) + words(pid, rows) + longs(handle, rows) + longs(parent, rows) +
           words(key, rows) + words(status, rows) + longs(time, rows);
}
