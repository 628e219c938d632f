// How progress is told on stderr, by the whole process: for people, or as JSON for a program that
// reads along.
#pragma once

namespace deixis::cli {

// With json one object on each line, at most some ten a second: {"schema": 1, "event": "progress",
// "task", "share" (0..1), "detail"}. Set once, before a command runs.
void SetProgressForm(bool json);
bool ProgressIsJson();

}  // namespace deixis::cli
