// The studio: a page for teachers, served by the program itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "studio/http/server.h"

namespace deixis::studio {

struct StudioOptions {
  ServerOptions server = {};               // but for upload_folder
  std::vector<std::string> allowed_hosts;  // further names by which browsers may reach it
  std::string project_folder;
  std::string camera_uri;    // empty: none is opened
  std::string bearer_token;  // empty: the project's own, made once
  std::string version;
  int64_t max_upload_bytes = int64_t{4'000'000'000};
  int num_threads = 1;                     // of everything that computes
  std::string program = "/proc/self/exe";  // deixis: what jobs run

  Status Validate() const;
};

class Studio {
 public:
  // Opens the project and the camera, and listens. kBusy when the port or the project is taken.
  static Result<std::unique_ptr<Studio>> Start(const StudioOptions& options);
  ~Studio();

  int port() const;
  // "http://127.0.0.1:8480/"
  std::string Address() const;
  // An address that signs in, once; the one before it is worthless from now on.
  std::string NewLink();
  const std::string& bearer_token() const;

 private:
  struct Parts;
  explicit Studio(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// `text` as a QR code in half blocks of two lines a row; empty where it does not fit one.
std::string QrCode(const std::string& text);

}  // namespace deixis::studio
