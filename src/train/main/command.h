// What the subcommands of deixis-train share. Each has a file of its own, `<name>_command.cc`, and
// one function that adds it to the program.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "train/fine_tune_job.h"

namespace deixis {

// What the chosen subcommand does once the arguments are parsed; its callback sets it.
using CommandAction = std::function<Status()>;

void AddScenesCommand(CLI::App& app, CommandAction& action);
void AddPretrainCommand(CLI::App& app, CommandAction& action);
void AddFinetuneCommand(CLI::App& app, CommandAction& action);
void AddCentroidsCommand(CLI::App& app, CommandAction& action);

// The flag of one of a job's keys: --held-out for "held_out".
CLI::Option* AddJobOption(CLI::App& command, const std::string& key, FineTuneJob& job);

// SIGINT and SIGTERM are noted; a second one ends the program at once.
void CancelOnSignals();
bool IsCancelled();

// One line on stdout, at once, with "schema": 1.
void PrintLine(nlohmann::ordered_json line);

}  // namespace deixis
