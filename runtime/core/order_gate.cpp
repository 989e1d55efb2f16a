#include "runtime/core/order_gate.hpp"

namespace keyloom::core {

bool order_gate::enter(event& ev, steady_time now) {
  ev.sequence = next_sequence_++;
  auto& rec = ev.record();
  if (chains_.empty() || !rec.has_key())
    return true;
  auto* chain = chains_.find(rec.key, rec.key_hash);
  if (chain == nullptr)
    return true;
  auto wait = must_wait(*chain, now);
  append(*chain, ev);
  if (!wait) {
    ++chain->held;
    return true;
  }
  ev.waiting = true;
  if (chain->first_waiting == nullptr)
    chain->first_waiting = &ev;
  return false;
}

void order_gate::hold(event& ev, steady_time now) {
  auto& rec = ev.record();
  if (ev.chain != nullptr || !uses_chains() || !rec.has_key())
    return;
  auto& chain = make_chain(rec, now);
  append(chain, ev);
  chain.held = 1;
}

void order_gate::park(event& ev, steady_time now) {
  auto& rec = ev.record();
  if (!rec.has_key())
    return;
  if (ev.chain == nullptr) {
    auto& fresh = make_chain(rec, now);
    append(fresh, ev);
    fresh.held = 1;
  }
  auto& chain = *ev.chain;
  chain.parked = true;
  for (auto* each = ev.next_in_chain; each != chain.first_waiting; each = each->next_in_chain) {
    each->waiting = true;
    --chain.held;
  }
  chain.first_waiting = ev.next_in_chain;
}

void order_gate::unpark(event& ev) {
  if (ev.chain != nullptr)
    ev.chain->parked = false;
}

void order_gate::resume(event& ev, steady_time now, permits& out) {
  if (ev.chain != nullptr && !cfg_.serial)
    let_waiting_run(*ev.chain, now, out);
}

void order_gate::completed(event& ev, steady_time now, permits& out) {
  ev.complete = true;
  auto* chain = ev.chain;
  if (chain == nullptr) {
    release(ev, out);
    return;
  }
  if (!uses_chains()) {
    leave_chain(ev, now, out);
    return;
  }
  if (chain->head != &ev)
    return;
  while (chain->head != nullptr && chain->head->complete) {
    auto& head = *chain->head;
    pop_head(*chain);
    release(head, out);
  }
  if (chain->head == nullptr)
    drop_chain(*chain);
  else if (chain->head->waiting)
    let_waiting_run(*chain, now, out);
}

bool order_gate::must_wait(key_chain& chain, steady_time now) const {
  if (cfg_.serial || chain.parked || chain.first_waiting != nullptr)
    return true;
  if (chain.held >= cfg_.chain_limit || now - chain.opened >= cfg_.chain_time)
    chain.closed = true;
  return chain.closed;
}

void order_gate::append(key_chain& chain, event& ev) {
  ev.chain = &chain;
  ev.next_in_chain = nullptr;
  if (chain.tail == nullptr)
    chain.head = &ev;
  else
    chain.tail->next_in_chain = &ev;
  chain.tail = &ev;
}

void order_gate::pop_head(key_chain& chain) {
  auto* head = chain.head;
  chain.head = head->next_in_chain;
  if (chain.head == nullptr)
    chain.tail = nullptr;
  --chain.held;
  if (chain.stands == head)
    chain.stands = nullptr;
  head->chain = nullptr;
  head->next_in_chain = nullptr;
}

/// Where order does not matter a key has a chain only because one of its events was parked.
void order_gate::leave_chain(event& ev, steady_time now, permits& out) {
  auto& chain = *ev.chain;
  event* before = nullptr;
  for (auto* each = chain.head; each != &ev; each = each->next_in_chain)
    before = each;
  (before == nullptr ? chain.head : before->next_in_chain) = ev.next_in_chain;
  if (chain.tail == &ev)
    chain.tail = before;
  --chain.held;
  if (chain.stands == &ev)
    chain.stands = nullptr;
  ev.chain = nullptr;
  ev.next_in_chain = nullptr;
  release(ev, out);
  if (chain.head == nullptr)
    drop_chain(chain);
  else if (!chain.parked)
    let_waiting_run(chain, now, out);
}

void order_gate::let_waiting_run(key_chain& chain, steady_time now, permits& out) {
  chain.closed = false;
  chain.opened = now;
  auto limit = cfg_.serial ? 1 : cfg_.chain_limit;
  while (chain.first_waiting != nullptr && chain.held < limit) {
    auto* ev = chain.first_waiting;
    chain.first_waiting = ev->next_in_chain;
    ev->waiting = false;
    ++chain.held;
    out.runnable.push_back(ev);
  }
}

void order_gate::release(event& ev, permits& out) {
  if (cfg_.order != output_order::by_event) {
    out.released.push_back(&ev);
    return;
  }
  auto place = ev.sequence - next_release_;
  if (place >= in_sequence_.size())
    in_sequence_.resize(place + 1);
  in_sequence_[place] = &ev;
  for (; !in_sequence_.empty() && in_sequence_.front() != nullptr; ++next_release_) {
    out.released.push_back(in_sequence_.front());
    in_sequence_.pop_front();
  }
}

key_chain& order_gate::make_chain(const record& rec, steady_time now) {
  if (free_.empty())
    free_.push_back(&storage_.emplace_back());
  auto& chain = *free_.back();
  free_.pop_back();
  chain.key.assign(rec.key);
  chain.hash = rec.key_hash;
  chain.opened = now;
  chain.closed = false;
  chain.parked = false;
  chain.stands = nullptr;
  chains_.insert(chain);
  return chain;
}

void order_gate::drop_chain(key_chain& chain) {
  chains_.erase(chain);
  chain.held = 0;
  free_.push_back(&chain);
}

} // namespace keyloom::core
