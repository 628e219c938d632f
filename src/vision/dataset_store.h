// A dataset that a teacher edits: pictures are added, named anew, marked, thrown into a bin and
// taken out again, and every step can be undone.
//
// What it edits are the plain folders that OpenDataset and OpenPointDataset read (dataset.h), and
// any other tool: labels.csv above a folder per category, or points.csv above the pictures. The
// bookkeeping (numbers, the bin, the history) lies beside them in a hidden folder, .deixis, and a
// dataset without one is taken as it is and given one at the first edit. Every edit happens whole
// or not at all, also when the process is killed: what it is going to do is written down first, and
// whoever opens the dataset next finishes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vision/dataset_split.h"
#include "vision/geometry.h"
#include "vision/picture_hash.h"

namespace deixis {

enum class DatasetKind {
  kObjects,   // a category per picture; "nothing" is one from the start
  kPointing,  // marks on pictures: a category is what is marked, "tip" from the start
};

// The category of pictures that show none of the things.
inline constexpr std::string_view kNothingCategory = "nothing";
inline constexpr std::string_view kTipCategory = "tip";

// Where something is in a picture, in its pixels as seen (after EXIF orientation), counted from the
// centre of the top left one; nothing where somebody looked and it is not there.
using Mark = std::optional<Point>;
using Marks = std::map<std::string, Mark>;  // by category; one that is missing: not marked yet

struct StoredSample {
  int64_t id = 0;        // never used again, whatever becomes of the picture
  std::string file;      // relative to the dataset's folder; in the bin: where it was
  std::string category;  // kObjects
  Marks marks;           // kPointing
  std::string session;
  std::optional<bool> held_out;
  std::string created;    // 2026-11-22T16:40:00Z; empty where nobody wrote it down
  std::string burst;      // of the Add that brought it
  int64_t height_px = 0;  // as seen; 0 when nobody has looked yet, or it is no picture
  int64_t width_px = 0;
  PictureHash hash;
  uint64_t digest = 0;                       // of the file's bytes
  std::map<std::string, std::string> other;  // columns of the csv that are not ours, kept
};

struct NewSample {
  // A JPEG, PNG or WebP file. Kept as it is, unless its EXIF asks for it to be turned: then it is
  // turned and encoded again, since not every tool asks.
  std::span<const std::byte> picture;
  // Where the bytes come from when `picture` is empty; called once, from any thread.
  std::function<Result<std::vector<std::byte>>()> load = {};
  std::string category = {};          // kObjects; made when it is new
  Marks marks = {};                   // kPointing; categories are made when they are new
  std::string session = {};           // where, when or of whom; pictures of one are alike
  std::optional<bool> held_out = {};  // nothing: decided here, for good
  std::string name = {};              // for messages
  std::map<std::string, std::string> other = {};  // further columns of the csv
};

// What became of one NewSample: exactly one of the three is there.
struct Added {
  std::optional<int64_t> id = {};
  std::optional<int64_t> duplicate_of = {};  // the same bytes are there already: not added
  std::optional<Error> refused = {};         // no picture, or a mark outside it: not added
};

// Called with the pictures done so far, of all; false stops with kInterrupted, and then nothing has
// happened. May be empty.
using StoreProgress = std::function<bool(int64_t done, int64_t total)>;

struct AddOptions {
  // When it is that of the last action (and not empty), these pictures become part of that action:
  // one undo takes back the whole burst.
  std::string burst = {};
  StoreProgress progress = {};
};

// What an undo or a redo did or would do, for telling the teacher.
struct Undone {
  std::string what;          // add, relabel, mark, session, delete, restore, split, add category,
                             // rename category, remove category
  std::string category;      // that they were added to, relabelled to, ...; may be empty
  std::vector<int64_t> ids;  // the samples it touches
};

struct CategoryCount {
  std::string name;
  int64_t pictures = 0;  // kPointing: with that mark, present or absent
  int64_t absent = 0;    // kPointing: where somebody looked and it is not there
  int64_t held_out = 0;  // of `pictures`
};

// Edits take a lock on the dataset while they last, so that several processes may have it open: one
// that waits longer than two seconds for another is kBusy (exit code 6) and nothing has happened.
// An edit first takes in what other processes did; references that were handed out are void after
// it. Not thread-safe; one caller at a time. All is in memory but the pictures; an edit writes the
// tables anew, O(samples).
class DatasetStore {
 public:
  // A new dataset in `folder`, which is made where it is missing and must hold nothing but hidden
  // files (kUsage). Without `categories`: kNothingCategory, or kTipCategory. kObjects has
  // kNothingCategory in any case.
  static Result<DatasetStore> Create(const std::string& folder, DatasetKind kind,
                                     const std::set<std::string>& categories = {},
                                     int num_threads = 1);

