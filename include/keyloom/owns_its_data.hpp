// Whether values of a type keep all they need themselves, so that nothing in them lies in the
// memory of the record they were made from: no std::string_view, no pointer, no span into it.
//
// keyloom cannot see into your job types, so it takes a struct for one that may hold views, and
// keeps the memory of a record as long as a job of its event waits for its next call, with the
// other records that were polled with it. Where many jobs wait long, say that yours own what they
// have:
//
//   template <>
//   inline constexpr bool keyloom::owns_its_data<leg> = true;
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace keyloom {

template <class T>
inline constexpr bool owns_its_data = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <>
inline constexpr bool owns_its_data<std::string> = true;

template <class Rep, class Period>
inline constexpr bool owns_its_data<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool owns_its_data<std::vector<T>> = owns_its_data<T>;

template <class T>
inline constexpr bool owns_its_data<std::optional<T>> = owns_its_data<T>;

template <class A, class B>
inline constexpr bool owns_its_data<std::pair<A, B>> = owns_its_data<A> && owns_its_data<B>;

} // namespace keyloom
