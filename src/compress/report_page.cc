#include "compress/report_page.h"

// DEIXIS_REPORT_PAGE is the path of the bundled page, given by the build.
asm(".section .rodata\n"
    "deixis_report_page_begin:\n"
    ".incbin \"" DEIXIS_REPORT_PAGE
    "\"\n"
    "deixis_report_page_end:\n"
    ".previous\n");

extern "C" {
extern const char deixis_report_page_begin[];
extern const char deixis_report_page_end[];
}

namespace deixis {

std::string_view ReportPage() {
  return {deixis_report_page_begin,
          static_cast<size_t>(deixis_report_page_end - deixis_report_page_begin)};
}

}  // namespace deixis
