// A doubly linked list whose nodes are part of the listed objects: an object leaves its list when it is
// destroyed. Not for several threads.
#pragma once

#include "base/check.h"

namespace godwit::runtime {

class ListNode {
 public:
  ListNode() = default;
  ~ListNode() { unlink(); }
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

class List {
 public:
  List() { reset(); }
  ~List() { clear(); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return end_.next_ == &end_; }
  // The first node, or null.
  ListNode* front() { return empty() ? nullptr : end_.next_; }
  void push_back(ListNode& node) {
    GW_CHECK(!node.linked(), "a node is in one list at a time");
    node.previous_ = end_.previous_;
    node.next_ = &end_;
    end_.previous_->next_ = &node;
    end_.previous_ = &node;
  }
  // Moves all nodes of `other` to the end of this list.
  void take_all(List& other) {
    while (ListNode* node = other.front()) {
      node->unlink();
      push_back(*node);
    }
  }
  // Calls visit(node) for each, in order; the list must not change meanwhile.
  template <class Visit>
  void for_each(Visit visit) {
    for (ListNode* node = end_.next_; node != &end_; node = node->next_) visit(*node);
  }
  // Unlinks every node; the nodes live on.
  void clear() {
    while (ListNode* node = front()) node->unlink();
    // The end marker must not unlink itself from nodes that are gone.
    reset();
  }

 private:
  void reset() { end_.next_ = end_.previous_ = &end_; }
  ListNode end_;
};

}  // namespace godwit::runtime
