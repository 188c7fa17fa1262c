// A batch that was handed out and is neither committed nor failed, and what hangs on its outcome.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "groups/group.h"

namespace godwit::groups {

// What the batch is, and so what follows when it is committed or has failed.
struct OffsetsWrite {};     // offsets or tombstones of them: nothing follows
struct GenerationWrite {};  // the next generation: the parked Joins are answered
struct AssignmentWrite {};  // its assignment: the parked Syncs are answered
// A static member of a stable group came back under a new id; its Join is answered.
struct ReturnWrite {
  RequestToken token;
  JoinRequest request;
  std::string old_id;
  std::string new_id;
};
// The group's deletion, or as much of it as fits; `token` is kNobody where it has merely expired.
struct DeletionWrite {
  RequestToken token;
  bool last;
};
using Purpose = std::variant<OffsetsWrite, GenerationWrite, AssignmentWrite, ReturnWrite, DeletionWrite>;

struct InFlight {
  Group* group;  // lives as long as anything of it is in flight
  std::vector<Record> records;
  size_t bytes = 0;
  Purpose purpose;
  std::vector<Reply> replies;  // leave when it is committed; with an error instead when it fails
  std::vector<std::pair<RequestToken, Request>> deferred;  // decided once the outcome is known
  // Topics that were deleted while commits for them were in this batch.
  std::vector<std::pair<std::string, TopicId>> deleted_topics;
  bool timed_out = false;  // those who wait have been told so
};

}  // namespace godwit::groups
