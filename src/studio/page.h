// The bundled page of web/, carried inside the program.
#pragma once

#include <span>
#include <string_view>

#include "studio/http/router.h"

namespace deixis::studio {

class Access;

struct PageFile {
  std::string_view path;    // "/index.html", "/assets/studio.js"
  std::string_view digest;  // of what it holds
  std::string_view bytes;
  std::string_view gzipped;
};

// Made by the build (embed_folder.cmake).
std::span<const PageFile> PageFiles();

// "/" and every other file. "/?token=..." signs in. `access` must outlive the router.
void AddPageRoutes(Access* access, Router& router);

}  // namespace deixis::studio
