// A ResNet-18 at 224x224 as a small chip runs it: constants, a static arena, one call. Compares the
// answer with the Executor's bit by bit and adds up every byte of memory that the program has:
// weights, code, static memory, stack and heap. Exits with 1 when the answer differs or when that
// is more than 8 MB.
#include <string.h>
#include <unistd.h>

#include "embedded/network.h"
#include "expected.h"
#include "resnet18.h"
#include "tests/integration/embedded/picture.h"

extern "C" {
// The linker's: the first byte of the program and the one after its last.
extern char __executable_start;
extern char end;
}

namespace {

constexpr int64_t kMaxBytes = 8000000;

alignas(DEIXIS_ALIGNMENT) uint8_t arena[DEIXIS_ARENA_BYTES];
uint8_t picture[224 * 224 * 3];
float answer[1000];

void Print(const char* name, int64_t value) {
  char line[80];
  size_t at = strlen(name);
  memcpy(line, name, at);
  char digits[20];
  int num_digits = 0;
  do {
    digits[num_digits++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (num_digits > 0) line[at++] = digits[--num_digits];
  line[at++] = '\n';
  if (write(STDOUT_FILENO, line, at) < 0) _exit(1);
}

constexpr int64_t kStackProbe = 64 * 1024;
constexpr uint8_t kUntouched = 0xC5;

// Fills the stack below the caller, or counts how much of it has been written since.
template <bool kCounts>
__attribute__((noinline)) int64_t ProbeStack() {
  volatile uint8_t below[kStackProbe];
  asm volatile("" : "=m"(below));  // whatever is there counts as written
  int64_t untouched = 0;
  if (kCounts) {
    // The stack grows downwards.
    while (untouched < kStackProbe && below[untouched] == kUntouched) ++untouched;
  } else {
    for (int64_t i = 0; i < kStackProbe; ++i) below[i] = kUntouched;
  }
  return kStackProbe - untouched;
}

}  // namespace

int main() {
  const auto* heap_before = static_cast<const char*>(sbrk(0));
  MakePicture(picture, sizeof(picture));
  ProbeStack<false>();
  DeixisRun(&deixis_network, arena, picture, answer);
  const int64_t stack_bytes = ProbeStack<true>();
  const int64_t heap_bytes = static_cast<const char*>(sbrk(0)) - heap_before;
  const int64_t image_bytes = &end - &__executable_start;

  Print("weights            ", sizeof(kDeixisWeights));
  Print("arena              ", sizeof(arena));
  Print("picture and answer ", sizeof(picture) + sizeof(answer));
  Print("code and the rest  ",
        image_bytes - static_cast<int64_t>(sizeof(kDeixisWeights) + sizeof(arena) +
                                           sizeof(picture) + sizeof(answer)));
  Print("stack              ", stack_bytes);
  Print("heap               ", heap_bytes);
  const int64_t total = image_bytes + stack_bytes + heap_bytes;
  Print("in all             ", total);
  if (memcmp(answer, kExpected, sizeof(answer)) != 0) {
    constexpr char kText[] = "the answer differs from the Executor's\n";
    (void)!write(STDOUT_FILENO, kText, sizeof(kText) - 1);
    return 1;
  }
  return total <= kMaxBytes && stack_bytes < kStackProbe && heap_bytes == 0 ? 0 : 1;
}
