#include "vision/preview_window.h"

#ifdef DEIXIS_HAVE_SDL2
#include <SDL.h>
#include <dlfcn.h>
#endif

namespace deixis {

#ifndef DEIXIS_HAVE_SDL2

Result<std::unique_ptr<PreviewWindow>> PreviewWindow::Open(const std::string& /*title*/) {
  return Error{ErrorCode::kDeviceUnavailable, "a window: this program was built without SDL 2",
               "build it with libsdl2-dev installed, or run without --show; `deixis studio` shows "
               "the same in a browser"};
}

#else

namespace {

constexpr char kRemedy[] =
    "run it in a desktop session on this machine, or without --show; `deixis studio` shows the "
    "same in a browser";

// What is used of the library. Kept loaded to the end: it may have threads of its own.
struct Sdl {
// clang-format off
#define DEIXIS_SDL_FUNCTIONS(X)                                                             \
  X(SetHint) X(Init) X(Quit) X(GetError) X(GetCurrentVideoDriver) X(PollEvent)              \
  X(CreateWindow) X(DestroyWindow) X(SetWindowSize) X(CreateRenderer) X(DestroyRenderer)    \
  X(CreateTexture) X(DestroyTexture) X(UpdateTexture) X(RenderClear) X(RenderCopy)          \
  X(RenderPresent) X(RenderSetLogicalSize)
// clang-format on
#define DEIXIS_DECLARE(name) decltype(&::SDL_##name) name = nullptr;
  DEIXIS_SDL_FUNCTIONS(DEIXIS_DECLARE)
#undef DEIXIS_DECLARE
};

// Null without the library.
const Sdl* LoadSdl() {
  static const Sdl* const loaded = []() -> const Sdl* {
    void* library = ::dlopen("libSDL2-2.0.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    static Sdl sdl;
    bool has_all = true;
    const auto find = [&]<typename Function>(Function& function, const char* name) {
      function = reinterpret_cast<Function>(::dlsym(library, name));
      has_all = has_all && function != nullptr;
    };
#define DEIXIS_FIND(name) find(sdl.name, "SDL_" #name);
    DEIXIS_SDL_FUNCTIONS(DEIXIS_FIND)
#undef DEIXIS_FIND
    return has_all ? &sdl : nullptr;
  }();
  return loaded;
}

class SdlWindow final : public PreviewWindow {
 public:
  SdlWindow(const Sdl& sdl, std::string title) : sdl_(sdl), title_(std::move(title)) {}
  ~SdlWindow() override {
    Close();
    sdl_.Quit();
  }

  Status Show(const Image& image) override {
    const auto width_px = static_cast<int>(image.width_px);
    const auto height_px = static_cast<int>(image.height_px);
    if (width_px != width_px_ || height_px != height_px_) {
      DEIXIS_RETURN_IF_ERROR(Resize(width_px, height_px));
    }
    if (sdl_.UpdateTexture(texture_, nullptr, image.pixels.data(), 3 * width_px) != 0 ||
        sdl_.RenderClear(renderer_) != 0 ||
        sdl_.RenderCopy(renderer_, texture_, nullptr, nullptr) != 0) {
      return Failure("a window: cannot show a picture");
    }
    sdl_.RenderPresent(renderer_);
    return Ok();
  }

  bool WasClosed() override {
    SDL_Event event;
    while (sdl_.PollEvent(&event) != 0) {
      const bool is_key = event.type == SDL_KEYDOWN &&
                          (event.key.keysym.sym == SDLK_ESCAPE || event.key.keysym.sym == SDLK_q);
      was_closed_ = was_closed_ || event.type == SDL_QUIT || is_key;
    }
    return was_closed_;
  }

 private:
  Error Failure(const std::string& what) const {
    return Error{ErrorCode::kDeviceUnavailable, what + ": " + sdl_.GetError(), kRemedy};
  }

  Status Resize(int width_px, int height_px) {
    if (window_ == nullptr) {
      window_ = sdl_.CreateWindow(title_.c_str(), SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                  width_px, height_px, SDL_WINDOW_RESIZABLE);
      if (window_ == nullptr) return Failure("a window: cannot be opened");
      // In software: nothing but copies, and no driver that may be missing.
      renderer_ = sdl_.CreateRenderer(window_, -1, SDL_RENDERER_SOFTWARE);
      if (renderer_ == nullptr) return Failure("a window: cannot be drawn to");
    } else {
      sdl_.SetWindowSize(window_, width_px, height_px);
    }
    if (texture_ != nullptr) sdl_.DestroyTexture(texture_);
    texture_ = sdl_.CreateTexture(renderer_, SDL_PIXELFORMAT_RGB24, SDL_TEXTUREACCESS_STREAMING,
                                  width_px, height_px);
    if (texture_ == nullptr || sdl_.RenderSetLogicalSize(renderer_, width_px, height_px) != 0) {
      return Failure("a window: cannot be drawn to");
    }
    width_px_ = width_px;
    height_px_ = height_px;
    return Ok();
  }

  void Close() {
    if (texture_ != nullptr) sdl_.DestroyTexture(texture_);
    if (renderer_ != nullptr) sdl_.DestroyRenderer(renderer_);
    if (window_ != nullptr) sdl_.DestroyWindow(window_);
  }

  const Sdl& sdl_;
  std::string title_;
  SDL_Window* window_ = nullptr;
  SDL_Renderer* renderer_ = nullptr;
  SDL_Texture* texture_ = nullptr;
  int width_px_ = 0;
  int height_px_ = 0;
  bool was_closed_ = false;
};

Error NoDisplay(const std::string& why) {
  return Error{ErrorCode::kDeviceUnavailable, "a window: there is no display here: " + why,
               kRemedy};
}

}  // namespace

Result<std::unique_ptr<PreviewWindow>> PreviewWindow::Open(const std::string& title) {
  const Sdl* sdl = LoadSdl();
  if (sdl == nullptr) {
    return Error{ErrorCode::kDeviceUnavailable, "a window: SDL 2 (libSDL2-2.0.so.0) is missing",
                 "install it, `apt-get install libsdl2-2.0-0`, or run without --show"};
  }
  // Signals are the program's own.
  sdl->SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  if (sdl->Init(SDL_INIT_VIDEO) != 0) {
    return NoDisplay(sdl->GetError());
  }
  // Without a display SDL may draw where nobody sees it.
  const std::string driver = sdl->GetCurrentVideoDriver();
  if (driver == "offscreen" || driver == "dummy") {
    sdl->Quit();
    return NoDisplay("neither X11 nor Wayland nor a screen of its own");
  }
  return std::unique_ptr<PreviewWindow>(std::make_unique<SdlWindow>(*sdl, title));
}

#endif

}  // namespace deixis
