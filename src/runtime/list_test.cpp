#include "runtime/list.h"

#include <gtest/gtest.h>

#include <optional>

namespace godwit::runtime {
namespace {

struct Item : ListNode {
  explicit Item(int v) : value(v) {}
  int value;
};
int front_of(List& list) {
  return static_cast<Item*>(list.front())->value;
}

TEST(List, gives_nodes_in_the_order_in_which_they_came) {
  List list;
  Item a(1);
  Item b(2);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  list.push_back(a);
  list.push_back(b);
  EXPECT_EQ(front_of(list), 1);
  a.unlink();
  EXPECT_FALSE(a.linked());
  EXPECT_EQ(front_of(list), 2);
  list.push_back(a);
  EXPECT_EQ(front_of(list), 2);
}

TEST(List, a_destroyed_node_leaves_its_list) {
  List list;
  Item a(1);
  std::optional<Item> b(2);
  Item c(3);
  list.push_back(a);
  list.push_back(*b);
  list.push_back(c);
  b.reset();
  a.unlink();
  EXPECT_EQ(front_of(list), 3);
  c.unlink();
  c.unlink();
  EXPECT_TRUE(list.empty());
}

TEST(List, a_destroyed_list_lets_its_nodes_go) {
  Item a(1);
  {
    List list;
    list.push_back(a);
    EXPECT_TRUE(a.linked());
  }
  EXPECT_FALSE(a.linked());
}

TEST(List, takes_over_all_of_another_in_order) {
  List to;
  List from;
  Item a(1);
  Item b(2);
  Item c(3);
  to.push_back(a);
  from.push_back(b);
  from.push_back(c);
  to.take_all(from);
  EXPECT_TRUE(from.empty());
  for (int expected = 1; expected <= 3; ++expected) {
    EXPECT_EQ(front_of(to), expected);
    to.front()->unlink();
  }
  to.clear();
  EXPECT_TRUE(to.empty());
}

}  // namespace
}  // namespace godwit::runtime