  // A dataset that Create made, or one that OpenDataset or OpenPointDataset would read; the hidden
  // folder is made at the first edit. Finishes what a killed process began. Pictures that nobody
  // has looked at yet are decoded and hashed, on `num_threads`; one that cannot be read stays, with
  // no extents. kNotFound, kInvalidData as OpenDataset.
  static Result<DatasetStore> Open(const std::string& folder, int num_threads = 1,
                                   const StoreProgress& progress = {});

  // To look only: writes nothing, opens no picture. Hashes and extents are those that were written
  // down. Edits are kUsage.
  static Result<DatasetStore> OpenToRead(const std::string& folder);

  DatasetStore(DatasetStore&&) noexcept;
  DatasetStore& operator=(DatasetStore&&) noexcept;
  ~DatasetStore();

  // Decodes and hashes the pictures of which nothing is known, as Open does; after OpenToRead.
  Status LookAtPictures(const StoreProgress& progress = {});

  // Takes in what other processes did. A few stats when that is nothing.
  Status Refresh();

  const std::string& folder() const;
  DatasetKind kind() const;
  const std::vector<StoredSample>& samples() const;      // in order of id
  const std::vector<StoredSample>& bin() const;          // in order of id
  const StoredSample* Find(int64_t id) const;            // null when it is not among samples()
  std::string PathOf(const StoredSample& sample) const;  // of one of samples() or of bin()
  std::vector<std::string> categories() const;           // sorted bytewise, as labels are numbered
  std::vector<CategoryCount> CountByCategory() const;    // in that order

  // kUsage for a name that cannot be a folder's (empty, hidden, with a slash or a control
  // character, beyond 100 bytes), and for one that is there.
  Status AddCategory(const std::string& name);
  // kNotFound, and kUsage as above; pictures and marks go along.
  Status RenameCategory(const std::string& name, const std::string& new_name);
  // Its pictures go into the bin; of kPointing its marks are dropped.
  Status RemoveCategory(const std::string& name);

  // One action, and one answer per picture: what can be added is. kResources when the disk is full
  // or not writable; then nothing has happened.
  Result<std::vector<Added>> Add(std::span<const NewSample> samples,
                                 const AddOptions& options = {});
  Result<Added> Add(const NewSample& sample, const AddOptions& options = {});

  // kNotFound names an id that is not there; then nothing has happened.
  Status Relabel(std::span<const int64_t> ids, const std::string& category);  // kObjects
  // In place of all marks it has. kUsage for a point outside the picture. kPointing.
  Status SetMarks(int64_t id, const Marks& marks);
  Status SetSession(std::span<const int64_t> ids, const std::string& session);
  Status Delete(std::span<const int64_t> ids);   // into the bin
  Status Restore(std::span<const int64_t> ids);  // out of it
  // For good: what the history says of those pictures is forgotten. Returns how many.
  Result<int64_t> EmptyBin();
  // Decides anew who is held out, whatever was written down (Add decides for each new picture as it
  // comes).
  Status Resplit(const SplitOptions& options);

  // Nothing when there is nothing to undo (redo). The last 100 actions can be, in this process or
  // another, but of those that touch more than 5,000 pictures only the last.
  Result<std::optional<Undone>> Undo();
  Result<std::optional<Undone>> Redo();
  std::optional<Undone> NextUndo() const;
  std::optional<Undone> NextRedo() const;

 private:
  struct State;
  explicit DatasetStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace deixis
