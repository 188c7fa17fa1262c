// A segment on disk: a write-once file of record batches, and its index (rules 1–4).
//
// Names: <file id as 16 hex digits>.log and .index, in topics/<topic id>/<partition>/.
// docs/formats/segment.md says what is in them.
#pragma once

#include "storage/file_cache.h"
#include "storage/read_buffers.h"
#include "storage/segment_index.h"
#include "storage/segment_name.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "storage/tail.h"
