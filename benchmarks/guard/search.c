/* Explore the sanitizers' model in full, once, with five processes. */
#define main sanitized
#include "search_driver.c"
#undef main

int main(void)
{
    MUST(explore((struct model){5, 11, 0, false}, 0, NULL) != 0);
    return 0;
}
