// The lines that a fine-tuning tells how it gets on by: docs/training.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "train/fine_tuner.h"
#include "train/score.h"

namespace deixis {

// Loss and what the task is judged by; without the confusion matrix.
nlohmann::ordered_json ScoreToJson(const Judgement& judgement, const Score& score);
// What IsBetter() looks at, from what ScoreToJson() wrote. kInvalidData.
Result<Score> ScoreFromJson(const std::string& text);

nlohmann::ordered_json StartLine(const FineTuneJob& job, const FineTuneInput& input,
                                 const Judgement& judgement, const Architecture& architecture,
                                 int num_processes, int64_t batch);

}  // namespace deixis
