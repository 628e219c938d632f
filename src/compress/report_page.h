// The bundled page of web/, carried inside the program.
#pragma once

#include <string_view>

namespace deixis {

// HTML with its script and style inside; its data goes where <!--DEIXIS_REPORT_DATA--> stands.
std::string_view ReportPage();

}  // namespace deixis
