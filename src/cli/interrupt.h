// What happens on Ctrl-C, and when memory ends in a thread that nobody waits for.
//
// An interrupted program must end at once and leave no partial file. A signal handler may hardly do
// anything, so it only wakes a thread that waits for it; that thread removes the temporary files of
// writes that are under way, ends the progress bar, says what happened and ends the process with
// 130.
#pragma once

#include <string>

namespace deixis::cli {

struct InterruptOptions {
  bool json = false;          // say it as JSON on stdout
  bool has_terminal = false;  // a progress bar may be on stderr
};

// Once, before any other thread is started. SIGINT and SIGTERM are caught, SIGPIPE is ignored.
void InstallInterruptHandling(const InterruptOptions& options);

// Declares a file that this process is going to write with AtomicFile, or a folder that it writes
// files into: its temporary files are what an interrupt removes.
void DeclareOutput(const std::string& path);

// For a command that runs until it is told to end, and then ends by itself: returns when the first
// SIGINT or SIGTERM has come, or `wake` (a descriptor, may be -1) has something to read: false
// then. A second signal ends the process as any.
bool WaitForInterrupt(int wake);

// Returns at once, unless an interrupt is ending the process: then never. What fails while the
// temporary files are being removed fails because of that, and must not be what is told.
void YieldToInterrupt();

}  // namespace deixis::cli
