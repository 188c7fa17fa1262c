// How soon a thread runs once it is woken, on a machine whose cores are busy.
//
// The scheduler of Linux (EEVDF) lets what runs use up its slice, about 3 ms, before one that was woken gets its turn, unless that
// one asks for shorter slices: then it goes first. Its share of the processor stays the same. A record crosses several
// threads, which do little each time they are woken: each of those wake-ups would wait for somebody's slice.
#pragma once

namespace godwit::runtime::real {

// Asks for the shortest slices there are for the calling thread; threads and processes that it starts inherit them. Needs no
// privilege. Where a kernel knows no slices (before 6.12), a container's filter forbids to ask, or the thread has another
// scheduling policy, nothing changes. docs/decisions/0016-short-slices.md.
void ask_for_short_slices();
// Takes it back for the calling thread: for one that works long at a time.
void ask_for_usual_slices();

}  // namespace godwit::runtime::real
