// The two layouts of torch.save. What a pickle in them means is read by pth_graph.h.

#include "format/pth.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"
#include "format/pickle.h"
#include "format/printable.h"
#include "format/pth_graph.h"
#include "format/zip.h"

namespace deixis {
namespace {

using pickle::Kind;
using pickle::kNoRef;
using pickle::Object;
using pickle::Pickle;
using pickle::Ref;
using pth::Storage;

using Bytes = std::span<const std::byte>;

constexpr char kSaveStateDict[] =
    "in Python: torch.save(model.state_dict(), \"model.pth\"), and give that file";
constexpr char kGetAgain[] = "the file is damaged; get it again from its source";

std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// --- The zip layout: ROOT/data.pkl, ROOT/data/KEY for every storage, ROOT/version,
//     ROOT/byteorder. ---

Error NotACheckpoint(const ZipArchive& archive) {
  const auto any_name = [&](auto predicate) {
    return std::any_of(archive.entries().begin(), archive.entries().end(),
                       [&](const ZipEntry& entry) { return predicate(entry.name); });
  };
  std::string what = "a zip archive that torch.save did not write: it has no data.pkl";
  if (any_name([](std::string_view name) { return name.ends_with(".npy"); })) {
    what = "an archive of NumPy arrays (.npz)";
  } else if (any_name([](std::string_view name) {
               return name.ends_with(".pth") || name.ends_with(".pt") ||
                      name.ends_with(".safetensors");
             })) {
    return InvalidData("expected a model, found a zip archive that contains one",
                       "unpack it, and give the file inside");
  }
  return InvalidData("expected a checkpoint, found " + what, kSaveStateDict);
}

// "archive" for an archive with "archive/data.pkl".
Result<std::string_view> FindRoot(const ZipArchive& archive) {
  std::optional<std::string_view> root;
  for (const ZipEntry& entry : archive.entries()) {
    constexpr std::string_view kPickle = "/data.pkl";
    if (!entry.name.ends_with(kPickle)) continue;
    const std::string_view folder = entry.name.substr(0, entry.name.size() - kPickle.size());
    if (folder.find('/') != std::string_view::npos) continue;
    if (root) {
      return InvalidData(
          "zip archive: two checkpoints in it, " + Quoted(*root) + " and " + Quoted(folder),
          "unpack it and save each on its own");
    }
    root = folder;
  }
  if (!root) return NotACheckpoint(archive);
  return *root;
}

Status RefuseTorchScript(const ZipArchive& archive, const std::string& root) {
  const bool has_code =
      std::any_of(archive.entries().begin(), archive.entries().end(),
                  [&](const ZipEntry& entry) { return entry.name.starts_with(root + "/code/"); });
  if (!has_code && archive.Find(root + "/constants.pkl") == nullptr) return Ok();
  return InvalidData(
      "expected a state dict, found a TorchScript archive (a program with its weights)",
      "in Python: torch.save(torch.jit.load(FILE).state_dict(), \"model.pth\")");
}

Status CheckByteOrder(const ZipArchive& archive, const std::string& root) {
  const ZipEntry* entry = archive.Find(root + "/byteorder");
  if (entry == nullptr) return Ok();
  DEIXIS_ASSIGN(const Bytes order, ZipArchive::Read(*entry));
  if (AsText(order) == "little") return Ok();
  return InvalidData("expected byte order \"little\", found " + Quoted(AsText(order), 20),
                     "save it again on a little-endian machine");
}

Status LocateZipStorages(const ZipArchive& archive, const std::string& root,
                         std::vector<Storage>& storages) {
  for (Storage& storage : storages) {
    const std::string name = root + "/data/" + std::string(storage.key);
    const ZipEntry* entry = archive.Find(name);
    if (entry == nullptr) {
      return InvalidData("zip archive: no entry " + Quoted(name) + ", which the pickle refers to",
                         kGetAgain);
    }
    DEIXIS_ASSIGN(storage.bytes, ZipArchive::Read(*entry));
    if (storage.element_bytes == 0) continue;  // refused where a tensor depends on it
    if (storage.num_bytes() != storage.bytes.size()) {
      return InvalidData("storage " + Quoted(storage.key) + ": the pickle says " +
                             std::to_string(storage.num_elements) + " elements of " +
                             std::to_string(storage.element_bytes) + " bytes, the archive holds " +
                             std::to_string(storage.bytes.size()) + " bytes",
                         kGetAgain);
    }
  }
  return Ok();
}

Result<TensorFile> ReadZipLayout(Bytes bytes, std::shared_ptr<const void> owner) {
  DEIXIS_ASSIGN(const ZipArchive archive, ZipArchive::Open(bytes));
  DEIXIS_ASSIGN(const std::string_view root_view, FindRoot(archive));
  const std::string root(root_view);
  DEIXIS_RETURN_IF_ERROR(RefuseTorchScript(archive, root));
  DEIXIS_RETURN_IF_ERROR(CheckByteOrder(archive, root));
  DEIXIS_ASSIGN(const Bytes pickle_bytes, ZipArchive::Read(*archive.Find(root + "/data.pkl")));
  DEIXIS_ASSIGN(const Pickle pickle, Pickle::Parse(pickle_bytes));
  DEIXIS_ASSIGN(std::vector<Storage> storages, pth::CollectStorages(pickle));
  DEIXIS_RETURN_IF_ERROR(LocateZipStorages(archive, root, storages));
  TensorFile result;
  result.format = TensorFileFormat::kPthZip;
  DEIXIS_RETURN_IF_ERROR(pth::ReadGraph(pickle, storages, std::move(owner), {}, result));
  return result;
}

// --- The layout before PyTorch 1.6: pickles of a magic number, a protocol version, facts about the
//     machine, the object, and the list of storage keys; then, for each key, the number of elements
//     (8 bytes) and the elements. ---

// 0x1950a86a20f9469cfc6c, little-endian.
constexpr std::string_view kMagic = "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
constexpr int64_t kLegacyProtocol = 1001;

// Reads a pickle at the front of `rest` and removes it there.
Result<Pickle> TakePickle(Bytes& rest, std::string_view what) {
  auto pickle = Pickle::Parse(rest);
  if (!pickle.ok()) return pickle.error().WithContext(what);
  rest = rest.subspan(pickle->num_bytes());
  return pickle;
}

Error NotTorchSave(const Pickle& pickle) {
  std::string finding = "expected a checkpoint, found a pickle that torch.save did not write";
  const auto inert = pth::InertGlobals(pickle, 3);
  for (size_t i = 0; i < inert.size(); ++i) {
    finding += (i == 0 ? "; it names " : ", ") + inert[i];
  }
  if (!inert.empty()) finding += " (nothing of it was called)";
  return InvalidData(finding, kSaveStateDict);
}

Status CheckMachine(const Pickle& facts) {
  const auto& items = facts[facts.root()].items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    const Object& value = facts[items[i + 1]];
    if (facts[items[i]].text == "little_endian" && value.kind == Kind::kBool &&
        value.integer == 0) {
      return InvalidData("expected byte order \"little\", found big",
                         "save it again on a little-endian machine");
    }
  }
  return Ok();
}

Status LocateLegacyStorages(const Pickle& keys, Bytes rest, std::vector<Storage>& storages) {
  if (keys[keys.root()].kind != Kind::kList) {
    return InvalidData("expected the list of storages, found " + keys.Describe(keys.root()),
                       kGetAgain);
  }
  std::vector<bool> is_located(storages.size(), false);
  for (const Ref ref : keys[keys.root()].items) {
    const std::string_view key = keys[ref].text;
    const auto broken = [&](const std::string& finding) {
      return InvalidData("storage " + Quoted(key) + ": " + finding, kGetAgain);
    };
    const auto index = static_cast<size_t>(pth::FindStorage(storages, key) - storages.data());
    if (pth::FindStorage(storages, key) == nullptr)
      return broken("the pickle does not refer to it");
    Storage& storage = storages[index];
    if (is_located[index]) return broken("it is there twice");
    is_located[index] = true;
    const auto num_bytes = storage.num_bytes();
    if (!num_bytes) return broken("its type " + Quoted(storage.type_name) + " is not supported");
    if (rest.size() < 8) return broken("the file is cut short before it");
    uint64_t num_elements = 0;
    for (size_t i = 8; i-- > 0;) num_elements = num_elements << 8 | static_cast<uint8_t>(rest[i]);
    rest = rest.subspan(8);
    if (num_elements != static_cast<uint64_t>(storage.num_elements)) {
      return broken("the pickle says " + std::to_string(storage.num_elements) +
                    " elements, the data " + std::to_string(num_elements));
    }
    if (*num_bytes > rest.size()) {
      return broken("the file is cut short: expected " + std::to_string(*num_bytes) +
                    " bytes, found " + std::to_string(rest.size()));
    }
    storage.bytes = rest.first(*num_bytes);
    rest = rest.subspan(*num_bytes);
  }
  const auto missing = std::find(is_located.begin(), is_located.end(), false);
  if (missing != is_located.end()) {
    return InvalidData("storage " +
                           Quoted(storages[static_cast<size_t>(missing - is_located.begin())].key) +
                           ": it is missing",
                       kGetAgain);
  }
  return Ok();
}

Result<TensorFile> ReadLegacyLayout(Bytes bytes, std::shared_ptr<const void> owner) {
  Bytes rest = bytes;
  DEIXIS_ASSIGN(const Pickle magic, TakePickle(rest, "magic number"));
  const Object& number = magic[magic.root()];
  if (number.kind != Kind::kBigInt || number.text != kMagic) return NotTorchSave(magic);
  DEIXIS_ASSIGN(const Pickle version, TakePickle(rest, "protocol version"));
  const Object& protocol = version[version.root()];
  if (protocol.kind != Kind::kInt || protocol.integer != kLegacyProtocol) {
    return InvalidData("expected protocol version 1001, found " + version.Describe(version.root()),
                       kSaveStateDict);
  }
  DEIXIS_ASSIGN(const Pickle facts, TakePickle(rest, "facts about the machine"));
  DEIXIS_RETURN_IF_ERROR(CheckMachine(facts));
  DEIXIS_ASSIGN(const Pickle pickle, TakePickle(rest, "object"));
  DEIXIS_ASSIGN(const Pickle keys, TakePickle(rest, "list of storages"));
  DEIXIS_ASSIGN(std::vector<Storage> storages, pth::CollectStorages(pickle));
  DEIXIS_RETURN_IF_ERROR(LocateLegacyStorages(keys, rest, storages));
  TensorFile result;
  result.format = TensorFileFormat::kPthLegacy;
  DEIXIS_RETURN_IF_ERROR(pth::ReadGraph(pickle, storages, std::move(owner), {}, result));
  return result;
}

}  // namespace

Result<TensorFile> ReadPth(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (AsText(bytes).starts_with("PK")) return ReadZipLayout(bytes, std::move(owner));
  return ReadLegacyLayout(bytes, std::move(owner));
}

Result<TensorFile> ReadPth(std::shared_ptr<const MappedFile> file) {
  const Bytes bytes = file->bytes();
  return ReadPth(bytes, std::move(file));
}

}  // namespace deixis
