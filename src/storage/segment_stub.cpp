#include "storage/segment_file.h"
namespace godwit::storage {
std::string segment_name(FileId) { return {}; }
std::unique_ptr<FileCache> FileCache::create(runtime::FileSystem&, size_t) { return nullptr; }
std::shared_ptr<ReadBuffers> ReadBuffers::create(size_t) { return nullptr; }
std::unique_ptr<SegmentReader> SegmentReader::create(FileCache&, std::shared_ptr<ReadBuffers>, std::string, SegmentInfo, DiagnosticSink&) { return nullptr; }
}
