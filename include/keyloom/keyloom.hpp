// Everything a program usually needs. Opt-in beside it: <keyloom/codec/json.hpp>,
// <keyloom/codec/protobuf.hpp>, <keyloom/handler_actor.hpp>, <keyloom/asio.hpp>, and the ready-made
// stores: <keyloom/store/hash_map_store.hpp>, ordered_map_store.hpp and min_max_heap_store.hpp
// there.
#pragma once

#include <keyloom/batcher.hpp>
#include <keyloom/batcher_options.hpp>
#include <keyloom/codec.hpp>
#include <keyloom/codec/integer.hpp>
#include <keyloom/completion.hpp>
#include <keyloom/context.hpp>
#include <keyloom/event_source.hpp>
#include <keyloom/exec_main.hpp>
#include <keyloom/failure_policy.hpp>
#include <keyloom/job_completion.hpp>
#include <keyloom/outcome.hpp>
#include <keyloom/owns_its_data.hpp>
#include <keyloom/preset.hpp>
#include <keyloom/processor.hpp>
#include <keyloom/record.hpp>
#include <keyloom/shared_resources.hpp>
#include <keyloom/source_config.hpp>
#include <keyloom/source_state.hpp>
#include <keyloom/stage.hpp>
#include <keyloom/stage_options.hpp>
