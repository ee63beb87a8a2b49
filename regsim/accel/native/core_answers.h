/* Who holds what: the answers to unloads, and snapshots. */
#ifndef REGSIM_CORE_ANSWERS_H
#define REGSIM_CORE_ANSWERS_H

#include "core_replay.h"

/* append who refuses to let a hive go to the unloads; false without memory */
bool replay_answer(struct replay *replay, uint32_t row, uint32_t hive);

#endif
