#include "cli/progress_form.h"

namespace deixis::cli {
namespace {

bool is_json = false;

}  // namespace

void SetProgressForm(bool json) { is_json = json; }
bool ProgressIsJson() { return is_json; }

}  // namespace deixis::cli
