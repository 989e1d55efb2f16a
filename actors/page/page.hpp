// The files of the page, built into the library by cmake/embed.cmake. Constants; any thread.
#pragma once

#include <string_view>

namespace keyloom::actors::page {

extern const std::string_view html;
extern const std::string_view style;
extern const std::string_view script;
extern const std::string_view charts; ///< Chart.js

} // namespace keyloom::actors::page
