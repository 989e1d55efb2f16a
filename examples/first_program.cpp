#include <keyloom/codec/json.hpp>
#include <keyloom/keyloom.hpp>

using namespace keyloom;

struct doc {
  std::string owner, path;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(doc, owner, path)

int main(int argc, char** argv) {
  return exec_main(argc, argv, [](caf::actor_system& system) {
    event_source<> source{system, {.group = "sizes", .topic = "docs"}};
    auto look = source.stage<doc, uintmax_t>(
      "look", blocking([](std::string_view, doc& d) { return std::filesystem::file_size(d.path); }),
      [](context<>& ctx, std::string_view owner, doc&, caf::expected<uintmax_t> size) {
        ctx.forward({.topic = "sizes", .key = std::string{owner}, .value = to_string(size)});
        return size ? complete : outcome{size.error()}; // a turn that fails sends nothing
      });
    source.on<doc>(json<doc>{}, [=](auto& ctx, doc d) { return look.schedule(ctx, d.owner, d); });
    return source.run();
  });
}
