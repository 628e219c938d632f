// Embeddings kept on disk by content, so that a picture that a backbone has seen once costs nothing
// when the next thing is taught.
//
// One small file per picture, backbone and preprocessing, named by the digest of all three, written
// beside and renamed. Every file carries the digest of what it holds: one that is damaged or cut
// off counts as missing and is made anew. What cannot be written is not kept, and nobody is told:
// a cache is no reason to fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network/model.h"
#include "vision/geometry.h"

namespace deixis {

class EmbeddingCache {
 public:
  // Keeps nothing and finds nothing.
  EmbeddingCache() = default;
  EmbeddingCache(std::string folder, int64_t max_bytes)
      : folder_(std::move(folder)), max_bytes_(max_bytes) {}
  // $XDG_CACHE_HOME/deixis/embeddings, else $HOME/.cache/deixis/embeddings; nothing without either.
  // 1 GiB at most: some 20,000 pictures with all places, a million without.
  static EmbeddingCache OfUser();

  struct Entry {
    PictureSize size;           // the picture's own
    std::vector<float> values;  // representable as half floats
  };
  // Thread-safe, as Keep.
  std::optional<Entry> Find(const std::string& key, int64_t length) const;
  void Keep(const std::string& key, const Entry& entry) const;
  // Removes what has not been used for longest, until four fifths of max_bytes are left, when there
  // is more than max_bytes. For the end of a teaching.
  void Trim() const;

  bool keeps() const { return !folder_.empty(); }

 private:
  std::string PathOf(const std::string& key) const { return folder_ + "/" + key; }

  std::string folder_;
  int64_t max_bytes_ = 0;
};

// Of everything in the model that decides what its head reads: body and preprocessing.
std::string BackboneDigest(const Model& backbone);
// The key of a picture file's embedding. kNotFound or kInvalidData when it cannot be read.
Result<std::string> EmbeddingKey(const std::string& picture_path,
                                 const std::string& backbone_digest);
// That of its varied copy `copy`, 1 and up, whose picture's own key is `key`.
std::string VariedKey(const std::string& key, int copy);

}  // namespace deixis
