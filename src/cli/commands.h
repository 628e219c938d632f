// The records of all commands; each is defined in the file of its name.
#pragma once

#include "cli/command.h"

namespace deixis::cli {

extern const Command kInfoCommand;
extern const Command kConvertCommand;
extern const Command kBenchCommand;
extern const Command kCompressCommand;
extern const Command kStudyCommand;
extern const Command kDataCommand;
extern const Command kTrainCommand;
extern const Command kPredictCommand;
extern const Command kEvalCommand;
extern const Command kRehearseCommand;
extern const Command kRunCommand;
extern const Command kStudioCommand;
extern const Command kSayCommand;
extern const Command kCameraCommand;
extern const Command kAudioCommand;
extern const Command kDemoCommand;
extern const Command kDoctorCommand;
extern const Command kModelCommand;
extern const Command kCompletionCommand;
extern const Command kHelpCommand;

}  // namespace deixis::cli
