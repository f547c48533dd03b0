// Gives the memory of dead regions back to the system without giving up their addresses.
#ifndef ROLP_MEMORY_H_
#define ROLP_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace rolp {

size_t PageSize();

// Drops the whole pages within [data + offset, data + offset + length): they read as zeros from then on and cost no
// memory until they are written. False where the system cannot, or where no whole page lies within.
bool Decommit(void* data, size_t offset, size_t length);

// Asks for huge pages behind [data, data + length): reads at random then miss the TLB less. Costs no memory by itself,
// but what is touched first in each huge page takes all of it. False where the system cannot.
bool UseHugePages(void* data, size_t length);

}  // namespace rolp

#endif  // ROLP_MEMORY_H_
