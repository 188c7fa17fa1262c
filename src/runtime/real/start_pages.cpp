#include "runtime/real/start_pages.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace godwit::runtime::real {
namespace {

// Whether relocations changed the code of that object: such pages are not those of the file.
bool code_was_relocated(const dl_phdr_info& object, const ElfW(Phdr) & header) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that the loader gives as a number
  const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + header.p_vaddr);
  for (; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_TEXTREL) return true;
    if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
  }
  return false;
}

int release_object(dl_phdr_info* object, size_t /*size*/, void* out) {
  // The kernel's own page of code has no file behind it.
  if (std::string_view(object->dlpi_name).starts_with("linux-vdso")) return 0;
  const std::span headers(object->dlpi_phdr, object->dlpi_phnum);
  for (const auto& header : headers) {
    if (header.p_type == PT_DYNAMIC && code_was_relocated(*object, header)) return 0;
  }
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + header.p_vaddr) & ~(page - 1);
    const uintptr_t end = (object->dlpi_addr + header.p_vaddr + header.p_memsz + page - 1) & ~(page - 1);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as above
    if (::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0) {
      *static_cast<size_t*>(out) += end - begin;
    }
  }
  return 0;
}

}  // namespace

size_t release_start_pages() {
  size_t released = 0;
  ::dl_iterate_phdr(release_object, &released);
  return released;
}

}  // namespace godwit::runtime::real
