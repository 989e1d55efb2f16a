// From a handler of values to a handler of records: what `event_source::on` makes of a codec and a
// handler. Mistakes in them are one readable compiler error each, at the first thing that is wrong.
// Runs on the partition's thread.
#pragma once

#include <keyloom/codec.hpp>
#include <keyloom/context.hpp>
#include <keyloom/detail/source.hpp>

#include <functional>

namespace keyloom::detail {

template <class...>
constexpr bool never = false;

template <class T>
constexpr bool is_optional = false;

template <class T>
constexpr bool is_optional<std::optional<T>> = true;

/// The codec, or optional_of<Codec> where T is a std::optional that the codec does not know.
template <class T, class Codec>
auto codec_as(Codec codec) {
  if constexpr (is_optional<T>) {
    if constexpr (!null_decoder<Codec> && decoder_for<Codec, typename T::value_type>)
      return optional_of<Codec>{std::move(codec)};
    else
      return codec;
  } else {
    return codec;
  }
}

/// True when the codec can decode a T; otherwise stops the compiler with what it lacks.
template <class Codec, class T>
constexpr bool can_decode() {
  if constexpr (decoder_for<Codec, T>)
    return true;
  else if constexpr (requires(const Codec& codec, std::string_view bytes) { codec.decode(bytes); })
    static_assert(never<Codec, T>, "the codec decodes another type than the handler's T: on<T> "
                                   "needs caf::expected<T> decode(std::string_view bytes) const");
  else if constexpr (requires(Codec& codec, std::string_view bytes) { codec.decode(bytes); })
    static_assert(never<Codec, T>, "the codec's decode is not const: on<T> needs caf::expected<T> "
                                   "decode(std::string_view bytes) const");
  else
    static_assert(never<Codec, T>, "the codec has no decode for bytes: on<T> needs "
                                   "caf::expected<T> decode(std::string_view bytes) const");
  return false;
}

/// True when the handler takes a T; otherwise stops the compiler with what is wrong.
template <class Context, class T, class Handler>
constexpr bool can_handle() {
  if constexpr (!std::invocable<Handler&, Context&, T>)
    static_assert(never<Handler>, "the handler of on<T> takes (context<Store>&, T)");
  else if constexpr (!std::convertible_to<std::invoke_result_t<Handler&, Context&, T>, outcome>)
    static_assert(never<Handler>,
                  "the handler of on<T> returns an outcome: complete, what schedule "
                  "returned, or an error");
  else
    return true;
  return false;
}

template <class Store, class T, class Codec, class Handler>
handler_function decoding(Codec given, Handler handler) {
  using codec_type = decltype(codec_as<T>(std::move(given)));
  using context_type = context<Store>;
  if constexpr (can_decode<codec_type, T>() && can_handle<context_type, T, Handler>())
    return [codec = codec_as<T>(std::move(given)),
            handler = std::move(handler)](turn& current, const record& rec) mutable -> outcome {
      if (!null_decoder<codec_type> && !rec.has_value())
        return null_value_error();
      caf::expected<T> value = codec.decode(rec.value);
      if (!value)
        return undecodable(std::move(value.error()));
      context_type ctx{current};
      return handler(ctx, std::move(*value));
    };
  else
    return {};
}

} // namespace keyloom::detail
