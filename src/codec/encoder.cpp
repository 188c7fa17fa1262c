#include "codec/encoder.h"

#include "codec/path.h"

namespace godwit::codec {

WritingSink::WritingSink(const CountingSink& counted, size_t before) {
  const size_t size = before + counted.copied();
  auto buffer = std::make_shared_for_overwrite<std::byte[]>(size);
  at_ = buffer.get();
  cut_ = at_;
  buffer_ = SharedBytes(buffer, BytesView(at_, size));
}

void WritingSink::splice(const SharedBytes& part) {
  if (part.size() < kSpliceMin) return bytes(part.view());
  chain_.append(buffer_.slice(static_cast<size_t>(cut_ - buffer_.data()), static_cast<size_t>(at_ - cut_)));
  chain_.append(part);
  cut_ = at_;
}

Chain WritingSink::take() {
  GW_CHECK(at_ == buffer_.data() + buffer_.size(), "both walks over a value see the same bytes");
  chain_.append(buffer_.slice(static_cast<size_t>(cut_ - buffer_.data()), static_cast<size_t>(at_ - cut_)));
  return std::move(chain_);
}

template <class Sink>
bool Encoder<Sink>::fail_with(std::string reason, ErrorKind kind) {
  reason_ = std::move(reason);
  kind_ = kind;
  return false;
}

template <class Sink>
bool Encoder<Sink>::fail_absent(VersionRange present) {
  std::string reason = "is set, but exists only ";
  if (present.last == kNoVersion) {
    reason += "since version " + std::to_string(present.first);
  } else {
    reason += "in versions " + std::to_string(present.first) + " to " + std::to_string(present.last);
  }
  return fail_with(std::move(reason), ErrorKind::unsupported);
}

template <class Sink>
bool Encoder<Sink>::fail_null() {
  return fail_with("is null, which version " + std::to_string(version_) + " forbids", ErrorKind::invalid);
}

template <class Sink>
bool Encoder<Sink>::fail_size(size_t size, size_t size_max) {
  return fail_with("has size " + std::to_string(size) + ", at most " + std::to_string(size_max) + " fits",
                   ErrorKind::invalid);
}

template <class Sink>
void Encoder<Sink>::failed_in(std::string_view name) {
  prepend_name(path_, name);
}

template <class Sink>
void Encoder<Sink>::failed_at(size_t index) {
  prepend_index(path_, index);
}

template <class Sink>
Error Encoder<Sink>::error(std::string_view struct_name) const {
  return {kind_, describe_fault(struct_name, version_, path_, reason_)};
}

template class Encoder<CountingSink>;
template class Encoder<WritingSink>;

}  // namespace godwit::codec
