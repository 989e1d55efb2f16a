#include "actors/handler_home.hpp"

#include "actors/bare_home.hpp"
#include "actors/per_key_home.hpp"
#include "actors/pool_home.hpp"
#include "actors/remote_home.hpp"

namespace keyloom::actors {

std::shared_ptr<handler_home> make_handler_home(home_services with) {
  using form = detail::actor_layout::form;
  switch (with.port.layout().kind) {
    case form::per_key:
      return std::make_shared<per_key_home>(std::move(with));
    case form::bare:
      return std::make_shared<bare_home>(std::move(with));
    case form::remote:
      return std::make_shared<remote_home>(std::move(with));
    case form::pool:
      break;
  }
  return std::make_shared<pool_home>(std::move(with));
}

} // namespace keyloom::actors
